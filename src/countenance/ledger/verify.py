"""Verify what a log says, without the archive: checkpoints, inclusion and consistency proofs, receipts.

The verifier owns every parameter. Origin and public key come from the caller; size and root from a checkpoint whose
signature that key has verified; hash and signature algorithms are fixed here. A proof only brings hashes, and a number
that must be right. Steps, with the numbers of ``docs/ledger-format.md``; each needs all before it in its group:

1. Key: the caller's line is an Ed25519 key whose id is its own.
2. Checkpoint:
   2.1 it is a signed note, spelled as the format says;
   2.2 its text is an origin, a size and a root, and nothing else;
   2.3 the origin is the name of the key;
   2.4 there is a signature by the key, and every signature that says it is by the key verifies.
3. Inclusion proof:
   3.1 it is spelled as the format says;
   3.2 steps 2.1 to 2.4 hold for its checkpoint;
   3.3 the entry is a canonical JSON object of form 1, whose number is the number that the proof is for;
   3.4 the hashes lead from the entry, at that number, to the checkpoint's root, for the checkpoint's size.
4. Consistency:
   4.1 steps 2.1 to 2.4 hold for both checkpoints;
   4.2 the older one is not larger than the newer one;
   4.3 the hashes lead from the older root to the newer root, for their sizes.
5. Receipt:
   5.1 it is one line of canonical JSON with the four parts entry, proof, signature and statement, and nothing else;
   5.2 the signature is by the key, over the three other parts;
   5.3 the statement is of form 1;
   5.4 steps 3.1 to 3.4 hold for the proof and the entry;
   5.5 the entry is of the act ``erase``, and holds the SHA-256 of the statement.
6. Cosignature:
   6.1 steps 2.1 and 2.2 hold for the checkpoint;
   6.2 there is a cosignature by the witness's key, and every one that says it is by that key verifies.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from countenance.core.canonical import canonical, parse
from countenance.core.merkle import leaf_hash, verify_consistency, verify_inclusion
from countenance.core.notes import (
    COSIGNATURE,
    ED25519,
    Checkpoint,
    Key,
    Note,
    cosigned,
    parse_checkpoint,
    parse_consistency,
    parse_key,
    parse_note,
    parse_proof,
    parse_timestamped,
    unspell,
)
from countenance.errors import ProofError

FORM: Final = 1
"""The one form of entries and statements that is understood here."""
ERASE: Final = "erase"
RECEIPT_LABEL: Final = b"countenance receipt 1\n"
"""What the signed bytes of a receipt begin with; no note does, because a note's text is its origin first."""
RECEIPT_PARTS: Final = ("entry", "proof", "signature", "statement")
_LONGEST_NAME: Final = 128
MOST_RECEIPT_BYTES: Final = 16 * 1024 * 1024


class Verifier:
    """Verifies what one log signed, given its public key; see the steps above.

    Attributes:
        key: of the log; its name is the only origin that is accepted.
    """

    def __init__(self, key: str) -> None:
        """Take the log's key, as ``countenance ledger key`` prints it.

        Raises:
            ProofError: the line is no such key.
        """
        self.key = _key(key, ED25519)

    def checkpoint(self, note: str) -> Checkpoint:
        """What the log says of itself in a signed checkpoint.

        Raises:
            ProofError: a step of group 2 failed.
        """
        signed, checkpoint = _read_checkpoint(note)
        # 2.3 The origin is the name of the key.
        if checkpoint.origin != self.key.name:
            _fail("2.3", f"the checkpoint is of the log {checkpoint.origin}, the key of {self.key.name}")
        # 2.4 Signed by the key.
        signatures = signed.by(self.key)
        if not signatures:
            _fail("2.4", "the checkpoint is not signed by the key")
        for signature in signatures:
            _check("2.4", self.key, signature, signed.text.encode())
        return checkpoint

    def proof(self, proof: str, entry: bytes) -> Checkpoint:
        """That an entry is in the log; gives the checkpoint that says so.

        Args:
            proof: the whole text of the proof.
            entry: the entry, byte for byte, without a newline.

        Raises:
            ProofError: a step of groups 2 and 3 failed.
        """
        # 3.1 The proof's spelling.
        try:
            parts = parse_proof(proof)
        except ValueError as error:
            _fail("3.1", str(error))
        # 3.2 The checkpoint.
        checkpoint = self.checkpoint(parts.checkpoint)
        # 3.3 The entry.
        fields = _entry(entry)
        if fields["n"] != parts.index:
            _fail("3.3", f"the entry has number {fields['n']}, and the proof is for {parts.index}")
        # 3.4 From the entry to the root.
        if not verify_inclusion(leaf_hash(entry), fields["n"], checkpoint.size, parts.hashes, checkpoint.root):
            _fail("3.4", "the hashes of the proof do not lead from the entry to the root of the checkpoint")
        return checkpoint

    def consistency(self, older: str, newer: str, hashes: Sequence[bytes]) -> tuple[Checkpoint, Checkpoint]:
        """That the log of an older checkpoint is the beginning of a newer one's; gives both.

        Raises:
            ProofError: a step of groups 2 and 4 failed.
        """
        # 4.1 Both checkpoints.
        old, new = self.checkpoint(older), self.checkpoint(newer)
        # 4.2 Their sizes.
        if old.size > new.size:
            _fail("4.2", f"the newer checkpoint has {new.size} entries, the older one {old.size}")
        # 4.3 From root to root.
        if not verify_consistency(old.size, new.size, hashes, old.root, new.root):
            _fail("4.3", "the older log is not the beginning of the newer one: it was rewritten")
        return old, new

    def advance(self, older: str, text: str) -> tuple[Checkpoint, Checkpoint]:
        """As ``consistency``, for a newer checkpoint in one file with its consistency proof.

        Raises:
            ProofError: a step of groups 2 and 4 failed, or the proof is not for the older checkpoint.
        """
        try:
            size, hashes, newer = parse_consistency(text)
        except ValueError as error:
            _fail("4.1", str(error))
        # The size that the file names tells which proof it is; verified is with the older checkpoint's own.
        old = self.checkpoint(older)
        if size != old.size:
            _fail("4.3", f"the proof begins at {size} entries, and the older checkpoint has {old.size}")
        return self.consistency(older, newer, hashes)

    def receipt(self, content: bytes) -> dict[str, Any]:
        """The statement of a receipt.

        Raises:
            ProofError: a step of groups 2, 3 and 5 failed.
        """
        # 5.1 The receipt's spelling.
        parts = _receipt(content)
        # 5.2 Signed by the key.
        signature = parts.pop("signature")
        try:
            _check("5.2", self.key, unspell(signature), RECEIPT_LABEL + canonical(parts))
        except ValueError:
            _fail("5.2", "the signature is not spelled as base64 is")
        except ProofError:
            named = parts["statement"].get("log")
            if isinstance(named, str) and named != self.key.name:
                _fail("5.2", f"the receipt names the log {named[:_LONGEST_NAME]}, and the key is of {self.key.name}")
            raise
        # 5.3 The statement's form.
        statement: dict[str, Any] = parts["statement"]
        if statement.get("form") != FORM:
            _fail("5.3", "the statement has a form that is not known here")
        # 5.4 The entry is in the log.
        entry = parts["entry"].encode()
        self.proof(parts["proof"], entry)
        # 5.5 The entry is about this statement.
        fields = _entry(entry)
        digest = hashlib.sha256(canonical(statement)).hexdigest()
        facts = fields.get("facts")
        if fields.get("act") != ERASE or not isinstance(facts, dict) or facts.get("statement") != digest:
            _fail("5.5", "the entry in the log is not about this statement")
        return statement


