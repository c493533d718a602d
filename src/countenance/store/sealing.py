"""Seal and unseal single values: AES-256-GCM, with the identity of the row as associated data."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from countenance.errors import DamagedError

KEY_BYTES = 32
_FORM = b"\x01"
_NONCE_BYTES = 12
_TAG_BYTES = 16
_SMALLEST = len(_FORM) + _NONCE_BYTES + _TAG_BYTES


def row_context(kind: str, *identity: str) -> bytes:
    """Associated data that names one value of one row; the same bytes for no other value."""
    parts = [part.encode() for part in (kind, *identity)]
    return b"".join([len(part).to_bytes(4, "big") + part for part in parts])


def seal(key: bytes, plaintext: bytes, context: bytes) -> bytes:
    """The plaintext under the key, bound to its context.

    Returns:
        One byte of form, 12 bytes of random nonce, ciphertext, 16 bytes of tag.
    """
    nonce = os.urandom(_NONCE_BYTES)
    return _FORM + nonce + AESGCM(key).encrypt(nonce, plaintext, context)


def unseal(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """The plaintext again.

    Raises:
        DamagedError: other key, other row, or changed bytes.
    """
    if len(sealed) < _SMALLEST or sealed[:1] != _FORM:
        msg = "A sealed value is not in the form this archive writes."
        raise DamagedError(msg)
    nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, rest, context)
    except InvalidTag as error:
        msg = (
            "A sealed value fails its authentication: it was changed, moved from another row, or is under another key."
        )
        raise DamagedError(msg) from error
