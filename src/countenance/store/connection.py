"""The way to the database: one writer at a time, durable commits, and driver errors turned into ours."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Self, TypeAlias

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event

from countenance.errors import ConflictError, ConsentError, CountenanceError, DamagedError, NotFoundError, StoreError
from countenance.store.checkpoints import Checkpoints, Lend, loss
from countenance.store.migrate import check_version, migrate, version_of
from countenance.store.pages import has_sums, new_stamp, stamp_pragmas

if TYPE_CHECKING:
    from types import TracebackType

    from sqlalchemy.engine import ExceptionContext

Tx: TypeAlias = Connection
"""An open transaction, as every function of this package takes it first."""

NOTICE = "notice"
"""Set in ``tx.info`` of a transaction about whose commit somebody wants to be told."""

# Set on every connection, then read back: SQLite answers an impossible setting with silence.
_SETTINGS: tuple[tuple[str, str, int | str], ...] = (
    ("secure_delete", "ON", 1),
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", 2),
    ("foreign_keys", "ON", 1),
    ("temp_store", "MEMORY", 2),
    ("wal_autocheckpoint", "0", 0),  # pages are moved by store/checkpoints.py alone
)

_OLDEST_SQLITE = (3, 37, 0)

_DAMAGED = (DamagedError, "The archive's database is damaged.", None)
_UNREADABLE = (StoreError, "The archive's database cannot be read from or written to the disk.", None)
_LOCKED = (
    StoreError,
    "Another program is writing to this archive and did not finish in time.",
    "Wait until the other program is done, or stop it.",
)

# By the beginning of SQLite's name for the failure; no advice means the error's own.
_FAILURES: dict[str, tuple[type[StoreError], str, str | None]] = {
    "SQLITE_FULL": (
        StoreError,
        "The disk is full, so nothing was written.",
        "Free some disk space and run the command again.",
    ),
    "SQLITE_BUSY": _LOCKED,
    "SQLITE_LOCKED": _LOCKED,
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_NOTADB": _DAMAGED,
    "SQLITE_READONLY": (StoreError, "The archive's database cannot be written.", None),
    "SQLITE_IOERR": _UNREADABLE,
    "SQLITE_CANTOPEN": _UNREADABLE,
}


class Store:
    """The archive's database.

    Use ``with store.transaction() as tx:`` for everything that writes and ``with store.reading() as tx:`` for the rest.
    """

    def __init__(self, path: Path, writer: Engine, readers: Engine, lend: Lend) -> None:
        self.path = path
        self._writer = writer
        self._readers = readers
        self._lend = lend
        self._checkpoints = Checkpoints(path)
        self._settles = False
        self._lock = threading.Lock()
        self._owner: int | None = None
        self.before_commit: Callable[[], None] | None = None
        """Called before a transaction that set ``NOTICE`` is committed, in it; what it raises undoes everything."""
        self.after_commit: Callable[[], None] | None = None
        """Called when a transaction that set ``NOTICE`` in its ``tx.info`` has become durable, outside of it."""

    @classmethod
    def open(cls, path: Path, *, create: bool = False, busy_timeout_s: float = 10.0) -> Self:
        """Open the database and apply missing migrations.

        Args:
            path: the database file; its write-ahead log lies beside it.
            create: make the file (0600) when there is none.
            busy_timeout_s: seconds to wait for another program's write.

        Raises:
            NotFoundError: there is no file and ``create`` is False.
            StoreError: it is of another program, newer than this code, locked, or cannot be read.
            DamagedError: its bytes are not a sound database, or not those that were written.
        """
        path = Path(os.path.abspath(path))  # noqa: PTH100 - a symbolic link stays what the person named
        if create:
            _make_file(path)
        elif not path.exists():
            msg = "There is no archive here: its database does not exist."
            raise NotFoundError(msg, advice="Make one with `countenance init`, or name another with --archive.")
        store = cls(
            path,
            _engine(path, busy_timeout_s, read_only=False),
            _engine(path, busy_timeout_s, read_only=True),
            lambda: closing(_connect(path, busy_timeout_s, read_only=True)),
        )
        try:
            store._checkpoints.begin()
            if has_sums(path):
                store._verify()
            store._prepare(create=create)
            if not has_sums(path):
                store._verify()
            store._settles = True
        except BaseException:
            store.close()
            raise
        return store

    def _prepare(self, *, create: bool) -> None:
        with self.reading() as tx:
            if not create and version_of(tx) == 0:
                msg = "This file is empty; it is no archive database."
                raise StoreError(msg, advice="Make the archive again with `countenance init`.")
            missing = check_version(tx)
        if missing:
            with self.transaction() as tx:
                migrate(tx)

    def _verify(self) -> None:
        with errors_of_driver(), _raw(self._writer) as raw:
            self._checkpoints.verify(raw, self._lend)

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        """A transaction that may write. It is durable once the block ends; an error undoes all of it.

        Raises:
            StoreError: disk full, locked, read-only, or opened inside another transaction of this thread.
            ConsentError: the database found no consent for a row (P1, P2).
            ConflictError: a row exists already, or a decision stands.
        """
        me = threading.get_ident()
        if self._owner == me:
            msg = "A transaction is already open here; writes of one story belong into one transaction."
            raise StoreError(msg)
        with self._lock:
            self._owner = me
            try:
                with self._writer.begin() as tx:
                    self._checkpoints.before_write(self._lend)
                    n_changes = _n_changes(tx)
                    tx.info.pop(NOTICE, None)
                    yield tx
                    noticed = tx.info.pop(NOTICE, False)
                    if noticed and self.before_commit is not None:
                        self.before_commit()
                    if _n_changes(tx) != n_changes:
                        for pragma in stamp_pragmas(new_stamp()):
                            tx.exec_driver_sql(pragma)
                self._settle(due_only=True)
            finally:
                self._owner = None
        if noticed and self.after_commit is not None:
            self.after_commit()

    @contextmanager
    def reading(self) -> Iterator[Tx]:
        """A consistent view for reading; writes through it are refused.

        Raises:
            StoreError: the database cannot be read.
        """
        with self._readers.connect() as tx, tx.begin():
            yield tx

    @property
    def is_writing(self) -> bool:
        """Whether this thread has a writing transaction open."""
        return self._owner == threading.get_ident()

    def truncate_log(self) -> None:
        """Move everything from the write-ahead log into the database file and cut the log to nothing.

        Raises:
            StoreError: a reader held the log, so old bytes remain in it.
        """
        with self._lock, errors_of_driver(), _raw(self._writer) as raw:
            emptied = self._checkpoints.truncate(raw, self._lend)
        if not emptied:
            msg = "The write-ahead log could not be emptied because a reader still holds it."
            raise StoreError(msg, advice="Stop other programs that use this archive and try again.")

    def require_secure_delete(self) -> None:
        """Raise StoreError unless the database says that it overwrites what is deleted."""
        with self._lock, _raw(self._writer) as raw:
            answer = raw.execute("PRAGMA secure_delete").fetchone()
        if answer != (1,):
            msg = "This database does not overwrite what is deleted, so nothing can be certified as erased."
            raise StoreError(
                msg, advice="Use the SQLite that comes with Python, then run `countenance erase --resume`."
            )

    @property
    def log_ended_early(self) -> bool:
        """Whether the write-ahead log held more at the opening than could be read of it."""
        return self._checkpoints.ends_early

    def give_up(self) -> NoReturn:
        """Raise DamagedError because commits are missing, now and whenever this database is opened again."""
        with self._lock, errors_of_driver(), _raw(self._writer) as raw:
            self._checkpoints.remember_loss(raw, self._lend)
        raise loss()

    def close(self) -> None:
        """Close every connection. The last one to leave removes the write-ahead log."""
        if self._settles and self._lock.acquire(blocking=False):  # else it is left to whoever opens the archive next
            try:
                self._settle(due_only=False)
            finally:
                self._lock.release()
        self._settles = False
        self._readers.dispose()
        self._writer.dispose()
        self._checkpoints.end()

    def _settle(self, *, due_only: bool) -> None:
        # What was acknowledged is safe in the log; that it cannot be moved now is no failure of anything.
        with contextlib.suppress(StoreError), errors_of_driver():
            if self._checkpoints.is_due() if due_only else self._checkpoints.is_unsettled():
                with _raw(self._writer) as raw:
                    self._checkpoints.settle_if_free(raw, self._lend)

    def __enter__(self) -> Self:
        """The store itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()


