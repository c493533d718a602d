"""What people did to labels, one operation at a time: decide, name, split, merge, and each of them undone.

An operation keeps what every label was before, so that it can be taken back whole; one that was taken back stays, with
who did it and when. The operations of a collection have an order, even where the clock was set back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, exists, func, insert, or_, select, update

from countenance.core.permit import Act, Permit
from countenance.errors import ConflictError, NotFoundError
from countenance.store import appearances, merges, subjects
from countenance.store.appearances import CONFIRMED, REJECTED, SUGGESTED, Appearance, Change
from countenance.store.connection import Tx
from countenance.store.ids import random_id
from countenance.store.schema import appearances as appearance_rows
from countenance.store.schema import faces, label_changes, label_operations, photos

DECIDE, NAME, SPLIT, MERGE, REMARK = "decide", "name", "split", "merge", "remark"


@dataclass(frozen=True, slots=True)
class Word:
    """Whose word an operation is.

    Attributes:
        collection: id of the only collection it touches.
        actor: who says it.
        at: aware UTC moment.
        note: what the actor wrote.
    """

    collection: str
    actor: str
    at: datetime
    note: str | None = None


@dataclass(frozen=True, slots=True)
class LabelChange:
    """What an operation did to one label.

    Attributes:
        appearance: id.
        face: id.
        subject: id under which the label stands, which may since have been merged.
        from_state: state before; None when the operation made the label.
        from_made_by: actor or model pack that had made it so; None with ``from_state``.
        to_state: ``confirmed`` or ``rejected``.
    """

    appearance: str
    face: str
    subject: str
    from_state: str | None
    from_made_by: str | None
    to_state: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a person did to labels.

    Attributes:
        id: random id.
        kind: ``decide``, ``name``, ``split``, ``merge`` or ``remark``.
        collection: id.
        subject: id of the person it is about, who was kept (merge), or from whom faces were split; None for decisions
            about several.
        other: id of the person who was merged, or to whom faces were split.
        actor: who did it.
        at: aware UTC moment, later than that of every earlier operation of the collection.
        note: what the actor wrote.
        undone_by: who took it back, if anybody did.
        undone_at: aware UTC moment of that.
        changes: labels it changed, by id; labels that it made are gone once it is undone.
    """

    id: str
    kind: str
    collection: str
    subject: str | None
    other: str | None
    actor: str
    at: datetime
    note: str | None
    undone_by: str | None
    undone_at: datetime | None
    changes: tuple[LabelChange, ...]


def begin(tx: Tx, word: Word) -> Word:
    """The same word at a moment after every operation of its collection."""
    newest = select(func.max(label_operations.c.at)).where(label_operations.c.collection_id == word.collection)
    last = tx.execute(newest).scalar()
    if last is None or word.at > last:
        return word
    return Word(word.collection, word.actor, last + timedelta(microseconds=1), word.note)


def confirm(tx: Tx, permit: Permit, word: Word, face: str, subject: str) -> list[LabelChange]:
    """Say that the face is the subject: the label under that id, or under another of the same person, or a new one.

    Returns:
        What changed: nothing when this person had confirmed the face already.

    Raises:
        PermitError: the permit is not for naming this person's faces here.
        ConflictError: the face is confirmed as somebody else, or of another collection.
    """
    same = merges.members(tx, subject)
    permit.require(Act.REVIEW, word.collection, same[0])
    said = appearances.of_faces(tx, [face])
    named = next((row for row in said if row.state == CONFIRMED), None)
    if named is not None:
        if named.subject in same:
            return []
        msg = f"The face {face} is confirmed as somebody else."
        raise ConflictError(msg, advice="Reject the other appearance of this face first, or split it off.")
    mine = {row.subject: row for row in said if row.subject in same}
    row = next((mine[each] for each in (subject, *same) if each in mine), None)
    if row is not None:
        return [_decided(tx, word, row, CONFIRMED)]
    return [_make(tx, word, face, same[0])]


def reject(tx: Tx, word: Word, face: str, subject: str) -> list[LabelChange]:
    """Say that the face is not the subject, under any id of that person; always possible, so it needs no permit.

    Returns:
        What changed: nothing when that was said already, or when nobody thought so.
    """
    same = merges.members(tx, subject)
    said = [row for row in appearances.of_faces(tx, [face]) if row.subject in same]
    return [_decided(tx, word, row, REJECTED) for row in said if row.state != REJECTED]


def _decided(tx: Tx, word: Word, row: Appearance, state: str) -> LabelChange:
    appearances.decide(tx, row.id, state, actor=word.actor, at=word.at, note=word.note)
    return LabelChange(row.id, row.face, row.subject, row.state, row.made_by, state)


