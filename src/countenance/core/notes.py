"""The texts of a log: keys, signed notes, checkpoints and inclusion proofs. They are read strictly; nobody signs here.

One value has one spelling: whatever is read and written again is the same text, so that no byte of it can be changed
without being noticed or being another value.

Source: C2SP signed-note, tlog-checkpoint, tlog-cosignature and tlog-proof (c2sp.org), all version 1.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from countenance.core.merkle import HASH_BYTES

ED25519: Final = 0x01
"""Kind of a key that signs notes."""
COSIGNATURE: Final = 0x04
"""Kind of a key with which a witness cosigns checkpoints."""
KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
MOST_SIGNATURES: Final = 64
MOST_TEXT: Final = 100_000
"""Characters of a note or proof; a longer one is not read."""
MOST_HASHES: Final = 63

_KEY_ID_BYTES: Final = 4
_TIME_BYTES: Final = 8
_SIGNATURE_LINE: Final = "\N{EM DASH} "
_PROOF_LINE: Final = "c2sp.org/tlog-proof@v1"
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,15}")
_LARGEST: Final = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Key:
    """A public key under a name.

    Attributes:
        name: whose it is; for a log its origin.
        kind: ``ED25519`` or ``COSIGNATURE``.
        public: 32 bytes.
    """

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        """Four bytes by which signature lines name the key; they are short and prove nothing."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:_KEY_ID_BYTES]

    @property
    def line(self) -> str:
        """The key as text, which ``parse_key`` reads."""
        return f"{self.name}+{self.id.hex()}+{spell(bytes([self.kind]) + self.public)}"


@dataclass(frozen=True, slots=True)
class Signature:
    """A line under a note: who claims to have signed, with which key, and the signature's bytes."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A text, with its last newline, and the signatures under it. Nothing in it is true before one was verified."""

    text: str
    signatures: tuple[Signature, ...]

    def by(self, key: Key) -> list[bytes]:
        """Signatures that claim to be this key's."""
        return [each.signature for each in self.signatures if (each.name, each.key_id) == (key.name, key.id)]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself.

    Attributes:
        origin: which log.
        size: number of its entries.
        root: 32 bytes, of the tree over them.
    """

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """That an entry is in a log.

    Attributes:
        index: number that the entry is said to have.
        hashes: 32 bytes each, leaf first.
        checkpoint: signed note, as the log wrote it.
        extra: anything; nobody vouches for it.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes = b""


def spell(content: bytes) -> str:
    """Bytes as base64 (RFC 4648, section 4)."""
    return base64.b64encode(content).decode("ascii")


def unspell(text: str) -> bytes:
    """Bytes from the one base64 spelling that they have.

    Raises:
        ValueError: the text is no such spelling.
    """
    try:
        content = base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError as error:
        msg = "This is not base64."
        raise ValueError(msg) from error
    if spell(content) != text:
        msg = "This is not the canonical base64 of anything."
        raise ValueError(msg)
    return content


def is_name(text: str) -> bool:
    """Whether a key may have this name: not empty, no space of any kind, no plus sign, no control character."""
    return bool(text) and text.isprintable() and not any(each == "+" or each.isspace() for each in text)


def parse_key(line: str) -> Key:
    """The key of a line ``name+hex id+base64``; a newline at its end is no part of it.

    Raises:
        ValueError: it is not a key, not of a kind known here, or its id is not its own.
    """
    name, _, rest = line.removesuffix("\n").partition("+")
    _, _, spelled = rest.partition("+")
    encoded = unspell(spelled)
    if not is_name(name) or len(encoded) != 1 + KEY_BYTES or encoded[0] not in {ED25519, COSIGNATURE}:
        msg = "This is not the line of an Ed25519 key."
        raise ValueError(msg)
    key = Key(name, encoded[0], encoded[1:])
    if key.line != line.removesuffix("\n"):
        msg = "The id in this line is not that of its key."
        raise ValueError(msg)
    return key


def signature_line(key: Key, signature: bytes) -> str:
    """The line to put under a note, with its newline."""
    return f"{_SIGNATURE_LINE}{key.name} {spell(key.id + signature)}\n"


def parse_note(text: str) -> Note:
    """Text and signatures of a signed note.

    Raises:
        ValueError: it is not a signed note.
    """
    _require_plain(text)
    body, gap, under = text.rpartition("\n\n")
    if not gap or not under.endswith("\n"):
        msg = "This note has no signatures."
        raise ValueError(msg)
    lines = under.removesuffix("\n").split("\n")
    if len(lines) > MOST_SIGNATURES:
        msg = f"This note has more than {MOST_SIGNATURES} signatures."
        raise ValueError(msg)
    return Note(f"{body}\n", tuple(_signature(line) for line in lines))


