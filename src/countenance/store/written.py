"""The register of files we wrote outside the archive's folder: what each shows, so that erasing reaches it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from countenance.store.connection import Tx
from countenance.store.ids import random_id
from countenance.store.schema import written_file_subjects, written_files

RENDITION, THUMBNAIL, REPORT = "rendition", "thumbnail", "report"
CONTACT_SHEET, SHOW_ME, REMOVED_PERSON = "contact-sheet", "show-me", "redacted-pixels"
CASE_PAGE, CASE_REPORT = "case-page", "case-report"
"""A page with the probes of a case on it; what is kept of a case, without them."""
UNFINISHED = bytes(32)
"""In place of the hash of a file that is being written: whatever lies under that path is ours."""
PART = b".part-"
"""How the names of files begin that are not whole yet."""
KINDS = (RENDITION, THUMBNAIL, REPORT, CONTACT_SHEET, SHOW_ME, REMOVED_PERSON, CASE_PAGE, CASE_REPORT)


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """One file that we wrote.

    Attributes:
        kind: one of ``KINDS``.
        path: bytes of its absolute path.
        sha256: 32 bytes, as we wrote it; ``UNFINISHED`` while it is being written.
        bytes: size.
        written_at: aware UTC moment.
        collection: id, if it is of one.
        photo: id of the photo that it was made from, if it was made from one.
        subjects: ids of the people whom it is about; those whom a rendition shows are known by its photo.
        case: id of the case that it is about, if it is about one.
    """

    kind: str
    path: bytes
    sha256: bytes
    bytes: int
    written_at: datetime
    collection: str | None = None
    photo: str | None = None
    subjects: tuple[str, ...] = ()
    case: str | None = None


def part_of(path: bytes) -> bytes:
    """Where a file of that path is written before it is whole: beside it, so that erasing finds it by the path."""
    name = PART + hashlib.sha256(path).hexdigest()[:32].encode()
    return os.path.join(os.path.dirname(path), name)  # noqa: PTH118, PTH120 - names are bytes here


def put(tx: Tx, file: WrittenFile) -> str:
    """Note a file; it replaces what was noted of the same path. Gives the id of the note."""
    forget(tx, [file.path])
    made = random_id()
    row = {
        "id": made,
        "kind": file.kind,
        "path": file.path,
        "sha256": file.sha256,
        "bytes": file.bytes,
        "collection_id": file.collection,
        "photo_id": file.photo,
        "written_at": file.written_at,
        "case_id": file.case,
    }
    tx.execute(insert(written_files).values(row))
    about = [{"file_id": made, "subject_id": subject} for subject in dict.fromkeys(file.subjects)]
    if about:
        tx.execute(insert(written_file_subjects), about)
    return made


def stands(tx: Tx, note: str) -> bool:
    """Whether the note of that id was neither forgotten nor replaced."""
    return tx.execute(select(written_files.c.id).where(written_files.c.id == note)).first() is not None


def set_whole(tx: Tx, note: str, sha256: bytes, n_bytes: int) -> None:
    """Say of the note of that id that its file is whole: its hash (32 bytes) and its size."""
    values = {"sha256": sha256, "bytes": n_bytes}
    tx.execute(update(written_files).where(written_files.c.id == note).values(values))


def forget(tx: Tx, paths: Iterable[bytes]) -> None:
    """Forget files that are gone."""
    for path in paths:
        known = select(written_files.c.id).where(written_files.c.path == path)
        tx.execute(delete(written_file_subjects).where(written_file_subjects.c.file_id.in_(known)))
        tx.execute(delete(written_files).where(written_files.c.path == path))


def of_subject(tx: Tx, subject: str) -> list[WrittenFile]:
    """Files that are about a subject, by path."""
    about = select(written_file_subjects.c.file_id).where(written_file_subjects.c.subject_id == subject)
    return _files(tx, tx.execute(select(written_files).where(written_files.c.id.in_(about))).all())


def of_photos(tx: Tx, photos: Collection[str]) -> list[WrittenFile]:
    """Files that were made from these photos, by path."""
    found: list[Row[Any]] = []
    for photo in photos:
        found += tx.execute(select(written_files).where(written_files.c.photo_id == photo)).all()
    return _files(tx, found)


def of_cases(tx: Tx, cases: Collection[str]) -> list[WrittenFile]:
    """Files that are about these cases, by path."""
    return _files(tx, tx.execute(select(written_files).where(written_files.c.case_id.in_(cases))).all())


def everything(tx: Tx, collection: str | None = None) -> list[WrittenFile]:
    """Every file noted, or those of one collection, by path."""
    query = select(written_files)
    if collection is not None:
        query = query.where(written_files.c.collection_id == collection)
    return _files(tx, tx.execute(query).all())


def _files(tx: Tx, rows: Iterable[Row[Any]]) -> list[WrittenFile]:
    found = []
    for row in sorted(rows, key=lambda each: bytes(each.path)):
        about = select(written_file_subjects.c.subject_id).where(written_file_subjects.c.file_id == row.id)
        found.append(
            WrittenFile(
                kind=row.kind,
                path=bytes(row.path),
                sha256=bytes(row.sha256),
                bytes=row.bytes,
                written_at=row.written_at,
                collection=row.collection_id,
                photo=row.photo_id,
                subjects=tuple(tx.execute(about).scalars()),
                case=row.case_id,
            )
        )
    return found
