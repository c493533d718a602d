"""Whether the database holds together: SQLite's own checks, and every sealed value opened once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import func, select

from countenance.errors import DamagedError, KeyStoreError, NotFoundError
from countenance.store import attributes, consents, subjects
from countenance.store.connection import Tx
from countenance.store.keys import KeyStore
from countenance.store.schema import (
    collections,
    face_templates,
    faces,
    photos,
    subject_references,
)
from countenance.store.schema import subjects as people
from countenance.store.sealing import unseal
from countenance.store.templates import face_context, reference_context

MOST_NAMED = 20
"""Rows beyond that are counted, not named."""

_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Opened:
    """What opening every sealed value gave.

    Attributes:
        n_rows: rows looked at.
        n_damaged: rows of which a value does not open.
        named: kind and id of the first of those.
    """

    n_rows: int
    n_damaged: int
    named: tuple[str, ...]


def integrity(tx: Tx) -> list[str]:
    """What SQLite finds wrong with tables, indexes and references between rows; empty when nothing is."""
    found = [str(row[0]) for row in tx.exec_driver_sql(f"PRAGMA integrity_check({MOST_NAMED})")]
    dangling = [
        f"row {row[1]} of {row[0]} refers to nothing in {row[2]}"
        for row in tx.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(MOST_NAMED)
    ]
    return [line for line in found if line != "ok"] + dangling


def open_all(tx: Tx, keys: KeyStore, progress: Callable[[int, int], None]) -> Opened:
    """Open every name, birthday, reason, evidence, attribute and template, and keep none.

    Args:
        tx: reading.
        keys: what they are sealed under.
        progress: is told how many rows are done, and of how many.
    """
    n_all = sum(
        tx.execute(select(func.count()).select_from(table)).scalar_one()
        for table in (people, subject_references, face_templates)
    )
    n_rows, n_damaged, named = 0, 0, list[str]()
    for name, attempt in _attempts(tx, keys):
        n_rows += 1
        try:
            attempt()
        except (DamagedError, KeyStoreError, NotFoundError):
            n_damaged += 1
            if len(named) < MOST_NAMED:
                named.append(name)
        if n_rows % _AT_ONCE == 0:
            progress(n_rows, n_all)
    progress(n_rows, n_all)
    return Opened(n_rows, n_damaged, tuple(named))


def _attempts(tx: Tx, keys: KeyStore) -> Iterator[tuple[str, Callable[[], object]]]:
    for subject in subjects.ids(tx):
        yield f"subject {subject}", lambda subject=subject: _person(tx, keys, subject)  # type: ignore[misc]
    of_person = select(subject_references, people.c.collection_id).join(
        people, people.c.id == subject_references.c.subject_id
    )
    for row in tx.execute(of_person):
        context = reference_context(row.collection_id, row.subject_id, row.id, row.pack_id)
        yield (
            f"reference {row.id}",
            lambda row=row, context=context: unseal(  # type: ignore[misc]
                keys.subject_key(row.subject_id), row.template_sealed, context
            ),
        )
    where = photos.c.collection_id == collections.c.id
    of_face = (
        select(face_templates, collections.c.id.label("collection_id"))
        .join(faces, faces.c.id == face_templates.c.face_id)
        .join(photos, photos.c.id == faces.c.photo_id)
        .join(collections, where)
    )
    for row in tx.execute(of_face):
        context = face_context(row.collection_id, row.face_id, row.pack_id)
        yield (
            f"template of face {row.face_id}",
            lambda row=row, context=context: unseal(  # type: ignore[misc]
                keys.collection_key(row.collection_id), row.template_sealed, context
            ),
        )


def _person(tx: Tx, keys: KeyStore, subject: str) -> None:
    subjects.by_id(tx, keys, subject)
    subjects.why_hidden(tx, keys, subject)
    consents.of_subject(tx, keys, subject)
    attributes.of_subject(tx, keys, subject)
