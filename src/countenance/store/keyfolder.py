"""The folder of a key store: its files, and how they come to be whole or not at all.

``epoch.key`` is overwritten in place, ``keys.sqlite`` is a small database, and ``master.json``, which holds no secret,
comes last: a key store without it was never finished.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from countenance.errors import ConflictError, DamagedError, KeyStoreError, NotFoundError
from countenance.store.connection import apply_settings, error_of
from countenance.store.epoch import EpochFile
from countenance.store.keyfile import MasterRecord, sync_folder, write_new
from countenance.store.keysums import KeySums

FORM: Final = 2
"""Form of the key store; a higher one is of a newer program."""

DAMAGED: Final = "The key store is damaged."

_EPOCH_FILE = "epoch.key"
_KEYS_FILE = "keys.sqlite"
_SUMS_FILE = "keys.sums"
_MASTER_FILE = "master.json"
_UNFINISHED_FILE = "master.json.new"

# A rollback journal that is cut and synced ends every transaction for good: with any other mode a power loss could
# bring back rows wrapped by an epoch key that is already overwritten.
_SETTINGS: Final = (
    ("secure_delete", "ON", 1),
    ("journal_mode", "TRUNCATE", "truncate"),
    ("synchronous", "FULL", 2),
    ("foreign_keys", "ON", 1),
    ("temp_store", "MEMORY", 2),
)

_TABLES: Final = (
    "CREATE TABLE key_facts (form INTEGER NOT NULL, generation INTEGER NOT NULL, scrub_due INTEGER NOT NULL) STRICT",
    "CREATE TABLE collection_keys (collection_id TEXT NOT NULL PRIMARY KEY, wrapped BLOB NOT NULL) STRICT",
    """
    CREATE TABLE subject_keys (
        subject_id TEXT NOT NULL PRIMARY KEY,
        collection_id TEXT NOT NULL REFERENCES collection_keys (collection_id),
        wrapped BLOB NOT NULL
    ) STRICT
    """,
    _SECRETS := "CREATE TABLE archive_secrets (name TEXT NOT NULL PRIMARY KEY, wrapped BLOB NOT NULL) STRICT",
)


def begin(folder: Path) -> None:
    """Make the folder (0700), and remove what an interrupted creation left in it.

    Raises:
        ConflictError: there is a key store already, or keys that something may depend on.
        KeyStoreError: the folder cannot be written.
    """
    with _errors_of_disk():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (folder / _MASTER_FILE).exists() or _holds_keys(folder):
            msg = "There is a key store here already."
            raise ConflictError(msg, advice="Open the existing archive, or choose another folder.")
        for name in (_EPOCH_FILE, _KEYS_FILE, f"{_KEYS_FILE}-journal", _SUMS_FILE, _UNFINISHED_FILE):
            (folder / name).unlink(missing_ok=True)


def fill(folder: Path, wrapped_epoch: bytes, record: MasterRecord) -> None:
    """Write the files of a new key store of generation 1.

    Args:
        folder: as ``begin`` left it.
        wrapped_epoch: the first epoch key under the master's wrapping key (40 bytes).
        record: what is needed to make that wrapping key again.

    Raises:
        KeyStoreError: the folder cannot be written.
    """
    EpochFile.create(folder / _EPOCH_FILE, wrapped_epoch)
    write_new(folder / _KEYS_FILE, b"")
    with errors_of_driver(), closing(connect(folder)) as connection, connection:
        connection.execute("BEGIN IMMEDIATE")
        for table in _TABLES:
            connection.execute(table)
        connection.execute("INSERT INTO key_facts VALUES (?, 1, 0)", (FORM,))
    write_new(folder / _UNFINISHED_FILE, record.as_json().encode("ascii"))
    with _errors_of_disk():
        (folder / _UNFINISHED_FILE).rename(folder / _MASTER_FILE)
        sync_folder(folder)


@contextmanager
def transaction(connection: sqlite3.Connection, sums: KeySums, *, write: bool) -> Iterator[None]:
    """Inside is a transaction; one that writes renews the checksum."""
    with errors_of_driver():
        connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
        try:
            yield
            if write:
                sums.mark()
            connection.execute("COMMIT")
        except BaseException:
            connection.rollback()
            raise
        if write:
            sums.take(connection)


def upgrade(connection: sqlite3.Connection, sums: KeySums) -> None:
    """Verify a key store, and bring one of an older form to this one; a newer one is left alone.

    Raises:
        DamagedError: the table of keys is not as it was written.
        KeyStoreError: a file cannot be read or written.
    """
    with errors_of_driver():
        sums.verify(connection)
        connection.execute("BEGIN IMMEDIATE")
        try:
            facts = connection.execute("SELECT form FROM key_facts").fetchone()
            if facts == (1,):
                connection.execute(_SECRETS)
                connection.execute("UPDATE key_facts SET form = 2")
            connection.execute("COMMIT")
        except BaseException:
            connection.rollback()
            raise


def record_of(folder: Path) -> MasterRecord:
    """What ``master.json`` says.

    Raises:
        NotFoundError: there is no key store in this folder.
        DamagedError: the file is damaged.
        KeyStoreError: it cannot be read.
    """
    try:
        with _errors_of_disk():
            return MasterRecord.from_json((folder / _MASTER_FILE).read_bytes().decode("ascii", "replace"))
    except FileNotFoundError as error:
        msg = "There is no key store here."
        raise NotFoundError(
            msg, advice="Make the archive with `countenance init`, or restore its key folder."
        ) from error


def epoch_file(folder: Path) -> EpochFile:
    """The file of the epoch key."""
    return EpochFile(folder / _EPOCH_FILE)


def looks(folder: Path) -> Iterator[tuple[str, Callable[[], str | None]]]:
    """For each file its name, and what says in a sentence what is wrong with it (or None), without changing it."""

    def table() -> str | None:
        sums = sums_of(folder)
        try:
            with errors_of_driver(), closing(connect(folder)) as connection:
                return sums.problem(connection)
        finally:
            sums.close()

    def epoch() -> str | None:
        broken = epoch_file(folder).broken_slots()
        return f"Slot {broken[0]} is neither a key nor noise as it was written." if broken else None

    def record() -> None:
        record_of(folder)

    yield f"{folder.name}/{_MASTER_FILE}", record
    yield f"{folder.name}/{_EPOCH_FILE}", epoch
    yield f"{folder.name}/{_KEYS_FILE}", table


def sums_of(folder: Path) -> KeySums:
    """The checksum of the table of wrapped keys, which is held open from now on.

    Raises:
        DamagedError: there is no table.
        KeyStoreError: it cannot be read.
    """
    return KeySums(folder / _KEYS_FILE, folder / _SUMS_FILE)


def connect(folder: Path) -> sqlite3.Connection:
    """A connection to the table of wrapped keys, with its settings verified.

    Raises:
        StoreError: the file cannot be opened, or SQLite here does not do what was asked.
        DamagedError: it is no sound database.
    """
    path = Path(os.path.abspath(folder / _KEYS_FILE))  # noqa: PTH100 - a symbolic link stays what the person named
    with errors_of_driver():
        connection = sqlite3.connect(
            f"{path.as_uri()}?mode=rw", uri=True, timeout=10.0, isolation_level=None, check_same_thread=False
        )
        try:
            apply_settings(connection, _SETTINGS)
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def errors_of_driver() -> Iterator[None]:
    """Inside, errors of the database driver become ours."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorname", "") == "SQLITE_ERROR":
            # Our statements are fixed, so a table or a column must be missing.
            raise DamagedError(DAMAGED) from error
        raise error_of(error) from error
    except UnicodeDecodeError as error:  # the driver quotes a damaged schema in its message
        raise DamagedError(DAMAGED) from error


@contextmanager
def _errors_of_disk() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        msg = f"The key folder cannot be used: {error.strerror}."
        raise KeyStoreError(msg, advice="Check the permissions of the archive's key folder.") from error


def _holds_keys(folder: Path) -> bool:
    keys = folder / _KEYS_FILE
    if not keys.exists() or keys.stat().st_size == 0:
        return False
    with errors_of_driver(), closing(connect(folder)) as connection:
        n_tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        return bool(n_tables and connection.execute("SELECT count(*) FROM collection_keys").fetchone()[0])
