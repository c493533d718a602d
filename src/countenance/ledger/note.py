"""Sign notes: as a log, and as a witness of another log. They are read in ``core.notes``, and trusted in ``verify``."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from countenance.core.notes import COSIGNATURE, ED25519, Key, cosigned, signature_line, timestamped


def public_key(seed: bytes, name: str, kind: int = ED25519) -> Key:
    """The public key that belongs to a 32-byte Ed25519 seed, under a name."""
    return Key(name, kind, Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw())


def sign_bytes(seed: bytes, content: bytes) -> bytes:
    """64 bytes of Ed25519 signature. The content must begin so that it cannot be taken for anything else we sign."""
    return Ed25519PrivateKey.from_private_bytes(seed).sign(content)


def sign_note(seed: bytes, name: str, text: str) -> str:
    """A signed note.

    Args:
        seed: 32 bytes.
        name: of the key.
        text: with its last newline.
    """
    return f"{text}\n{signature_line(public_key(seed, name), sign_bytes(seed, text.encode()))}"


def cosign(seed: bytes, name: str, text: str, time_s: int) -> str:
    """A witness's line to put under a checkpoint, with its newline.

    Args:
        seed: 32 bytes of the witness, used for nothing else.
        name: of the witness.
        text: of the checkpoint, without signatures.
        time_s: POSIX time in seconds.
    """
    signature = timestamped(time_s, sign_bytes(seed, cosigned(text, time_s)))
    return signature_line(public_key(seed, name, COSIGNATURE), signature)
