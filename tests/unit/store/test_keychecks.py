from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from countenance.archive import DATABASE, Archive
from countenance.errors import DamagedError
from countenance.store import facts, keychecks
from tests.drawn import CLUB
from tests.pretend import SETTINGS, Party, _master
from tests.unit.store.world import World


def test_rows_of_another_key_are_refused(world: World) -> None:
    place = world.collection().id
    with world.store.transaction() as tx:
        keychecks.require(tx, world.keys, place)
        keychecks.note(tx, place, b"k" * 32)
        with pytest.raises(DamagedError, match="was renewed"):
            keychecks.require(tx, world.keys, place)


def test_a_collection_from_before_such_checks_is_taken_as_it_is(world: World) -> None:
    place = world.collection().id
    with world.store.transaction() as tx:
        facts.drop(tx, f"key-check:{place}")
        keychecks.require(tx, world.keys, place)


def test_an_old_copy_from_before_a_rekey_finds_nobody_aloud(party: Party, tmp_path: Path) -> None:
    archive = party.archive
    archive._store.truncate_log()
    old = tmp_path / "old.db"
    shutil.copy(archive.folder / DATABASE, old)
    archive.rekey(CLUB)
    archive.close()
    for path in archive.folder.glob(f"{DATABASE}*"):
        path.unlink()
    shutil.copy(old, archive.folder / DATABASE)
    with Archive.open(archive.folder, _master(), SETTINGS, party.clock) as back:
        back.replay_ledger()
        with pytest.raises(DamagedError, match="was renewed"):
            back.ingest(CLUB, [party.photos])