def _make_file(path: Path) -> None:
    # Made before SQLite sees it, because SQLite would let the whole group read it.
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        msg = f"The archive's database cannot be made: {error.strerror}."
        raise StoreError(msg) from error


@contextmanager
def _raw(engine: Engine) -> Iterator[sqlite3.Connection]:
    lent = engine.raw_connection()
    try:
        connection = lent.driver_connection
        if not isinstance(connection, sqlite3.Connection):
            msg = "Only SQLite has a write-ahead log to empty."
            raise StoreError(msg)
        yield connection
    finally:
        lent.close()


def _n_changes(tx: Tx) -> int:
    driver = tx.connection.driver_connection
    return driver.total_changes if isinstance(driver, sqlite3.Connection) else 0


def _engine(path: Path, busy_timeout_s: float, *, read_only: bool) -> Engine:
    engine = create_engine(
        "sqlite+pysqlite://",
        creator=lambda: _connect(path, busy_timeout_s, read_only=read_only),
        poolclass=QueuePool,
        pool_size=4 if read_only else 1,
        max_overflow=12 if read_only else 0,
        hide_parameters=True,
    )
    event.listen(engine, "begin", _begin_reading if read_only else _begin_writing)
    event.listen(engine, "handle_error", _translate)
    return engine


def _begin_reading(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _begin_writing(connection: Connection) -> None:
    # The lock is taken now, not at the first write: a transaction that has read cannot lose its turn half-way.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def errors_of_driver() -> Iterator[None]:
    """Inside, errors of the database driver become ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise error_of(error) from error
    except UnicodeDecodeError as error:  # the driver quotes a damaged schema in its message
        raise DamagedError(_DAMAGED[1]) from error


@errors_of_driver()
def _connect(path: Path, busy_timeout_s: float, *, read_only: bool) -> sqlite3.Connection:
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(
            f"{path.as_uri()}?mode=rw",
            uri=True,
            timeout=busy_timeout_s,
            isolation_level=None,  # we say BEGIN ourselves
            check_same_thread=False,  # the pool hands a connection to one thread at a time
        )
        apply_settings(connection, _SETTINGS)
        if read_only:
            connection.execute("PRAGMA query_only=ON")
    except BaseException:
        if connection is not None:
            connection.close()
        raise
    return connection


def require_sqlite(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    """Raise StoreError when the SQLite of this Python is too old to keep types strictly."""
    if version < _OLDEST_SQLITE:
        found, needed = (".".join(str(part) for part in parts) for parts in (version, _OLDEST_SQLITE))
        msg = f"This Python comes with SQLite {found}; the archive needs {needed} or newer."
        raise StoreError(msg, advice="Use a newer Python, or a system with a newer SQLite.")


def apply_settings(connection: sqlite3.Connection, settings: tuple[tuple[str, str, int | str], ...]) -> None:
    """Set each (pragma, value, answer) and read it back.

    Raises:
        StoreError: SQLite here is too old, or does not do what was asked.
    """
    require_sqlite()
    for name, value, answer in settings:
        connection.execute(f"PRAGMA {name}={value}")
        row = connection.execute(f"PRAGMA {name}").fetchone()
        if row is None or row[0] != answer:
            msg = f"This SQLite does not accept the setting {name}={value}, which the archive needs."
            raise StoreError(msg, advice="Keep the archive on a local disk, and use the SQLite that comes with Python.")


def _translate(context: ExceptionContext) -> CountenanceError | None:
    original = context.original_exception
    return error_of(original) if isinstance(original, sqlite3.Error) else None


def error_of(error: sqlite3.Error) -> CountenanceError:
    """Our error for one of the driver's, without the values of any row."""
    name = getattr(error, "sqlite_errorname", None) or ""
    text = str(error)
    if name.startswith("SQLITE_CONSTRAINT"):
        return _refusal_of(name, text)
    for beginning, (kind, message, advice) in _FAILURES.items():
        if name.startswith(beginning):
            return kind(message, advice=advice)
    if not name and isinstance(error, sqlite3.OperationalError):
        # The driver could not read a value; its text would repeat the value.
        return DamagedError(_DAMAGED[1])
    return StoreError(f"The database refused a statement: {text}.")


def _refusal_of(name: str, text: str) -> CountenanceError:
    rule, _, words = text.partition(": ")
    if name == "SQLITE_CONSTRAINT_TRIGGER":
        if rule == "no consent":
            return ConsentError(f"There is no consent for this: {words}.")
        return ConflictError(f"The database refused this: {words}.")
    if name in {"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"}:
        return ConflictError(f"This exists already ({words}).")
    return StoreError(f"The database refused a row: {text}.")
