"""Subjects: enrolled people under random ids.

Names, dates of birth and the reasons why somebody must not appear are sealed, so no query can look for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
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
        must_not_appear: True when no photo of this person may be released; why is opened by ``why_hidden`` only.
        born_on: date of birth, if it is known.
        merged_into: id of the subject that this one turned out to be.
    """

    id: str
    collection: str
    name: str
    minor: bool
    created_at: datetime
    pending_rescan: bool
    must_not_appear: bool = False
    born_on: date | None = None
    merged_into: str | None = None


def add(
    tx: Tx, keys: KeyStore, *, collection: str, name: str, minor: bool, at: datetime, born_on: date | None = None
) -> Subject:
    """Add a subject and its key; a rescan is pending from the start.

    The key is durable before the row; a transaction that is undone leaves a key without use, which does no harm.

    Raises:
        StoreError: the name is empty, or there is no such collection.
        NotFoundError: the collection has no key.
    """
    if not name.strip():
        msg = "A subject needs a name."
        raise StoreError(msg, advice="Give the name under which this person is known to you.")
    made = Subject(random_id(), collection, name, minor, at, pending_rescan=True, born_on=born_on)
    keys.new_subject_key(made.id, collection)
    row = {
        "id": made.id,
        "collection_id": collection,
        "name_sealed": _sealed(keys, "subject-name", collection, made.id, name),
        "minor": minor,
        "created_at": at,
        "pending_rescan": True,
        "born_sealed": _sealed(keys, "subject-born", collection, made.id, born_on.isoformat()) if born_on else None,
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
    """The collection's subjects, oldest first.

    Raises:
        NotFoundError: the key of one of them is gone.
        DamagedError: a sealed name fails its authentication.
    """
    return [_subject(keys, row) for row in _rows(tx, collection)]


def openable(tx: Tx, keys: KeyStore, collection: str) -> tuple[list[Subject], int]:
    """(The collection's subjects whose keys are there, oldest first; how many have none any more).

    Raises:
        DamagedError: a sealed name fails its authentication.
    """
    rows, there = _rows(tx, collection), list[Subject]()
    for row in rows:
        with suppress(NotFoundError):
            there.append(_subject(keys, row))
    return there, len(rows) - len(there)


def ids(tx: Tx) -> list[str]:
    """Id of everybody, also of those whose key is gone."""
    return list(tx.execute(select(subjects.c.id).order_by(subjects.c.id)).scalars())


def pending(tx: Tx, collection: str) -> list[str]:
    """Ids of the subjects with whom photos already ingested have not been compared, oldest first."""
    query = select(subjects.c.id).where(subjects.c.collection_id == collection, subjects.c.pending_rescan)
    return list(tx.execute(query.order_by(subjects.c.created_at, subjects.c.id)).scalars())


def set_pending(tx: Tx, subject: str, *, pending_rescan: bool) -> None:
    """Note that a rescan is due, or done.

    Raises:
        NotFoundError: there is no such subject.
    """
    _change(tx, subject, pending_rescan=pending_rescan)


def set_birth(tx: Tx, keys: KeyStore, subject: Subject, *, born_on: date | None, minor: bool) -> None:
    """Note a date of birth and whether a guardian must sign.

    Raises:
        NotFoundError: there is no such subject, or its key is gone.
    """
    sealed = None
    if born_on is not None:
        sealed = _sealed(keys, "subject-born", subject.collection, subject.id, born_on.isoformat())
    _change(tx, subject.id, born_sealed=sealed, minor=minor)


def set_must_not_appear(tx: Tx, keys: KeyStore, subject: Subject, reason: str | None) -> None:
    """Hide this person from everything that is released; None lifts it.

    Raises:
        StoreError: the reason is empty.
        NotFoundError: there is no such subject, or its key is gone.
    """
    if reason is None:
        _change(tx, subject.id, must_not_appear_sealed=None)
        return
    if not reason.strip():
        msg = "It needs a reason why somebody must not appear."
        raise StoreError(msg, advice="Give the reason; it is sealed, and only the steward sees it.")
    sealed = _sealed(keys, "subject-must-not-appear", subject.collection, subject.id, reason)
    _change(tx, subject.id, must_not_appear_sealed=sealed)


def why_hidden(tx: Tx, keys: KeyStore, subject: str) -> str | None:
    """Why this person must not appear, for the steward alone; None when the person may.

    Raises:
        NotFoundError: there is no such subject, or its key is gone.
        DamagedError: the sealed reason fails its authentication.
    """
    row = tx.execute(select(subjects).where(subjects.c.id == subject)).first()
    if row is None:
        raise _unknown(subject)
    if row.must_not_appear_sealed is None:
        return None
    return _opened(keys, row, "subject-must-not-appear", row.must_not_appear_sealed)


def _rows(tx: Tx, collection: str) -> Sequence[Row[Any]]:
    query = select(subjects).where(subjects.c.collection_id == collection)
    return tx.execute(query.order_by(subjects.c.created_at, subjects.c.id)).all()


def _change(tx: Tx, subject: str, **values: object) -> None:
    if tx.execute(update(subjects).where(subjects.c.id == subject).values(values)).rowcount != 1:
        raise _unknown(subject)


def _unknown(subject: str) -> NotFoundError:
    return NotFoundError(
        f"There is no subject with the id {subject}.", advice="List people with `countenance collection show NAME`."
    )


def _sealed(keys: KeyStore, what: str, collection: str, subject: str, text: str) -> bytes:
    context = row_context(what, collection, subject)
    return seal(keys.subject_key(subject), text.encode("utf-8", "surrogatepass"), context)


def _opened(keys: KeyStore, row: Row[Any], what: str, sealed: bytes) -> str:
    context = row_context(what, row.collection_id, row.id)
    return unseal(keys.subject_key(row.id), sealed, context).decode("utf-8", "surrogatepass")


def _subject(keys: KeyStore, row: Row[Any]) -> Subject:
    born_on = None
    if row.born_sealed is not None:
        born_on = date.fromisoformat(_opened(keys, row, "subject-born", row.born_sealed))
    return Subject(
        id=row.id,
        collection=row.collection_id,
        name=_opened(keys, row, "subject-name", row.name_sealed),
        minor=row.minor,
        created_at=row.created_at,
        pending_rescan=row.pending_rescan,
        must_not_appear=row.must_not_appear_sealed is not None,
        born_on=born_on,
        merged_into=row.merged_into,
    )
