"""The verifier owns every parameter, and says which step failed."""

from __future__ import annotations

import ast
import base64
import json
import random
from pathlib import Path

import pytest

from countenance.core.canonical import canonical
from countenance.core.notes import Checkpoint, checkpoint_text, parse_note, parse_proof, proof_text, signature_line
from countenance.errors import ProofError
from countenance.ledger import verify
from countenance.ledger.checkpoint import SECRET, sign, sign_checkpoint, signing_key
from countenance.ledger.note import cosign, public_key, sign_note
from countenance.ledger.proof import checkpoint_since
from countenance.ledger.proof import proof_text as prove
from countenance.ledger.verify import Verifier, verify_cosignature
from tests.unit.ledger.logs import Log

SEED = bytes(range(32))


def note_of(log: Log, size: int | None = None) -> str:
    with log.world.store.reading() as tx:
        return sign(tx, log.world.keys, size)


def proof_of(log: Log, n: int) -> str:
    with log.world.store.reading() as tx:
        return prove(tx, log.world.keys, n)


def failing(step: str) -> pytest.RaisesExc[ProofError]:
    return pytest.raises(ProofError, match=rf"^Step {step} failed: ")


def test_every_entry_is_proven_to_somebody_who_has_the_key_only(log: Log) -> None:
    for n, body in enumerate(log.bodies()):
        checkpoint = log.verifier.proof(proof_of(log, n), body)
        assert checkpoint.size == 7


def test_1_the_key(log: Log) -> None:
    line = signing_key(log.world.keys).line
    for wrong in ("", line[:-1], line.replace("+", "+0", 1), public_key(SEED, "witness", 4).line):
        with failing("1"):
            Verifier(wrong)
    with failing("1"):
        verify_cosignature(note_of(log), line)


def test_2_checkpoints(log: Log) -> None:
    note = note_of(log)
    assert log.verifier.checkpoint(note).size == 7
    key = signing_key(log.world.keys)
    text = parse_note(note).text
    with failing("2.1"):
        log.verifier.checkpoint(text)
    with failing("2.2"):
        log.verifier.checkpoint(sign_note(log.world.keys.secret(SECRET), key.name, text + "extension\n"))
    with failing("2.3"):
        log.verifier.checkpoint(sign_checkpoint(log.world.keys, Checkpoint("countenance/else", 7, bytes(32))))
    with failing("2.4"):
        log.verifier.checkpoint(sign_note(SEED, key.name, text))
    with failing("2.4"):
        log.verifier.checkpoint(note.replace("\n7\n", "\n8\n"))
    # A second signature that says it is by the key and is not spoils the first; a stranger's is passed over.
    with failing("2.4"):
        log.verifier.checkpoint(note + signature_line(key, bytes(64)))
    assert log.verifier.checkpoint(note + signature_line(public_key(SEED, key.name), bytes(64))).size == 7


def test_3_inclusion(log: Log) -> None:
    bodies, text = log.bodies(), proof_of(log, 3)
    parts = parse_proof(text)
    with failing("3.1"):
        log.verifier.proof(text.replace("index 3", "index 03"), bodies[3])
    with failing("2.4"):
        log.verifier.proof(text.replace("\n7\n", "\n8\n"), bodies[3])
    with failing("3.3"):
        log.verifier.proof(text, bodies[3].replace(b'"find"', b' "find"'))
    with failing("3.3"):
        log.verifier.proof(text, bodies[4])
    with failing("3.3"):
        log.verifier.proof(text.replace("index 3", "index 4"), bodies[3])
    for form in (b"[]", b'{"n":3}', b'{"n":3,"v":2}', b'{"n":true,"v":1}', b'{"n":"3","v":1}'):
        with failing("3.3"):
            log.verifier.proof(text, form)
    with failing("3.4"):
        log.verifier.proof(text, bodies[3].replace(b'"find"', b'"hide"'))
    with failing("3.4"):
        log.verifier.proof(proof_text(parts.__class__(3, parts.hashes[:-1], parts.checkpoint)), bodies[3])


def test_4_consistency(log: Log) -> None:
    older = note_of(log, 3)
    with log.world.store.reading() as tx:
        text = checkpoint_since(tx, log.world.keys, 3)
    old, new = log.verifier.advance(older, text)
    assert (old.size, new.size) == (3, 7)
    with failing("4.1"):
        log.verifier.advance(older, text.replace("old 3", "old 03"))
    with failing("2.4"):
        log.verifier.advance(older, text.replace("\n7\n", "\n8\n"))
    with failing("4.2"):
        log.verifier.consistency(note_of(log), older, [])
    with failing("4.3"):
        log.verifier.advance(note_of(log, 4), text)
    with failing("4.3"):
        log.verifier.consistency(older, note_of(log), [])
    forked = sign_checkpoint(log.world.keys, Checkpoint(signing_key(log.world.keys).name, 3, bytes(32)))
    with failing("4.3"):
        log.verifier.advance(forked, text)


