"""Subjects: enrolled people under random ids. Their names are sealed, so no query can look for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from countenance.errors import NotFoundError, StoreError
from countenance.store.connection import Tx
from countenance.store.ids import random_id
from countenance.store.keys import KeyStore
from countenance.store.schema import subjects
from countenance.store.sealing import row_context, seal, unseal


@dataclass(frozen=True, slots=True)
class Subject:
    """One enrolled person.

    Attributes:
        id: random id.
        collection: id of the only collection that knows this person.
        name: as given at enrolment.
        minor: True when a guardian must consent.
        created_at: aware UTC moment.
        pending_rescan: True while photos already ingested have not been compared with this person.
    """

    id: str
    collection: str
    name: str
    minor: bool
    created_at: datetime
    pending_rescan: bool


def add(tx: Tx, keys: KeyStore, *, collection: str, name: str, minor: bool, at: datetime) -> Subject:
    """Add a subject and its key; a rescan is pending from the start.

    The key is durable before the row; a transaction that is undone leaves a key without use, which does no harm.

    Raises:
        StoreError: the name is empty, or there is no such collection.
        NotFoundError: the collection has no key.
    """
    if not name.strip():
        msg = "A subject needs a name."
        raise StoreError(msg, advice="Give the name under which this person is known to you.")
    made = Subject(random_id(), collection, name, minor, at, pending_rescan=True)
    keys.new_subject_key(made.id, collection)
    row = {
        "id": made.id,
        "collection_id": collection,
        "name_sealed": seal(keys.subject_key(made.id), _encoded(name), _name_context(collection, made.id)),
        "minor": minor,
        "created_at": at,
        "pending_rescan": True,
    }
    tx.execute(insert(subjects).values(row))
    return made


def by_id(tx: Tx, keys: KeyStore, subject: str) -> Subject:
    """The subject of that id.

    Raises:
        NotFoundError: there is none, or its key is gone.
        DamagedError: the sealed name fails its authentication.
    """
    row = tx.execute(select(subjects).where(subjects.c.id == subject)).first()
    if row is None:
        raise _unknown(subject)
    return _subject(keys, row)


def by_name(tx: Tx, keys: KeyStore, collection: str, name: str) -> list[Subject]:
    """Every subject of the collection with exactly this name. Opens every name of the collection."""
    return [subject for subject in of_collection(tx, keys, collection) if subject.name == name]


def of_collection(tx: Tx, keys: KeyStore, collection: str) -> list[Subject]:
    """The collection's subjects, oldest first."""
    query = select(subjects).where(subjects.c.collection_id == collection)
    rows: Sequence[Row[Any]] = tx.execute(query.order_by(subjects.c.created_at, subjects.c.id)).all()
    return [_subject(keys, row) for row in rows]


def pending(tx: Tx, collection: str) -> list[str]:
    """Ids of the subjects with whom photos already ingested have not been compared, oldest first."""
    query = select(subjects.c.id).where(subjects.c.collection_id == collection, subjects.c.pending_rescan)
    return list(tx.execute(query.order_by(subjects.c.created_at, subjects.c.id)).scalars())


def set_pending(tx: Tx, subject: str, *, pending_rescan: bool) -> None:
    """Note that a rescan is due, or done.

    Raises:
        NotFoundError: there is no such subject.
    """
    done = tx.execute(update(subjects).where(subjects.c.id == subject).values(pending_rescan=pending_rescan))
    if done.rowcount != 1:
        raise _unknown(subject)


def _unknown(subject: str) -> NotFoundError:
    return NotFoundError(
        f"There is no subject with the id {subject}.", advice="List people with `countenance collection show NAME`."
    )


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _name_context(collection: str, subject: str) -> bytes:
    return row_context("subject-name", collection, subject)


def _subject(keys: KeyStore, row: Row[Any]) -> Subject:
    name = unseal(keys.subject_key(row.id), row.name_sealed, _name_context(row.collection_id, row.id))
    return Subject(
        id=row.id,
        collection=row.collection_id,
        name=name.decode("utf-8", "surrogatepass"),
        minor=row.minor,
        created_at=row.created_at,
        pending_rescan=row.pending_rescan,
    )
