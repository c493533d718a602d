"""Appearances: "this face is this subject", said by a model or a person. What a person decided stands (P9)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, case, delete, exists, func, insert, select, text, update

from countenance.core.permit import Act, Permit
from countenance.errors import ConflictError, NotFoundError, StoreError
from countenance.store.connection import Tx
from countenance.store.ids import random_id
from countenance.store.moments import to_text
from countenance.store.photos import NEWEST_PATH
from countenance.store.schema import appearance_history, appearances, faces, photo_paths, photos, subjects

SUGGESTED, CONFIRMED, REJECTED = "suggested", "confirmed", "rejected"
STATES = (SUGGESTED, CONFIRMED, REJECTED)
NEVER_COMPARED = ""
"""Pack of an appearance that a person made: no model stands behind its score, which says nothing and is 0."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A model's guess.

    Attributes:
        face: id of the face.
        subject: id of a subject of the same collection.
        score: cosine in [-1, 1].
        rival: id of the second-best subject, if there was one.
        rival_score: the rival's cosine.
    """

    face: str
    subject: str
    score: float
    rival: str | None = None
    rival_score: float | None = None


@dataclass(frozen=True, slots=True)
class Appearance:
    """One label with where it is.

    Attributes:
        id: random id.
        face: id of the face.
        subject: id of the subject.
        score: cosine in [-1, 1] of the newest comparison; 0 where there was none (``measured``).
        state: ``suggested``, ``confirmed`` or ``rejected``.
        made_by: actor or model pack that made it what it is.
        made_at: aware UTC moment of that.
        pack: id of the model pack behind the score; ``NEVER_COMPARED`` when a person named a face that no model had.
        box: left, top, width, height in pixels of the upright photo at full size.
        photo: id of the photo.
        sha256: 32 bytes, of the photo.
        width: pixels of the upright photo.
        height: the same.
        path: bytes of the newest path of the photo; empty when none is known.
        member: bytes of the name inside an archive file, or empty.
        rival: id of the second-best subject of the newest comparison, if there was one.
        rival_score: the rival's cosine.
    """

    id: str
    face: str
    subject: str
    score: float
    state: str
    made_by: str
    made_at: datetime
    pack: str
    box: tuple[float, float, float, float]
    photo: str
    sha256: bytes
    width: int
    height: int
    path: bytes
    member: bytes
    rival: str | None = None
    rival_score: float | None = None

    @property
    def measured(self) -> bool:
        """True when the score comes from a comparison."""
        return self.pack != NEVER_COMPARED


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of an appearance's history.

    Attributes:
        from_state: None for its beginning.
        to_state: state after it.
        actor: who or what did it.
        at: aware UTC moment.
        note: what the actor wrote.
    """

    from_state: str | None
    to_state: str
    actor: str
    at: datetime
    note: str | None


# A suggestion gives way to a person's word: it changes no decided pair, and says nothing about a face that a person has
# already given to somebody else.
_SUGGEST = text(
    "INSERT INTO appearances (id, face_id, subject_id, score, state, made_by, made_at, pack_id, rival_id, rival_score) "
    "SELECT :id, :face, :subject, :score, 'suggested', :made_by, :at, :pack, :rival, :rival_score "
    "WHERE NOT EXISTS (SELECT 1 FROM appearances AS decided WHERE decided.face_id = :face "
    "AND decided.subject_id <> :subject AND decided.state = 'confirmed') "
    "ON CONFLICT (face_id, subject_id) DO UPDATE SET score = excluded.score, made_by = excluded.made_by, "
    "made_at = excluded.made_at, pack_id = excluded.pack_id, rival_id = excluded.rival_id, "
    "rival_score = excluded.rival_score WHERE appearances.state = 'suggested'"
)
_WITH_PHOTO = (
    select(
        appearances,
        *(faces.c[side] for side in "xywh"),
        photos.c.id.label("photo"),
        photos.c.sha256,
        photos.c.width,
        photos.c.height,
        photo_paths.c.path,
        photo_paths.c.member,
    )
    .join_from(appearances, faces, faces.c.id == appearances.c.face_id)
    .join(photos, photos.c.id == faces.c.photo_id)
    .join(photo_paths, photo_paths.c.id == NEWEST_PATH, isouter=True)
)
_OTHER = appearances.alias("other")
# A guess about a face that a person has since given to somebody is nobody's any more; should the person take that back,
# it is there again.
_STANDS = (appearances.c.state != SUGGESTED) | ~exists().where(
    _OTHER.c.face_id == appearances.c.face_id,
    _OTHER.c.subject_id != appearances.c.subject_id,
    _OTHER.c.state == CONFIRMED,
)
_OF_SUBJECT = (
    _WITH_PHOTO.join(subjects, subjects.c.id == appearances.c.subject_id)
    .where(
        (subjects.c.id == bindparam("subject")) | (subjects.c.merged_into == bindparam("subject")),
        subjects.c.collection_id == bindparam("collection"),
        _STANDS,
    )
    .order_by(appearances.c.score.desc(), appearances.c.face_id)
)
_WEIGHT = {SUGGESTED: 1, REJECTED: 2, CONFIRMED: 3}
"""What stands where one person has two ids: a person's word over a guess, and a name over "not under that id"."""
_COUNTS = (
    select(func.max(case(_WEIGHT, value=appearances.c.state)).label("weight"))
    .join_from(appearances, subjects, subjects.c.id == appearances.c.subject_id)
    .where(subjects.c.collection_id == bindparam("collection"), _STANDS)
    .group_by(appearances.c.face_id, func.coalesce(subjects.c.merged_into, subjects.c.id))
    .subquery()
)


