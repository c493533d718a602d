from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from countenance.errors import ConflictError, DamagedError, KeyStoreError, NotFoundError, StoreError
from countenance.store.epoch import SLOT_BYTES, EpochFile
from countenance.store.keyfile import Master, write_key_file
from countenance.store.keys import KeyStore
from tests.unit.store.world import cheap_master


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def keys(folder: Path) -> Iterator[KeyStore]:
    with KeyStore.create(folder, cheap_master()) as store:
        store.new_collection_key("club")
        for subject in ("ann", "bob"):
            store.new_subject_key(subject, "club")
        yield store


def all_keys(store: KeyStore) -> list[bytes]:
    return [store.collection_key("club"), store.subject_key("ann"), store.subject_key("bob")]


def raw_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def test_keys_are_random_and_come_back(folder: Path, keys: KeyStore) -> None:
    made = all_keys(keys)
    assert len(set(made)) == 3
    assert {len(key) for key in made} == {32}
    assert all_keys(keys) == made
    with KeyStore.open(folder, cheap_master()) as again:
        assert all_keys(again) == made


def test_no_key_lies_in_the_folder_as_it_is(folder: Path, keys: KeyStore) -> None:
    content = raw_bytes(folder)
    assert b"club" in content
    for key in (*all_keys(keys), bytes(keys._epoch), bytes(keys._wrapping)):
        assert len(key) == 32
        assert key not in content
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name for path in folder.iterdir()} >= {"epoch.key", "keys.sqlite", "master.json"}
    assert (folder / "epoch.key").stat().st_size == 2 * SLOT_BYTES


def test_secure_delete_and_durability_are_in_force(keys: KeyStore) -> None:
    wanted = {"secure_delete": 1, "journal_mode": "truncate", "synchronous": 2, "foreign_keys": 1, "temp_store": 2}
    assert {name: keys._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in wanted} == wanted


