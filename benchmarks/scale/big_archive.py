"""An archive with very many templates at rest: real keys, real sealing, real rows and rules of the database.

``club`` (basis consent) holds one reference of each of n enrolled people, every one under a key of their own; ``gala``
(basis release) holds the templates of n faces. Rows go past the doors of the package, because enrolling a million
people one by one takes a day; what the database itself enforces is enforced.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from sqlalchemy import insert

from benchmarks.scale.drawn_crowd import DrawnCrowd
from countenance.archive import Archive
from countenance.core.arrays import Templates
from countenance.settings import Settings
from countenance.store import collections, schema
from countenance.store.collections import Release
from countenance.store.ids import random_id
from countenance.store.keyfile import Master, write_key_file
from countenance.store.keys import KeyStore
from countenance.store.sealing import seal
from countenance.store.templates import face_context, reference_context
from countenance.store.wrapping import wrap

PACK, DIM, SEED = "drawn-pack", 128, 20_260
PEOPLE, FACES = "club", "gala"
FACES_A_PHOTO = 4
_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class BigArchive:
    """Where it is, and the people of ``club``.

    Attributes:
        folder, key_file: of the archive.
        subjects: their ids, in the order of the crowd.
    """

    folder: Path
    key_file: Path
    subjects: list[str]


def pack() -> Any:  # noqa: ANN401 - what stories need of a pack
    """A pack that no model stands behind: its name, its size and the default pack's match score."""
    return SimpleNamespace(id=PACK, match=0.945, certain=0.96, agree=0.93, embedder=SimpleNamespace(template_size=DIM))


def make(folder: Path, n: int, *, people: bool = True, faces: bool = True) -> BigArchive:
    """Make it in a new folder, with n people, n faces, or both."""
    folder.mkdir(parents=True)
    key_file = folder / "archive.key"
    write_key_file(key_file)
    made = BigArchive(folder / "archive", key_file, [])
    crowd, now = DrawnCrowd.of(DIM, SEED), datetime.now(UTC)
    with Archive.create(made.folder, Master.from_key_file(key_file), Settings()) as archive:
        store, keys = archive._store, archive._keys  # noqa: SLF001 - rows are written past the door
        release = Release("contract 12", "The board", now + timedelta(days=365))
        with store.transaction() as tx:
            club = collections.create(tx, keys, name=PEOPLE, pack=PACK, at=now).id
            gala = collections.create(tx, keys, name=FACES, pack=PACK, at=now, release=release).id
        for _, templates, _, _ in crowd.pages(n, SEED):
            for start in range(0, len(templates), _PAGE):
                page = templates[start : start + _PAGE]
                if people:
                    made.subjects.extend(_enrol(archive, keys, club, page, now))
                if faces:
                    _put_faces(archive, keys, gala, page, now)
    return made


def _enrol(archive: Archive, keys: KeyStore, club: str, page: Templates, now: datetime) -> list[str]:
    ids = [random_id() for _ in page]
    own = [os.urandom(32) for _ in page]
    with keys._transaction(write=True) as db:  # noqa: SLF001 - a page of keys in one transaction
        outer, epoch = keys._collection_key(db, club), keys._epoch  # noqa: SLF001
        wrapped = [(each, club, wrap(epoch, wrap(outer, key))) for each, key in zip(ids, own, strict=True)]
        db.executemany("INSERT INTO subject_keys VALUES (?, ?, ?)", wrapped)
    turned = np.asarray(page @ keys.rotation_of(club, DIM).T, dtype="<f4")
    consents = [random_id() for _ in page]
    references = [random_id() for _ in page]
    with archive._store.transaction() as tx:  # noqa: SLF001
        tx.execute(
            insert(schema.subjects),
            [
                {
                    "id": each,
                    "collection_id": club,
                    "name_sealed": os.urandom(48),
                    "minor": False,
                    "created_at": now,
                    "pending_rescan": False,
                }
                for each in ids
            ],
        )
        tx.execute(
            insert(schema.consents),
            [
                {
                    "id": consent,
                    "subject_id": each,
                    "purpose": "find-my-photos",
                    "channels": '["website"]',
                    "from_at": now - timedelta(seconds=1),
                    "until_at": now + timedelta(days=300),
                    "evidence_sha256": hashlib.sha256(each.encode()).hexdigest(),
                    "evidence_name_sealed": os.urandom(48),
                    "notice_version": "1",
                    "minor": False,
                    "granted_by": "office",
                    "granted_at": now,
                }
                for each, consent in zip(ids, consents, strict=True)
            ],
        )
        tx.execute(
            insert(schema.subject_references),
            [
                {
                    "id": reference,
                    "subject_id": each,
                    "consent_id": consent,
                    "photo_sha256": bytes(32),
                    **dict.fromkeys("xywh", 1.0),
                    "landmarks": np.zeros(10, "<f4").tobytes(),
                    "quality": 80.0,
                    "pack_id": PACK,
                    "template_sealed": seal(key, row.tobytes(), reference_context(club, each, reference, PACK)),
                    "created_at": now,
                }
                for each, key, consent, reference, row in zip(ids, own, consents, references, turned, strict=True)
            ],
        )
    return ids


def _put_faces(archive: Archive, keys: KeyStore, gala: str, page: Templates, now: datetime) -> None:
    photos = [random_id() for _ in range(-(-len(page) // FACES_A_PHOTO))]
    places = [(photos[at // FACES_A_PHOTO], at % FACES_A_PHOTO) for at in range(len(page))]
    turned = np.asarray(page @ keys.rotation_of(gala, DIM).T, dtype="<f4")
    key = keys.collection_key(gala)
    with archive._store.transaction() as tx:  # noqa: SLF001
        tx.execute(
            insert(schema.photos),
            [
                {
                    "id": photo,
                    "collection_id": gala,
                    "sha256": hashlib.sha256(photo.encode()).digest(),
                    "bytes": 1_000_000,
                    "width": 3_000,
                    "height": 2_000,
                    "format": "jpeg",
                    "orientation": 1,
                    "status": "indexed",
                    "n_faces": FACES_A_PHOTO,
                    "pack_id": PACK,
                    "ingested_at": now,
                }
                for photo in photos
            ],
        )
        tx.execute(
            insert(schema.faces),
            [
                {
                    "id": f"{photo}-{ordinal}",
                    "photo_id": photo,
                    "ordinal": ordinal,
                    **dict.fromkeys("xywh", 1.0),
                    "landmarks": np.zeros(10, "<f4").tobytes(),
                    "confidence": 0.99,
                    "quality": 80.0,
                    "pack_id": PACK,
                }
                for photo, ordinal in places
            ],
        )
        tx.execute(
            insert(schema.face_templates),
            [
                {
                    "face_id": f"{photo}-{ordinal}",
                    "template_sealed": seal(key, row.tobytes(), face_context(gala, f"{photo}-{ordinal}", PACK)),
                    "pack_id": PACK,
                }
                for (photo, ordinal), row in zip(places, turned, strict=True)
            ],
        )
