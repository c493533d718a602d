"""An index in one encrypted file, good for one epoch of the database.

The head says which index it is and at which epoch of the database it was made, in plain, and is authenticated with
every chunk; what follows are chunks under AES-256-GCM. A file of another epoch, kind or key, or one that is damaged or
cut short, is no error: it is not used, and the index is built anew from the database.

Source:
    V. T. Hoang et al., "Online authenticated-encryption and its nonce-reuse misuse-resistance", CRYPTO 2015, STREAM:
    the nonce of a chunk is a prefix, its number, and whether it is the last. The key of a file is made by HKDF
    (RFC 5869) from the index's secret and a salt of the file.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from countenance.core.canonical import canonical, parse
from countenance.errors import StaleIndexError, StoreError

_MAGIC: Final = b"CNTNIX1\n"
_SALT_BYTES, _PREFIX_BYTES, _TAG_BYTES, _LENGTH_BYTES = 16, 7, 16, 4
_CHUNK_BYTES: Final = 8 << 20
_LONGEST_HEAD: Final = 1 << 16
_TYPES: Final = frozenset({"<f4", "<f2", "|u1", "|b1", "<i8", "|V14", "|S24", "<i4", "|V12"})
Parts = Iterable[tuple[str, NDArray[np.generic]]]


def write(path: Path, secret: bytes, head: Mapping[str, Any], parts: Parts) -> Path:
    """Write an index beside the place where it will lie; gives the file, for whoever may give it its name.

    Args:
        path: where it will lie; several programs may write for one place at once.
        secret: 32 bytes, of this index.
        head: what kind of index, of what, and at which epoch; canonical JSON.
        parts: arrays by name, in the order in which they will be read.

    Raises:
        StoreError: the file cannot be written.
    """
    salt, prefix, plain = os.urandom(_SALT_BYTES), os.urandom(_PREFIX_BYTES), canonical(dict(head))
    opening = _MAGIC + len(plain).to_bytes(_LENGTH_BYTES, "big") + plain + salt + prefix
    cipher = AESGCM(_key(secret, salt))
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(opening)
            number, held = 0, bytearray()
            for name, array in parts:
                held += _described(name, array)
                view = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
                for start in range(0, len(view), _CHUNK_BYTES):
                    held += view[start : start + _CHUNK_BYTES].tobytes()
                    while len(held) > _CHUNK_BYTES:
                        _put(file, cipher, _nonce(prefix, number, last=False), bytes(held[:_CHUNK_BYTES]), opening)
                        del held[:_CHUNK_BYTES]
                        number += 1
            _put(file, cipher, _nonce(prefix, number, last=True), bytes(held), opening)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()
        msg = f"The index {path.name} cannot be saved: {error.strerror}."
        raise StoreError(msg) from error
    return unfinished


def read(path: Path, secret: bytes, head: Mapping[str, Any]) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """The arrays of a saved index, one after the other.

    Args:
        path: of the file.
        secret: of this index.
        head: as it must be now; any other means that the index is stale.

    Raises:
        StaleIndexError: there is none, it is of another epoch, or it is damaged; also while reading.
    """
    try:
        with path.open("rb") as file:
            opening, salt, prefix = _opening(file)
            if opening[len(_MAGIC) + _LENGTH_BYTES : -len(salt) - len(prefix)] != canonical(dict(head)):
                msg = "The saved index is of another state of the database."
                raise StaleIndexError(msg)
            yield from _arrays(_Plain(file, AESGCM(_key(secret, salt)), prefix, opening))
    except OSError as error:
        msg = "There is no saved index that can be read."
        raise StaleIndexError(msg) from error


class _Plain:
    """The decrypted bytes of a file, in order."""

    def __init__(self, file: BinaryIO, cipher: AESGCM, prefix: bytes, opening: bytes) -> None:
        self._file, self._cipher, self._prefix, self._opening = file, cipher, prefix, opening
        self._number, self._last, self._held = 0, False, bytearray()

    def ends(self) -> bool:
        """Whether everything was taken, the last chunk included."""
        while not self._held and not self._last:
            self._next()
        return not self._held

    def take(self, n_bytes: int) -> bytearray:
        """The next bytes; StaleIndexError when there are fewer."""
        taken = bytearray()
        while len(taken) < n_bytes:
            if not self._held:
                if self._last:
                    raise _damaged()
                self._next()
            part = self._held[: n_bytes - len(taken)]
            taken += part
            del self._held[: len(part)]
        return taken

    def _next(self) -> None:
        size = int.from_bytes(self._file.read(_LENGTH_BYTES), "big")
        sealed = self._file.read(size & 0x7FFFFFFF)
        self._last = bool(size >> 31)
        nonce = _nonce(self._prefix, self._number, last=self._last)
        try:
            self._held += self._cipher.decrypt(nonce, sealed, self._opening)
        except (InvalidTag, ValueError) as error:
            raise _damaged() from error
        self._number += 1


def _arrays(plain: _Plain) -> Iterator[tuple[str, NDArray[np.generic]]]:
    while not plain.ends():
        size = int.from_bytes(plain.take(_LENGTH_BYTES), "big")
        name, kind, shape = parse(bytes(plain.take(size)))
        if kind not in _TYPES:
            raise _damaged()
        n_bytes = int(np.prod(shape, dtype=np.int64)) * np.dtype(kind).itemsize
        yield name, np.frombuffer(plain.take(n_bytes), dtype=kind).reshape(shape)


def _opening(file: BinaryIO) -> tuple[bytes, bytes, bytes]:
    """(everything before the chunks, the salt, the prefix of nonces)."""
    start = file.read(len(_MAGIC) + _LENGTH_BYTES)
    size = int.from_bytes(start[len(_MAGIC) :], "big")
    if not start.startswith(_MAGIC) or size > _LONGEST_HEAD:
        raise _damaged()
    rest = file.read(size + _SALT_BYTES + _PREFIX_BYTES)
    salt = rest[size : size + _SALT_BYTES]
    return start + rest, salt, rest[size + _SALT_BYTES :]


def _described(name: str, array: NDArray[np.generic]) -> bytes:
    described = canonical([name, array.dtype.str, list(array.shape)])
    return len(described).to_bytes(_LENGTH_BYTES, "big") + described


def _put(file: BinaryIO, cipher: AESGCM, nonce: bytes, plain: bytes, opening: bytes) -> None:
    sealed = cipher.encrypt(nonce, plain, opening)
    size = len(sealed) | (0x80000000 if nonce[-1] else 0)
    file.write(size.to_bytes(_LENGTH_BYTES, "big") + sealed)


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + number.to_bytes(_LENGTH_BYTES, "big") + bytes([last])


def _key(secret: bytes, salt: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, b"countenance index 1").derive(secret)


def _damaged() -> StaleIndexError:
    return StaleIndexError("The saved index is damaged.")