def suggest(tx: Tx, suggestions: Iterable[Suggestion], *, made_by: str, pack: str, at: datetime) -> None:
    """Keep a model's guesses. A pair suggested before gets the new score; a pair a person decided stays as it is.

    Args:
        tx: writing transaction.
        suggestions: the guesses.
        made_by: what made them, such as the model pack and its threshold.
        pack: id of the model pack.
        at: aware moment.

    Raises:
        ConflictError: a face and its subject are of different collections (P8).
        StoreError: there is no such face or subject, or a score is out of range.
    """
    moment = to_text(at)
    rows = [
        {
            "id": random_id(),
            "face": guess.face,
            "subject": guess.subject,
            "score": guess.score,
            "made_by": made_by,
            "at": moment,
            "pack": pack,
            "rival": guess.rival,
            "rival_score": guess.rival_score if guess.rival is not None else None,
        }
        for guess in suggestions
    ]
    if rows:
        tx.execute(_SUGGEST, rows)


def decide(tx: Tx, appearance: str, state: str, *, actor: str, at: datetime, note: str | None = None) -> Appearance:
    """A person's word on an appearance: ``confirmed`` or ``rejected``. Saying the same again changes nothing.

    Raises:
        NotFoundError: there is no such appearance.
        ConflictError: the face is confirmed as somebody else.
        StoreError: another state, or no actor.
    """
    if state not in {CONFIRMED, REJECTED} or not actor.strip():
        msg = "A decision is confirmed or rejected, and says who made it."
        raise StoreError(msg)
    before = by_id(tx, appearance)
    if before.state == state:
        return before
    if state == CONFIRMED:
        taken = select(appearances.c.id).where(appearances.c.face_id == before.face, appearances.c.state == CONFIRMED)
        if tx.execute(taken).first() is not None:
            msg = "This face is confirmed as somebody else."
            raise ConflictError(msg, advice="Reject the other appearance of this face first.")
    tx.execute(
        update(appearances).where(appearances.c.id == appearance).values(state=state, made_by=actor, made_at=at),
    )
    note_change(tx, appearance, Change(before.state, state, actor, at, note))
    return by_id(tx, appearance)


def note_change(tx: Tx, appearance: str, change: Change) -> None:
    """Add an entry to an appearance's history."""
    entry = {
        "appearance_id": appearance,
        "from_state": change.from_state,
        "to_state": change.to_state,
        "actor": change.actor,
        "at": change.at,
        "note": change.note,
    }
    tx.execute(insert(appearance_history).values(entry))


def set_rival(tx: Tx, appearance: str, rival: str, rival_score: float) -> None:
    """Note who is second-best for a face whose best suggestion stays as it is."""
    wanted = appearances.c.id == appearance, appearances.c.state == SUGGESTED
    tx.execute(update(appearances).where(*wanted).values(rival_id=rival, rival_score=rival_score))


def retract(tx: Tx, ids: Iterable[str]) -> None:
    """Take back suggestions of a model that found a better subject; what a person decided is never taken back (P9)."""
    wanted = list(ids)
    if wanted:
        tx.execute(delete(appearances).where(appearances.c.id.in_(wanted), appearances.c.state == SUGGESTED))


def by_id(tx: Tx, appearance: str) -> Appearance:
    """The appearance of that id.

    Raises:
        NotFoundError: there is none.
    """
    row = tx.execute(_WITH_PHOTO.where(appearances.c.id == appearance)).first()
    if row is None:
        msg = f"There is no appearance with the id {appearance}."
        raise NotFoundError(msg, advice="List appearances with `countenance find`.")
    return _appearance(row)


def of_subject(
    tx: Tx, permit: Permit, collection: str, subject: str, *, states: Collection[str] = STATES
) -> list[Appearance]:
    """The subject's appearances in these states, best score first, one per face.

    Those of ids that were merged into the subject are among them, as the subject's own.

    Raises:
        PermitError: the permit is not for showing this subject's photos here.
    """
    permit.require(Act.SHOW, collection, subject)
    rows = [_appearance(row) for row in tx.execute(_OF_SUBJECT, {"subject": subject, "collection": collection})]
    found = resolved(rows, {row.subject: subject for row in rows})
    return sorted((row for row in found if row.state in states), key=lambda row: (-row.score, row.face))


