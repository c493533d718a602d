"""The whole log, checked by its owner and by whoever kept an older checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from countenance.errors import ProofError, StoreError
from countenance.flows import audit
from countenance.ledger.checkpoint import sign
from countenance.ledger.mirror import CHECKPOINT, ENTRIES, Standing
from countenance.ledger.note import public_key
from tests.unit.ledger.logs import Log, open_log


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = open_log(tmp_path, 9)
    with made.world.store, made.world.keys:
        yield made


def note_of(log: Log, size: int) -> str:
    with log.world.store.reading() as tx:
        return sign(tx, log.world.keys, size)


def test_a_sound_log_agrees_with_every_older_checkpoint(log: Log) -> None:
    older = [note_of(log, size) for size in (0, 1, 5, 9)]
    log.append(2)
    verdict = audit.verify(log.record, older)
    assert verdict.findings == ()
    assert (verdict.size, verdict.covered, verdict.standing) == (11, (0, 1, 5, 9), Standing.SAME)
    audit.require_sound(verdict)


def test_an_older_checkpoint_has_to_be_of_this_log(log: Log) -> None:
    stranger = public_key(bytes(32), log.verifier.key.name).line
    with pytest.raises(ProofError, match=r"Step 2\.4"):
        audit.verify(log.record, [note_of(log, 5)], stranger)
    with pytest.raises(ProofError, match=r"Step 2\.1"):
        audit.verify(log.record, ["no note"])


def test_what_an_older_checkpoint_signed_cannot_be_rewritten(log: Log) -> None:
    older, bodies = note_of(log, 5), log.bodies()
    log.rewrite([*bodies[:2], bodies[2].replace(b'"find"', b'"hide"'), *bodies[3:]], mirror=True)
    (log.mirror.folder / CHECKPOINT).write_text(note_of(log, 9), "utf-8")  # with the archive's own key
    assert audit.verify(log.record).findings == ()
    found = audit.verify(log.record, [older])
    assert found.findings == (
        "The first 5 entries are not those that the older checkpoint signed: they were rewritten.",
    )
    assert found.covered == ()
    with pytest.raises(ProofError, match="rewritten"):
        audit.require_sound(found)


def test_a_log_that_became_shorter_is_found(log: Log) -> None:
    older, bodies = note_of(log, 9), log.bodies()
    log.rewrite(bodies[:6], mirror=True)
    (log.mirror.folder / CHECKPOINT).write_text(note_of(log, 6), "utf-8")
    assert audit.verify(log.record).findings == ()
    assert audit.verify(log.record, [older]).findings == (
        "The log has 6 entries, and the older checkpoint signed 9: entries were taken out.",
    )


def test_the_mirror_alone_finds_who_has_no_key(log: Log) -> None:
    bodies = log.bodies()
    log.rewrite([*bodies[:8], bodies[8].replace(b'"find"', b'"hide"')], mirror=True)
    assert any("mirror's checkpoint" in finding for finding in audit.verify(log.record).findings)
    (log.mirror.folder / CHECKPOINT).unlink()
    assert any("signed checkpoint is gone" in finding for finding in audit.verify(log.record).findings)


def test_entries_without_our_mac_are_findings(log: Log) -> None:
    bodies = log.bodies()
    log.rewrite(bodies, macs=False)
    findings = audit.verify(log.record).findings
    assert findings[0] == "Entry 0 was not written by this archive."
    assert len(findings) == len(bodies)


def test_what_was_handed_out_cannot_be_rolled_back_with_the_mirror(log: Log) -> None:
    bodies, note = log.bodies(), note_of(log, 9)
    log.append(2)
    audit.checkpoint(log.record)
    log.rewrite(bodies, mirror=True)
    (log.mirror.folder / CHECKPOINT).write_text(note, "utf-8")
    verdict = audit.verify(log.record)
    assert verdict.standing == Standing.DATABASE_BEHIND
    assert "2 entries are missing" in verdict.findings[0]


def test_a_mirror_that_differs_and_one_that_cannot_be_written_are_findings(log: Log) -> None:
    path = log.mirror.folder / ENTRIES
    path.write_bytes(path.read_bytes().replace(b'"find"', b'"hide"', 1))
    assert audit.verify(log.record).findings == ("Entry 0 is not the same in the database and in its mirror.",)
    path.write_bytes(b"".join(body + b"\n" for body in log.bodies()))
    log.mirror.trouble = "The mirror of the ledger could not be written: no space."
    assert audit.verify(log.record).findings == (log.mirror.trouble,)
    (log.mirror.folder / CHECKPOINT).write_bytes(b"\xff")
    with pytest.raises(ProofError, match="2 more findings"):
        audit.require_sound(audit.verify(log.record))


def test_checkpoints_and_proofs_verify_elsewhere(log: Log) -> None:
    older = audit.checkpoint(log.record)
    log.append(4)
    old, new = log.verifier.advance(older, audit.since(log.record, older))
    assert (old.size, new.size) == (9, 13)
    text, entry = audit.proof(log.record, 12)
    assert log.verifier.proof(text, entry).size == 13


def test_nothing_is_signed_after_a_fork(log: Log) -> None:
    older, bodies = audit.checkpoint(log.record), log.bodies()
    log.rewrite([*bodies[:8], bodies[8].replace(b'"find"', b'"hide"')])
    log.mirror.follow(log.world.store, log.world.keys)
    for sign_it in (
        lambda: audit.checkpoint(log.record),
        lambda: audit.since(log.record, older),
        lambda: audit.proof(log.record, 1),
    ):
        with pytest.raises(StoreError, match="another history"):
            sign_it()


def test_no_proof_joins_a_rewritten_log_to_an_older_checkpoint(log: Log) -> None:
    older, bodies = note_of(log, 5), log.bodies()
    log.rewrite([bodies[0].replace(b'"find"', b'"hide"'), *bodies[1:]], mirror=True)
    with pytest.raises(ProofError, match=r"Step 4\.3"):
        audit.since(log.record, older)
