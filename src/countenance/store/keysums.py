"""One checksum over the table of wrapped keys, in a file beside it.

Keys authenticate themselves, the names of their rows do not: a flipped bit in one would make a person look erased.
Every transaction marks the file before it commits and sums the table after, so a kill between the two is not taken for
damage. What another program wrote, and an older copy that was put back, are known by SQLite's own counter of changes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from countenance.errors import DamagedError, KeyStoreError
from countenance.store.held import Held

_MAGIC: Final = b"CNTKSM1\0"
_BODY: Final = struct.Struct("<8sIIQ32s")  # magic, open, counter of changes, bytes, SHA-256
_CHECK: Final = struct.Struct("<I")
_COUNTER, _ECHO = 24, 92  # where SQLite keeps its counter of changes, and where it repeats it
_START_BYTES: Final = 100


@dataclass(frozen=True, slots=True)
class KeySum:
    """What the file says.

    Attributes:
        open: a transaction was begun and not summed.
        counter: SQLite's counter of changes at the last sum.
        n_bytes: size of the table.
        sha256: of all its bytes.
    """

    open: bool
    counter: int
    n_bytes: int
    sha256: bytes


class KeySums:
    """The checksum of one table of keys, kept by whoever has it open."""

    def __init__(self, table: Path, path: Path) -> None:
        """Hold the table open for raw reading.

        Raises:
            DamagedError: there is no table.
            KeyStoreError: it cannot be read.
        """
        self._path = path
        with _errors_of_disk():
            self._held = Held(table)

    def close(self) -> None:
        """Let the table go, after the last connection is closed."""
        self._held.let_go()

    def verify(self, db: sqlite3.Connection) -> None:
        """Compare the table with its sum, and sum it when that was never done.

        Raises:
            DamagedError: the table is not as it was written, or the checksum itself is damaged.
            KeyStoreError: a file cannot be read or written.
        """
        with _errors_of_disk(), _share(db):
            said = _read(self._path)
            if said is None or not (changed := self._changed(said)):
                changed = said is None
            elif not self._explained(said) or db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise _damaged()
            if changed:
                self._write(self._now())

    def problem(self, db: sqlite3.Connection) -> str | None:
        """What is wrong, in a sentence, without changing anything; None when nothing is."""
        try:
            with _errors_of_disk(), _share(db):
                said = _read(self._path)
                if said is not None and self._changed(said) and not self._explained(said):
                    raise _damaged()
        except (DamagedError, KeyStoreError) as error:
            return error.message
        return None

    def mark(self) -> None:
        """Note that a transaction is about to commit.

        Raises:
            KeyStoreError: the file cannot be written.
        """
        with _errors_of_disk(), contextlib.suppress(DamagedError):
            said = _read(self._path)
            if said is not None and not said.open:
                self._write(KeySum(open=True, counter=said.counter, n_bytes=said.n_bytes, sha256=said.sha256))

    def take(self, db: sqlite3.Connection) -> None:
        """Sum the table as it is now; the transaction that changed it is committed.

        Raises:
            KeyStoreError: the file cannot be written.
        """
        with _errors_of_disk(), _share(db):
            self._write(self._now())

    def _now(self) -> KeySum:
        content = self._held.read(self._held.size_bytes(), 0)
        counter = _counter_of(content) or 0
        return KeySum(open=False, counter=counter, n_bytes=len(content), sha256=hashlib.sha256(content).digest())

    def _changed(self, said: KeySum) -> bool:
        now = self._now()
        return (now.n_bytes, now.sha256) != (said.n_bytes, said.sha256)

    def _explained(self, said: KeySum) -> bool:
        counter = _counter_of(self._held.read(_START_BYTES, 0))
        return said.open or (counter is not None and counter != said.counter)

    def _write(self, said: KeySum) -> None:
        # In place and not synced: after a power loss it is older than the table, which its counter tells.
        body = _BODY.pack(_MAGIC, said.open, said.counter, said.n_bytes, said.sha256)
        handle = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(handle, body + _CHECK.pack(zlib.crc32(body)), 0)
        finally:
            os.close(handle)


def _read(path: Path) -> KeySum | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    body = content[: _BODY.size]
    if not content or content == bytes(len(content)):
        return None  # what a power loss leaves of a file that was never synced
    if len(content) != _BODY.size + _CHECK.size or _CHECK.pack(zlib.crc32(body)) != content[_BODY.size :]:
        raise _damaged_sum()
    magic, is_open, counter, n_bytes, sha256 = _BODY.unpack(body)
    if magic != _MAGIC or is_open not in (0, 1):
        raise _damaged_sum()
    return KeySum(open=bool(is_open), counter=counter, n_bytes=n_bytes, sha256=sha256)


def _counter_of(start: bytes) -> int | None:
    if len(start) < _START_BYTES:
        return None
    (counter,), (echo,) = struct.unpack_from(">I", start, _COUNTER), struct.unpack_from(">I", start, _ECHO)
    return int(counter) if counter == echo else None


@contextlib.contextmanager
def _share(db: sqlite3.Connection) -> Iterator[None]:
    """Inside, nobody can change the table's file."""
    db.execute("BEGIN")
    try:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield
    finally:
        db.rollback()


@contextlib.contextmanager
def _errors_of_disk() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        msg = "A file of this archive's key folder is missing."
        raise DamagedError(msg) from error
    except OSError as error:
        msg = f"The key folder cannot be used: {error.strerror}."
        raise KeyStoreError(msg, advice="Check the permissions of the archive's key folder.") from error


def _damaged() -> DamagedError:
    return DamagedError(
        "The key store is damaged: its table of keys is not as it was written.",
        advice="Restore the key folder from a backup; nothing was changed.",
    )


def _damaged_sum() -> DamagedError:
    return DamagedError(
        "The checksum of the key store is damaged.",
        advice="Remove the file keys.sums of the key folder: it holds nothing but a checksum, and is made again.",
    )
