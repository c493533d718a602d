"""An old copy of the database comes back: the ledger beside it remembers, and what was erased is erased again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from countenance.errors import ProofError, StoreError
from countenance.flows import audit
from countenance.flows.replay import replay
from countenance.ledger.event import Act, Event
from countenance.ledger.log import append_all
from countenance.ledger.mirror import CHECKPOINT, ENTRIES, Mirror, Standing
from countenance.store import consents, entries, subjects
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


def consents_of(log: Log, subject: str) -> list[bool]:
    with log.world.store.reading() as tx:
        found = consents.of_subject(tx, log.world.keys, subject)
    return [each.consent.withdrawn_at is not None for each in found]


def test_a_no_counts_again_and_a_yes_does_not(log: Log, tmp_path: Path) -> None:
    ann, bo = log.people
    for subject in (ann, bo):
        log.world.granted(subject)
    copy_database(log, tmp_path / "backup")

    def did(act: Act, *subjects: str) -> None:
        with log.world.store.transaction() as tx:
            append_all(tx, log.world.keys, [Event(act, "office", subjects=subjects)], at=log.world.now)

    did(Act.WITHDRAW, ann)
    did(Act.GRANT, ann)
    did(Act.HIDE, bo)
    did(Act.UNHIDE, bo)
    did(Act.HOLD, bo)
    did(Act.GRANT, bo)
    did(Act.VIEW, bo)
    restore(log, tmp_path / "backup")
    done = replay(log.record, refuse)
    assert (done.n_withdrawn, done.n_hidden) == (1, 1)
    assert done.lost == {"grant": 2, "unhide": 1, "hold": 1}
    assert (consents_of(log, ann), consents_of(log, bo)) == ([True], [False])
    with log.world.store.reading() as tx:
        assert subjects.why_hidden(tx, log.world.keys, ann) is None
        assert subjects.why_hidden(tx, log.world.keys, bo) == "restored from the log; the reason was lost"
    assert audit.verify(log.record).findings == ()


def test_a_reason_that_is_still_known_stays(log: Log, tmp_path: Path) -> None:
    ann = log.people[0]
    with log.world.store.transaction() as tx:
        person = subjects.by_id(tx, log.world.keys, ann)
        subjects.set_must_not_appear(tx, log.world.keys, person, "in danger")
    copy_database(log, tmp_path / "backup")
    log.append(2, Act.HIDE)
    restore(log, tmp_path / "backup")
    assert replay(log.record, refuse).n_hidden == 1
    with log.world.store.reading() as tx:
        assert subjects.why_hidden(tx, log.world.keys, ann) == "in danger"


def test_keys_that_an_older_folder_brought_back_are_dropped_again(log: Log) -> None:
    ann, keys = log.people[0], log.world.keys
    club = log.world.collection("erased").id
    log.append(1, Act.ERASE, target=ann)
    log.append(1, Act.ERASE, target=club)
    log.append(1, Act.ERASE_BEGIN, target=log.people[1])
    finished: list[list[str]] = []
    done = replay(log.record, finished.append)
    assert done.n_keys == 2
    assert (keys.has_subject_key(ann), keys.has_collection_key(club)) == (False, False)
    assert keys.has_subject_key(log.people[1]), "that one is not finished, and finishing it drops the key"
    assert replay(log.record, finished.append).n_keys == 0


def test_an_erasure_that_somebody_slipped_in_is_not_believed(log: Log) -> None:
    fake = log.bodies()[-1].replace(b'"act":"find"', b'"act":"erase"').replace(b'"n":5,"nonce"', b'"n":6,"nonce"')
    with log.world.raw() as raw:
        raw.execute("INSERT INTO ledger_entries VALUES (6, ?, zeroblob(32))", (fake,))
    with pytest.raises(ProofError, match="Entry 6 was not written by this archive"):
        replay(log.record, refuse)


def test_a_mirror_that_was_edited_in_the_middle_is_written_again(log: Log) -> None:
    bodies, path = log.bodies(), log.mirror.folder / ENTRIES
    path.write_bytes(path.read_bytes().replace(b'"find"', b'"hide"', 1))
    assert replay(log.record, refuse).standing == Standing.MIRROR_DAMAGED
    assert list(log.mirror.lines())[:-1] == bodies
    assert audit.verify(log.record).findings == ()


def roll_back(log: Log, tmp_path: Path) -> None:
    """Database and mirror as they were two entries ago; the head knows of these."""
    copy_database(log, tmp_path / "backup")
    mirror = {path: path.read_bytes() for path in log.mirror.folder.iterdir()}
    log.append(2)
    audit.checkpoint(log.record)
    for path, content in mirror.items():
        path.write_bytes(content)
    restore(log, tmp_path / "backup")


def test_what_no_copy_has_is_gone_only_when_that_is_accepted(log: Log, tmp_path: Path) -> None:
    roll_back(log, tmp_path)
    before = log.bodies()
    with pytest.raises(ProofError, match="both are older copies") as refused:
        replay(log.record, refuse)
    assert "--accept-loss" in refused.value.advice
    assert log.bodies() == before
    done = replay(log.record, refuse, accept_loss=True)
    assert (done.n_entries, done.n_gone) == (0, 2)
    facts = json.loads(log.bodies()[-1])["facts"]
    assert (facts["n_gone"], len(log.bodies())) == (2, len(before) + 1)
    assert audit.verify(log.record).findings == ()
    log.append()


def test_without_a_mirror_an_older_copy_needs_the_loss_to_be_accepted(log: Log, tmp_path: Path) -> None:
    roll_back(log, tmp_path)
    for path in log.mirror.folder.iterdir():
        path.unlink()
    with pytest.raises(ProofError, match="no signed checkpoint"):
        replay(log.record, refuse)
    assert replay(log.record, refuse, accept_loss=True).n_gone == 2
    assert audit.verify(log.record).findings == ()


def test_another_history_is_no_loss_that_can_be_accepted(log: Log, tmp_path: Path) -> None:
    roll_back(log, tmp_path)
    bodies = log.bodies()
    log.rewrite([bodies[0].replace(b'"find"', b'"hide"'), *bodies[1:]])
    with pytest.raises(ProofError, match="another history"):
        replay(log.record, refuse, accept_loss=True)


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
