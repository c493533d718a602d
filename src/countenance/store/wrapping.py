"""Wrap keys by keys (RFC 3394), and wipe them from memory as well as Python can."""

from __future__ import annotations

from collections.abc import Iterable

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from countenance.errors import DamagedError


def wrap(key: bytearray, secret: bytes | bytearray) -> bytes:
    """The secret under the key; 8 bytes longer than it was.

    Args:
        key: 32 bytes.
        secret: 16 bytes or more, a multiple of 8.
    """
    return aes_key_wrap(bytes(key), bytes(secret))


def unwrap(key: bytearray, wrapped: bytes) -> bytes:
    """The secret again.

    Raises:
        DamagedError: other key, or changed bytes.
    """
    try:
        return aes_key_unwrap(bytes(key), wrapped)
    except InvalidUnwrap as error:
        msg = "A stored key fails its authentication."
        raise DamagedError(msg) from error


def unwrap_twice(outer: bytearray, inner: bytearray, wrapped: Iterable[bytes]) -> list[bytes]:
    """Secrets that were wrapped by the inner key and then by the outer one: many of them.

    Raises:
        DamagedError: other keys, or changed bytes.
    """
    first, second = bytes(outer), bytes(inner)
    try:
        return [aes_key_unwrap(second, aes_key_unwrap(first, each)) for each in wrapped]
    except InvalidUnwrap as error:
        msg = "A stored key fails its authentication."
        raise DamagedError(msg) from error


def wipe(key: bytearray) -> None:
    """Overwrite a key in place."""
    key[:] = bytes(len(key))
