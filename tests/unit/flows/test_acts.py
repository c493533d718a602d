"""Acts in the ledger: erased people are left out, and acts without anybody are entries all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from countenance.core.canonical import parse
from countenance.errors import StoreError
from countenance.flows import acts
from countenance.ledger.event import Act, Event, commitment
from countenance.store import entries, facts
from tests.unit.store.world import World, open_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = open_world(tmp_path)
    yield made
    made.store.close()
    made.keys.close()


def test_whoever_has_no_key_any_more_is_left_out(world: World) -> None:
    club = world.collection()
    ann, bob = (world.subject(club.id, name).id for name in ("Ann", "Bob"))
    world.keys.drop_subject_key(bob)
    with world.store.transaction() as tx:
        acts.log(tx, world.keys, Event(Act.FIND, "office", club.id, (bob, ann, ann)), at=world.now)
        acts.log(tx, world.keys, Event(Act.FIND, "office", club.id, (bob,)), at=world.now)
        assert entries.touching(tx, bob) == []
        assert entries.touching(tx, ann) == [0]
        both = [parse(body) for _, body in entries.bodies(tx)]
    salt = world.keys.salt_of(ann, bytes.fromhex(both[0]["nonce"]))
    assert [each["subjects"] for each in both] == [[commitment(salt, ann)], []]
    assert both[1]["nonce"] is None


def test_an_act_that_cannot_be_logged_undoes_its_transaction(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        msg = "The ledger is full."
        raise StoreError(msg)

    monkeypatch.setattr(acts, "append", fail)

    def act() -> None:
        with world.store.transaction() as tx:
            facts.put(tx, "one", "two")
            acts.log(tx, world.keys, Event(Act.FIND, "office"), at=world.now)

    with pytest.raises(StoreError, match="full"):
        act()
    with world.store.reading() as tx:
        assert facts.get(tx, "one") is None
