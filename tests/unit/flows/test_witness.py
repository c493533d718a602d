"""A witness cosigns what goes on from the last checkpoint it saw, and nothing else."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from countenance.errors import ProofError, StoreError, UsageError
from countenance.flows import audit
from countenance.flows.witness import Witnessed, witness
from countenance.ledger.checkpoint import sign
from countenance.ledger.verify import verify_cosignature
from tests.unit.ledger.logs import Log, open_log


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    (tmp_path / "archive").mkdir()
    made = open_log(tmp_path / "archive", 3)
    with made.world.store, made.world.keys:
        yield made


def show(log: Log, text: str, tmp_path: Path, name: str | None = None) -> Witnessed:
    return witness(text, log.verifier.key.line, tmp_path / "witness", log.world.now, name)


def test_it_cosigns_a_log_that_only_grows(log: Log, tmp_path: Path) -> None:
    first = audit.checkpoint(log.record)
    seen = show(log, first, tmp_path)
    assert (seen.before, seen.checkpoint.size) == (None, 3)
    assert verify_cosignature(seen.note, seen.key.line) == int(log.world.now.timestamp())
    assert log.verifier.checkpoint(seen.note).size == 3
    log.append(4)
    again = show(log, audit.since(log.record, first), tmp_path)
    assert (again.before, again.checkpoint.size) == (3, 7)
    assert verify_cosignature(again.note, seen.key.line)
    same = show(log, audit.checkpoint(log.record), tmp_path)
    assert (same.before, same.checkpoint.size) == (7, 7)


def test_a_log_may_be_new_with_any_of_its_checkpoints(log: Log, tmp_path: Path) -> None:
    first = audit.checkpoint(log.record)
    log.append()
    assert show(log, audit.since(log.record, first), tmp_path).before is None


def test_it_does_not_cosign_what_it_cannot_join(log: Log, tmp_path: Path) -> None:
    first = audit.checkpoint(log.record)
    log.append(2)
    second, joined = audit.checkpoint(log.record), audit.since(log.record, first)
    show(log, first, tmp_path)
    with pytest.raises(ProofError, match="no proof joins them") as refused:
        show(log, second, tmp_path)
    assert "--since" in refused.value.advice
    show(log, joined, tmp_path)
    assert show(log, joined, tmp_path).before == 5  # once more, because the cosignature may have got lost
    with pytest.raises(ProofError, match="rolled back: it had 5 entries, and has 3"):
        show(log, first, tmp_path)
    log.append()
    with pytest.raises(ProofError, match=r"Step 4\.3"):
        show(log, audit.since(log.record, first), tmp_path)  # it begins at 3, and 5 were seen


def test_it_does_not_cosign_a_fork(log: Log, tmp_path: Path) -> None:
    first, bodies = audit.checkpoint(log.record), log.bodies()
    show(log, first, tmp_path)
    log.rewrite([bodies[0].replace(b'"find"', b'"hide"'), *bodies[1:]])
    with log.world.store.reading() as tx:
        forked = sign(tx, log.world.keys)
    with pytest.raises(ProofError, match=r"Step 4\.3"):
        show(log, forked, tmp_path)
    assert show(log, first, tmp_path).before == 3


def test_it_does_not_cosign_what_the_log_did_not_sign(log: Log, tmp_path: Path) -> None:
    note = audit.checkpoint(log.record)
    for wrong in ("", note.replace("\n3\n", "\n4\n"), "old 01\n\n" + note):
        with pytest.raises(ProofError):
            show(log, wrong, tmp_path)
    assert [path.name for path in (tmp_path / "witness").iterdir()] == ["key"]


def test_its_key_is_its_own_and_keeps_its_name(log: Log, tmp_path: Path) -> None:
    note = audit.checkpoint(log.record)
    with pytest.raises(UsageError, match="cannot be the name"):
        show(log, note, tmp_path, "two words")
    seen = show(log, note, tmp_path, "example.org/witness")
    assert seen.key.name == "example.org/witness"
    assert show(log, note, tmp_path).key == seen.key
    with pytest.raises(UsageError, match="keeps its name"):
        show(log, note, tmp_path, "another")
    assert stat.S_IMODE((tmp_path / "witness").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "witness").iterdir()} == {0o600}


def test_a_folder_that_cannot_be_used_is_said(log: Log, tmp_path: Path) -> None:
    (tmp_path / "witness").write_bytes(b"")
    with pytest.raises(StoreError, match="cannot be used"):
        show(log, audit.checkpoint(log.record), tmp_path)


@pytest.mark.parametrize("content", [b"", b"junk", b"\xff\xfe\n", b"witness/a\nnot hex\n", b"two words\n" + b"0" * 64])
def test_a_damaged_key_is_said(log: Log, tmp_path: Path, content: bytes) -> None:
    note = audit.checkpoint(log.record)
    show(log, note, tmp_path)
    (tmp_path / "witness" / "key").write_bytes(content)
    with pytest.raises(StoreError, match=r"is damaged|no text any more"):
        show(log, note, tmp_path)


def test_a_damaged_memory_is_said(log: Log, tmp_path: Path) -> None:
    note = audit.checkpoint(log.record)
    show(log, note, tmp_path)
    (seen,) = (tmp_path / "witness").glob("*.checkpoint")
    seen.write_bytes(b"\xff")
    with pytest.raises(StoreError, match="no text any more"):
        show(log, note, tmp_path)
    seen.unlink()
    seen.mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        show(log, note, tmp_path)
