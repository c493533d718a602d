from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from countenance.errors import CountenanceError, DamagedError
from countenance.store import keyfolder
from countenance.store.epoch import SLOT_BYTES
from countenance.store.keys import KeyStore
from tests.unit.store.world import cheap_master


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A closed key store with some keys."""
    made = tmp_path / "keys"
    with KeyStore.create(made, cheap_master()) as keys:
        keys.new_collection_key("club")
        for number in range(3):
            keys.new_subject_key(f"subject {number}", "club")
    return made


def opened(folder: Path) -> KeyStore:
    return KeyStore.open(folder, cheap_master())


def problems(folder: Path) -> dict[str, str]:
    found = {}
    for name, look in keyfolder.looks(folder):
        try:
            said = look()
        except CountenanceError as error:
            said = error.message
        if said is not None:
            found[name] = said
    return found


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["keys.sqlite", "keys.sums", "master.json"])
def test_every_flipped_bit_is_named_and_opens_nothing(folder: Path, name: str) -> None:
    whole = (folder / name).read_bytes()
    step = max(1, len(whole) * 8 // 60) | 1
    for bit in range(0, len(whole) * 8, step):
        flip(folder / name, bit)
        assert problems(folder), bit
        with pytest.raises(CountenanceError):
            opened(folder)
        (folder / name).write_bytes(whole)
    assert problems(folder) == {}
    with opened(folder) as keys:
        assert keys.open_all() == 4


def test_flips_in_either_slot_of_the_epoch_file_are_seen_and_noise_is_made_anew(folder: Path) -> None:
    path = folder / "epoch.key"
    for byte in (0, 9, 20, 60, 87, 100, SLOT_BYTES - 1, SLOT_BYTES, 2 * SLOT_BYTES - 1):
        whole = path.read_bytes()
        flip(path, byte * 8)
        assert list(problems(folder)) == ["keys/epoch.key"]
        path.write_bytes(whole)
    flip(path, (SLOT_BYTES + 50) * 8)
    with opened(folder) as keys:
        assert keys.open_all() == 4
        assert problems(folder) == {}
        keys.rotate_epoch()
    assert problems(folder) == {}


def test_an_older_copy_and_another_programs_write_are_no_damage(folder: Path, tmp_path: Path) -> None:
    backup = shutil.copytree(folder, tmp_path / "backup")
    with opened(folder) as keys:
        keys.new_subject_key("later", "club")
    shutil.copy(backup / "keys.sqlite", folder / "keys.sqlite")
    with opened(folder) as keys:
        assert not keys.has_subject_key("later")
    with closing(sqlite3.connect(folder / "keys.sqlite")) as raw, raw:
        raw.execute("DELETE FROM subject_keys WHERE subject_id = 'subject 0'")
    with opened(folder) as keys:
        assert not keys.has_subject_key("subject 0")
    assert problems(folder) == {}


def test_a_kill_between_commit_and_sum_is_no_damage(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    keys = opened(folder)
    with monkeypatch.context() as patch:
        patch.setattr("countenance.store.keysums.KeySums.take", killed)
        with pytest.raises(Killed):
            keys.new_subject_key("last", "club")
    keys.close()
    with opened(folder) as again:
        assert again.has_subject_key("last")
    assert problems(folder) == {}


def test_a_row_that_was_changed_without_the_counter_is_damage(folder: Path) -> None:
    content = (folder / "keys.sqlite").read_bytes()
    (folder / "keys.sqlite").write_bytes(content.replace(b"subject 1", b"subject 7", 1))
    with pytest.raises(DamagedError, match="table of keys"):
        opened(folder)
    (folder / "keys.sums").unlink()
    opened(folder).close()
