"""Rows as somebody would write them who knows the database and not the package, and what came of trying."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from countenance.store import pages
from countenance.store.moments import to_text
from tests.drawn import count
from tests.unit.store.world import EVIDENCE, World


def reference_row(world: World, subject: str, consent: str | None, **changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "id": "r1",
        "subject_id": subject,
        "consent_id": consent,
        "photo_sha256": bytes(32),
        "x": 1.0,
        "y": 1.0,
        "w": 9.0,
        "h": 9.0,
        "landmarks": bytes(40),
        "quality": 50.0,
        "pack_id": "p",
        "template_sealed": b"sealed",
        "created_at": to_text(world.now),
    }
    return row | changes


def consent_row(world: World, subject: str, **changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "id": "k1",
        "subject_id": subject,
        "purpose": "find-my-photos",
        "channels": '["website"]',
        "from_at": to_text(world.now - timedelta(days=1)),
        "until_at": to_text(world.now + timedelta(days=1)),
        "evidence_sha256": EVIDENCE,
        "evidence_name_sealed": b"sealed",
        "notice_version": None,
        "minor": 0,
        "guardian_sealed": None,
        "granted_by": "office",
        "granted_at": to_text(world.now),
        "withdrawn_at": None,
    }
    return row | changes


def put(raw: sqlite3.Connection, table: str, row: dict[str, object], verb: str = "INSERT") -> None:
    marks = ", ".join("?" * len(row))
    raw.execute(f"{verb} INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))


def try_reference(world: World, row: dict[str, object], verb: str = "INSERT") -> None:
    with world.raw() as raw:
        put(raw, "subject_references", row, verb)


def n_references(world: World) -> int:
    with world.raw() as raw:
        return int(raw.execute("SELECT count(*) FROM subject_references").fetchone()[0])


def written(archive: Path) -> dict[str, int]:
    return {table: count(archive, table) for table in ("subjects", "consents", "subject_references")}


def forget_pages(database: Path) -> None:
    """As in an archive that was brought up from the first version, which had no policy pages."""
    with closing(sqlite3.connect(database)) as raw, raw:
        raw.execute("DROP TRIGGER policy_pages_are_kept")
        raw.execute("DELETE FROM policy_pages")
    pages.path_of(database).unlink()
