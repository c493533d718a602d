from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from countenance.store import clearings
from countenance.store.clearings import Clearing
from tests.unit.store.world import World

HERE, THERE = b"/out/\xff", b"/out/other"


@pytest.fixture
def row(world: World) -> Clearing:
    photo, _ = world.photo(world.collection().id)
    return Clearing(
        b"a/\xfe.jpg", photo, "website", "ab" * 32, "clear", world.now, None, b"clear/a/\xfe.jpg", bytes(32)
    )


def test_what_is_noted_is_read_back(world: World, row: Clearing) -> None:
    review = replace(row, path=b"b.jpg", verdict="review", problem="face-found", output=None, output_sha256=None)
    with world.store.transaction() as tx:
        for each in (review, row):
            clearings.put(tx, HERE, each)
    with world.store.reading() as tx:
        assert clearings.of_folder(tx, HERE) == {row.path: row, b"b.jpg": review}
        assert list(clearings.of_folder(tx, HERE)) == sorted([row.path, b"b.jpg"])
        assert clearings.of_path(tx, HERE, row.path) == row
        assert clearings.of_folder(tx, THERE) == {}
        assert clearings.of_path(tx, THERE, row.path) is None


def test_a_path_has_one_row_in_each_folder(world: World, row: Clearing) -> None:
    later = replace(row, decision="cd" * 32, verdict="blocked", output=None, output_sha256=None)
    later = replace(later, decided_at=world.now + timedelta(days=1))
    with world.store.transaction() as tx:
        clearings.put(tx, HERE, row)
        clearings.put(tx, THERE, row)
        clearings.put(tx, HERE, later)
    with world.store.reading() as tx:
        assert clearings.of_folder(tx, HERE) == {row.path: later}
        assert clearings.of_folder(tx, THERE) == {row.path: row}


def test_a_photo_knows_every_folder_it_was_cleared_into(world: World, row: Clearing) -> None:
    later = replace(row, channel="print", decided_at=world.now + timedelta(days=1))
    other, _ = world.photo(world.collection("other").id, 2)
    with world.store.transaction() as tx:
        clearings.put(tx, THERE, later)
        clearings.put(tx, HERE, row)
        clearings.put(tx, HERE, replace(row, path=b"other", photo=other))
    with world.store.reading() as tx:
        assert clearings.of_photo(tx, row.photo) == [row, later]
        assert clearings.of_photo(tx, "0" * 24) == []


def test_forgetting_is_for_one_path_of_one_folder(world: World, row: Clearing) -> None:
    other = replace(row, path=b"other")
    with world.store.transaction() as tx:
        for folder in (HERE, THERE):
            clearings.put(tx, folder, row)
            clearings.put(tx, folder, other)
        clearings.forget(tx, HERE, row.path)
        clearings.forget(tx, HERE, b"never there")
    with world.store.reading() as tx:
        assert clearings.of_folder(tx, HERE) == {b"other": other}
        assert clearings.of_folder(tx, THERE) == {b"other": other, row.path: row}
