"""What searches under cases gave: candidates name rows in clear, so that erasing reaches them, and seal the rest."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, or_, select, update

from countenance.core.canonical import canonical, parse
from countenance.core.case import Mark, Search
from countenance.errors import ConflictError, NotFoundError
from countenance.store.cases import secret_of_search
from countenance.store.connection import Tx
from countenance.store.ids import random_id
from countenance.store.keys import KeyStore
from countenance.store.schema import (
    appearances,
    case_candidates,
    case_marks,
    case_searches,
    face_templates,
    faces,
    photos,
)
from countenance.store.sealing import row_context, seal, unseal

_REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Found:
    """One candidate about to be noted.

    Attributes:
        rank: from 1, best first.
        score: cosine in [-1, 1], to three decimals.
        box: left, top, width, height in pixels of the upright photo.
        face: id of the face; None where a person's reference was found.
        photo: id of its photo.
        subject: id of the person whose reference was found; None where a face was.
        reference: id of that reference.
        reference_sha256: hex SHA-256 of the photo that it was made from.
    """

    rank: int
    score: float
    box: tuple[float, float, float, float]
    face: str | None = None
    photo: str | None = None
    subject: str | None = None
    reference: str | None = None
    reference_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate that is kept: its id, what was found, and what reviewers said of it, by actor."""

    id: str
    found: Found
    marks: Mapping[str, Mark] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Results:
    """What one search gave.

    Attributes:
        statement: what is known of false candidates here.
        reason: why it was urgent; None when it was not.
        at_least: score from which a candidate counted.
        candidates: those that are still kept, best first.
    """

    statement: str
    reason: str | None
    at_least: float
    candidates: tuple[Candidate, ...]


def add(tx: Tx, keys: KeyStore, case: str, search: Search, results: Results) -> None:
    """Note a search with its candidates, whose own ids are given here.

    Raises:
        ConflictError: the database finds no open case that covers it, or what was found is being erased.
    """
    secret = keys.secret(secret_of_search(search.id))
    about = {"statement": results.statement, "reason": results.reason, "at_least": results.at_least}
    row = {
        "id": search.id,
        "case_id": case,
        "collection_id": search.collection,
        "actor": search.actor,
        "searched_at": search.at,
        "digest": search.digest,
        "n_probes": search.n_probes,
        "n_candidates": search.n_candidates,
        "urgent": search.urgent,
        "keep_until_at": search.keep_until_at,
        "sealed": seal(secret, canonical(about), row_context("case-search", search.id)),
    }
    tx.execute(insert(case_searches).values(row))
    rows = [_row(secret, search.id, each) for each in results.candidates]
    if rows:
        tx.execute(insert(case_candidates), rows)


def new_candidate(found: Found) -> Candidate:
    """A candidate about to be noted."""
    return Candidate(random_id(), found)


def of_search(tx: Tx, keys: KeyStore, search: str) -> Results:
    """What a search gave, as far as it is still kept.

    Raises:
        NotFoundError: it was destroyed.
        DamagedError: something of it fails its authentication.
    """
    sealed = tx.execute(select(case_searches.c.sealed).where(case_searches.c.id == search)).scalar()
    if sealed is None or not keys.has_secret(secret_of_search(search)):
        msg = "The candidates of this search were destroyed."
        raise NotFoundError(msg, advice="Search again under a case that is open.")
    secret = keys.secret(secret_of_search(search))
    about: dict[str, Any] = parse(unseal(secret, sealed, row_context("case-search", search)))
    said = _marks_of(tx, secret, search)
    query = select(case_candidates).where(case_candidates.c.search_id == search).order_by(case_candidates.c.rank)
    found = []
    for row in tx.execute(query).all():
        held = parse(unseal(secret, row.sealed, _context(search, row.id)))
        x, y, w, h = held["box"]
        one = Found(
            rank=row.rank,
            score=held["score"],
            box=(x, y, w, h),
            face=row.face_id,
            photo=row.photo_id,
            subject=row.subject_id,
            reference=held["reference"],
            reference_sha256=held["reference_sha256"],
        )
        found.append(Candidate(row.id, one, said.get(row.id, {})))
    return Results(about["statement"], about["reason"], about["at_least"], tuple(found))