def test_5_receipts(log: Log) -> None:
    receipt = log.receipt(erased_at="2026-01-01")
    assert log.verifier.receipt(receipt)["erased_at"] == "2026-01-01"
    parts = json.loads(receipt)
    del parts["signature"]
    for wrong in (
        b"",
        b"{}\n",
        receipt[:-1],
        receipt + b"\n",
        b" " + receipt,
        b"[]\n",
        canonical({**parts, "signature": 1}) + b"\n",
        canonical({**parts, "signature": "", "more": 1}) + b"\n",
    ):
        with failing("5.1"):
            log.verifier.receipt(wrong)
    for signature in ("", "x", base64.b64encode(bytes(64)).decode()):
        with failing("5.2"):
            log.verifier.receipt(canonical({**parts, "signature": signature}) + b"\n")
    with failing("5.2"):
        Verifier(public_key(SEED, signing_key(log.world.keys).name).line).receipt(receipt)
    with failing("5.3"):
        log.verifier.receipt(log.sealed({**parts, "statement": {"form": 2}}))
    with failing("3.4"):
        log.verifier.receipt(log.sealed({**parts, "entry": parts["entry"].replace("null", "true", 1)}))
    with failing("5.5"):
        log.verifier.receipt(log.sealed({**parts, "statement": {**parts["statement"], "erased": False}}))
    found = log.append()
    with failing("5.5"):
        log.verifier.receipt(
            log.sealed({**parts, "entry": log.bodies()[found].decode(), "proof": proof_of(log, found)})
        )


def test_no_byte_of_a_receipt_can_be_changed(log: Log) -> None:
    receipt, chance = log.receipt(), random.Random(8)  # noqa: S311 - a test
    for place in chance.sample(range(len(receipt)), 200):
        changed = bytearray(receipt)
        changed[place] ^= 1 << chance.randrange(8)
        with pytest.raises(ProofError):
            log.verifier.receipt(bytes(changed))


def test_6_cosignatures(log: Log) -> None:
    note, witness = note_of(log), public_key(SEED, "witness/one", 4)
    line = cosign(SEED, "witness/one", parse_note(note).text, 1_700_000_000)
    later = cosign(SEED, "witness/one", parse_note(note).text, 1_700_000_009)
    assert verify_cosignature(note + line, witness.line) == 1_700_000_000
    assert verify_cosignature(note + later + line, witness.line) == 1_700_000_009
    assert log.verifier.checkpoint(note + line).size == 7
    with failing("2.1"):
        verify_cosignature("", witness.line)
    with failing("6.2"):
        verify_cosignature(note, witness.line)
    with failing("6.2"):
        verify_cosignature(note + signature_line(witness, bytes(64)), witness.line)
    with failing("6.2"):
        verify_cosignature(note_of(log, 6) + line, witness.line)


def test_a_checkpoint_of_nothing(log: Log) -> None:
    note = sign_checkpoint(log.world.keys, Checkpoint(signing_key(log.world.keys).name, 0, bytes(32)))
    assert log.verifier.checkpoint(note).size == 0
    assert checkpoint_text(log.verifier.checkpoint(note)).splitlines()[1] == "0"
    with failing("4.3"):
        log.verifier.consistency(note, note_of(log), [])


def test_the_verifier_needs_only_the_core_and_stays_short() -> None:
    text = Path(verify.__file__).read_text("utf-8")
    assert len(text.splitlines()) < 300
    froms = {node.module or "" for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)}
    ours = {name for name in froms if name.startswith("countenance")}
    assert {name for name in ours if not name.startswith("countenance.core.")} == {"countenance.errors"}
    theirs = {name.partition(".")[0] for name in froms - ours}
    assert theirs <= {"__future__", "collections", "typing", "cryptography"}


def test_steps_have_the_numbers_of_the_document() -> None:
    root = Path(__file__).resolve().parents[3]
    document = (root / "docs" / "ledger-format.md").read_text("utf-8")
    docstring = verify.__doc__ or ""
    steps = [line.split(" ")[0] for line in map(str.strip, docstring.splitlines()) if line[:1].isdigit()]
    assert len(steps) > 20
    assert [step for step in steps if f"**{step}**" not in document] == []
