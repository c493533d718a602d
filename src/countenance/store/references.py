"""Open the references of people who consented, a few or a million of them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Row, Select, select

from countenance.core.arrays import Templates
from countenance.core.permit import Act, Permit
from countenance.store.connection import Tx
from countenance.store.keys import KeyStore
from countenance.store.many import collector_paused, is_most, raw_pages
from countenance.store.schema import subject_references, subjects
from countenance.store.sealing import named, unseal, unseal_each
from countenance.store.templates import around_reference, reference_context, turned_back

Told = Callable[[int, int], None]
"""Is told how many references are open, and of how many."""
_FEW = 500


@dataclass(frozen=True, slots=True, eq=False)
class References:
    """Open references of one collection and one pack; row i of each belongs together.

    Attributes:
        ids: ids of the references.
        subjects: whose they are.
        templates: (n, d) float32.
    """

    ids: tuple[str, ...]
    subjects: tuple[str, ...]
    templates: Templates


def references_of_collection(  # noqa: PLR0913 - what is asked for, and how it is opened
    tx: Tx,
    keys: KeyStore,
    permit: Permit,
    collection: str,
    *,
    pack: str,
    dim: int,
    only: Collection[str] | None = None,
    told: Told | None = None,
) -> References:
    """Open the references of the subjects that the permit covers; those of others stay sealed.

    Args:
        tx: any transaction.
        keys: where the keys are.
        permit: to compare, or to search under a case, in this collection.
        collection: id of the collection.
        pack: only references of this model pack.
        dim: length of its templates.
        only: ids of the subjects who are asked for; None for all.
        told: is told how far it is.

    Raises:
        PermitError: the permit is not for comparing or searching here.
        DamagedError: a reference fails its authentication or has another length.
        NotFoundError: the key of a subject is gone.
    """
    permit.require(Act.SEARCH if permit.act is Act.SEARCH else Act.COMPARE, collection)
    if only is not None and len(only) <= _FEW:
        query = _references(collection, pack).where(subjects.c.id.in_(only)).order_by(subject_references.c.id)
        rows = [row for row in tx.execute(query) if row.subject_id in permit.subjects]
        opened = [
            unseal(keys.subject_key(s), sealed, reference_context(collection, s, r, pack)) for r, s, sealed in rows
        ]
        return References(
            tuple(row.id for row in rows),
            tuple(row.subject_id for row in rows),
            turned_back(keys, collection, opened, dim),
        )
    wanted = permit.subjects if only is None else permit.subjects & frozenset(only)
    with collector_paused():
        return _all_of(tx, keys, collection, wanted, pack=pack, dim=dim, told=told)


def _all_of(
    tx: Tx, keys: KeyStore, collection: str, wanted: frozenset[str], *, pack: str, dim: int, told: Told | None
) -> References:
    own_keys, (begins, ends) = keys.subject_keys_of(collection, wanted), around_reference(collection, pack)
    ids, people, parts = list[str](), list[str](), list[Templates]()
    for page in raw_pages(tx, _references(collection if not is_most(tx, subjects, collection) else None, pack)):
        ours = [row for row in page if row[1] in own_keys or (row[1] in wanted and _is_of(tx, row[1], collection))]
        # Whoever is of this collection and has no key there says why.
        opened = unseal_each(
            (own_keys.get(subject) or keys.subject_key(subject), sealed, begins + named(subject, reference) + ends)
            for reference, subject, sealed in ours
        )
        ids += [row[0] for row in ours]
        people += [row[1] for row in ours]
        parts.append(turned_back(keys, collection, opened, dim))
        if told is not None:
            told(len(ids), max(len(ids), len(wanted)))
    own_keys.clear()
    made = np.concatenate(parts) if parts else np.empty((0, dim), dtype=np.float32)
    return References(tuple(ids), tuple(people), made)


def _is_of(tx: Tx, subject: str, collection: str) -> bool:
    return tx.execute(select(subjects.c.collection_id).where(subjects.c.id == subject)).scalar() == collection


def references_to_verify(tx: Tx, keys: KeyStore, permit: Permit, collection: str, *, pack: str, dim: int) -> Templates:
    """Open the references of one person, so that the person can be recognised when asking for their own data.

    Args:
        tx: any transaction.
        keys: where the keys are.
        permit: to verify, in this collection; only references of its subjects are opened.
        collection: id of the collection.
        pack: only references of this model pack.
        dim: length of its templates.

    Returns:
        (n, d) float32 of unit length, in no particular order; n is 0 when all references are of another pack.

    Raises:
        PermitError: the permit is not for verifying here.
        DamagedError: a reference fails its authentication or has another length.
        NotFoundError: the person's key is gone.
    """
    permit.require(Act.VERIFY, collection)
    rows = tx.execute(_references(collection, pack).where(subjects.c.id.in_(permit.subjects)))
    opened = [_opened(keys, collection, row, pack) for row in rows]
    return turned_back(keys, collection, opened, dim)


def _opened(keys: KeyStore, collection: str, row: Row[Any], pack: str) -> bytes:
    context = reference_context(collection, row.subject_id, row.id, pack)
    return unseal(keys.subject_key(row.subject_id), row.template_sealed, context)


def _references(collection: str | None, pack: str) -> Select[Any]:
    """References of a collection, or of the whole archive, that a model pack made."""
    query = select(subject_references.c.id, subject_references.c.subject_id, subject_references.c.template_sealed)
    if collection is not None:
        query = query.join(subjects, subjects.c.id == subject_references.c.subject_id)
        query = query.where(subjects.c.collection_id == collection)
    return query.where(subject_references.c.pack_id == pack)