def mark(tx: Tx, keys: KeyStore, search: str, marks: Mapping[str, Mark], *, by: str, at: datetime) -> None:
    """Note what a reviewer says of candidates, by their ids.

    Raises:
        ConflictError: this reviewer has said something of one of them before.
    """
    secret = keys.secret(secret_of_search(search))
    known = select(case_marks.c.candidate_id).where(case_marks.c.actor == by, case_marks.c.candidate_id.in_(marks))
    if tx.execute(known).first() is not None:
        msg = "You have reviewed these candidates before, and what a reviewer said is not rewritten."
        raise ConflictError(msg, advice="See what came of it with `countenance case show`.")
    rows = [
        {
            "candidate_id": candidate,
            "actor": by,
            "marked_at": at,
            "sealed": seal(secret, said.value.encode("ascii"), _context_of_mark(candidate, by)),
        }
        for candidate, said in marks.items()
    ]
    tx.execute(insert(case_marks), rows)


def drop(tx: Tx, search: str, *, at: datetime) -> int:
    """Destroy the candidates of a search; gives how many there were. Its secret goes afterwards."""
    inside = select(case_candidates.c.id).where(case_candidates.c.search_id == search)
    tx.execute(delete(case_marks).where(case_marks.c.candidate_id.in_(inside)))
    n_gone = tx.execute(delete(case_candidates).where(case_candidates.c.search_id == search)).rowcount
    tx.execute(update(case_searches).where(case_searches.c.id == search).values(sealed=None, gone_at=at))
    return n_gone


def are_there(tx: Tx, candidates: Sequence[str]) -> bool:
    """Whether all of these candidates are still kept."""
    query = select(func.count()).select_from(case_candidates).where(case_candidates.c.id.in_(candidates))
    return tx.execute(query).scalar_one() == len(set(candidates))


def people_of(tx: Tx, found: Collection[Found]) -> tuple[str, ...]:
    """Ids of the enrolled people whom candidates are, or may be."""
    seen = [each.face for each in found if each.face is not None]
    query = select(appearances.c.subject_id).where(appearances.c.face_id.in_(seen), appearances.c.state != _REJECTED)
    named = {each.subject for each in found if each.subject is not None}
    return tuple(sorted({*tx.execute(query).scalars(), *named}))


def count_kept(tx: Tx, collection: str, pack: str) -> int:
    """How many templates of faces a collection keeps that this model pack made."""
    query = select(func.count()).select_from(face_templates).join(faces, faces.c.id == face_templates.c.face_id)
    query = query.join(photos, photos.c.id == faces.c.photo_id)
    return tx.execute(query.where(photos.c.collection_id == collection, face_templates.c.pack_id == pack)).scalar_one()


def times_of(tx: Tx, subjects: Sequence[str]) -> list[datetime]:
    """When these people, or faces that are or may be theirs, were found under a case, as far as that is kept."""
    seen = select(appearances.c.face_id).where(appearances.c.subject_id.in_(subjects), appearances.c.state != _REJECTED)
    theirs = or_(case_candidates.c.subject_id.in_(subjects), case_candidates.c.face_id.in_(seen))
    searches = select(case_candidates.c.search_id).where(theirs)
    query = select(case_searches.c.searched_at).where(case_searches.c.id.in_(searches))
    return list(tx.execute(query.order_by(case_searches.c.searched_at)).scalars())


def cases_showing(tx: Tx, *, photos: Collection[str] = (), subjects: Collection[str] = ()) -> list[str]:
    """Ids of the cases among whose candidates is a photo or a person."""
    of = or_(case_candidates.c.photo_id.in_(photos), case_candidates.c.subject_id.in_(subjects))
    searches = select(case_candidates.c.search_id).where(of)
    return sorted(set(tx.execute(select(case_searches.c.case_id).where(case_searches.c.id.in_(searches))).scalars()))


def _row(secret: bytes, search: str, candidate: Candidate) -> dict[str, Any]:
    found = candidate.found
    held = {
        "score": found.score,
        "box": list(found.box),
        "reference": found.reference,
        "reference_sha256": found.reference_sha256,
    }
    return {
        "id": candidate.id,
        "search_id": search,
        "rank": found.rank,
        "face_id": found.face,
        "photo_id": found.photo,
        "subject_id": found.subject,
        "sealed": seal(secret, canonical(held), _context(search, candidate.id)),
    }


def _marks_of(tx: Tx, secret: bytes, search: str) -> dict[str, dict[str, Mark]]:
    inside = select(case_candidates.c.id).where(case_candidates.c.search_id == search)
    found: dict[str, dict[str, Mark]] = {}
    for row in tx.execute(select(case_marks).where(case_marks.c.candidate_id.in_(inside))).all():
        said = unseal(secret, row.sealed, _context_of_mark(row.candidate_id, row.actor)).decode("ascii")
        found.setdefault(row.candidate_id, {})[row.actor] = Mark(said)
    return found


def _context(search: str, candidate: str) -> bytes:
    return row_context("case-candidate", search, candidate)


def _context_of_mark(candidate: str, by: str) -> bytes:
    return row_context("case-mark", candidate, by)
