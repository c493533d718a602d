"""The key store: keys of collections and subjects, wrapped twice, in a folder outside the database and its backups.

``epoch.key`` holds the epoch key under the master; ``keys.sqlite`` holds collection keys under the epoch key, and
subject keys under their collection's key and then the epoch key; secrets of the archive itself, such as the ledger's
signing key, lie there under the epoch key as well. Dropping a key and renewing the epoch makes every copy
of the dropped key, on this disk and in every backup of ``keys.sqlite``, useless.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from countenance.errors import DamagedError, KeyStoreError, NotFoundError
from countenance.store import keyfolder
from countenance.store.archive_secrets import Secrets
from countenance.store.epoch import Slot
from countenance.store.keyfile import Master
from countenance.store.sealing import KEY_BYTES
from countenance.store.turns import turn_of
from countenance.store.wrapping import unwrap, unwrap_twice, wipe, wrap

if TYPE_CHECKING:
    from types import TracebackType

_SALT_LABEL = b"countenance ledger salt 1"
_NEXT, _DUE = "rekey:", "rekey-due:"
"""Archive secrets that hold a collection's next key: still to be used, and perhaps in use by rows already."""

_TABLES = (("collection_keys", "collection_id"), ("subject_keys", "subject_id"), ("archive_secrets", "name"))
"""What the epoch key wraps, and by what each row is named."""