def held_of(tx: Tx, permit: Permit, collection: str, subjects: Collection[str]) -> list[Appearance]:
    """Every label of these subjects as it was said, guesses that a person's word outdid included, by face.

    Raises:
        PermitError: the permit is not for showing one of these subjects' photos here.
    """
    for subject in subjects:
        permit.require(Act.SHOW, collection, subject)
    wanted = appearances.c.subject_id.in_(subjects), photos.c.collection_id == collection
    return [_appearance(row) for row in tx.execute(_WITH_PHOTO.where(*wanted).order_by(appearances.c.face_id))]


def resolved(rows: Iterable[Appearance], same: Mapping[str, str]) -> list[Appearance]:
    """Appearances as they count where one person has two ids: one per face and person, under the id that counts.

    A person's word stands over a guess, a name over "not under that id", the better score over the other.

    Args:
        rows: in any order.
        same: as ``merges.roots`` or ``merges.aliases`` gives it; ids that it does not know count as themselves.

    Returns:
        In the order of ``rows``, where each pair came first.
    """
    best: dict[tuple[str, str], Appearance] = {}
    for each in rows:
        root = same.get(each.subject, each.subject)
        rival = same.get(each.rival, each.rival) if each.rival is not None else None
        if rival == root:  # nobody is a rival to themself
            rival = None
        row = replace(each, subject=root, rival=rival, rival_score=each.rival_score if rival is not None else None)
        before = best.setdefault((row.face, root), row)
        if (_WEIGHT[row.state], row.score) > (_WEIGHT[before.state], before.score):
            best[row.face, root] = row
    return list(best.values())


def of_photo(tx: Tx, photo: str) -> list[Appearance]:
    """Every appearance in the photo as it was said, by face, best score first; see ``resolved`` for merged ids."""
    query = _WITH_PHOTO.where(faces.c.photo_id == photo).order_by(faces.c.ordinal, appearances.c.score.desc())
    return [_appearance(row) for row in tx.execute(query)]


def of_faces(tx: Tx, wanted: Collection[str]) -> list[Appearance]:
    """Every appearance of these faces as it was said, by face, best score first; see ``resolved`` for merged ids."""
    query = _WITH_PHOTO.where(appearances.c.face_id.in_(wanted))
    rows = tx.execute(query.order_by(appearances.c.face_id, appearances.c.score.desc()))
    return [_appearance(row) for row in rows]


def decided(tx: Tx, collection: str) -> list[Appearance]:
    """Every appearance of the collection that a person confirmed or rejected, as it was said, by face."""
    query = _WITH_PHOTO.where(photos.c.collection_id == collection, appearances.c.state != SUGGESTED)
    return [_appearance(row) for row in tx.execute(query.order_by(appearances.c.face_id, appearances.c.id))]


def counts(tx: Tx, collection: str) -> dict[str, int]:
    """Number of appearances in the collection by state; every state is present.

    A face counts once for a person with several ids, and a guess does not count where a person has named the face.
    """
    query = select(_COUNTS.c.weight, func.count()).group_by(_COUNTS.c.weight)
    by_weight = {row[0]: row[1] for row in tx.execute(query, {"collection": collection})}
    return {state: by_weight.get(_WEIGHT[state], 0) for state in STATES}


def count_as_rival(tx: Tx, subjects: Collection[str]) -> int:
    """For how many faces taken for somebody else one of these subjects was second-best."""
    other = appearances.c.rival_id.in_(subjects) & appearances.c.subject_id.not_in(subjects)
    return tx.execute(select(func.count()).select_from(appearances).where(other)).scalar_one()


def history_of(tx: Tx, appearance: str) -> list[Change]:
    """What happened to the appearance, oldest first."""
    query = select(appearance_history).where(appearance_history.c.appearance_id == appearance)
    rows = tx.execute(query.order_by(appearance_history.c.id))
    return [Change(row.from_state, row.to_state, row.actor, row.at, row.note) for row in rows]


def _appearance(row: Row[Any]) -> Appearance:
    return Appearance(
        id=row.id,
        face=row.face_id,
        subject=row.subject_id,
        score=row.score,
        state=row.state,
        made_by=row.made_by,
        made_at=row.made_at,
        pack=row.pack_id,
        box=(row.x, row.y, row.w, row.h),
        photo=row.photo,
        sha256=row.sha256,
        width=row.width,
        height=row.height,
        path=row.path or b"",
        member=row.member or b"",
        rival=row.rival_id,
        rival_score=row.rival_score,
    )
