from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from countenance.errors import NotFoundError
from countenance.store import publications
from countenance.store.publications import Publication
from tests.unit.store.world import World


@pytest.fixture
def copy(world: World) -> Publication:
    collection = world.collection().id
    photo, (first, second) = world.photo(collection)
    subject = world.subject(collection).id
    shown = {first: subject, second: None}
    return Publication(
        publications.new_id(),
        photo,
        "website",
        "https://example.org",
        b"\xff.jpg",
        bytes(32),
        shown,
        "office",
        world.now,
        None,
    )


def test_a_copy_is_read_back_with_whoever_can_be_seen(world: World, copy: Publication) -> None:
    with world.store.transaction() as tx:
        assert publications.add(tx, copy)
        where = tx.exec_driver_sql("SELECT collection_id FROM photos").scalar_one()
        assert publications.of_collection(tx, where) == [copy]
        assert publications.of_collection(tx, "another") == []


def test_the_same_file_at_the_same_place_is_one_copy(world: World, copy: Publication) -> None:
    others = [
        replace(copy, id=publications.new_id(), place="elsewhere", shown={}),
        replace(copy, id=publications.new_id(), output_sha256=bytes([1] * 32)),
        replace(copy, id=publications.new_id(), channel="print"),
    ]
    with world.store.transaction() as tx:
        assert publications.add(tx, copy)
        assert not publications.add(tx, replace(copy, id=publications.new_id(), published_by="somebody else"))
        assert all(publications.add(tx, each) for each in others)
        where = tx.exec_driver_sql("SELECT collection_id FROM photos").scalar_one()
        found = {each.id: each for each in publications.of_collection(tx, where)}
    assert found == {each.id: each for each in [copy, *others]}


def test_taking_down_is_noted_once(world: World, copy: Publication) -> None:
    with world.store.transaction() as tx:
        publications.add(tx, copy)
        publications.take_down(tx, copy.id, at=world.now)
        publications.take_down(tx, copy.id, at=world.now + timedelta(days=1))
        where = tx.exec_driver_sql("SELECT collection_id FROM photos").scalar_one()
        assert publications.of_collection(tx, where) == [replace(copy, taken_down_at=world.now)]
        with pytest.raises(NotFoundError):
            publications.take_down(tx, "another", at=world.now)