def require_face(tx: Tx, collection: str, face: str) -> None:
    """Raise NotFoundError unless the face is in a photo of the collection."""
    query = select(faces.c.id).join(photos, photos.c.id == faces.c.photo_id)
    if tx.execute(query.where(faces.c.id == face, photos.c.collection_id == collection)).first() is None:
        msg = f"There is no face with the id {face} in this collection."
        raise NotFoundError(
            msg, advice="Faces have their ids in the report of `countenance clear` and in `find --json`."
        )


def write(
    tx: Tx, word: Word, kind: str, changes: Sequence[LabelChange], *, subject: str | None, other: str | None = None
) -> Operation:
    """Keep an operation with what it changed.

    Args:
        tx: the transaction that carried it out.
        word: whose it is, as ``begin`` gave it.
        kind: what it is.
        changes: what ``confirm`` and ``reject`` gave.
        subject: see ``Operation``.
        other: see ``Operation``.
    """
    listed = tuple(sorted(changes, key=lambda change: change.appearance))
    made = Operation(
        random_id(), kind, word.collection, subject, other, word.actor, word.at, word.note, None, None, listed
    )
    row = {
        "id": made.id,
        "kind": kind,
        "collection_id": word.collection,
        "subject_id": subject,
        "other_id": other,
        "actor": word.actor,
        "at": word.at,
        "note": word.note,
    }
    tx.execute(insert(label_operations).values(row))
    if changes:
        rows = [
            {
                "operation_id": made.id,
                "appearance_id": change.appearance,
                "from_state": change.from_state,
                "from_made_by": change.from_made_by,
                "to_state": change.to_state,
            }
            for change in changes
        ]
        tx.execute(insert(label_changes), rows)
    return made


def by_id(tx: Tx, operation: str) -> Operation:
    """The operation of that id.

    Raises:
        NotFoundError: there is none.
    """
    row = tx.execute(select(label_operations).where(label_operations.c.id == operation)).first()
    if row is None:
        raise unknown(operation)
    return _operation(row, _changes_of(tx, label_changes.c.operation_id == operation).get(operation, ()))


def unknown(operation: str) -> NotFoundError:
    """The error for an id that no operation has here."""
    return NotFoundError(
        f"There is no operation with the id {operation} here.",
        advice="List operations with `countenance review COLLECTION --history`.",
    )


def history(tx: Tx, collection: str, subject: str | None = None, *, most: int | None = None) -> list[Operation]:
    """Operations of a collection, or those that touched one person under any id, newest first; ``most`` of them."""
    wanted = label_operations.c.collection_id == collection
    if subject is not None:
        same = merges.members(tx, subject)
        touched = exists().where(
            label_changes.c.operation_id == label_operations.c.id,
            appearance_rows.c.id == label_changes.c.appearance_id,
            appearance_rows.c.subject_id.in_(same),
        )
        named = or_(label_operations.c.subject_id.in_(same), label_operations.c.other_id.in_(same))
        wanted &= named | touched
    newest = select(label_operations).where(wanted).order_by(label_operations.c.at.desc()).limit(most)
    rows = tx.execute(newest).all()
    changes = _changes_of(tx, label_changes.c.operation_id.in_(newest.with_only_columns(label_operations.c.id)))
    return [_operation(row, changes.get(row.id, ())) for row in rows]


def undo(tx: Tx, permit: Permit, operation: Operation, *, actor: str, at: datetime) -> Operation:
    """Take one operation back whole: every label is what it was, labels it made are gone, merged people are two again.

    After a merge is undone, guesses for the person who was kept that came since are taken back, because they may rest
    on references of the other one; everybody is due for a look back where there were any.

    Args:
        tx: writing transaction.
        permit: to name faces of everybody whom this confirms again.
        operation: as it is now.
        actor: who takes it back.
        at: aware UTC moment.

    Raises:
        ConflictError: it is undone already, or a later operation touched the same labels.
        PermitError: a label would be confirmed again without a permit.
    """
    if operation.undone_at is not None:
        msg = f"This operation was undone by {operation.undone_by} already."
        raise ConflictError(msg, advice="To do again what it did, do it anew.")
    _require_last(tx, operation)
    mark = update(label_operations).where(label_operations.c.id == operation.id)
    tx.execute(mark.values(undone_by=actor, undone_at=at))
    if operation.kind == MERGE:
        _undo_merge(tx, operation)
    # What it confirmed goes first, so that the name it took away finds its face free.
    for change in sorted(operation.changes, key=lambda each: each.to_state != CONFIRMED):
        if change.from_state is None or change.from_made_by is None:
            _remove(tx, change.appearance)
            continue
        if change.from_state == CONFIRMED:
            permit.require(Act.REVIEW, operation.collection, merges.members(tx, change.subject)[0])
            _require_free(tx, change)
        back = Change(change.to_state, change.from_state, actor, at, f"undoes {operation.id}")
        _set_back(tx, change.appearance, back, change.from_made_by)
    return by_id(tx, operation.id)


