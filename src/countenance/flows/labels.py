"""People's word on faces: confirm and reject, name, split, merge, undo; one operation each, which can be taken back."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from countenance.core.consent import Consent
from countenance.core.permit import Permit, permit_review
from countenance.errors import ConflictError, NotFoundError, StoreError
from countenance.flows.acts import log
from countenance.ledger.event import Act, Event, Fact
from countenance.store import appearances, consents, labels, merges, photos, remarks
from countenance.store.appearances import CONFIRMED, REJECTED, Appearance
from countenance.store.connection import Store, Tx
from countenance.store.keys import KeyStore
from countenance.store.labels import LabelChange, Operation, Word
from countenance.store.subjects import Subject


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Somebody who says things about faces, and where.

    Attributes:
        store: the database.
        keys: the key store.
        clock: gives the aware UTC moment.
        actor: who says it, for the record.
        note: why, in the actor's words.
    """

    store: Store
    keys: KeyStore
    clock: Callable[[], datetime]
    actor: str
    note: str | None = None


def decide(
    reviewer: Reviewer, collection: str, decisions: Mapping[str, str]
) -> tuple[Operation | None, list[Appearance]]:
    """Confirm or reject appearances, all of them or none, as one operation.

    Args:
        reviewer: who decides.
        collection: id of the collection they belong to.
        decisions: ``confirmed`` or ``rejected`` by the id of an appearance, as ``find`` prints it.

    Returns:
        The operation, None when everything was as decided before; and the appearances as they are now.

    Raises:
        ConsentError: nobody may name this person's faces now; rejecting is always possible.
        NotFoundError: an id is unknown in this collection.
        ConflictError: a face is confirmed as somebody else.
        StoreError: another state.
    """
    with _operation(reviewer, collection) as (tx, word):
        same = merges.roots(tx, collection)
        rows = [appearances.by_id(tx, wanted) for wanted in decisions]
        for row in rows:
            if row.subject not in same:
                msg = f"There is no appearance with the id {row.id} in this collection."
                raise NotFoundError(msg, advice="List appearances with `countenance find`.")
        if not set(decisions.values()) <= {CONFIRMED, REJECTED}:
            msg = "A decision is confirmed or rejected."
            raise StoreError(msg)
        wanted = {same[row.subject] for row in rows if decisions[row.id] == CONFIRMED and row.state != CONFIRMED}
        permit = _permit(tx, reviewer, word, wanted)
        changes: list[LabelChange] = []
        # Names that are taken away make room for those that are given.
        for row in sorted(rows, key=lambda each: decisions[each.id] == CONFIRMED):
            if decisions[row.id] == REJECTED:
                changes += labels.reject(tx, word, row.face, row.subject)
            elif row.state != CONFIRMED:
                changes += labels.confirm(tx, permit, word, row.face, row.subject)
        if len({change.appearance for change in changes}) < len(changes):
            msg = "A face is to be confirmed and rejected as one person at once."
            raise ConflictError(msg, advice="Give each face once; nothing was changed.")
        about = {same[row.subject] for row in rows}
        subject = about.pop() if len(about) == 1 else None
        done = labels.write(tx, word, labels.DECIDE, changes, subject=subject) if changes else None
        _log(tx, reviewer, Act.REVIEW, done)
        return done, [appearances.by_id(tx, each) for each in decisions]


def name(reviewer: Reviewer, face: str, subject: Subject) -> Operation | None:
    """Say who a face is that nobody was suggested for, or the wrong person.

    The label is made when no model had it: without a pack, because nothing was compared, and with the score 0, which is
    no measurement (``Appearance.measured``).

    Returns:
        The operation; None when that was said before.

    Raises:
        ConsentError: nobody may name this person's faces now.
        NotFoundError: no such face in the subject's collection.
        ConflictError: the face is confirmed as somebody else.
    """
    with _operation(reviewer, subject.collection) as (tx, word):
        labels.require_face(tx, subject.collection, face)
        root = merges.members(tx, subject.id)[0]
        permit = _permit(tx, reviewer, word, {root})
        changes = labels.confirm(tx, permit, word, face, root)
        done = labels.write(tx, word, labels.NAME, changes, subject=root) if changes else None
        return _log(tx, reviewer, Act.REVIEW, done)