def test_a_key_file_opens_what_it_made(folder: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_key_file(tmp_path / name)
    KeyStore.create(folder, Master.from_key_file(tmp_path / "one")).close()
    KeyStore.open(folder, Master.from_key_file(tmp_path / "one")).close()
    with pytest.raises(KeyStoreError, match="does not open this archive"):
        KeyStore.open(folder, Master.from_key_file(tmp_path / "two"))
    with pytest.raises(KeyStoreError, match="opens with a key file, and a passphrase was given"):
        KeyStore.open(folder, cheap_master())


def test_a_wrong_passphrase_opens_and_changes_nothing(folder: Path, keys: KeyStore) -> None:
    before = raw_bytes(folder)
    with pytest.raises(KeyStoreError, match="does not open this archive") as caught:
        KeyStore.open(folder, cheap_master("wrong horse"))
    assert not isinstance(caught.value, DamagedError)
    assert raw_bytes(folder) == before
    assert len(all_keys(keys)) == 3


def test_what_has_no_key_is_said(keys: KeyStore) -> None:
    for ask in (keys.collection_key, keys.subject_key):
        with pytest.raises(NotFoundError):
            ask("nobody")
    with pytest.raises(NotFoundError):
        keys.rotation_of("nobody", 8)
    with pytest.raises(NotFoundError):
        keys.new_subject_key("carl", "nobody")
    with pytest.raises(ConflictError):
        keys.new_collection_key("club")
    with pytest.raises(ConflictError):
        keys.new_subject_key("ann", "club")


def test_a_dropped_key_is_gone_here_and_in_other_programs(folder: Path, keys: KeyStore) -> None:
    with KeyStore.open(folder, cheap_master()) as other:
        kept, gone = other.subject_key("bob"), other.subject_key("ann")
        with closing(sqlite3.connect(folder / "keys.sqlite")) as raw:
            (wrapped,) = raw.execute("SELECT wrapped FROM subject_keys WHERE subject_id = 'ann'").fetchone()
        assert wrapped in raw_bytes(folder)
        assert keys.drop_subject_key("ann")
        assert not keys.drop_subject_key("ann")
        assert wrapped not in raw_bytes(folder)
        for store in (keys, other):
            assert store.subject_key("bob") == kept != gone
            with pytest.raises(NotFoundError, match="erased"):
                store.subject_key("ann")


def test_rotation_keeps_keys_and_leaves_nothing_of_the_old_epoch(folder: Path, keys: KeyStore) -> None:
    made = all_keys(keys)
    (slot,) = EpochFile(folder / "epoch.key").slots()
    inode = (folder / "epoch.key").stat().st_ino
    with closing(sqlite3.connect(folder / "keys.sqlite")) as raw:
        wrapped = [
            row[0] for row in raw.execute("SELECT wrapped FROM collection_keys UNION SELECT wrapped FROM subject_keys")
        ]
    old = [slot.wrapped, bytes(keys._epoch), *wrapped]
    assert len(old) == 5
    found_before = [needle in raw_bytes(folder) for needle in old]
    assert found_before == [True, False, True, True, True]
    with KeyStore.open(folder, cheap_master()) as other:
        assert keys.rotate_epoch() == 2
        content = raw_bytes(folder)
        assert [needle for needle in old if needle in content] == []
        assert all_keys(keys) == all_keys(other) == made
        assert other.rotate_epoch() == 3
        keys.new_subject_key("carl", "club")
        assert other.subject_key("carl") == keys.subject_key("carl")
    assert len(EpochFile(folder / "epoch.key").slots()) == 1
    assert (folder / "epoch.key").stat().st_ino == inode
    assert (folder / "epoch.key").stat().st_size == 2 * SLOT_BYTES
    with KeyStore.open(folder, cheap_master()) as again:
        assert all_keys(again) == made


KILL = """
import os, sys
from pathlib import Path
from countenance.store import epoch, keys
from tests.unit.store.world import cheap_master

folder, step = Path(sys.argv[1]), sys.argv[2]
store = keys.KeyStore.open(folder, cheap_master())
write, scrub = epoch.EpochFile.write, epoch.EpochFile.scrub

def torn(index):
    handle = os.open(folder / "epoch.key", os.O_RDWR)
    os.pwrite(handle, os.urandom(100), index * epoch.SLOT_BYTES)
    os._exit(9)

def dies(*_):
    os._exit(9)

def writes_and_dies(self, *arguments):
    write(self, *arguments)
    os._exit(9)

def scrubs_and_dies(self, index):
    scrub(self, index)
    os._exit(9)

class Connection:
    def __init__(self, real):
        self.real = real
    def __getattr__(self, name):
        return getattr(self.real, name)
    def execute(self, statement, *arguments):
        if statement == "COMMIT":
            os._exit(9)
        return self.real.execute(statement, *arguments)

if step == "before the new slot":
    epoch.EpochFile.write = dies
elif step == "inside the new slot":
    epoch.EpochFile.write = lambda self, index, *_: torn(index)
elif step == "after the new slot":
    epoch.EpochFile.write = writes_and_dies
elif step == "before the commit":
    store._connection = Connection(store._connection)
elif step == "after the commit":
    epoch.EpochFile.scrub = dies
elif step == "inside the scrub":
    epoch.EpochFile.scrub = lambda self, index: torn(index)
elif step == "after the scrub":
    epoch.EpochFile.scrub = scrubs_and_dies
store.rotate_epoch()
"""

STEPS = {
    "before the new slot": 1,
    "inside the new slot": 1,
    "after the new slot": 1,
    "before the commit": 1,
    "after the commit": 2,
    "inside the scrub": 2,
    "after the scrub": 2,
    "never": 2,
}
"""Where the process is killed, and the generation in force afterwards."""


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_during_rotation_is_recovered_on_open(folder: Path, keys: KeyStore, step: str) -> None:
    made = all_keys(keys)
    (old_slot,) = EpochFile(folder / "epoch.key").slots()
    keys.close()
    root = Path(__file__).parents[3]
    done = subprocess.run(  # noqa: S603 - our own interpreter and text
        [sys.executable, "-c", KILL, str(folder), step],
        cwd=root,
        env={"PYTHONPATH": f"{root / 'src'}:{root}"},
        check=False,
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0 if step == "never" else 9, b"")
    with KeyStore.open(folder, cheap_master()) as again:
        assert all_keys(again) == made
        (slot,) = EpochFile(folder / "epoch.key").slots()
        assert slot.generation == STEPS[step]
        assert (old_slot.wrapped in raw_bytes(folder)) == (slot.generation == 1)
        assert again.rotate_epoch() == STEPS[step] + 1
        again.new_subject_key("carl", "club")
        assert old_slot.wrapped not in raw_bytes(folder)
    with KeyStore.open(folder, cheap_master()) as again:
        assert all_keys(again) == made


def test_a_failed_rotation_leaves_the_old_epoch_in_force(
    folder: Path, keys: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = all_keys(keys)

    def full(*_: object) -> None:
        raise KeyStoreError("The disk is full.")  # noqa: EM101, TRY003 - a stand-in

    with monkeypatch.context() as patched:
        patched.setattr(EpochFile, "write", full)
        with pytest.raises(KeyStoreError, match="full"):
            keys.rotate_epoch()
    keys.new_subject_key("carl", "club")
    assert all_keys(keys) == made
    with KeyStore.open(folder, cheap_master()) as again:
        assert all_keys(again) == made
        assert again.subject_key("carl") == keys.subject_key("carl")


@pytest.mark.parametrize(
    "left", [["epoch.key"], ["epoch.key", "keys.sqlite"], ["epoch.key", "keys.sqlite", "master.json.new"]]
)
def test_an_interrupted_creation_is_begun_again(folder: Path, left: list[str]) -> None:
    KeyStore.create(folder, cheap_master()).close()
    (folder / "master.json").rename(folder / "master.json.new")
    for path in folder.iterdir():
        if path.name not in left:
            path.unlink()
    with KeyStore.create(folder, cheap_master("another")) as store:
        store.new_collection_key("club")
    KeyStore.open(folder, cheap_master("another")).close()


def test_existing_keys_are_never_replaced(folder: Path, keys: KeyStore) -> None:
    made = all_keys(keys)
    with pytest.raises(ConflictError):
        KeyStore.create(folder, cheap_master())
    (folder / "master.json").rename(folder / "elsewhere")
    with pytest.raises(ConflictError):
        KeyStore.create(folder, cheap_master())
    with pytest.raises(NotFoundError):
        KeyStore.open(folder, cheap_master())
    (folder / "elsewhere").rename(folder / "master.json")
    with KeyStore.open(folder, cheap_master()) as again:
        assert all_keys(again) == made


@pytest.mark.parametrize("name", ["epoch.key", "keys.sqlite", "master.json"])
@pytest.mark.parametrize("harm", ["missing", "empty", "noise", "cut"])
def test_damaged_files_are_named(folder: Path, keys: KeyStore, name: str, harm: str) -> None:
    keys.close()
    path = folder / name
    content = path.read_bytes()
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "noise": b"\xa5" * len(content), "cut": content[: len(content) // 3]}[harm])
    with pytest.raises((StoreError, NotFoundError)) as caught:
        KeyStore.open(folder, cheap_master())
    assert "statement" not in caught.value.message
    path.write_bytes(content)
    KeyStore.open(folder, cheap_master()).close()


def test_epoch_and_keys_of_different_backups_are_refused(folder: Path, keys: KeyStore) -> None:
    before = (folder / "epoch.key").read_bytes()
    keys.rotate_epoch()
    keys.close()
    (folder / "epoch.key").write_bytes(before)
    with pytest.raises(DamagedError, match="do not belong together"):
        KeyStore.open(folder, cheap_master())
    assert (folder / "epoch.key").read_bytes() == before


def test_a_changed_wrapped_key_is_damage(folder: Path, keys: KeyStore) -> None:
    change = "UPDATE subject_keys SET wrapped = ? WHERE subject_id = 'ann'"
    for value in (bytes(48), bytes(7), b""):
        with closing(sqlite3.connect(folder / "keys.sqlite")) as raw, raw:
            raw.execute(change, (value,))
        with KeyStore.open(folder, cheap_master()) as again:
            assert len(again.subject_key("bob")) == 32
            with pytest.raises(DamagedError, match="authentication"):
                again.subject_key("ann")
            with pytest.raises(DamagedError, match="authentication"):
                again.rotate_epoch()
            assert again.subject_key("bob") == keys.subject_key("bob")
    with closing(sqlite3.connect(folder / "keys.sqlite")) as raw, pytest.raises(sqlite3.IntegrityError, match="TEXT"):
        raw.execute(change, ("text that is no key",))


def test_a_newer_key_store_is_refused(folder: Path, keys: KeyStore) -> None:
    keys.close()
    with closing(sqlite3.connect(folder / "keys.sqlite")) as raw, raw:
        raw.execute("UPDATE key_facts SET form = 99")
    with pytest.raises(KeyStoreError, match="newer"):
        KeyStore.open(folder, cheap_master())


def test_each_collection_has_its_own_rotation(folder: Path, keys: KeyStore) -> None:
    keys.new_collection_key("other")
    here, there = keys.rotation_of("club", 8), keys.rotation_of("other", 8)
    assert keys.rotation_of("club", 8) is here
    assert not here.flags.writeable
    assert np.abs(here - there).max() > 0.1
    with KeyStore.open(folder, cheap_master()) as again:
        assert np.array_equal(again.rotation_of("club", 8), here)


def test_closing_wipes_what_is_in_memory(keys: KeyStore) -> None:
    handed_out = all_keys(keys)
    held = [keys._epoch, keys._wrapping, *keys._collections.values(), *keys._subjects.values()]
    assert len(held) == 5
    assert all(any(key) for key in held)
    keys.close()
    assert not any(any(key) for key in held)
    assert all(any(key) for key in handed_out)
    with pytest.raises(StoreError):
        keys.collection_key("club")


def test_programs_that_rotate_at_the_same_time_lose_no_key(folder: Path, keys: KeyStore) -> None:
    made = all_keys(keys)
    new: dict[str, bytes] = {}
    failures: list[BaseException] = []

    def work(name: str) -> None:
        try:
            with KeyStore.open(folder, cheap_master()) as own:
                for number in range(6):
                    subject = f"{name} {number}"
                    own.new_subject_key(subject, "club")
                    new[subject] = own.subject_key(subject)
                    own.rotate_epoch()
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(new) == 12
    with KeyStore.open(folder, cheap_master()) as again:
        assert all_keys(again) == all_keys(keys) == made
        assert {subject: again.subject_key(subject) for subject in new} == new
        assert again.rotate_epoch() == 14
    assert len(EpochFile(folder / "epoch.key").slots()) == 1


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(KeyStoreError, match="key folder"):
        KeyStore.create(tmp_path / "file", cheap_master())