def _make(tx: Tx, word: Word, face: str, subject: str) -> LabelChange:
    """A label of a pair that no model has compared: without a pack, and its score says nothing."""
    made = random_id()
    row = {
        "id": made,
        "face_id": face,
        "subject_id": subject,
        "score": 0.0,
        "state": CONFIRMED,
        "made_by": word.actor,
        "made_at": word.at,
        "pack_id": appearances.NEVER_COMPARED,
    }
    tx.execute(insert(appearance_rows).values(row))
    return LabelChange(made, face, subject, None, None, CONFIRMED)


def _remove(tx: Tx, appearance: str) -> None:
    made_by_a_person = appearance_rows.c.pack_id == appearances.NEVER_COMPARED
    tx.execute(delete(appearance_rows).where(appearance_rows.c.id == appearance, made_by_a_person))


def _set_back(tx: Tx, appearance: str, back: Change, made_by: str) -> None:
    """Two steps: the database lets a decision become a guess only in the name of whoever undoes the operation."""
    wanted = update(appearance_rows).where(appearance_rows.c.id == appearance)
    tx.execute(wanted.values(state=back.to_state, made_by=back.actor, made_at=back.at))
    tx.execute(wanted.values(made_by=made_by))
    appearances.note_change(tx, appearance, back)


def _require_last(tx: Tx, operation: Operation) -> None:
    mine, theirs = label_changes.alias("mine"), label_changes.alias("theirs")
    later = (
        select(label_operations.c.id)
        .join_from(mine, theirs, theirs.c.appearance_id == mine.c.appearance_id)
        .join(label_operations, label_operations.c.id == theirs.c.operation_id)
        .where(
            mine.c.operation_id == operation.id,
            label_operations.c.at > operation.at,
            label_operations.c.undone_at.is_(None),
        )
        .order_by(label_operations.c.at.desc())
    )
    newest = tx.execute(later).scalar()
    if newest is not None:
        msg = f"A later operation, {newest}, changed the same labels."
        raise ConflictError(msg, advice="Undo that one first; nothing was changed.")
    states = select(appearance_rows.c.id).join(label_changes, label_changes.c.appearance_id == appearance_rows.c.id)
    moved = states.where(
        label_changes.c.operation_id == operation.id, appearance_rows.c.state != label_changes.c.to_state
    )
    if tx.execute(moved).first() is not None:
        msg = "A label of this operation is no longer what the operation made it."
        raise ConflictError(msg, advice="Decide about that label anew; nothing was changed.")


def _require_free(tx: Tx, change: LabelChange) -> None:
    named = next((row for row in appearances.of_faces(tx, [change.face]) if row.state == CONFIRMED), None)
    if named is not None:
        msg = f"The face {change.face} has been confirmed as somebody else since."
        raise ConflictError(msg, advice="Undo that first; nothing was changed.")


def _undo_merge(tx: Tx, operation: Operation) -> None:
    keep, other = operation.subject, operation.other
    if keep is None or other is None:
        msg = "This merge does not say who was merged."
        raise ConflictError(msg)
    merges.unmerge(tx, other)
    # A guess that is older may have got a higher score since, by a reference of the other one.
    since = select(appearance_rows.c.id).where(
        appearance_rows.c.subject_id == keep,
        appearance_rows.c.state == SUGGESTED,
        appearance_rows.c.made_at >= operation.at,
    )
    guesses = list(tx.execute(since).scalars())
    if guesses:
        appearances.retract(tx, guesses)
        # Whoever was second-best for these faces may be a third.
        for each in merges.roots(tx, operation.collection):
            subjects.set_pending(tx, each, pending_rescan=True)


def _changes_of(tx: Tx, wanted: Any) -> Mapping[str, Collection[LabelChange]]:  # noqa: ANN401 - a condition
    query = select(label_changes, appearance_rows.c.face_id, appearance_rows.c.subject_id)
    query = query.join(appearance_rows, appearance_rows.c.id == label_changes.c.appearance_id).where(wanted)
    found: dict[str, list[LabelChange]] = {}
    for row in tx.execute(query.order_by(label_changes.c.appearance_id)):
        found.setdefault(row.operation_id, []).append(
            LabelChange(row.appearance_id, row.face_id, row.subject_id, row.from_state, row.from_made_by, row.to_state)
        )
    return found


def _operation(row: Row[Any], changes: Iterable[LabelChange]) -> Operation:
    return Operation(
        id=row.id,
        kind=row.kind,
        collection=row.collection_id,
        subject=row.subject_id,
        other=row.other_id,
        actor=row.actor,
        at=row.at,
        note=row.note,
        undone_by=row.undone_by,
        undone_at=row.undone_at,
        changes=tuple(changes),
    )
