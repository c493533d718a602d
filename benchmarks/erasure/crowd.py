"""An archive of a million faces, made by a generator: real keys, real sealing, drawn numbers instead of photos.

Two collections: ``club`` (basis consent) and ``gala`` (basis release, where the template of every face is kept). The
person who will be erased is in ``gala``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import insert

from countenance.archive import Archive
from countenance.core.arrays import Templates, unit_rows
from countenance.core.consent import Consent
from countenance.core.permit import permit_reference
from countenance.ledger.event import Act, Event
from countenance.ledger.log import append_all
from countenance.settings import Settings
from countenance.store import attributes, collections, consents, points, schema, subjects, templates
from countenance.store.collections import Release
from countenance.store.connection import Store, Tx
from countenance.store.ids import random_id
from countenance.store.keyfile import Master, PassphraseCost
from countenance.store.keys import KeyStore
from countenance.store.sealing import seal

PACK, DIM = "drawn-pack", 128
FACES_A_PHOTO, FACES_A_SUBJECT, REFERENCES = 4, 100, 3
NAME = "Wilhelmina Featherstone-Zacharias"
OTHERS = "Somebody Else"
_PAGE = 5_000


@dataclass
class Crowd:
    """The archive and what is known of the person who will be erased.

    Attributes:
        archive: open.
        out: folder of files that we wrote elsewhere.
        victim: id.
        templates: (n, 128) float32, plain, of references and faces.
        turned: the same, as the collection turns them.
        home: id of the person's collection.
        rows: what rows of each table hold of the person and of nobody else, by table.
        files: what each kind of file that shows or names the person holds.
        counts: rows of everybody, by table.
    """

    archive: Archive
    out: Path
    victim: str
    templates: Templates
    turned: Templates
    home: str = ""
    rows: dict[str, list[bytes]] = field(default_factory=dict)
    files: dict[str, list[bytes]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def note(self, tx: Tx, table: Any, rows: list[dict[str, Any]], mine: list[bytes] | None = None) -> None:  # noqa: ANN401 - a table
        """Write rows; remember how many, and what is the person's in them."""
        for start in range(0, len(rows), _PAGE):
            tx.execute(insert(table), rows[start : start + _PAGE])
        self.counts[table.name] = self.counts.get(table.name, 0) + len(rows)
        self.rows.setdefault(table.name, []).extend(mine or [])


