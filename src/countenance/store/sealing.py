"""Seal and unseal single values: AES-256-GCM, with the identity of the row as associated data."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from countenance.errors import DamagedError

KEY_BYTES = 32
_FORM = b"\x01"
_NONCE_BYTES = 12
_TAG_BYTES = 16
_HEAD = len(_FORM) + _NONCE_BYTES
_SMALLEST = len(_FORM) + _NONCE_BYTES + _TAG_BYTES


def row_context(kind: str, *identity: str) -> bytes:
    """Associated data that names one value of one row; the same bytes for no other value.

    Contexts of one kind and collection begin alike, and what begins or ends alike may be joined:
    ``row_context(a, b, c) == row_context(a, b) + row_context(c)``.
    """
    parts = [each.encode() for each in (kind, *identity)]
    return b"".join([_length(len(part)) + part for part in parts])


@cache
def _length(n: int) -> bytes:
    return n.to_bytes(4, "big")


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
    return _opened(AESGCM(key), sealed, context)


def unseal_all(key: bytes, values: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    """The plaintexts of many values under one key, each given as (sealed, context).

    Raises:
        DamagedError: as for ``unseal``.
    """
    cipher = AESGCM(key)
    return [_opened(cipher, sealed, context) for sealed, context in values]


def unseal_each(values: Iterable[tuple[bytes, bytes, bytes]]) -> list[bytes]:
    """The plaintexts of many values, each under a key of its own and given as (key, sealed, context).

    Raises:
        DamagedError: as for ``unseal``.
    """
    return [_opened(AESGCM(key), sealed, context) for key, sealed, context in values]


def named(one: str, other: str) -> bytes:
    """The part of a context that names a row by two ids: ``row_context(one, other)``, in half the time."""
    first, second = one.encode(), other.encode()
    return _length(len(first)) + first + _length(len(second)) + second


def _opened(cipher: AESGCM, sealed: bytes, context: bytes) -> bytes:
    if len(sealed) < _SMALLEST or sealed[:1] != _FORM:
        msg = "A sealed value is not in the form this archive writes."
        raise DamagedError(msg)
    try:
        return cipher.decrypt(sealed[1:_HEAD], sealed[_HEAD:], context)
    except InvalidTag as error:
        msg = (
            "A sealed value fails its authentication: it was changed, moved from another row, or is under another key."
        )
        raise DamagedError(msg) from error