class KeyStore(Secrets):
    """An open key store. Keys live in memory while it is open; ``close`` wipes them as well as Python can."""

    def __init__(self, folder: Path, wrapping: bytearray, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self._wrapping = wrapping
        self._connection = connection
        self._file = keyfolder.epoch_file(folder)
        self._sums = keyfolder.sums_of(folder)
        self._lock = threading.RLock()
        self._epoch = bytearray()
        self._generation = 0
        self._seen_version = -1
        self._collections: dict[str, bytearray] = {}
        self._subjects: dict[str, bytearray] = {}
        self._rotations: dict[tuple[str, int], NDArray[np.float32]] = {}

    @classmethod
    def create(cls, folder: Path, master: Master) -> Self:
        """Make a key store in a folder (0700) and open it. An interrupted creation is begun again.

        Raises:
            ConflictError: there is a key store already.
            KeyStoreError: the folder cannot be written.
        """
        keyfolder.begin(folder)
        record = master.new_record()
        wrapping = master.wrapping_key(record)
        keyfolder.fill(folder, wrap(wrapping, os.urandom(KEY_BYTES)), record)
        return cls._opened(folder, wrapping)

    @classmethod
    def open(cls, folder: Path, master: Master) -> Self:
        """Open a key store, and finish a rotation that was interrupted.

        Raises:
            NotFoundError: there is no key store in this folder.
            KeyStoreError: the master does not open it, or it is newer than this code.
            DamagedError: its files are damaged.
        """
        return cls._opened(folder, master.wrapping_key(keyfolder.record_of(folder)))

    @classmethod
    def _opened(cls, folder: Path, wrapping: bytearray) -> Self:
        store = cls(folder, wrapping, keyfolder.connect(folder))
        try:
            keyfolder.upgrade(store._connection, store._sums)
            store._scrub()
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Wipe the keys in memory and close the files."""
        with self._lock:
            self._forget()
            for key in (self._epoch, self._wrapping):
                wipe(key)
            self._connection.close()
            self._sums.close()

    def __enter__(self) -> Self:
        """The key store itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def new_collection_key(self, collection: str) -> None:
        """Make and keep a key for a new collection, durably, before any row of it is written.

        Raises:
            ConflictError: the collection has a key.
        """
        with self._transaction(write=True) as db:
            wrapped = wrap(self._epoch, os.urandom(KEY_BYTES))
            db.execute("INSERT INTO collection_keys VALUES (?, ?)", (collection, wrapped))

    def new_subject_key(self, subject: str, collection: str) -> None:
        """Make and keep a key for a new subject of a collection, durably, before any row of it is written.

        Raises:
            ConflictError: the subject has a key.
            NotFoundError: the collection has none.
        """
        with self._transaction(write=True) as db:
            inner = wrap(self._collection_key(db, collection), os.urandom(KEY_BYTES))
            row = (subject, collection, wrap(self._epoch, inner))
            db.execute("INSERT INTO subject_keys VALUES (?, ?, ?)", row)

    def collection_key(self, collection: str) -> bytes:
        """The collection's 32-byte key.

        Raises:
            NotFoundError: it has none.
            DamagedError: its stored form is damaged.
        """
        with self._transaction(write=False) as db:
            return bytes(self._collection_key(db, collection))

    def subject_key(self, subject: str) -> bytes:
        """The subject's 32-byte key.

        Raises:
            NotFoundError: it has none: never enrolled, or erased.
            DamagedError: its stored form is damaged.
        """
        with self._transaction(write=False) as db:
            found = self._subjects.get(subject)
            if found is None:
                found = self._subjects[subject] = self._load_subject_key(db, subject)
            return bytes(found)

    def subject_keys_of(self, collection: str, wanted: frozenset[str]) -> dict[str, bytes]:
        """32-byte keys of those of these subjects who have one in this collection; they are not kept here.

        Raises:
            DamagedError: the stored form of one is damaged.
        """
        query = "SELECT subject_id, wrapped FROM subject_keys WHERE collection_id = ?"
        with self._transaction(write=False) as db:
            outer = self._collection_key(db, collection)
            rows = [row for row in db.execute(query, (collection,)) if row[0] in wanted]
            opened = unwrap_twice(self._epoch, outer, (row[1] for row in rows))
            return dict(zip((row[0] for row in rows), opened, strict=True))

    def drop_subject_key(self, subject: str) -> bool:
        """Delete the subject's key; False when there was none. The erasure is complete after ``rotate_epoch``."""
        with self._transaction(write=True) as db:
            dropped = db.execute("DELETE FROM subject_keys WHERE subject_id = ?", (subject,)).rowcount > 0
        with self._lock:
            wipe(self._subjects.pop(subject, bytearray()))
        return dropped

    def drop_collection_key(self, collection: str) -> int:
        """Delete the key of a collection and of everybody in it; gives how many keys those were.

        The erasure is complete after ``rotate_epoch``.
        """
        with self._transaction(write=True) as db:
            n_keys = db.execute("DELETE FROM subject_keys WHERE collection_id = ?", (collection,)).rowcount
            n_keys += db.execute("DELETE FROM collection_keys WHERE collection_id = ?", (collection,)).rowcount
            self._drop_next(db, collection)
        with self._lock:
            self._forget()
        return n_keys

    def has_subject_key(self, subject: str) -> bool:
        """Whether the subject has a key."""
        with self._transaction(write=False) as db:
            return db.execute("SELECT 1 FROM subject_keys WHERE subject_id = ?", (subject,)).fetchone() is not None

    def has_collection_key(self, collection: str) -> bool:
        """Whether the collection has a key."""
        query = "SELECT 1 FROM collection_keys WHERE collection_id = ?"
        with self._transaction(write=False) as db:
            return db.execute(query, (collection,)).fetchone() is not None

    def open_all(self) -> int:
        """Open every key and keep none; gives how many there are. DamagedError when one does not open."""
        with self._transaction(write=False) as db:
            rows = [row for table, _ in _TABLES for row in db.execute(f"SELECT wrapped FROM {table}")]  # noqa: S608
            return sum(bool(unwrap(self._epoch, wrapped)) for (wrapped,) in rows)

    def salt_of(self, subject: str, nonce: bytes) -> bytes:
        """The 32-byte salt of one entry of the ledger about this subject; it dies with the subject's key.

        Args:
            subject: id.
            nonce: drawn for the entry.

        Raises:
            NotFoundError: the subject has no key: never enrolled, or erased.
        """
        return hmac.new(self.subject_key(subject), _SALT_LABEL + nonce, hashlib.sha256).digest()

    def rotation_of(self, collection: str, dim: int) -> NDArray[np.float32]:
        """The (dim, dim) float32 orthonormal matrix that turns the collection's templates before they are sealed.

        Raises:
            NotFoundError: the collection has no key.
        """
        key = self.collection_key(collection)
        with self._lock:
            found = self._rotations.get((collection, dim))
            if found is None:
                found = self._rotations[collection, dim] = turn_of(key, dim)
            return found

    def next_collection_key(self, collection: str) -> bytes:
        """The 32-byte key that a re-key under way will put in force; drawn, durably, when it is asked for first."""
        return self.secret(_NEXT + collection)

    def mark_rekey(self, collection: str) -> None:
        """Say that rows may be under the next key from now on: nothing of the collection opens until it is settled."""
        with self._transaction(write=True) as db:
            db.execute("UPDATE archive_secrets SET name = ? WHERE name = ?", (_DUE + collection, _NEXT + collection))
        with self._lock:
            self._forget()

    def finish_rekey(self, collection: str) -> None:
        """Put the next key in force and wrap the keys of the collection's subjects by it; nothing when that is done.

        The old key is destroyed by ``rotate_epoch``.

        Raises:
            DamagedError: a stored key is damaged; nothing was changed.
        """
        with self._transaction(write=True) as db:
            row = db.execute("SELECT wrapped FROM archive_secrets WHERE name = ?", (_DUE + collection,)).fetchone()
            if row is not None:
                fresh, old = (bytearray(unwrap(self._epoch, each)) for each in (row[0], _stored(db, collection)))
                query = "SELECT wrapped, subject_id FROM subject_keys WHERE collection_id = ?"
                found = [(unwrap(self._epoch, each), subject) for each, subject in db.execute(query, (collection,))]
                again = [(wrap(self._epoch, wrap(fresh, unwrap(old, inner))), subject) for inner, subject in found]
                db.executemany("UPDATE subject_keys SET wrapped = ? WHERE subject_id = ?", again)
                db.execute("UPDATE collection_keys SET wrapped = ? WHERE collection_id = ?", (row[0], collection))
                self._drop_next(db, collection)
                for key in (fresh, old):
                    wipe(key)
        with self._lock:
            self._forget()

    def drop_rekey(self, collection: str) -> None:
        """Give a re-key up, of which no row was written: the key in force stays."""
        with self._transaction(write=True) as db:
            self._drop_next(db, collection)

    def rekeys(self) -> list[str]:
        """Collections whose re-key was begun and is not settled."""
        with self._transaction(write=False) as db:
            names = [name for (name,) in db.execute("SELECT name FROM archive_secrets ORDER BY name")]
        return [name.removeprefix(each) for name in names for each in (_NEXT, _DUE) if name.startswith(each)]

    def _drop_next(self, db: sqlite3.Connection, collection: str) -> None:
        names = (_NEXT + collection, _DUE + collection)
        db.execute("DELETE FROM archive_secrets WHERE name IN (?, ?)", names)

    def rotate_epoch(self) -> int:
        """Wrap every key by a new epoch key and destroy the old one; returns the new generation.

        A kill at any moment leaves either the old epoch or the new one in force; the next ``open`` destroys the other.

        Raises:
            KeyStoreError: a file cannot be written; the old epoch stays in force.
            DamagedError: a stored key is damaged; nothing was changed.
        """
        fresh = bytearray(os.urandom(KEY_BYTES))
        with self._transaction(write=True) as db:
            generation = self._generation + 1
            self._file.write(1 - self._slot().index, generation, wrap(self._wrapping, fresh))
            for table, column in _TABLES:
                rows = db.execute(f"SELECT wrapped, {column} FROM {table}").fetchall()  # noqa: S608 - fixed names
                again = [(wrap(fresh, unwrap(self._epoch, wrapped)), name) for wrapped, name in rows]
                db.executemany(f"UPDATE {table} SET wrapped = ? WHERE {column} = ?", again)  # noqa: S608 - fixed names
            db.execute("UPDATE key_facts SET generation = ?, scrub_due = 1", (generation,))
        wipe(fresh)
        self._scrub()
        return generation

    def _scrub(self) -> None:
        """Destroy what the other slot may hold. Under the write lock, because another program may be rotating."""
        with self._transaction(write=True) as db:
            (due,) = db.execute("SELECT scrub_due FROM key_facts").fetchone()
            other = 1 - self._slot().index
            if due or not self._file.is_noise(other):
                self._file.scrub(other)
                db.execute("UPDATE key_facts SET scrub_due = 0")

    @contextmanager
    def _transaction(self, *, write: bool) -> Iterator[sqlite3.Connection]:
        with self._lock, keyfolder.transaction(self._connection, self._sums, write=write):
            self._follow(self._connection)
            yield self._connection

    def _follow(self, db: sqlite3.Connection) -> None:
        """Notice what another program changed: forget cached keys, take over the epoch in force."""
        # The pragma comes after the first read, which is what makes this connection look at the file.
        facts = db.execute("SELECT form, generation FROM key_facts").fetchone()
        (version,) = db.execute("PRAGMA data_version").fetchone()
        if facts is None:
            raise DamagedError(keyfolder.DAMAGED)
        form, generation = facts
        if form != keyfolder.FORM:
            msg = f"This key store was written by a newer Countenance (form {form}; this one reads {keyfolder.FORM})."
            raise KeyStoreError(msg, advice="Update Countenance, then open the archive again; nothing was changed.")
        if version != self._seen_version:
            self._forget()
            self._seen_version = version
        if generation != self._generation:
            epoch = self._unwrap_epoch(generation)
            wipe(self._epoch)
            self._epoch, self._generation = epoch, generation

    def _slot(self, generation: int | None = None) -> Slot:
        wanted = self._generation if generation is None else generation
        for slot in self._file.slots():
            if slot.generation == wanted:
                return slot
        msg = "The files epoch.key and keys.sqlite of this archive do not belong together."
        raise DamagedError(msg, advice="Restore both files from the same backup; nothing was changed.")

    def _unwrap_epoch(self, generation: int) -> bytearray:
        slot = self._slot(generation)
        try:
            return bytearray(unwrap(self._wrapping, slot.wrapped))
        except DamagedError as error:
            msg = "The key file or passphrase given does not open this archive."
            raise KeyStoreError(msg) from error

    def _collection_key(self, db: sqlite3.Connection, collection: str) -> bytearray:
        found = self._collections.get(collection)
        if found is None:
            wrapped, due = _stored(db, collection), (_DUE + collection,)
            if db.execute("SELECT 1 FROM archive_secrets WHERE name = ?", due).fetchone() is not None:
                msg = "This collection is being given a new key, or that was interrupted."
                raise KeyStoreError(msg, advice="Run the command again: opening the archive finishes it.")
            found = self._collections[collection] = bytearray(unwrap(self._epoch, wrapped))
        return found

    def _load_subject_key(self, db: sqlite3.Connection, subject: str) -> bytearray:
        query = "SELECT wrapped, collection_id FROM subject_keys WHERE subject_id = ?"
        row = db.execute(query, (subject,)).fetchone()
        if row is None:
            msg = f"There is no key for subject {subject}: it was never enrolled, or was erased."
            raise NotFoundError(msg, advice="If an old database was restored, run `countenance ledger replay`.")
        inner = unwrap(self._epoch, row[0])
        return bytearray(unwrap(self._collection_key(db, row[1]), inner))

    def _forget(self) -> None:
        for cache in (self._collections, self._subjects):
            for key in cache.values():
                wipe(key)
            cache.clear()
        self._rotations.clear()


def _stored(db: sqlite3.Connection, collection: str) -> bytes:
    row = db.execute("SELECT wrapped FROM collection_keys WHERE collection_id = ?", (collection,)).fetchone()
    if row is None:
        msg = f"There is no key for collection {collection}."
        raise NotFoundError(msg)
    wrapped: bytes = row[0]
    return wrapped
