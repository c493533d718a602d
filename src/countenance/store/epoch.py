"""The file of the epoch key: two fixed slots that are overwritten in place, so that no old copy is left behind.

A slot holds one wrapped key with its generation, or noise. The file is made once in full and is never truncated,
renamed or copied. On file systems that copy on write, and inside solid-state disks, overwriting in place is best
effort.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from countenance.errors import DamagedError, KeyStoreError
from countenance.store.keyfile import write_new

SLOT_BYTES = 4_096
N_SLOTS = 2
_MAGIC = b"CNTEPK1\0"
_WRAPPED_BYTES = 40
_BODY = struct.Struct(f">8sQ{_WRAPPED_BYTES}s")
_CHECK_BYTES = 32


@dataclass(frozen=True, slots=True)
class Slot:
    """One readable slot.

    Attributes:
        index: 0 or 1.
        generation: number of the epoch, from 1.
        wrapped: the epoch key under the master's wrapping key (RFC 3394, 40 bytes).
    """

    index: int
    generation: int
    wrapped: bytes


class EpochFile:
    """The two slots on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path, wrapped: bytes) -> EpochFile:
        """Make the file with generation 1 in slot 0 and noise in slot 1.

        Raises:
            KeyStoreError: it exists already or cannot be written.
        """
        write_new(path, _encode(1, wrapped) + _noise())
        return cls(path)

    def slots(self) -> list[Slot]:
        """The readable slots; a slot of noise or a torn one is left out.

        Raises:
            DamagedError: the file is missing or has another size.
            KeyStoreError: it cannot be read.
        """
        found = (_decode(index, content) for index, content in enumerate(self._slot_contents()))
        return [slot for slot in found if slot is not None]

    def write(self, index: int, generation: int, wrapped: bytes) -> None:
        """Overwrite one slot with a key, durably.

        Raises:
            KeyStoreError: the file cannot be written.
        """
        self._overwrite(index, _encode(generation, wrapped))

    def scrub(self, index: int) -> None:
        """Overwrite one slot with noise, durably.

        Raises:
            KeyStoreError: the file cannot be written.
        """
        self._overwrite(index, _noise())

    def is_noise(self, index: int) -> bool:
        """Whether a slot holds noise as it was written.

        Raises:
            DamagedError: the file is missing or has another size.
            KeyStoreError: it cannot be read.
        """
        return _is_noise(self._slot_contents()[index])

    def broken_slots(self) -> list[int]:
        """Slots that are neither a key nor noise as it was written; one that a power loss tore is among them.

        Raises:
            DamagedError: the file is missing or has another size.
            KeyStoreError: it cannot be read.
        """
        contents = self._slot_contents()
        return [index for index, content in enumerate(contents) if not (_is_noise(content) or _is_key(content))]

    def _slot_contents(self) -> list[bytes]:
        with self._opened(os.O_RDONLY) as handle:
            content = os.pread(handle, N_SLOTS * SLOT_BYTES + 1, 0)
        if len(content) != N_SLOTS * SLOT_BYTES:
            msg = "The file epoch.key of this archive is damaged."
            raise DamagedError(msg)
        return [content[index * SLOT_BYTES : (index + 1) * SLOT_BYTES] for index in range(N_SLOTS)]

    def _overwrite(self, index: int, content: bytes) -> None:
        with self._opened(os.O_RDWR) as handle:
            written = 0
            while written < SLOT_BYTES:
                written += os.pwrite(handle, content[written:], index * SLOT_BYTES + written)
            os.fsync(handle)

    @contextmanager
    def _opened(self, flags: int) -> Iterator[int]:
        try:
            handle = os.open(self.path, flags | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                yield handle
            finally:
                os.close(handle)
        except FileNotFoundError as error:
            msg = "The file epoch.key of this archive is missing."
            raise DamagedError(msg) from error
        except OSError as error:
            msg = f"The file epoch.key of this archive cannot be used: {error.strerror}."
            raise KeyStoreError(msg, advice="Check the permissions of the archive's key folder.") from error


def _encode(generation: int, wrapped: bytes) -> bytes:
    body = _BODY.pack(_MAGIC, generation, wrapped)
    return (body + hashlib.sha256(body).digest()).ljust(SLOT_BYTES, b"\0")


def _noise() -> bytes:
    """A slot of chance that says of itself whether it is whole."""
    chance = os.urandom(SLOT_BYTES - _CHECK_BYTES)
    return chance + hashlib.sha256(chance).digest()


def _is_noise(content: bytes) -> bool:
    return hashlib.sha256(content[:-_CHECK_BYTES]).digest() == content[-_CHECK_BYTES:]


def _is_key(content: bytes) -> bool:
    """Stricter than ``_decode``, which still opens a key behind whose end a bit was flipped."""
    return _decode(0, content) is not None and not any(content[_BODY.size + _CHECK_BYTES :])


def _decode(index: int, content: bytes) -> Slot | None:
    body = content[: _BODY.size]
    magic, generation, wrapped = _BODY.unpack(body)
    whole = content[_BODY.size : _BODY.size + _CHECK_BYTES] == hashlib.sha256(body).digest()
    return Slot(index, generation, wrapped) if magic == _MAGIC and whole else None
