from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from countenance.core.arrays import Templates
from countenance.core.permit import Permit, permit_compare, permit_open_templates, permit_templates
from countenance.errors import PermitError
from countenance.flows import rekey
from countenance.flows.face_index import FaceIndex
from countenance.flows.gallery import LiveGallery
from countenance.flows.scope import Scope, documented_basis
from countenance.index import choice
from countenance.settings import Settings
from countenance.store import consents, index_files, references, stamps, templates
from countenance.store.collections import Collection
from countenance.store.keys import KeyStore
from tests.drawn import CLUB, Club, name_of
from tests.unit.store.world import DIM, PACK, World, open_world, vectors

N_PHOTOS, N_PEOPLE = 60, 40


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few templates are many here."""
    monkeypatch.setattr(choice, "EXACT_ROWS", 20)
    monkeypatch.setattr(choice, "_SHORTEST", DIM)
    monkeypatch.setattr(choice, "_LEAST_SAMPLE", 20)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = open_world(tmp_path)
    yield made
    made.store.close()
    made.keys.close()


def scope_of(world: World, collection: Collection) -> Scope:
    points = SimpleNamespace(id=PACK, match=0.9, certain=0.95, agree=0.9, embedder=SimpleNamespace(template_size=DIM))
    return Scope(world.store, world.keys, collection, cast("Any", points), Settings(), lambda: world.now)


class Studio:
    """A release collection with some hundred faces."""

    def __init__(self, world: World) -> None:
        self.world, self.collection = world, world.collection("studio", release_days=5)
        self.scope = scope_of(world, self.collection)
        self.made: dict[str, Templates] = {}
        for seed in range(N_PHOTOS):
            self.add(seed)

    def add(self, seed: int) -> list[str]:
        world, basis = self.world, documented_basis(self.collection)
        _, ids = world.photo(self.collection.id, 1_000 + seed, n_faces=4)
        permit = permit_templates(self.collection.id, "release", basis, world.now)
        assert permit is not None
        rows = vectors(4, seed)
        with world.store.transaction() as tx:
            place = self.collection.id
            templates.add_face_templates(tx, world.keys, permit, place, pack=PACK, face_ids=ids, templates=rows)
        self.made |= dict(zip(ids, rows, strict=True))
        return ids

    @property
    def permit(self) -> Permit:
        return permit_open_templates(self.collection.id, "release", documented_basis(self.collection), self.world.now)

    @property
    def path(self) -> Path:
        return index_files.index_file(self.world.store.path.parent, self.collection.id, index_files.FACES)

    def found(self, face: str) -> tuple[str, float]:
        with self.world.store.reading() as tx:
            index = FaceIndex.open(tx, self.scope, self.permit)
        assert index.kind == "ann"
        return index.search(self.made[face][None], at_least=0.5, most=3)[0]


@pytest.fixture
def studio(world: World) -> Studio:
    return Studio(world)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many templates were opened, each time some were."""
    seen: list[int] = []
    whole = templates.turned_back

    def watched(keys: KeyStore, collection: str, plain: Sequence[bytes], dim: int) -> Templates:
        seen.append(len(plain))
        return whole(keys, collection, plain, dim)

    for where in (templates, references):
        monkeypatch.setattr(where, "turned_back", watched)
    return seen


def test_every_face_is_found_and_the_index_is_used_again(studio: Studio, opened: list[int]) -> None:
    for face in list(studio.made)[::17]:
        name, score = studio.found(face)
        assert name == face
        assert score == pytest.approx(1.0, abs=2e-3)
    assert sum(opened) == len(studio.made) == 4 * N_PHOTOS, "templates were opened once"


def test_a_new_face_makes_the_saved_index_stale(studio: Studio, opened: list[int]) -> None:
    studio.found(next(iter(studio.made)))
    new = studio.add(999)[0]
    assert studio.found(new)[0] == new
    assert len(opened) == 2


def test_a_face_that_is_gone_is_not_served(studio: Studio) -> None:
    face = next(iter(studio.made))
    assert studio.found(face)[0] == face
    with studio.world.raw() as raw:
        raw.execute("DELETE FROM face_templates WHERE face_id = ?", (face,))
    with studio.world.store.reading() as tx:
        index = FaceIndex.open(tx, studio.scope, studio.permit)
    left = index.search(studio.made[face][None], at_least=-1.0, most=len(studio.made))
    assert len(left) == len(studio.made) - 1
    assert face not in [name for name, _ in left]