def make(folder: Path, *, n_faces: int, n_subjects: int, seed: int) -> Crowd:
    """Make the archive in a folder.

    Args:
        folder: empty.
        n_faces: in both collections together.
        n_subjects: in both together, 100 faces each.
        seed: of everything drawn at random except keys and ids.
    """
    chance = np.random.default_rng(seed)
    master = Master.from_passphrase("a passphrase for the benchmark", PassphraseCost(1, 64, 1))
    archive = Archive.create(folder / "archive", master, Settings())
    store, keys, now = archive._store, archive._keys, datetime.now(UTC)  # noqa: SLF001 - rows are written past the door
    with store.transaction() as tx:
        release = Release("contract 12", "The board", now + timedelta(days=365))
        homes = [
            collections.create(tx, keys, name=name, pack=PACK, at=now, release=basis).id
            for name, basis in (("gala", release), ("club", None))
        ]
    crowd = Crowd(archive, folder / "out", "", np.empty((0, DIM), np.float32), np.empty((0, DIM), np.float32))
    for number, home in enumerate(homes):
        faces = _photos(crowd, store, home, n_faces // FACES_A_PHOTO // 2, chance, now)
        people = _people(crowd, store, keys, home, n_subjects // 2, chance, now, erased=number == 0)
        _appearances(crowd, store, people, faces, chance, now)
        if number == 0:
            _face_templates(crowd, store, keys, home, faces, chance)
    crowd.home = homes[0]
    crowd.turned = np.asarray(crowd.templates @ keys.rotation_of(homes[0], DIM).T, dtype=np.float32)
    return crowd


def _photos(
    crowd: Crowd, store: Store, home: str, n_photos: int, chance: np.random.Generator, now: datetime
) -> list[str]:
    """Photos with their paths and faces; ids of the faces."""
    made = list[str]()
    for start in range(0, n_photos, _PAGE):
        ids = [random_id() for _ in range(min(_PAGE, n_photos - start))]
        corners = chance.uniform(1, 400, (len(ids), FACES_A_PHOTO, 10)).astype(np.float32)
        photos = [
            {
                "id": photo,
                "collection_id": home,
                "sha256": hashlib.sha256(photo.encode()).digest(),
                "bytes": 1_000_000 + number,
                "width": 3_000,
                "height": 2_000,
                "format": "jpeg",
                "orientation": 1,
                "status": "indexed",
                "n_faces": FACES_A_PHOTO,
                "pack_id": PACK,
                "ingested_at": now,
            }
            for number, photo in enumerate(ids)
        ]
        paths = [
            {"photo_id": photo, "path": f"/photos/{photo}.jpg".encode(), "member": b""}
            | {"first_seen_at": now, "last_seen_at": now}
            for photo in ids
        ]
        faces: list[dict[str, Any]] = [
            {
                "id": f"{photo}-{ordinal}",
                "photo_id": photo,
                "ordinal": ordinal,
                "x": float(box[0]),
                "y": float(box[1]),
                "w": float(box[2]),
                "h": float(box[3]),
                "landmarks": points.to_blob(box.reshape(5, 2)),
                "confidence": 0.99,
                "quality": 80.0,
                "pack_id": PACK,
            }
            for number, photo in enumerate(ids)
            for ordinal, box in enumerate(corners[number])
        ]
        with store.transaction() as tx:
            crowd.note(tx, schema.photos, photos)
            crowd.note(tx, schema.photo_paths, paths)
            crowd.note(tx, schema.faces, faces)
        made += [face["id"] for face in faces]
    return made


def _people(  # noqa: PLR0913 - everything a person is made of
    crowd: Crowd,
    store: Store,
    keys: KeyStore,
    home: str,
    n_people: int,
    chance: np.random.Generator,
    now: datetime,
    *,
    erased: bool,
) -> list[str]:
    """Enrolled people; the first of them is the one who will be erased, if this is the collection."""
    made = list[str]()
    with store.transaction() as tx:
        for number in range(n_people):
            mine = erased and number == 0
            name = NAME if mine else f"{OTHERS} {number}"
            subject = subjects.add(tx, keys, collection=home, name=name, minor=False, at=now).id
            subjects.set_pending(tx, subject, pending_rescan=False)
            given = Consent(
                subject=subject,
                purpose="find-my-photos",
                channels=("website", "print"),
                from_at=now,
                until_at=now + timedelta(days=30),
                evidence_sha256=hashlib.sha256(name.encode()).hexdigest(),
            )
            consent = consents.add(tx, keys, given, consents.Record(f"form of {name}.pdf", "office"), now=now)
            attributes.put(tx, keys, subject, "region", f"region {number % 7}")
            vectors = unit_rows(chance.normal(size=(REFERENCES, DIM)))
            _references(tx, keys, home, given, consent.id, vectors, now)
            append_all(
                tx,
                keys,
                [Event(act, "office", home, (subject,)) for act in (Act.ENROL, Act.GRANT, Act.FIND)],
                at=now,
            )
            made.append(subject)
            if mine:
                crowd.victim, crowd.templates = subject, vectors
    crowd.counts["subjects"] = crowd.counts.get("subjects", 0) + n_people
    crowd.counts["references"] = crowd.counts.get("references", 0) + n_people * REFERENCES
    return made


def _references(
    tx: Tx, keys: KeyStore, home: str, given: Consent, consent: str, vectors: Templates, now: datetime
) -> None:
    permit = permit_reference(home, given, now)
    for number, vector in enumerate(vectors):
        new = templates.NewReference(
            subject=given.subject,
            consent=consent,
            photo_sha256=hashlib.sha256(f"{given.subject} {number}".encode()).digest(),
            box=(10.0, 20.0, 30.0, 40.0),
            landmarks=np.arange(10, dtype=np.float32).reshape(5, 2),
            quality=71.5,
            pack=PACK,
            template=vector,
        )
        templates.add_reference(tx, keys, permit, home, new, at=now)


def _appearances(
    crowd: Crowd, store: Store, people: list[str], faces: list[str], chance: np.random.Generator, now: datetime
) -> None:
    """Each person on 100 faces of their own."""
    chosen = chance.permutation(len(faces))[: len(people) * FACES_A_SUBJECT]
    rows = [
        {
            "id": random_id(),
            "face_id": faces[face],
            "subject_id": people[number // FACES_A_SUBJECT],
            "score": 0.7,
            "state": "confirmed",
            "made_by": "reviewer",
            "made_at": now,
            "pack_id": PACK,
        }
        for number, face in enumerate(chosen.tolist())
    ]
    mine = [str(row["id"]).encode() for row in rows if row["subject_id"] == crowd.victim]
    with store.transaction() as tx:
        crowd.note(tx, schema.appearances, rows, mine)


def _face_templates(
    crowd: Crowd, store: Store, keys: KeyStore, home: str, faces: list[str], chance: np.random.Generator
) -> None:
    """The template of every face of this collection, sealed."""
    key, turn = keys.collection_key(home), keys.rotation_of(home, DIM)
    with store.reading() as tx:
        own = schema.appearances.c.subject_id == crowd.victim
        mine = set(
            tx.execute(schema.appearances.select().where(own).with_only_columns(schema.appearances.c.face_id)).scalars()
        )
    for start in range(0, len(faces), _PAGE):
        page = faces[start : start + _PAGE]
        plain = unit_rows(chance.normal(size=(len(page), DIM)))
        turned = np.asarray(plain @ turn.T, dtype="<f4")
        rows: list[dict[str, Any]] = [
            {
                "face_id": face,
                "template_sealed": seal(key, vector.tobytes(), templates.face_context(home, face, PACK)),
                "pack_id": PACK,
            }
            for face, vector in zip(page, turned, strict=True)
        ]
        picked = [number for number, face in enumerate(page) if face in mine]
        crowd.templates = np.concatenate([crowd.templates, plain[picked]])
        with store.transaction() as tx:
            crowd.note(tx, schema.face_templates, rows, [bytes(rows[number]["template_sealed"]) for number in picked])


def everything_below(*folders: Path) -> Iterator[Path]:
    """Every file."""
    for folder in folders:
        yield from (path for path in sorted(folder.rglob("*")) if path.is_file())
