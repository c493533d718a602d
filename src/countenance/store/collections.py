"""Collections: photos with one controller, one basis and one model pack."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, insert, select

from countenance.errors import ConflictError, NotFoundError, StoreError
from countenance.store import keychecks
from countenance.store.connection import Tx
from countenance.store.ids import random_id
from countenance.store.keys import KeyStore
from countenance.store.schema import collections, photos, refusals, subjects


@dataclass(frozen=True, slots=True)
class Release:
    """The documented basis of a ``release`` collection.

    Attributes:
        reference: where the document is found.
        approver: who approved it.
        until_at: aware UTC moment at which it ends.
    """

    reference: str
    approver: str
    until_at: datetime


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection.

    Attributes:
        id: random id.
        name: unique in the archive.
        basis: ``consent`` or ``release``.
        release: the documented basis; None exactly when the basis is ``consent``.
        pack: id of the model pack of all its faces.
        created_at: aware UTC moment.
    """

    id: str
    name: str
    basis: str
    release: Release | None
    pack: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CollectionCounts:
    """A collection with what it holds.

    Attributes:
        collection: the collection.
        n_photos: photos indexed, whole or in part.
        n_faces: faces in them.
        n_subjects: subjects enrolled.
        n_refused: files that could not be used.
    """

    collection: Collection
    n_photos: int
    n_faces: int
    n_subjects: int
    n_refused: int


def create(tx: Tx, keys: KeyStore, *, name: str, pack: str, at: datetime, release: Release | None = None) -> Collection:
    """Make a collection and its key; of basis ``release`` exactly when a documented basis is given.

    The key is durable before the row; a transaction that is undone leaves a key without use, which does no harm.

    Raises:
        ConflictError: the name is taken.
        StoreError: the name, or a field of the basis, is empty.
    """
    if not name.strip():
        msg = "A collection needs a name."
        raise StoreError(msg, advice="Give a name of letters and digits.")
    if tx.execute(select(collections.c.id).where(collections.c.name == name)).first() is not None:
        msg = f"There is a collection named {name!r} already."
        raise ConflictError(msg)
    made = Collection(
        id=random_id(),
        name=name,
        basis="consent" if release is None else "release",
        release=release,
        pack=pack,
        created_at=at,
    )
    keys.new_collection_key(made.id)
    row: dict[str, Any] = {"id": made.id, "name": name, "basis": made.basis, "pack_id": pack, "created_at": at}
    if release is not None:
        row |= {
            "release_reference": release.reference,
            "release_approver": release.approver,
            "release_until_at": release.until_at,
        }
    tx.execute(insert(collections).values(row))
    keychecks.note(tx, made.id, keys.collection_key(made.id))
    return made


def by_name(tx: Tx, name: str) -> Collection:
    """The collection of that name.

    Raises:
        NotFoundError: there is none.
    """
    row = tx.execute(select(collections).where(collections.c.name == name)).first()
    if row is None:
        msg = f"There is no collection named {name!r}."
        raise NotFoundError(msg)
    return _collection(row)


def by_id(tx: Tx, collection: str) -> Collection:
    """The collection of that id.

    Raises:
        NotFoundError: there is none.
    """
    row = tx.execute(select(collections).where(collections.c.id == collection)).first()
    if row is None:
        msg = f"There is no collection with the id {collection}."
        raise NotFoundError(msg)
    return _collection(row)


def list_all(tx: Tx) -> list[CollectionCounts]:
    """Every collection with its counts, by name."""
    rows = tx.execute(select(collections).order_by(collections.c.name)).all()
    photo_counts = _by_collection(
        tx,
        select(photos.c.collection_id, func.count(), func.coalesce(func.sum(photos.c.n_faces), 0)).group_by(
            photos.c.collection_id
        ),
    )
    subject_counts = _by_collection(
        tx, select(subjects.c.collection_id, func.count()).group_by(subjects.c.collection_id)
    )
    refused = _by_collection(tx, select(refusals.c.collection_id, func.count()).group_by(refusals.c.collection_id))
    return [
        CollectionCounts(
            collection=_collection(row),
            n_photos=photo_counts.get(row.id, (0, 0))[0],
            n_faces=photo_counts.get(row.id, (0, 0))[1],
            n_subjects=subject_counts.get(row.id, (0,))[0],
            n_refused=refused.get(row.id, (0,))[0],
        )
        for row in rows
    ]


def _by_collection(tx: Tx, query: Select[Any]) -> dict[str, tuple[int, ...]]:
    return {row[0]: tuple(row[1:]) for row in tx.execute(query)}


def _collection(row: Row[Any]) -> Collection:
    release = None
    if row.basis == "release":
        release = Release(row.release_reference, row.release_approver, row.release_until_at)
    return Collection(row.id, row.name, row.basis, release, row.pack_id, row.created_at)