def verify_cosignature(note: str, witness: str) -> int:
    """POSIX time in seconds at which a witness cosigned a checkpoint; the latest one, if it did so several times.

    Args:
        note: the checkpoint.
        witness: line of the witness's key.

    Raises:
        ProofError: the line is no such key, or a step of group 6 failed.
    """
    key = _key(witness, COSIGNATURE)
    # 6.1 The checkpoint.
    signed, _ = _read_checkpoint(note)
    # 6.2 Cosigned by the key.
    times = []
    for content in signed.by(key):
        try:
            time_s, signature = parse_timestamped(content)
        except ValueError as error:
            _fail("6.2", str(error))
        _check("6.2", key, signature, cosigned(signed.text, time_s))
        times.append(time_s)
    if not times:
        _fail("6.2", "the checkpoint is not cosigned by the witness")
    return max(times)


def _key(line: str, kind: int) -> Key:
    # 1. The key.
    try:
        key = parse_key(line)
    except ValueError as error:
        _fail("1", str(error))
    if key.kind != kind:
        _fail("1", "this is a key of another kind: a log's key signs, a witness's cosigns")
    return key


def _read_checkpoint(note: str) -> tuple[Note, Checkpoint]:
    # 2.1 A signed note.
    try:
        signed = parse_note(note)
    except ValueError as error:
        _fail("2.1", str(error))
    # 2.2 Origin, size and root.
    try:
        return signed, parse_checkpoint(signed.text)
    except ValueError as error:
        _fail("2.2", str(error))


def _entry(content: bytes) -> dict[str, Any]:
    try:
        fields = parse(content)
    except ValueError as error:
        _fail("3.3", str(error))
    if not isinstance(fields, dict) or fields.get("v") != FORM or type(fields.get("n")) is not int:
        _fail("3.3", "the entry has a form that is not known here")
    return fields


def _receipt(content: bytes) -> dict[str, Any]:
    if len(content) > MOST_RECEIPT_BYTES or not content.endswith(b"\n"):
        _fail("5.1", "the file is too long, or does not end with its line")
    try:
        parts = parse(content.removesuffix(b"\n"))
    except ValueError as error:
        _fail("5.1", str(error))
    kinds = {"entry": str, "proof": str, "signature": str, "statement": dict}
    if not isinstance(parts, dict) or tuple(sorted(parts)) != RECEIPT_PARTS:
        _fail("5.1", "this is not a receipt")
    if not all(isinstance(parts[name], kind) for name, kind in kinds.items()):
        _fail("5.1", "a part of this receipt is of another kind")
    return parts


def _check(step: str, key: Key, signature: bytes, content: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, content)
    except (InvalidSignature, ValueError):
        _fail(step, f"a signature by {key.name} does not verify")


def _fail(step: str, why: str) -> NoReturn:
    msg = f"Step {step} failed: {why.rstrip('.')}."
    raise ProofError(msg)
