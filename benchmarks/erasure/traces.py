"""What use leaves behind about a person: published copies, clearings, operations, and files of several kinds."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime
from typing import Any

import numpy as np
from PIL import Image
from sqlalchemy import select

from benchmarks.erasure.crowd import NAME, Crowd
from countenance.archive import DATABASE
from countenance.store import schema, written
from countenance.store.connection import Tx
from countenance.store.ids import random_id
from countenance.store.written import WrittenFile

_OTHERS, _SCAN_HEADER = 400, 14
_FILES = {written.RENDITION: 40, written.THUMBNAIL: 40}


def leave(crowd: Crowd) -> None:
    """Leave traces of the person, and of others."""
    store, home, now = crowd.archive._store, crowd.home, datetime.now(UTC)  # noqa: SLF001 - rows are written past the door
    with store.reading() as tx:
        own = schema.appearances.c.subject_id == crowd.victim
        found = tx.execute(schema.appearances.select().where(own)).all()
    mine = [row.face_id for row in found]
    with store.reading() as tx:
        inside = (
            select(schema.faces.c.id)
            .join(schema.photos, schema.photos.c.id == schema.faces.c.photo_id)
            .where(schema.photos.c.collection_id == home)
        )
        others = [face for face in tx.execute(inside.limit(_OTHERS)).scalars() if face not in set(mine)]
    shown = [(face, face.rpartition("-")[0], face in set(mine)) for face in [*mine, *others]]
    shown = list({photo: (face, photo, ours) for face, photo, ours in reversed(shown)}.values())
    with store.transaction() as tx:
        _published(crowd, tx, shown, now)
        _operations(crowd, tx, home, found, now)
        _files(crowd, tx, home, shown, now)
        _sealed_of_victim(crowd, tx)
    store.truncate_log()
    crowd.counts["bytes of the database"] = (crowd.archive.folder / DATABASE).stat().st_size


def _published(crowd: Crowd, tx: Tx, shown: list[tuple[str, str, bool]], now: datetime) -> None:
    made = [
        (random_id(), random_id(), hashlib.sha256(face.encode()).digest(), face, photo, ours)
        for face, photo, ours in shown
    ]
    crowd.note(
        tx,
        schema.clearings,
        [
            {
                "id": clearing,
                "folder": b"/photos",
                "path": f"{photo}.jpg".encode(),
                "photo_id": photo,
                "channel": "website",
                "decision": hashlib.sha256(clearing.encode()).hexdigest(),
                "verdict": "clear",
                "output": f"/out/{photo}.jpg".encode(),
                "output_sha256": digest,
                "decided_at": now,
            }
            for clearing, _, digest, _, photo, _ in made
        ],
        [clearing.encode() for clearing, _, _, _, _, ours in made if ours],
    )
    crowd.note(
        tx,
        schema.publications,
        [
            {
                "id": publication,
                "photo_id": photo,
                "channel": "website",
                "place": "https://example.org/gala",
                "path": f"{photo}.jpg".encode(),
                "output_sha256": digest,
                "published_by": "office",
                "published_at": now,
            }
            for _, publication, digest, _, photo, _ in made
        ],
    )
    crowd.note(
        tx,
        schema.publication_faces,
        [
            {
                "publication_id": publication,
                "face_id": face,
                "subject_id": crowd.victim if ours else None,
                "hidden": False,
            }
            for _, publication, _, face, _, ours in made
        ],
    )


def _operations(crowd: Crowd, tx: Tx, home: str, found: Any, now: datetime) -> None:  # noqa: ANN401 - rows
    made = [(random_id(), row.id) for row in found]
    crowd.note(
        tx,
        schema.label_operations,
        [
            {
                "id": operation,
                "kind": "decide",
                "collection_id": home,
                "subject_id": crowd.victim,
                "actor": "reviewer",
                "at": now,
                "note": f"looks like {NAME}",
            }
            for operation, _ in made
        ],
        [operation.encode() for operation, _ in made],
    )
    changes = [
        {"operation_id": operation, "appearance_id": appearance, "from_state": "suggested", "to_state": "confirmed"}
        for operation, appearance in made
    ]
    crowd.note(tx, schema.label_changes, changes)


def _sealed_of_victim(crowd: Crowd, tx: Tx) -> None:
    """Sealed values of the person: none of them may stay, though nobody can open them."""
    for table, columns in (
        (schema.subjects, ("name_sealed",)),
        (schema.consents, ("id", "evidence_name_sealed")),
        (schema.subject_references, ("id", "template_sealed")),
        (schema.subject_attributes, ("value_sealed",)),
    ):
        own = table.c.id if table is schema.subjects else table.c.subject_id
        for row in tx.execute(table.select().where(own == crowd.victim)).mappings():
            values = [row[column] for column in columns]
            crowd.rows.setdefault(table.name, []).extend(
                value.encode() if isinstance(value, str) else bytes(value) for value in values
            )


def _files(crowd: Crowd, tx: Tx, home: str, shown: list[tuple[str, str, bool]], now: datetime) -> None:
    """Renditions and thumbnails of the person and of others, a contact sheet, a report and a pack about the person."""
    crowd.out.mkdir()
    mine, others = ([photo for _, photo, ours in shown if ours is whose] for whose in (True, False))
    for kind, n_files in _FILES.items():
        for photo, ours in [(each, True) for each in mine[:n_files]] + [(each, False) for each in others[:n_files]]:
            _put(crowd, tx, kind, f"{kind}/{photo}.jpg", _picture(photo + kind), (home, photo, ()), mine=ours, at=now)
    about = (home, None, (crowd.victim,))
    page = f"<html><p>Photos of {NAME}</p>{'<p>nothing else</p>' * 40}</html>".encode()
    _put(crowd, tx, written.CONTACT_SHEET, "contact-sheet/of her.jpg", _picture("sheet"), about, mine=True, at=now)
    _put(crowd, tx, written.REPORT, "report/report.html", page, about, mine=True, at=now)
    _put(crowd, tx, written.SHOW_ME, "show-me/index.html", page.replace(b"Photos", b"Pack"), about, mine=True, at=now)
    _put(crowd, tx, written.SHOW_ME, "show-me/photo.jpg", _picture("pack"), about, mine=True, at=now)


def _put(  # noqa: PLR0913 - one row and one file
    crowd: Crowd,
    tx: Tx,
    kind: str,
    name: str,
    content: bytes,
    about: tuple[str, str | None, tuple[str, ...]],
    *,
    mine: bool,
    at: datetime,
) -> None:
    path, (home, photo, people) = crowd.out / name, about
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    digest = hashlib.sha256(content).digest()
    written.put(tx, WrittenFile(kind, bytes(path), digest, len(content), at, home, photo, people))
    if mine:
        # Headers of a JPEG stand in everybody's files.
        crowd.files.setdefault(kind, []).append(content[content.rfind(b"\xff\xda") + _SCAN_HEADER :])


def _picture(word: str) -> bytes:
    """A JPEG that no other word gives."""
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8])
    pixels = np.random.default_rng(seed).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    into = io.BytesIO()
    Image.fromarray(pixels).resize((320, 240)).save(into, "JPEG", quality=88)
    return into.getvalue()
