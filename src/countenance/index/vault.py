"""Templates for the second look of an index: float16, in memory or in a file without a name under an ephemeral key.

The file is encrypted with AES-256 in counter mode under a key that exists in this process alone, and has no name: when
the process ends, nobody can read it any more. Counter mode because single rows are read in any order; each counter is
used once, since a row is written once (and wiped with chance afterwards).

Source:
    NIST SP 800-38A, counter mode. The key stream of many rows is made by one call: the counters are enciphered one by
    one, as the mode says.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from countenance.core.arrays import Templates
from countenance.errors import StoreError

Halves = NDArray[np.float16]
"""(n, d) float16."""

_BLOCK_BYTES: Final = 16
_CHUNK_ROWS: Final = 65_536


def floats(halves: Halves) -> NDArray[np.float32]:
    """Finite float16 as float32, exactly; eight times as fast as NumPy's own conversion, which has no fast path here.

    Source:
        IEEE 754: both have their sign first; ten bits of fraction stand 13 places higher, and the exponents differ by
        112, which one multiplication adds, for subnormal numbers as well.
    """
    bits = halves.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= np.int32(-0x70002000)  # the sign that was drawn out over the exponent, but for its own place
    wide: NDArray[np.float32] = bits.view(np.float32)
    wide *= np.float32(2.0**112)
    return wide


class MemoryVault:
    """Rows in memory."""

    def __init__(self, dim: int) -> None:
        """None yet."""
        self._rows: Halves = np.empty((0, dim), dtype=np.float16)
        self._n = 0

    def __len__(self) -> int:
        """How many rows."""
        return self._n

    def append(self, templates: Templates) -> None:
        """Add (n, d) rows."""
        end = self._n + len(templates)
        if end > len(self._rows):
            grown = np.zeros((max(end, len(self._rows) * 5 // 4), self._rows.shape[1]), dtype=np.float16)
            grown[: self._n] = self._rows[: self._n]
            self._rows = grown
        self._rows[self._n : end] = templates
        self._n = end

    def take(self, rows: NDArray[np.int64]) -> Halves:
        """Chosen rows, in the order given."""
        return self._rows[rows]

    def wipe(self, rows: NDArray[np.int64]) -> None:
        """Overwrite rows that are not to be read again."""
        self._rows[rows] = 0

    def blocks(self) -> Iterator[Halves]:
        """Every row, in order."""
        for start in range(0, self._n, _CHUNK_ROWS):
            yield self._rows[start : min(start + _CHUNK_ROWS, self._n)]


class FileVault:
    """Rows in an encrypted file without a name; nothing of it stays in memory between two calls."""

    def __init__(self, dim: int, folder: Path) -> None:
        """Make the file in a folder.

        Args:
            dim: numbers in a row, a multiple of 8.
            folder: on a local disk with room for twice ``dim`` bytes a row.

        Raises:
            StoreError: the folder cannot be written.
        """
        if dim % 8:
            msg = f"Templates of {dim} numbers cannot be kept in a file; their number must be a multiple of 8."
            raise StoreError(msg)
        self._dim, self._row_bytes, self._n = dim, 2 * dim, 0
        try:
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - lives as long as the vault
        except OSError as error:
            msg = f"No file for templates can be made in {folder}: {error.strerror}."
            raise StoreError(msg, advice="Check free disk space and the archive folder's permissions.") from error
        weakref.finalize(self, self._file.close)
        # ECB of counters is what counter mode is; the library's own mode cannot begin at many places in one call.
        self._cipher = Cipher(algorithms.AES(os.urandom(32)), modes.ECB())  # noqa: S305
        self._nonce = np.frombuffer(os.urandom(8), dtype=np.uint64)[0]

    def __len__(self) -> int:
        """How many rows."""
        return self._n

    def append(self, templates: Templates) -> None:
        """Add (n, d) rows.

        Raises:
            StoreError: the disk is full.
        """
        for start in range(0, len(templates), _CHUNK_ROWS):
            plain = np.ascontiguousarray(templates[start : start + _CHUNK_ROWS], dtype=np.float16).view(np.uint8)
            rows = np.arange(self._n, self._n + len(plain), dtype=np.int64)
            self._write((plain ^ self._stream(rows)).tobytes(), self._n)
            self._n += len(plain)

    def take(self, rows: NDArray[np.int64]) -> Halves:
        """Chosen rows, in the order given."""
        size, descriptor = self._row_bytes, self._file.fileno()
        # Read row by row: a mapping would count every page it touched as this process's memory.
        content = b"".join([os.pread(descriptor, size, row * size) for row in rows.tolist()])
        sealed = np.frombuffer(content, dtype=np.uint8).reshape(len(rows), size)
        return np.ascontiguousarray(sealed ^ self._stream(rows)).view(np.float16)

    def wipe(self, rows: NDArray[np.int64]) -> None:
        """Overwrite rows with chance; they are not to be read again."""
        for row in rows.tolist():
            self._write(os.urandom(self._row_bytes), row)

    def blocks(self) -> Iterator[Halves]:
        """Every row, in order."""
        for start in range(0, self._n, _CHUNK_ROWS):
            rows = np.arange(start, min(start + _CHUNK_ROWS, self._n), dtype=np.int64)
            content = os.pread(self._file.fileno(), len(rows) * self._row_bytes, start * self._row_bytes)
            sealed = np.frombuffer(content, dtype=np.uint8).reshape(len(rows), self._row_bytes)
            yield np.ascontiguousarray(sealed ^ self._stream(rows)).view(np.float16)

    def _write(self, content: bytes, row: int) -> None:
        at, view = row * self._row_bytes, memoryview(content)
        try:
            while view:
                written = os.pwrite(self._file.fileno(), view, at)
                view, at = view[written:], at + written
        except OSError as error:
            msg = f"The templates of an index cannot be written: {error.strerror}."
            raise StoreError(msg, advice="Free some disk space and run the command again.") from error

    def _stream(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Key stream (n, bytes of a row) of rows."""
        blocks = self._row_bytes // _BLOCK_BYTES
        counters = np.empty((len(rows), blocks, 2), dtype=">u8")
        counters[:, :, 0] = self._nonce
        counters[:, :, 1] = rows[:, None] * blocks + np.arange(blocks)
        stream = self._cipher.encryptor().update(counters.tobytes())
        return np.frombuffer(stream, dtype=np.uint8).reshape(len(rows), self._row_bytes)