def test_a_damaged_index_is_built_anew(studio: Studio, opened: list[int]) -> None:
    face = next(iter(studio.made))
    studio.found(face)
    whole = bytearray(studio.path.read_bytes())
    whole[len(whole) // 2] ^= 1
    studio.path.write_bytes(bytes(whole))
    assert studio.found(face)[0] == face
    assert len(opened) == 2


def test_a_saved_index_opens_under_a_permit_only(studio: Studio) -> None:
    studio.found(next(iter(studio.made)))
    wrong = permit_compare(studio.collection.id, [], studio.world.now)
    with studio.world.store.reading() as tx, pytest.raises(PermitError):
        FaceIndex.open(tx, studio.scope, wrong)


def test_what_was_saved_before_an_erasure_opens_no_more(studio: Studio, opened: list[int], tmp_path: Path) -> None:
    face = next(iter(studio.made))
    studio.found(face)
    backup = tmp_path / "backup.idx"
    shutil.copy(studio.path, backup)
    index_files.forget(studio.world.keys, studio.collection.id)
    studio.world.keys.rotate_epoch()
    assert not studio.path.exists()
    shutil.copy(backup, studio.path)
    assert studio.found(face)[0] == face
    assert len(opened) == 2, "the copy was of no use"


def test_what_is_saved_during_an_erasure_does_not_survive_it(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index is built from an older view, and an erasure takes rows and secret away before it has its name."""
    face, save = next(iter(studio.made)), choice.save

    def late(path: Path, *more: Any) -> Path:  # noqa: ANN401 - as it is called
        written = save(path, *more)
        with studio.world.raw() as raw:
            raw.execute("DELETE FROM face_templates WHERE face_id = ?", (face,))
        index_files.forget(studio.world.keys, studio.collection.id)
        written.write_bytes(written.read_bytes() if written.exists() else b"late")
        return written

    monkeypatch.setattr(choice, "save", late)
    studio.found(face)
    assert index_files.index_files(studio.world.store.path.parent, studio.collection.id) == []


def test_a_collection_knows_its_epochs_from_the_first_moment_on(studio: Studio) -> None:
    empty = studio.world.collection("empty")
    with studio.world.store.reading() as tx:
        words = [stamps.epoch(tx, empty.id, kind).word for kind in (index_files.PEOPLE, index_files.FACES)]
    assert all(words)
    assert len(set(words)) == 2


def test_small_collections_draw_no_secret_and_save_nothing(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "EXACT_ROWS", 10**6)
    with studio.world.store.reading() as tx:
        assert FaceIndex.open(tx, studio.scope, studio.permit).kind == "flat"
    assert not studio.world.keys.has_secret(index_files.secret_of(studio.collection.id))


def test_a_new_key_of_the_collection_destroys_it(studio: Studio) -> None:
    face = next(iter(studio.made))
    studio.found(face)
    rekey.rekey(studio.world.store, studio.world.keys, studio.collection, lambda: studio.world.now, "office")
    assert index_files.index_files(studio.world.store.path.parent, studio.collection.id) == []
    assert studio.found(face)[0] == face


class Crowd:
    """A consent collection with some enrolled people."""

    def __init__(self, world: World) -> None:
        self.world, self.collection = world, world.collection()
        self.rows = vectors(N_PEOPLE, 5)
        self.people, self.consents = list[str](), list[str]()
        for number in range(N_PEOPLE):
            person = world.subject(self.collection.id, f"Person {number}").id
            consent = world.granted(person)
            with world.store.transaction() as tx:
                world.reference(tx, self.collection.id, person, consent, self.rows[number])
            self.people.append(person)
            self.consents.append(consent)

    def found(self, number: int, now: datetime | None = None) -> list[str]:
        gallery = LiveGallery(scope_of(self.world, self.collection))
        with self.world.store.reading() as tx:
            gallery.refresh(tx, now or self.world.now)
        assert gallery.kind == "ann"
        return [each.subject for each in gallery.compare(self.rows[number : number + 1])]


def test_a_gallery_is_used_again_until_somebody_changes(world: World, opened: list[int]) -> None:
    crowd = Crowd(world)
    for number in (0, 7, N_PEOPLE - 1):
        assert crowd.found(number) == [crowd.people[number]]
    assert opened == [N_PEOPLE]
    with world.store.transaction() as tx:
        consents.withdraw(tx, crowd.consents[7], at=world.now)
    assert crowd.found(7) == []
    assert crowd.found(8) == [crowd.people[8]]
    assert opened == [N_PEOPLE, N_PEOPLE - 1]


def test_a_saved_gallery_is_good_until_a_consent_ends_by_date(world: World, opened: list[int]) -> None:
    crowd = Crowd(world)
    assert crowd.found(0) == [crowd.people[0]]
    soon = world.now + timedelta(days=29)
    assert crowd.found(1, soon) == [crowd.people[1]]
    assert len(opened) == 1
    late = world.now + timedelta(days=31)
    gallery = LiveGallery(scope_of(world, crowd.collection))
    with world.store.reading() as tx:
        gallery.refresh(tx, late)
    assert gallery.compare(crowd.rows[:1]) == []


def test_progress_is_told(world: World) -> None:
    crowd, told = Crowd(world), list[tuple[int, int]]()
    scope = scope_of(world, crowd.collection)
    gallery = LiveGallery(replace(scope, told=lambda done, of: told.append((done, of))))
    with world.store.reading() as tx:
        gallery.refresh(tx, world.now)
    assert told[-1] == (N_PEOPLE, N_PEOPLE)


def test_erasing_somebody_destroys_the_saved_indexes_of_the_collection(club: Club) -> None:
    archive = club.archive
    here = index_files.index_file(archive.folder, archive.collection(CLUB).id, index_files.PEOPLE)
    other = index_files.index_file(archive.folder, "0" * 24, index_files.PEOPLE)
    here.parent.mkdir()
    for path in (here, other):
        path.write_bytes(np.random.default_rng(1).bytes(1_000))
    done = archive.erase(name_of(0))
    (row,) = (each for each in done.statement["stores"] if each["store"] == "saved indexes of the collection")
    assert (row["before"], row["after"]) == (1, 0)
    assert [path.name for path in here.parent.iterdir()] == [other.name]
