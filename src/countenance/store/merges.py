"""Merges: two ids that are one person, enrolled twice. One id is an alias of the other; nothing else is rewritten.

Readers resolve it: ``roots`` says for whom each id counts. An alias has no aliases of its own, so one step is enough.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar, overload

from sqlalchemy import func, or_, select, update

from countenance.core.consent import Consent, Term
from countenance.errors import ConflictError, NotFoundError
from countenance.store.connection import Tx
from countenance.store.schema import subjects

Said = TypeVar("Said", Consent, Term)


def roots(tx: Tx, collection: str) -> dict[str, str]:
    """For every subject of the collection, the id it counts as: its own when it is not merged."""
    query = select(subjects.c.id, func.coalesce(subjects.c.merged_into, subjects.c.id))
    return {row[0]: row[1] for row in tx.execute(query.where(subjects.c.collection_id == collection))}


def aliases(tx: Tx, collection: str) -> dict[str, str]:
    """The same for the merged subjects only."""
    query = select(subjects.c.id, subjects.c.merged_into)
    query = query.where(subjects.c.collection_id == collection, subjects.c.merged_into.is_not(None))
    return {row[0]: row[1] for row in tx.execute(query)}


def members(tx: Tx, subject: str) -> list[str]:
    """Every id of this person: the one that counts first, then those merged into it.

    Raises:
        NotFoundError: there is no such subject.
    """
    own = tx.execute(select(subjects.c.id, subjects.c.merged_into).where(subjects.c.id == subject)).first()
    if own is None:
        msg = f"There is no subject with the id {subject}."
        raise NotFoundError(msg, advice="List people with `countenance collection show NAME`.")
    root = own.merged_into or own.id
    merged = select(subjects.c.id).where(subjects.c.merged_into == root).order_by(subjects.c.created_at, subjects.c.id)
    return [root, *tx.execute(merged).scalars()]


def homes(tx: Tx, wanted: Collection[str]) -> dict[str, str]:
    """Id of the collection of each of these subjects that exists."""
    query = select(subjects.c.id, subjects.c.collection_id).where(subjects.c.id.in_(wanted))
    return {row[0]: row[1] for row in tx.execute(query)}


def together(consents: Iterable[Said], same: Mapping[str, str]) -> list[Said]:
    """Consents as they count: what one id of a person said holds for every id of that person.

    Args:
        consents: of any number of people.
        same: as ``roots`` or ``aliases`` gives it; ids that it does not know count as themselves.
    """
    groups: dict[str, set[str]] = {}
    for subject, root in same.items():
        groups.setdefault(root, {root}).add(subject)
    return [
        consent if subject == consent.subject else _of(consent, subject)
        for consent in consents
        for subject in sorted(groups.get(same.get(consent.subject, consent.subject), {consent.subject}))
    ]


@overload
def _of(consent: Consent, subject: str) -> Consent: ...
@overload
def _of(consent: Term, subject: str) -> Term: ...
def _of(consent: Consent | Term, subject: str) -> Consent | Term:
    return consent._replace(subject=subject) if isinstance(consent, Term) else replace(consent, subject=subject)


def must_not_appear(tx: Tx, collection: str) -> frozenset[str]:
    """Every subject of the collection who is flagged as not to appear anywhere; the reason stays sealed."""
    flagged = subjects.c.must_not_appear_sealed.is_not(None)
    return frozenset(tx.execute(select(subjects.c.id).where(subjects.c.collection_id == collection, flagged)).scalars())


def merge(tx: Tx, keep: str, other: str) -> None:
    """Let ``other`` count as ``keep``.

    Raises:
        ConflictError: they are one already, of different collections, or one of them is part of another merge.
        NotFoundError: there is no such subject.
    """
    query = select(subjects.c.id, subjects.c.collection_id, subjects.c.merged_into)
    rows = {row.id: row for row in tx.execute(query.where(subjects.c.id.in_([keep, other])))}
    for wanted in (keep, other):
        if wanted not in rows:
            members(tx, wanted)  # says that it is unknown
    if keep == other or rows[other].merged_into == keep or rows[keep].merged_into == other:
        msg = "These two are one person already."
        raise ConflictError(msg, advice="Nothing was changed.")
    if rows[keep].collection_id != rows[other].collection_id:
        msg = "These two people are of different collections, and collections are strangers to each other."
        raise ConflictError(msg, advice="Merge people of one collection only.")
    in_use = or_(
        subjects.c.merged_into == other, subjects.c.id.in_([keep, other]) & subjects.c.merged_into.is_not(None)
    )
    if tx.execute(select(subjects.c.id).where(in_use)).first() is not None:
        msg = "One of these two is merged with somebody else already."
        raise ConflictError(msg, advice="Name the person who was kept first, or undo the other merge before this one.")
    tx.execute(update(subjects).where(subjects.c.id == other).values(merged_into=keep))


def unmerge(tx: Tx, other: str) -> None:
    """Let ``other`` count as itself again."""
    tx.execute(update(subjects).where(subjects.c.id == other).values(merged_into=None))


def part(tx: Tx, gone: Collection[str]) -> None:
    """Let whoever is merged with one of these ids, and is none of them, count as themselves again."""
    for each in gone:
        theirs = select(subjects.c.id).where(subjects.c.merged_into == each)
        own = select(subjects.c.merged_into).where(subjects.c.id == each)
        for other in tx.execute(theirs).scalars().all():
            if other not in gone:
                unmerge(tx, other)
        root = tx.execute(own).scalar()
        if root is not None and root not in gone:
            unmerge(tx, each)