def split(reviewer: Reviewer, subject: Subject, wanted: Sequence[str], to: Subject | None = None) -> Operation | None:
    """Say that these faces are not this person, and who they are, if that is known.

    Args:
        reviewer: who says so.
        subject: who they are not.
        wanted: ids of the faces.
        to: who they are, if anybody enrolled.

    Returns:
        The operation; None when all of that was said before.

    Raises:
        ConsentError: nobody may name faces of ``to`` now.
        NotFoundError: a face was never said to be this person.
        ConflictError: both are one person, of different collections, or a face is confirmed as a third.
    """
    if to is not None and to.collection != subject.collection:
        msg = "These two people are of different collections, and collections are strangers to each other."
        raise ConflictError(msg)
    with _operation(reviewer, subject.collection) as (tx, word):
        same = merges.members(tx, subject.id)
        target = merges.members(tx, to.id)[0] if to is not None else None
        if target in same:
            msg = "These two are one person, so nothing can be split between them."
            raise ConflictError(msg, advice="If they were merged by mistake, undo the merge.")
        permit = _permit(tx, reviewer, word, {target} if target is not None else ())
        changes: list[LabelChange] = []
        for face in dict.fromkeys(wanted):
            if not any(row.subject in same for row in appearances.of_faces(tx, [face])):
                msg = f"Nobody said that the face {face} is this person."
                raise NotFoundError(msg, advice="List the person's faces with `countenance find --json`.")
            changes += labels.reject(tx, word, face, same[0])
            if target is not None:
                changes += labels.confirm(tx, permit, word, face, target)
        done = labels.write(tx, word, labels.SPLIT, changes, subject=same[0], other=target) if changes else None
        return _log(tx, reviewer, Act.SPLIT, done)


def merge(reviewer: Reviewer, keep: Subject, other: Subject) -> Operation:
    """Say that two enrolled people are one: from now on ``other`` counts as ``keep``; nothing is rewritten.

    Raises:
        ConflictError: they are of different collections, or one of them is merged already; or one of them must not
            appear, or has withdrawn a consent, and the other says otherwise: merging would hide that.
    """
    with _operation(reviewer, keep.collection) as (tx, word):
        merges.merge(tx, keep.id, other.id)
        if len(merges.must_not_appear(tx, keep.collection) & {keep.id, other.id}) == 1:
            msg = "One of these two must not appear anywhere, and nothing is said of the other."
            raise ConflictError(msg, advice="Settle that for both first; nothing was changed.")
        given = {each.id: _consents_of(tx, reviewer.keys, each.id) for each in (keep, other)}
        for one, two in ((keep, other), (other, keep)):
            purpose = _withdrawn_elsewhere(given[one.id], given[two.id], word.at)
            if purpose is not None:
                msg = f"One of these two has withdrawn the consent to {purpose}, and the other's still holds."
                raise ConflictError(msg, advice="Withdraw the other one as well, or record a new one, then merge.")
        done = labels.write(tx, word, labels.MERGE, (), subject=keep.id, other=other.id)
        _log(tx, reviewer, Act.MERGE, done)
        return done


def remark(reviewer: Reviewer, collection: str, nobody: Sequence[str], no_face: Sequence[str]) -> Operation | None:
    """Say that nobody is on these photos, or that these are no faces; clearing follows it from the next decision on.

    Args:
        reviewer: who looked.
        collection: id of the collection.
        nobody: photos, by id or by the SHA-256 of their files in hex.
        no_face: ids of faces.

    Returns:
        The operation; None when all of it was said before.

    Raises:
        NotFoundError: there is no such photo or face in this collection.
    """
    with _operation(reviewer, collection) as (tx, word):
        done = remarks.add(tx, word, [_photo(tx, collection, each) for each in nobody], no_face)
        return _log(tx, reviewer, Act.REMARK, done)


def _photo(tx: Tx, collection: str, wanted: str) -> str:
    digest = bytes.fromhex(wanted) if re.fullmatch(r"[0-9a-f]{64}", wanted) else b""
    known = photos.known(tx, collection, [digest]).get(digest)
    found = photos.by_id(tx, known.id if known is not None else wanted)
    if found.collection != collection:
        msg = f"There is no photo {wanted} in this collection."
        raise NotFoundError(msg, advice="The report of `countenance clear` has the ids of its photos.")
    return found.id


