"""Bytes of real archives on disk, a face and a person: what grows between two archives of drawn people."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.scale import big_archive
from benchmarks.scale.big_archive import DIM, FACES_A_PHOTO
from countenance.store.sealing import KEY_BYTES, seal

FACES = (5_000, 20_000)
PEOPLE = (1_000, 5_000)


def measured() -> dict[str, Any]:
    """Bytes a face (template kept, as in a ``release`` collection) and a person, by file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        faces = [_files(folder / f"faces {n}", n, people=False) for n in FACES]
        people = [_files(folder / f"people {n}", n, people=True) for n in PEOPLE]
    return {
        "faces": FACES[-1],
        "faces_a_photo": FACES_A_PHOTO,
        "page_bytes": faces[-1]["page"],
        "sealed_template_bytes": len(seal(bytes(KEY_BYTES), bytes(4 * DIM), b"")),
        "face": {file: _each(faces, file, FACES) for file in ("database", "checksums", "keys")},
        "people": PEOPLE[-1],
        "person": {file: _each(people, file, PEOPLE) for file in ("database", "checksums", "keys")},
    }


def _files(folder: Path, n: int, *, people: bool) -> dict[str, int]:
    made = big_archive.make(folder, n, people=people, faces=not people)
    database = made.folder / "countenance.db"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        (page,) = connection.execute("PRAGMA page_size").fetchone()
    return {
        "page": int(page),
        "database": database.stat().st_size,
        "checksums": database.with_name("countenance.db-sums").stat().st_size,
        "keys": (made.folder / "keys" / "keys.sqlite").stat().st_size,
    }


def _each(found: list[dict[str, int]], file: str, sizes: tuple[int, int]) -> float:
    return (found[1][file] - found[0][file]) / (sizes[1] - sizes[0])
