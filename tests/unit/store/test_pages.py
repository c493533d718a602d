from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from countenance.errors import DamagedError
from countenance.store import checkpoints, facts, pages, walfile
from countenance.store.checkpoints import problem_of, problem_of_log
from countenance.store.connection import Store
from countenance.store.held import Held
from countenance.store.pages import State
from tests.unit.store.world import World

PAGE = 4_096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed database of some pages."""
    made = tmp_path / "a.db"
    with Store.open(made, create=True) as store:
        write(store, 1)
    return made


def write(store: Store, number: int, n_facts: int = 50) -> None:
    with store.transaction() as tx:
        for each in range(n_facts):
            facts.put(tx, f"fact {number} {each}", "x" * 300)


def run(program: str, *words: str | Path) -> int:
    return subprocess.run([sys.executable, "-c", program, *words], check=False).returncode  # noqa: S603


def n_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def flip(path: Path, byte: int, bit: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[byte] ^= 1 << bit
    path.write_bytes(content)


def fact(path: Path, name: str) -> str | None:
    with Store.open(path) as store, store.reading() as tx:
        return facts.get(tx, name)


def killed_copy(path: Path, to: Path, act: Callable[[Store], None]) -> Path:
    """The files as a program leaves them that is killed after an act."""
    to.mkdir()
    with Store.open(path) as store:
        act(store)
        for file in path.parent.glob(f"{path.name}*"):
            if not file.name.endswith("-shm"):
                shutil.copy(file, to / file.name)
    return to / path.name


def test_every_flipped_bit_of_a_closed_database_is_named(path: Path) -> None:
    whole = path.read_bytes()
    for byte in range(0, len(whole), 1_021):
        flip(path, byte, byte % 8)
        with pytest.raises(DamagedError):
            Store.open(path)
        assert problem_of(path) == checkpoints.damage_of([byte // PAGE + 1]).message
        path.write_bytes(whole)
    assert problem_of(path) is None
    Store.open(path).close()


@pytest.mark.parametrize("change", ["cut", "grown"])
def test_a_database_of_another_length_is_named(path: Path, change: str) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-PAGE] if change == "cut" else content + bytes(PAGE))
    with pytest.raises(DamagedError):
        Store.open(path)


def test_every_flipped_bit_of_the_sums_is_named_and_they_are_made_again(path: Path) -> None:
    sums = pages.path_of(path)
    whole = sums.read_bytes()
    for byte in range(len(whole)):
        flip(sums, byte, byte % 8)
        with pytest.raises(DamagedError, match="checksums"):
            Store.open(path)
        sums.write_bytes(whole)
    sums.unlink()
    assert problem_of(path) is not None
    assert fact(path, "fact 1 3")
    assert problem_of(path) is None
    assert sums.stat().st_mode & 0o777 == 0o600


def test_sums_follow_every_way_of_moving_pages(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "SETTLE_FRAMES", 20)
    with Store.open(path) as store:
        for number in range(2, 12):
            write(store, number)
            assert problem_of(path) is None
        assert walfile.n_live_frames(walfile.log_of(path)) < 60, "the log was emptied on the way"
        store.truncate_log()
        assert pages.state_of(path) is State.CLEAN
        with store.transaction() as tx:
            tx.exec_driver_sql("DELETE FROM archive_facts")
        with closing(sqlite3.connect(path, isolation_level=None)) as raw:
            raw.execute("VACUUM")
    assert problem_of(path) is None
    assert not walfile.log_of(path).exists()
    assert fact(path, "fact 1 3") is None


def test_a_killed_program_leaves_nothing_that_looks_damaged(path: Path, tmp_path: Path) -> None:
    copy = killed_copy(path, tmp_path / "killed", lambda store: write(store, 2))
    assert pages.state_of(copy) is State.DIRTY
    assert problem_of(copy) is problem_of_log(copy) is None
    assert fact(copy, "fact 2 7")
    assert problem_of(copy) is None


KILLED_WHILE_MOVING = """
import os, sys
from pathlib import Path
from countenance.store import facts, pages
from countenance.store.connection import Store
place, path = sys.argv[1], Path(sys.argv[2])
store = Store.open(path)
with store.transaction() as tx:
    facts.put(tx, "last", "kept")
if place == "before the sums":
    pages.write = lambda *_: os._exit(9)
elif place == "before the move":
    mark = pages.mark
    pages.mark = lambda *given: (mark(*given), os._exit(9))