def undo(reviewer: Reviewer, operation: str, collection: str | None = None) -> Operation:
    """Take back one operation whole; it stays in the history, with who undid it and when.

    Args:
        reviewer: who takes it back.
        operation: its id.
        collection: id of the collection it must be of, if that matters.

    Raises:
        NotFoundError: there is no such operation, or it is of another collection.
        ConflictError: it is undone already, or a later operation touched the same labels.
        ConsentError: it would confirm a label again of a person whose faces nobody may name now.
    """
    with reviewer.store.transaction() as tx:
        found = labels.by_id(tx, operation)
        if collection not in {None, found.collection}:
            raise labels.unknown(operation)
        word = Word(found.collection, _said_by(reviewer), reviewer.clock())
        same = merges.roots(tx, found.collection)
        again = {same[change.subject] for change in found.changes if change.from_state == CONFIRMED}
        permit = _permit(tx, reviewer, word, again if found.undone_at is None else ())
        done = labels.undo(tx, permit, found, actor=word.actor, at=word.at)
        # The labels that it had made are gone from it by now.
        _log(tx, reviewer, Act.UNDO, replace(done, changes=found.changes))
        return done


def history(
    store: Store, collection: str, subject: Subject | None = None, *, most: int | None = None
) -> list[Operation]:
    """What people did to the labels of a collection, or of one person in it, newest first; all, or so many at most."""
    with store.reading() as tx:
        return labels.history(tx, collection, subject.id if subject is not None else None, most=most)


@contextmanager
def _operation(reviewer: Reviewer, collection: str) -> Iterator[tuple[Tx, Word]]:
    with reviewer.store.transaction() as tx:
        yield tx, labels.begin(tx, Word(collection, _said_by(reviewer), reviewer.clock(), reviewer.note))


def _log(tx: Tx, reviewer: Reviewer, act: Act, done: Operation | None) -> Operation | None:
    """Log an operation, in its own transaction, with everybody whose labels it changed; nothing if nothing changed."""
    if done is not None:
        people = (done.subject, done.other, *(change.subject for change in done.changes))
        states = [change.to_state for change in done.changes]
        facts: dict[str, Fact] = {"kind": done.kind, **{state: states.count(state) for state in sorted({*states})}}
        touched = tuple(each for each in people if each is not None)
        log(tx, reviewer.keys, Event(act, _said_by(reviewer), done.collection, touched, facts), at=reviewer.clock())
    return done


def _said_by(reviewer: Reviewer) -> str:
    if not reviewer.actor.strip():
        msg = "A decision says who made it."
        raise StoreError(msg, advice="Give a name with --actor.")
    return reviewer.actor


def _permit(tx: Tx, reviewer: Reviewer, word: Word, wanted: Collection[str]) -> Permit:
    """The permit to name faces of these people now; consents of every id of a person count."""
    same = merges.aliases(tx, word.collection)
    ids = {each for root in wanted for each in merges.members(tx, root)}
    given = [consent for each in sorted(ids) for consent in _consents_of(tx, reviewer.keys, each)]
    flagged = {same.get(each, each) for each in merges.must_not_appear(tx, word.collection) & ids}
    return permit_review(word.collection, wanted, merges.together(given, same), reviewer.clock(), flagged)


def _consents_of(tx: Tx, keys: KeyStore, subject: str) -> list[Consent]:
    return [stored.consent for stored in consents.of_subject(tx, keys, subject)]


def _withdrawn_elsewhere(one: Sequence[Consent], other: Sequence[Consent], moment: datetime) -> str | None:
    """A purpose whose withdrawal stands for the one, while the other's yes holds or is to begin."""
    yes = [
        {each.purpose for each in said if not each.withdrawn_by(moment) and each.until_at > moment}
        for said in (one, other)
    ]
    withdrawn = {each.purpose for each in one if each.withdrawn_by(moment)} - yes[0]
    return min(withdrawn & yes[1], default=None)
