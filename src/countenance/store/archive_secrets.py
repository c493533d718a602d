"""Secrets of the archive itself in the key store: drawn once, or put there; each is wrapped by the epoch key."""

from __future__ import annotations

import os
import sqlite3
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import Final

from countenance.errors import KeyStoreError
from countenance.store.sealing import KEY_BYTES
from countenance.store.wrapping import unwrap, wrap

_SHORTEST, _LONGEST, _STEP = 24, 64, 8
"""Bytes of what can be put: the key wrap takes whole blocks of eight."""
_ONE: Final = "SELECT wrapped FROM archive_secrets WHERE name = ?"


class Secrets(ABC):
    """What a key store does with secrets that have a name of their own."""

    _epoch: bytearray

    @abstractmethod
    def _transaction(self, *, write: bool) -> AbstractContextManager[sqlite3.Connection]:
        """The key store's file, with the epoch in force."""

    def has_secret(self, name: str) -> bool:
        """Whether the secret of that name was drawn or put."""
        with self._transaction(write=False) as db:
            return db.execute(_ONE, (name,)).fetchone() is not None

    def secret_names(self, beginning: str) -> list[str]:
        """Names of the secrets that begin so, in order."""
        with self._transaction(write=False) as db:
            rows = db.execute("SELECT name FROM archive_secrets ORDER BY name").fetchall()
        return [name for (name,) in rows if name.startswith(beginning)]

    def secret(self, name: str) -> bytes:
        """The archive's 32-byte secret of that name; drawn, durably, when it is asked for the first time.

        Raises:
            DamagedError: its stored form is damaged.
        """
        with self._transaction(write=False) as db:
            row = db.execute(_ONE, (name,)).fetchone()
            if row is not None:
                return unwrap(self._epoch, row[0])
        with self._transaction(write=True) as db:  # another program may have been faster
            row = db.execute(_ONE, (name,)).fetchone()
            drawn = os.urandom(KEY_BYTES) if row is None else unwrap(self._epoch, row[0])
            if row is None:
                db.execute("INSERT INTO archive_secrets VALUES (?, ?)", (name, wrap(self._epoch, drawn)))
            return drawn

    def put_secret(self, name: str, content: bytes) -> None:
        """Keep, durably, what others may not forge rather than what they may not see; it takes the old one's place.

        Args:
            name: of the secret.
            content: 24 to 64 bytes, a multiple of 8.

        Raises:
            KeyStoreError: it is of another length, or the file cannot be written.
        """
        if not _SHORTEST <= len(content) <= _LONGEST or len(content) % _STEP:
            msg = f"{len(content)} bytes cannot be wrapped as a secret."
            raise KeyStoreError(msg)
        with self._transaction(write=True) as db:
            db.execute("INSERT OR REPLACE INTO archive_secrets VALUES (?, ?)", (name, wrap(self._epoch, content)))

    def kept_secret(self, name: str) -> bytes | None:
        """What was put under a name; None when nothing was.

        Raises:
            DamagedError: its stored form is damaged.
        """
        with self._transaction(write=False) as db:
            row = db.execute(_ONE, (name,)).fetchone()
            return None if row is None else unwrap(self._epoch, row[0])

    def drop_secret(self, name: str) -> None:
        """Delete a secret; it is gone for good after ``rotate_epoch``."""
        with self._transaction(write=True) as db:
            db.execute("DELETE FROM archive_secrets WHERE name = ?", (name,))