store.close()
"""


@pytest.mark.parametrize("place", ["before the sums", "before the move", "nowhere"])
def test_a_kill_while_pages_are_moved(path: Path, place: str) -> None:
    code = run(KILLED_WHILE_MOVING, place, path)
    assert code == (0 if place == "nowhere" else 9)
    assert pages.state_of(path) is (State.CLEAN if place == "nowhere" else State.MOVING)
    assert fact(path, "last") == "kept"
    assert pages.state_of(path) is State.CLEAN
    assert problem_of(path) is None


def test_the_next_writer_heeds_that_another_was_stopped_while_moving(path: Path) -> None:
    with Store.open(path) as other:
        assert run(KILLED_WHILE_MOVING, "before the sums", path) == 9
        write(other, 3)  # begins the log anew: what was moved from it must be counted in before
    assert problem_of(path) is None
    assert fact(path, "last") == "kept"


def test_a_log_that_another_program_emptied_after_a_kill(path: Path, tmp_path: Path) -> None:
    copy = killed_copy(path, tmp_path / "killed", lambda store: write(store, 2))
    with closing(sqlite3.connect(copy)) as raw:
        raw.execute("SELECT count(*) FROM archive_facts").fetchall()
    assert not walfile.log_of(copy).exists()
    assert fact(copy, "fact 2 7")
    assert problem_of(copy) is None


def test_an_older_copy_that_was_put_back_is_taken_for_what_it_is(path: Path, tmp_path: Path) -> None:
    shutil.copy(path, tmp_path / "backup")
    with Store.open(path) as store:
        write(store, 2)
    shutil.copy(tmp_path / "backup", path)
    assert fact(path, "fact 2 7") is None
    assert problem_of(path) is None
    flip(path, PAGE * 3 + 5)
    with pytest.raises(DamagedError):
        Store.open(path)


def test_what_another_program_writes_into_a_closed_archive_is_named(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE archive_facts SET value = 'y'")
    with pytest.raises(DamagedError, match="pages") as caught:
        Store.open(path)
    assert "countenance.db-sums" in caught.value.advice
    pages.path_of(path).unlink()
    assert fact(path, "fact 1 3") == "y"


def test_what_another_program_writes_meanwhile_is_counted_in(world: World) -> None:
    with world.raw() as raw:
        raw.execute("INSERT INTO archive_facts VALUES ('a', 'b')")
    world.store.close()
    assert problem_of(world.path) is None
    assert fact(world.path, "a") == "b"


def test_a_flip_in_the_log_of_a_killed_program(path: Path, tmp_path: Path) -> None:
    def act(store: Store) -> None:
        for number in range(2, 6):
            write(store, number, 5)

    copy = killed_copy(path, tmp_path / "killed", act)
    log = walfile.log_of(copy)
    whole = log.read_bytes()
    assert walfile.examine(log).n_frames == (len(whole) - 32) // (24 + PAGE)
    for byte in [*range(32), 40, 50, 32 + 24 + 7]:
        flip(log, byte)
        assert problem_of_log(copy)
        with pytest.raises(DamagedError, match="done last"):
            Store.open(copy)
        log.write_bytes(whole)
    flip(log, len(whole) - 5)  # in the last commit: a power loss could leave this too
    assert not walfile.examine(log).broken
    assert problem_of_log(copy)
    with Store.open(copy) as store:
        assert store.log_ended_early
        with pytest.raises(DamagedError, match="done last"):
            store.give_up()
    with pytest.raises(DamagedError, match="done last"):
        Store.open(copy)


def test_a_log_torn_by_a_power_loss_is_no_damage(path: Path, tmp_path: Path) -> None:
    copy = killed_copy(path, tmp_path / "killed", lambda store: write(store, 2))
    log = walfile.log_of(copy)
    content = log.read_bytes()
    for torn in (b"", content[:20], bytes(len(content)), content[:-100], content[: 32 + 24 + 100]):
        log.write_bytes(torn)
        assert not walfile.examine(log).broken
        shutil.copytree(copy.parent, tmp_path / "try")
        assert fact(tmp_path / "try" / copy.name, "fact 1 3")
        shutil.rmtree(tmp_path / "try")


def test_a_descriptor_closed_by_one_store_takes_no_locks_from_another(path: Path) -> None:
    held = Held(path)
    others = n_descriptors()
    with Store.open(path), Store.open(path):
        pass
    assert n_descriptors() == others
    assert held.read(15, 0) == b"SQLite format 3"
    held.let_go()
    held.let_go()
    with pytest.raises(ValueError, match="let go"):
        held.read(1, 0)


IN_USE = """
import fcntl, os, sys
handle = os.open(sys.argv[1], os.O_RDWR)
try:
    fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)
except OSError:
    sys.exit(7)
"""


def test_verifying_leaves_the_locks_of_this_process_in_force(path: Path) -> None:
    with Store.open(path) as store, store.reading() as tx:
        facts.get(tx, "a")
        Store.open(path).close()
        assert run(IN_USE, path) == 7


def test_a_disk_that_is_full_at_a_checkpoint_loses_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "SETTLE_FRAMES", 1)
    with Store.open(path) as store:
        with monkeypatch.context() as patch:
            patch.setattr(pages, "write", full)
            write(store, 2)
        assert pages.state_of(path) is State.MOVING
        write(store, 3)
    assert problem_of(path) is None
    assert fact(path, "fact 2 7")
    assert fact(path, "fact 3 7")


def test_a_large_database_is_read_whole_by_the_scrub_only(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "VERIFY_UP_TO_BYTES", PAGE)
    flip(path, path.stat().st_size - 5)
    Store.open(path).close()
    assert problem_of(path)
