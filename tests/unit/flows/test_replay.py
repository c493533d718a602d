"""An old copy of the database comes back: the ledger beside it remembers, and what was erased is erased again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from countenance.errors import ProofError, StoreError
from countenance.flows import audit
from countenance.flows.replay import replay
from countenance.ledger.event import Act
from countenance.ledger.mirror import CHECKPOINT, ENTRIES, Mirror, Standing
from countenance.store import entries
from countenance.store.connection import Store
from tests.unit.ledger.logs import Log, copy_database, open_log


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = open_log(tmp_path, 6)
    with made.world.keys:
        yield made
        made.world.store.close()


def restore(log: Log, copy: Path) -> None:
    log.world.store.close()
    for suffix in ("-wal", "-shm"):
        Path(f"{log.world.path}{suffix}").unlink(missing_ok=True)
    copy.replace(log.world.path)
    log.world.store = Store.open(log.world.path)
    log.mirror = Mirror(log.mirror.folder)
    log.mirror.attach(log.world.store, log.world.keys)


def touching(log: Log, subject: str) -> list[int]:
    with log.world.store.reading() as tx:
        return entries.touching(tx, subject)


def refuse(targets: list[str]) -> None:
    msg = f"nothing was erased, and {targets} came back"
    raise AssertionError(msg)


def test_entries_come_back_and_what_was_erased_is_erased_again(log: Log, tmp_path: Path) -> None:
    ann, bo = log.people
    copy_database(log, tmp_path / "backup")
    log.append(5)
    log.append(1, Act.ERASE_BEGIN, target=ann)
    log.append(1, Act.ERASE, target=ann)
    log.append(1, Act.ERASE, target="a" * 24)  # its rows are not in the copy either
    whole, note = log.bodies(), audit.checkpoint(log.record)
    seen = touching(log, bo)
    log.world.keys.drop_subject_key(ann)
    restore(log, tmp_path / "backup")
    with pytest.raises(StoreError):
        log.append()

    finished: list[list[str]] = []
    done = replay(log.record, finished.append)
    assert (done.standing, done.n_entries, done.n_dropped, done.targets) == (Standing.DATABASE_BEHIND, 8, 0, (ann,))
    assert finished == [[ann]]
    assert log.bodies()[:-1] == whole
    assert json.loads(log.bodies()[-1])["act"] == "restore"
    verdict = audit.verify(log.record, [note])
    assert (verdict.findings, verdict.covered) == ((), (14,))
    assert touching(log, bo) == seen
    log.append()


def test_nothing_to_settle_is_no_act(log: Log) -> None:
    before = log.bodies()
    assert replay(log.record, refuse).standing == Standing.SAME
    assert log.bodies() == before


def test_an_erasure_that_a_killed_replay_left_open_is_finished_by_the_next(log: Log) -> None:
    log.append(1, Act.ERASE, target=log.people[0])
    finished: list[list[str]] = []
    assert replay(log.record, finished.append).targets == (log.people[0],)
    assert finished == [[log.people[0]]]


def test_lines_that_nobody_signed_are_left_out(log: Log, tmp_path: Path) -> None:
    copy_database(log, tmp_path / "backup")
    log.append(2)
    restore(log, tmp_path / "backup")
    fake = b'{"act":"erase","facts":{"target":"%s"},"n":8}\n' % log.people[1].encode()
    with (log.mirror.folder / ENTRIES).open("ab") as file:
        file.write(fake)
    done = replay(log.record, refuse)
    assert (done.n_entries, done.n_dropped) == (2, 1)
    assert audit.verify(log.record).findings == ()


@pytest.mark.parametrize("edit", ["changed", "swapped", "lost", "no signature", "bad signature"])
def test_a_mirror_that_was_edited_is_not_believed(log: Log, tmp_path: Path, edit: str) -> None:
    copy_database(log, tmp_path / "backup")
    log.append(3)
    restore(log, tmp_path / "backup")
    path, note = log.mirror.folder / ENTRIES, log.mirror.folder / CHECKPOINT
    lines = path.read_bytes().splitlines(keepends=True)
    if edit == "changed":
        lines[7] = lines[7].replace(b'"find"', b'"hide"')
    elif edit == "swapped":
        lines[1], lines[2] = lines[2], lines[1]
    elif edit == "lost":
        del lines[7]
    path.write_bytes(b"".join(lines))
    if edit == "no signature":
        note.unlink()
    elif edit == "bad signature":
        note.write_text(note.read_text("utf-8").replace("\n9\n", "\n8\n"), "utf-8")
    before = log.bodies()
    kept = path.read_bytes()
    with pytest.raises(ProofError):
        replay(log.record, refuse)
    assert (log.bodies(), path.read_bytes()) == (before, kept)


def test_a_damaged_mirror_with_more_than_the_database_is_not_written_over(log: Log, tmp_path: Path) -> None:
    copy_database(log, tmp_path / "backup")
    log.append(3)
    path, note = log.mirror.folder / ENTRIES, log.mirror.folder / CHECKPOINT
    path.write_bytes(path.read_bytes() + b"[]\n")
    note.write_bytes(b"")
    restore(log, tmp_path / "backup")
    kept = path.read_bytes()
    with pytest.raises(ProofError, match="entries that the database does not have"):
        replay(log.record, refuse)
    assert path.read_bytes() == kept


def test_another_history_is_not_settled(log: Log) -> None:
    bodies = log.bodies()
    log.rewrite([bodies[0].replace(b'"find"', b'"hide"'), *bodies[1:]])
    with pytest.raises(ProofError, match="another history"):
        replay(log.record, refuse)


def test_a_copy_with_another_history_is_not_brought_forward(log: Log) -> None:
    bodies = log.bodies()
    log.rewrite([bodies[0].replace(b'"find"', b'"hide"'), *bodies[1:4]])
    with pytest.raises(ProofError, match="another history"):
        replay(log.record, refuse)
    log.rewrite(bodies[:3], nodes=False)
    with pytest.raises(ProofError, match="Node 0"):
        replay(log.record, refuse)


def test_a_damaged_mirror_is_written_again_and_that_is_logged(log: Log) -> None:
    bodies = log.bodies()
    (log.mirror.folder / CHECKPOINT).unlink()
    assert replay(log.record, refuse).standing == Standing.MIRROR_DAMAGED
    assert log.bodies()[:-1] == bodies
    assert json.loads(log.bodies()[-1])["facts"] == {"mirror": True}
    assert audit.verify(log.record).findings == ()


def test_a_damaged_mirror_is_kept_when_the_database_is_not_what_it_signed(log: Log) -> None:
    bodies = log.bodies()
    path = log.mirror.folder / ENTRIES
    path.write_bytes(path.read_bytes() + b"[]\n")
    log.rewrite([bodies[0].replace(b'"find"', b'"hide"'), *bodies[1:]])
    with pytest.raises(ProofError, match="not what the checkpoint"):
        replay(log.record, refuse)
    log.rewrite([b"[]", *bodies[1:]])
    with pytest.raises(ProofError, match="Entry 0"):
        replay(log.record, refuse)
    assert path.read_bytes().endswith(b"[]\n")