def cosigned(text: str, time_s: int) -> bytes:
    """The bytes that a witness signs: of a checkpoint's text, at a POSIX time in seconds."""
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def timestamped(time_s: int, signature: bytes) -> bytes:
    """A cosignature as it stands in its line: 8 bytes of POSIX time in seconds, 64 of signature."""
    return time_s.to_bytes(_TIME_BYTES, "big") + signature


def parse_timestamped(content: bytes) -> tuple[int, bytes]:
    """POSIX time in seconds and signature of a cosignature.

    Raises:
        ValueError: it has another length, or is of no possible time.
    """
    time_s = int.from_bytes(content[:_TIME_BYTES], "big")
    if len(content) != _TIME_BYTES + SIGNATURE_BYTES or time_s >= 2**63:
        msg = "This is not a timestamped Ed25519 signature."
        raise ValueError(msg)
    return time_s, content[_TIME_BYTES:]


def checkpoint_text(checkpoint: Checkpoint) -> str:
    """The text that a log signs."""
    return f"{checkpoint.origin}\n{checkpoint.size}\n{spell(checkpoint.root)}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """What the text of a signed note says of a log.

    Raises:
        ValueError: it is not a checkpoint, or has lines that only another program understands.
    """
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not is_name(lines[0]):  # noqa: PLR2004 - origin, size, root, end
        msg = "This is not a checkpoint of three lines."
        raise ValueError(msg)
    return Checkpoint(lines[0], _number(lines[1]), _hash(lines[2]))


def proof_text(proof: Proof) -> str:
    """An inclusion proof as one text file."""
    lines = [_PROOF_LINE, f"index {proof.index}", *map(spell, proof.hashes)]
    if proof.extra:
        lines.insert(1, f"extra {spell(proof.extra)}")
    return "\n".join([*lines, "", proof.checkpoint])


def is_proof(text: str) -> bool:
    """Whether a text begins as an inclusion proof does."""
    return text.startswith(f"{_PROOF_LINE}\n")


def parse_proof(text: str) -> Proof:
    """The parts of an inclusion proof.

    Raises:
        ValueError: it is not one.
    """
    _require_plain(text)
    head, gap, checkpoint = text.partition("\n\n")
    first, *lines = head.split("\n")
    if first != _PROOF_LINE or not gap:
        msg = "This is not an inclusion proof."
        raise ValueError(msg)
    extra = unspell(lines.pop(0).removeprefix("extra ")) if lines and lines[0].startswith("extra ") else b""
    if not lines or not lines[0].startswith("index ") or len(lines) > 1 + MOST_HASHES:
        msg = "This inclusion proof does not say which entry it is of, or goes on for too long."
        raise ValueError(msg)
    proof = Proof(_number(lines[0].removeprefix("index ")), tuple(map(_hash, lines[1:])), checkpoint, extra)
    if proof_text(proof) != text:
        msg = "This inclusion proof is not spelled as the format says."
        raise ValueError(msg)
    return proof


def consistency_text(old: int, hashes: Sequence[bytes], checkpoint: str) -> str:
    """A checkpoint with the proof that an older one of ``old`` entries is its beginning, as witnesses take it."""
    return "\n".join([f"old {old}", *map(spell, hashes), "", checkpoint])


def is_consistency(text: str) -> bool:
    """Whether a text begins as a checkpoint with a consistency proof does."""
    return text.startswith("old ")


def parse_consistency(text: str) -> tuple[int, tuple[bytes, ...], str]:
    """(size of the older log, hashes, the newer checkpoint's signed note).

    Raises:
        ValueError: it is no such text.
    """
    _require_plain(text)
    head, gap, checkpoint = text.partition("\n\n")
    first, *lines = head.split("\n")
    if not is_consistency(first) or not gap or len(lines) > MOST_HASHES:
        msg = "This is not a checkpoint with a consistency proof."
        raise ValueError(msg)
    return _number(first.removeprefix("old ")), tuple(map(_hash, lines)), checkpoint


def _require_plain(text: str) -> None:
    """Raise ValueError for a text that is too long, no valid Unicode, or has control characters."""
    if len(text) > MOST_TEXT or any(each < " " and each != "\n" for each in text):
        msg = "This text is too long, or holds control characters."
        raise ValueError(msg)
    text.encode()


def _signature(line: str) -> Signature:
    name, _, spelled = line.removeprefix(_SIGNATURE_LINE).partition(" ")
    content = unspell(spelled)
    if not line.startswith(_SIGNATURE_LINE) or not is_name(name) or len(content) <= _KEY_ID_BYTES:
        msg = "A line under this note is not a signature."
        raise ValueError(msg)
    return Signature(name, content[:_KEY_ID_BYTES], content[_KEY_ID_BYTES:])


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > _LARGEST:
        msg = f"{text[:20]!r} is not a number of entries."
        raise ValueError(msg)
    return int(text)


def _hash(text: str) -> bytes:
    content = unspell(text)
    if len(content) != HASH_BYTES:
        msg = "A hash in this text does not have 32 bytes."
        raise ValueError(msg)
    return content
