"""A release collection with two people and four faces, for what concerns its key."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Self

import numpy as np

from countenance.core.arrays import Templates
from countenance.core.permit import permit_compare, permit_open_templates, permit_templates
from countenance.flows import rekey
from countenance.store import entries, references, templates
from countenance.store.collections import Collection
from countenance.store.connection import Store
from countenance.store.keys import KeyStore
from countenance.store.rekeying import Rekeyed
from tests.unit.store.world import DIM, PACK, World, cheap_master, open_world, vectors

N_PEOPLE, N_FACES = 2, 4
PEOPLE, FACES = vectors(N_PEOPLE, 1), vectors(N_FACES, 2)


@dataclass
class Kept:
    """What the collection keeps, and ways to look at it."""

    world: World
    collection: Collection
    subjects: list[str]
    faces: list[str]

    @classmethod
    def make(cls, folder: Path, name: str = "club") -> Self:
        """A new archive in a folder."""
        return cls.inside(open_world(folder), name)

    @classmethod
    def inside(cls, world: World, name: str, seed: int = 1) -> Self:
        """One more collection of an archive, with the same people."""
        collection = world.collection(name, release_days=30)
        subjects = [world.subject(collection.id, who).id for who in ("Ann", "Bob")]
        for row, subject in enumerate(subjects):
            consent = world.granted(subject)
            with world.store.transaction() as tx:
                world.reference(tx, collection.id, subject, consent, PEOPLE[row])
        _, faces = world.photo(collection.id, seed, n_faces=N_FACES)
        permit = permit_templates(collection.id, "release", basis(collection), world.now)
        assert permit is not None
        with world.store.transaction() as tx:
            templates.add_face_templates(
                tx, world.keys, permit, collection.id, pack=PACK, face_ids=faces, templates=FACES
            )
        return cls(world, collection, subjects, faces)

    def opened(self) -> tuple[Templates, Templates]:
        """The references in order of the people, and the templates in order of the faces."""
        where, world = self.collection.id, self.world
        with world.store.reading() as tx:
            compare = permit_compare(where, [world.consent(each) for each in self.subjects], world.now)
            found = references.references_of_collection(tx, world.keys, compare, where, pack=PACK, dim=DIM)
            order = [found.subjects.index(each) for each in self.subjects]
            permit = permit_open_templates(where, "release", basis(self.collection), world.now)
            pages = list(templates.each_face_template(tx, world.keys, permit, where, pack=PACK, dim=DIM))
        ids = [face for page, _ in pages for face in page]
        rows = np.concatenate([rows for _, rows in pages])
        return found.templates[order], rows[[ids.index(face) for face in self.faces]]

    def assert_whole(self) -> None:
        """Everything opens and is what was put in."""
        people, faces = self.opened()
        assert np.abs(people - PEOPLE).max() < 1e-5
        assert np.abs(faces - FACES).max() < 1e-5

    def sealed(self) -> dict[str, bytes]:
        """Every sealed value of the collection, by id of its row."""
        with self.world.raw() as raw:
            rows = raw.execute(
                "SELECT r.id, template_sealed FROM subject_references AS r JOIN subjects AS s ON s.id = r.subject_id "
                "WHERE s.collection_id = :here UNION ALL SELECT t.face_id, template_sealed FROM face_templates AS t "
                "JOIN faces AS f ON f.id = t.face_id JOIN photos AS p ON p.id = f.photo_id "
                "WHERE p.collection_id = :here",
                {"here": self.collection.id},
            ).fetchall()
        return dict(rows)

    def rekey(self) -> Rekeyed:
        """Give it a new key."""
        return rekey.rekey(self.world.store, self.world.keys, self.collection, lambda: self.world.now, "office")

    def reopened(self) -> Self:
        """As another program finds the archive: opened anew, what was interrupted settled."""
        self.world.store.close()
        self.world.keys.close()
        keys = KeyStore.open(self.world.folder / "keys", cheap_master())
        world = replace(self.world, keys=keys, store=Store.open(self.world.path))
        rekey.settle(world.store, world.keys)
        return replace(self, world=world)

    def in_files(self, needles: Iterable[bytes]) -> list[bytes]:
        """Which of these bytes lie in any file of the archive."""
        content = b"".join(path.read_bytes() for path in self.world.folder.rglob("*") if path.is_file())
        return [needle for needle in needles if needle in content]

    def wrapped(self) -> bytes:
        """The collection's key as the key store keeps it."""
        with closing(sqlite3.connect(self.world.folder / "keys" / "keys.sqlite")) as raw:
            query = "SELECT wrapped FROM collection_keys WHERE collection_id = ?"
            return bytes(raw.execute(query, (self.collection.id,)).fetchone()[0])

    @property
    def n_entries(self) -> int:
        """Size of the ledger."""
        with self.world.store.reading() as tx:
            return entries.size(tx)


def basis(collection: Collection) -> dict[str, datetime | str | None]:
    """The documented basis as permits want it."""
    release = collection.release
    assert release is not None
    return {"reference": release.reference, "approver": release.approver, "until_at": release.until_at}
