"""The mirror beside the database: it follows every commit, and notices a database that does not."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from countenance.errors import ProofError, StoreError
from countenance.ledger import head
from countenance.ledger.event import Act
from countenance.ledger.mirror import CHECKPOINT, ENTRIES, Mirror, Standing, _tail
from tests.unit.ledger.logs import Log, open_log


def standing(log: Log) -> Standing:
    with log.mirror.looking(log.world.store, log.world.keys) as (tx, quick):
        return log.mirror.compare(tx, quick).standing


def follow(log: Log) -> Standing:
    return log.mirror.follow(log.world.store, log.world.keys).standing


def size_signed(log: Log) -> int:
    signed = log.mirror.signed(log.world.keys)
    assert signed is not None
    return signed.size


def test_it_follows_every_commit(log: Log) -> None:
    assert list(log.mirror.lines()) == log.bodies()
    assert size_signed(log) == 7
    log.append(3)
    assert list(log.mirror.lines()) == log.bodies()
    assert size_signed(log) == 10
    assert standing(log) == Standing.SAME


def test_only_the_owner_reads_it(log: Log) -> None:
    assert stat.S_IMODE(log.mirror.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in log.mirror.folder.iterdir()} == {0o600}
    assert {path.name for path in log.mirror.folder.iterdir()} == {ENTRIES, CHECKPOINT}


def test_what_is_undone_is_not_mirrored(log: Log) -> None:
    def fail() -> None:
        msg = "no"
        raise StoreError(msg)

    log.world.store.before_commit = fail
    with pytest.raises(StoreError):
        log.append()
    assert len(log.bodies()) == len(list(log.mirror.lines())) == 7


def test_a_log_without_entries_is_signed_as_well(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    assert size_signed(log) == 0
    assert standing(log) == Standing.SAME
    log.append()
    assert size_signed(log) == 1


def test_it_catches_up_with_what_was_committed_without_it(tmp_path: Path) -> None:
    log = open_log(tmp_path, 5, attached=False)
    assert follow(log) == Standing.MIRROR_BEHIND
    assert list(log.mirror.lines()) == log.bodies()
    log.append(4)
    assert standing(log) == Standing.MIRROR_BEHIND
    assert follow(log) == Standing.MIRROR_BEHIND
    assert follow(log) == Standing.SAME


@pytest.mark.parametrize("torn", [b"{", b'{"act":"find","n":7', b"\0" * 70_000])
def test_a_torn_last_line_is_cut(log: Log, torn: bytes) -> None:
    with (log.mirror.folder / ENTRIES).open("ab") as file:
        file.write(torn)
    assert follow(log) == Standing.SAME
    log.append()
    assert list(log.mirror.lines()) == log.bodies()
    assert (log.mirror.folder / ENTRIES).read_bytes().count(b"\n") == 8


def test_an_act_stays_done_when_the_mirror_cannot_be_written(log: Log) -> None:
    log.mirror.folder.rename(log.mirror.folder.with_name("elsewhere"))
    log.mirror.folder.write_bytes(b"a file where the folder should be")
    assert log.append() == 7
    assert len(log.bodies()) == 8
    assert "could not be written" in (log.mirror.trouble or "")
    with pytest.raises(StoreError, match="Nothing more can be logged") as refused:
        log.append()
    assert "writable" in refused.value.advice
    assert len(log.bodies()) == 8
    log.mirror.folder.unlink()
    log.mirror.folder.with_name("elsewhere").rename(log.mirror.folder)
    log.append()
    assert not log.mirror.trouble
    assert list(log.mirror.lines()) == log.bodies()


def test_a_database_from_an_older_copy_takes_no_more_acts(log: Log) -> None:
    log.rewrite(log.bodies()[:5])
    assert follow(log) == Standing.DATABASE_BEHIND
    assert log.mirror.compared is not None
    assert "2 entries are missing" in log.mirror.compared.says
    with pytest.raises(StoreError) as refused:
        log.append()
    assert "countenance ledger replay" in refused.value.advice
    assert len(log.bodies()) == 5
    assert len(list(log.mirror.lines())) == 7


def test_another_history_takes_no_more_acts(log: Log) -> None:
    bodies = log.bodies()
    log.rewrite([bodies[1].replace(b'"n":1', b'"n":0'), *bodies[1:]])
    assert follow(log) == Standing.FORKED
    with pytest.raises(StoreError, match="another history"):
        log.append()
    log.rewrite(bodies)
    assert follow(log) == Standing.SAME
    log.append()


def test_entries_that_were_not_signed_yet_are_compared_too(log: Log) -> None:
    note = (log.mirror.folder / CHECKPOINT).read_bytes()
    log.append()
    (log.mirror.folder / CHECKPOINT).write_bytes(note)  # as a kill leaves it between line and signature
    assert follow(log) == Standing.MIRROR_BEHIND
    assert size_signed(log) == 8
    (log.mirror.folder / CHECKPOINT).write_bytes(note)
    bodies = log.bodies()
    log.rewrite([*bodies[:-1], bodies[-1].replace(b'"find"', b'"hide"')])
    assert follow(log) == Standing.FORKED


def test_missing_rows_are_another_history(log: Log) -> None:
    with log.world.raw() as raw:
        raw.execute("DROP TRIGGER ledger_nodes_stand_on_delete")
        raw.execute("DELETE FROM ledger_nodes WHERE level = 2")
    assert follow(log) == Standing.FORKED


@pytest.mark.parametrize(
    "damage", ["no checkpoint", "other text", "not text", "bad signature", "lines lost", "no entry"]
)
def test_a_damaged_mirror_is_left_as_it_is_and_stops_the_log(log: Log, damage: str) -> None:
    note, lines = log.mirror.folder / CHECKPOINT, log.mirror.folder / ENTRIES
    if damage == "no checkpoint":
        note.unlink()
    elif damage == "other text":
        note.write_bytes(b"nothing")
    elif damage == "not text":
        note.write_bytes(b"\xff\xfe")
    elif damage == "bad signature":
        note.write_text(note.read_text("utf-8").replace("\n7\n", "\n6\n"), "utf-8")
    elif damage == "lines lost":
        lines.write_bytes(lines.read_bytes().split(b"\n")[0] + b"\n")
    else:
        lines.write_bytes(lines.read_bytes() + b'{"n":-1}\n')
    before = lines.read_bytes()
    assert follow(log) == standing(log) == Standing.MIRROR_DAMAGED
    with pytest.raises(StoreError, match="mirror is damaged") as refused:
        log.append()
    assert "ledger replay" in refused.value.advice
    assert (len(log.bodies()), lines.read_bytes()) == (7, before)
    log.mirror.rewrite(log.world.store, log.world.keys)
    assert follow(log) == standing(log) == Standing.SAME


def test_a_changed_line_in_the_middle_is_found_by_looking_at_every_line(log: Log) -> None:
    path = log.mirror.folder / ENTRIES
    path.write_bytes(path.read_bytes().replace(b'"n":2', b'"n":3', 1))
    assert follow(log) == Standing.SAME
    assert standing(log) == Standing.FORKED


def test_an_entry_that_somebody_slipped_in_is_neither_mirrored_nor_signed(log: Log) -> None:
    bodies = log.bodies()
    slipped = bodies[-1].replace(b'"n":6,"nonce"', b'"n":7,"nonce"')
    with log.world.raw() as raw:
        raw.execute("INSERT INTO ledger_entries VALUES (7, ?, zeroblob(32))", (slipped,))
    with pytest.raises(ProofError, match="Entry 7 was not written by this archive"):
        log.append()
    assert follow(log) == standing(log) == Standing.FOREIGN
    assert (list(log.mirror.lines()), size_signed(log)) == (bodies, 7)
    with pytest.raises(StoreError, match="Entry 7 was not written by this archive"):
        log.mirror.require_appendable()


def again(log: Log) -> Mirror:
    """The mirror as the next opening of the archive has it."""
    log.mirror = Mirror(log.mirror.folder)
    log.mirror.attach(log.world.store, log.world.keys)
    return log.mirror


def test_database_and_mirror_rolled_back_together_are_found_by_the_head(log: Log) -> None:
    bodies, note = log.bodies(), (log.mirror.folder / CHECKPOINT).read_bytes()
    log.append(2)
    log.mirror.end(log.world.store, log.world.keys)
    log.rewrite(bodies, mirror=True)
    (log.mirror.folder / CHECKPOINT).write_bytes(note)
    compared = again(log).compared
    assert compared is not None
    assert (compared.standing, "2 entries are missing" in compared.says) == (Standing.DATABASE_BEHIND, True)
    with pytest.raises(StoreError, match="2 entries are missing"):
        log.append()
    log.rewrite([*bodies, bodies[-1].replace(b'"n":6,', b'"n":7,'), bodies[-1].replace(b'"n":6,', b'"n":8,')])
    assert follow(log) == Standing.FORKED


@pytest.mark.parametrize("kept", [True, False])
def test_a_mirror_that_was_taken_away_is_no_beginning(log: Log, *, kept: bool) -> None:
    if not kept:
        log.world.keys.drop_secret("ledger-head")
    for path in log.mirror.folder.iterdir():
        path.unlink()
    log.mirror.folder.rmdir()
    compared = again(log).compared
    assert compared is not None
    assert compared.standing == Standing.MIRROR_DAMAGED


def test_the_head_is_kept_at_the_end_and_after_an_erasure_but_not_with_every_commit(log: Log) -> None:
    keys = log.world.keys
    begun = head.read(keys)
    assert begun is not None
    assert begun.size == 0
    log.append(3)
    assert head.read(keys) == begun
    log.append(1, Act.ERASE, target="a" * 24)
    erased = head.read(keys)
    assert erased is not None
    assert erased.size == 11
    log.append()
    log.mirror.end(log.world.store, keys)
    with log.world.store.reading() as tx:
        assert head.read(keys) == head.current(tx) != erased


def test_cutting_keeps_the_first_entries(log: Log) -> None:
    assert log.mirror.cut(4) == 3
    assert list(log.mirror.lines()) == log.bodies()[:4]
    assert log.mirror.cut(9) == 0


def test_several_writers_leave_one_mirror(log: Log) -> None:
    others = [Mirror(log.mirror.folder) for _ in range(3)]
    threads = [threading.Thread(target=lambda: log.append(2)) for _ in range(4)]
    threads += [threading.Thread(target=other.follow, args=(log.world.store, log.world.keys)) for other in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.append()
    assert list(log.mirror.lines()) == log.bodies()
    assert len(log.bodies()) == 16
    assert standing(log) == Standing.SAME


@pytest.mark.parametrize("longest", [1, 65_535, 65_536, 65_537, 200_000])
def test_the_last_line_is_found_however_long_lines_are(tmp_path: Path, longest: int) -> None:
    path = tmp_path / "lines"
    for content, end, last in (
        (b"", 0, None),
        (b"a" * longest, 0, None),
        (b"a" * longest + b"\n", longest + 1, b"a" * longest),
        (b"b\n" + b"a" * longest + b"\n", longest + 3, b"a" * longest),
        (b"b\n" + b"a" * longest, 2, b"b"),
        (b"a" * longest + b"\n\n", longest + 2, b""),
    ):
        path.write_bytes(content)
        handle = os.open(path, os.O_RDONLY)
        assert _tail(handle) == (end, last)
        os.close(handle)
