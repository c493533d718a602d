"""What became of each photo in each folder that was cleared into: one row for each path, with the file we wrote."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, select, text

from countenance.store.connection import Tx
from countenance.store.ids import random_id
from countenance.store.moments import to_text
from countenance.store.schema import clearings, photos


@dataclass(frozen=True, slots=True)
class Clearing:
    """The state of one path in one folder.

    Attributes:
        path: bytes of the photo's path below the source, which the output keeps.
        photo: id of the photo.
        channel: where it is to appear.
        decision: hex SHA-256 over everything that the output depends on.
        verdict: ``clear``, ``redact``, ``review`` or ``blocked``.
        problem: why a written file did not pass the check; None when it did or none was written.
        output: bytes of the path of the released file below the folder; None when there is none.
        output_sha256: 32 bytes, of the released file.
        decided_at: aware UTC moment.
    """

    path: bytes
    photo: str
    channel: str
    decision: str
    verdict: str
    decided_at: datetime
    problem: str | None = None
    output: bytes | None = None
    output_sha256: bytes | None = None


_PUT = text(
    "INSERT INTO clearings (id, folder, path, photo_id, channel, decision, verdict, problem, output, output_sha256, "
    "decided_at) VALUES (:id, :folder, :path, :photo, :channel, :decision, :verdict, :problem, :output, "
    ":output_sha256, :at) ON CONFLICT (folder, path) DO UPDATE SET photo_id = excluded.photo_id, "
    "channel = excluded.channel, decision = excluded.decision, verdict = excluded.verdict, problem = excluded.problem, "
    "output = excluded.output, output_sha256 = excluded.output_sha256, decided_at = excluded.decided_at"
)
_OF_FOLDER = select(clearings).where(clearings.c.folder == bindparam("of_folder")).order_by(clearings.c.path)
_OF_PATH = select(clearings).where(clearings.c.folder == bindparam("of_folder"), clearings.c.path == bindparam("at"))


def put(tx: Tx, folder: bytes, clearing: Clearing) -> None:
    """Note what became of one path; it replaces what was noted before."""
    row = {
        "id": random_id(),
        "folder": folder,
        "path": clearing.path,
        "photo": clearing.photo,
        "channel": clearing.channel,
        "decision": clearing.decision,
        "verdict": clearing.verdict,
        "problem": clearing.problem,
        "output": clearing.output,
        "output_sha256": clearing.output_sha256,
        "at": to_text(clearing.decided_at),
    }
    tx.execute(_PUT, row)


def of_folder(tx: Tx, folder: bytes) -> dict[bytes, Clearing]:
    """Every path of a folder with what became of it."""
    return {row.path: _clearing(row) for row in tx.execute(_OF_FOLDER, {"of_folder": folder})}


def of_path(tx: Tx, folder: bytes, path: bytes) -> Clearing | None:
    """What became of one path of a folder; None when nothing was noted of it."""
    row = tx.execute(_OF_PATH, {"of_folder": folder, "at": path}).first()
    return _clearing(row) if row is not None else None


def of_photo(tx: Tx, photo: str) -> list[Clearing]:
    """What became of a photo in every folder it was cleared into, oldest first."""
    query = select(clearings).where(clearings.c.photo_id == photo).order_by(clearings.c.decided_at, clearings.c.id)
    return [_clearing(row) for row in tx.execute(query)]


def forget(tx: Tx, folder: bytes, path: bytes) -> None:
    """Forget one path, whose file we have removed."""
    tx.execute(delete(clearings).where(clearings.c.folder == folder, clearings.c.path == path))


def forget_others(tx: Tx, folder: bytes, collection: str, channel: str) -> None:
    """Forget paths of a folder that was removed and begun anew for this collection and channel."""
    ours = select(photos.c.id).where(photos.c.collection_id == collection)
    other = (clearings.c.channel != channel) | clearings.c.photo_id.not_in(ours)
    tx.execute(delete(clearings).where(clearings.c.folder == folder, other))


def _clearing(row: Row[Any]) -> Clearing:
    return Clearing(
        path=row.path,
        photo=row.photo_id,
        channel=row.channel,
        decision=row.decision,
        verdict=row.verdict,
        decided_at=row.decided_at,
        problem=row.problem,
        output=row.output,
        output_sha256=row.output_sha256,
    )
