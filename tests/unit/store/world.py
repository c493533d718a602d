"""A small archive for tests: one collection, one enrolled person, and ways around our own code."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from countenance.core.arrays import Templates, unit_rows
from countenance.core.consent import Consent
from countenance.core.permit import permit_reference
from countenance.store import collections, consents, faces, photos, policies, subjects, templates
from countenance.store.collections import Collection, Release
from countenance.store.connection import Store, Tx
from countenance.store.keyfile import Master, PassphraseCost
from countenance.store.keys import KeyStore
from countenance.store.subjects import Subject

PACK = "drawn-pack"
DIM = 16
EVIDENCE = hashlib.sha256(b"a signed form").hexdigest()
CHEAP = PassphraseCost(iterations=1, memory_kib=64, lanes=1)


def cheap_master(words: str = "correct horse") -> Master:
    return Master.from_passphrase(words, CHEAP)


def vectors(n_rows: int, seed: int, dim: int = DIM) -> Templates:
    return unit_rows(np.random.default_rng(seed).normal(size=(n_rows, dim)))


@dataclass
class World:
    """An open archive. ``now`` is real, because the database checks consents by its own clock."""

    folder: Path
    store: Store
    keys: KeyStore
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def path(self) -> Path:
        return self.store.path

    @contextmanager
    def raw(self, *, foreign_keys: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection without our code or settings, as any program on this machine could open."""
        with closing(sqlite3.connect(self.path, timeout=0.2)) as connection:
            connection.execute(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")
            with connection:
                yield connection

    def collection(self, name: str = "club", *, release_days: float | None = None) -> Collection:
        release = None
        if release_days is not None:
            release = Release("contract 12", "The board", self.now + timedelta(days=release_days))
        with self.store.transaction() as tx:
            return collections.create(tx, self.keys, name=name, pack=PACK, at=self.now, release=release)

    def subject(self, collection: str, name: str = "Ann", *, minor: bool = False) -> Subject:
        with self.store.transaction() as tx:
            return subjects.add(tx, self.keys, collection=collection, name=name, minor=minor, at=self.now)

    def consent(self, subject: str, **changes: object) -> Consent:
        values: dict[str, object] = {
            "subject": subject,
            "purpose": "find-my-photos",
            "channels": ("website", "print"),
            "from_at": self.now,
            "until_at": self.now + timedelta(days=30),
            "evidence_sha256": EVIDENCE,
        }
        return Consent(**(values | changes))  # type: ignore[arg-type]

    def granted(self, subject: str, **changes: object) -> str:
        with self.store.transaction() as tx:
            record = consents.Record("form.pdf", "office")
            return consents.add(tx, self.keys, self.consent(subject, **changes), record, now=self.now).id

    def reference(self, tx: Tx, collection: str, subject: str, consent: str, template: Templates | None = None) -> str:
        permit = permit_reference(collection, self.consent(subject), self.now)
        new = new_reference(subject, consent, template if template is not None else vectors(1, 1)[0])
        return templates.add_reference(tx, self.keys, permit, collection, new, at=self.now)

    def photo(self, collection: str, seed: int = 1, *, n_faces: int = 2) -> tuple[str, list[str]]:
        """A photo with faces and a path; (photo id, face ids)."""
        with self.store.transaction() as tx:
            photo = photos.add_photo(tx, collection, new_photo(seed, n_faces=n_faces), at=self.now)
            photos.add_path(tx, photo, b"/photos/%d.jpg" % seed, at=self.now)
            return photo, faces.add_faces(tx, photo, new_faces(n_faces, seed))


def open_world(folder: Path) -> World:
    keys = KeyStore.create(folder / "keys", cheap_master())
    world = World(folder, Store.open(folder / "archive.sqlite", create=True), keys)
    with world.store.transaction() as tx:
        policies.publish(tx, "What we do with your photos.", by="office", at=world.now)
    return world


def new_photo(seed: int, *, n_faces: int = 0, status: str = "indexed") -> photos.NewPhoto:
    return photos.NewPhoto(
        sha256=hashlib.sha256(b"%d" % seed).digest(),
        n_bytes=1_000 + seed,
        width=640,
        height=480,
        format="jpeg",
        orientation=1,
        taken_at=datetime(2020, 2, 29, 12, tzinfo=UTC),
        status=status,
        n_faces=n_faces,
        pack=PACK,
    )


def new_faces(n_faces: int, seed: int = 1) -> faces.NewFaces:
    chance = np.random.default_rng(seed)
    return faces.NewFaces(
        boxes=chance.uniform(1, 200, (n_faces, 4)).astype(np.float32),
        landmarks=chance.uniform(0, 400, (n_faces, 5, 2)).astype(np.float32),
        confidences=chance.uniform(0, 1, n_faces).astype(np.float32),
        qualities=chance.uniform(0, 100, n_faces).astype(np.float32),
        pack=PACK,
    )


def new_reference(subject: str, consent: str, template: Templates) -> templates.NewReference:
    return templates.NewReference(
        subject=subject,
        consent=consent,
        photo_sha256=hashlib.sha256(subject.encode()).digest(),
        box=(10.0, 20.0, 30.0, 40.0),
        landmarks=np.arange(10, dtype=np.float32).reshape(5, 2),
        quality=71.5,
        pack=PACK,
        template=template,
    )
