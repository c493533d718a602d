"""The mirror: a copy of the ledger beside the database, so that a database restored from an older copy is noticed.

``entries.jsonl`` holds every entry in a line of its own and only grows; ``checkpoint`` is the latest signed checkpoint.
The database is the truth; the mirror follows each commit. Where the database has less than the mirror, or something
else, nothing more may be appended to either: a log never signs two histories.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from countenance.core.canonical import parse
from countenance.core.notes import Checkpoint
from countenance.errors import CountenanceError, DamagedError, ProofError, StoreError
from countenance.ledger.checkpoint import SECRET, sign, signing_key
from countenance.ledger.log import root
from countenance.ledger.verify import Verifier
from countenance.store import entries
from countenance.store.connection import Store, Tx
from countenance.store.keys import KeyStore

ENTRIES: Final = "entries.jsonl"
CHECKPOINT: Final = "checkpoint"
MOST_NOTE_BYTES: Final = 65_536
_BLOCK: Final = 65_536
_OLDER: Final = "The database is older than the ledger beside it: {} missing, as after restoring an old copy."
_REPLAY: Final = "Run `countenance ledger replay`."
_RESTORE: Final = "Keep both files, run `countenance ledger verify`, and restore the database from a backup."


class Standing(StrEnum):
    """How database and mirror stand to each other."""

    SAME = "same"
    MIRROR_BEHIND = "mirror-behind"
    DATABASE_BEHIND = "database-behind"
    FORKED = "forked"
    MIRROR_DAMAGED = "mirror-damaged"


@dataclass(frozen=True, slots=True)
class Compared:
    """What comparing found.

    Attributes:
        standing: in one word.
        says: in one sentence, for people.
        n_mirror: entries in the mirror.
        n_database: entries in the database.
    """

    standing: Standing
    says: str
    n_mirror: int
    n_database: int

    @property
    def may_append(self) -> bool:
        """Whether the log may grow: never when what was signed before would not be its beginning."""
        return self.standing not in {Standing.DATABASE_BEHIND, Standing.FORKED}


class Mirror:
    """The mirror in a folder, which is made (0700) when it is first written.

    Attributes:
        folder: where.
        compared: what was found when it was last looked at; None before.
        trouble: why the mirror could not be written the last time; None when it could.
    """

    def __init__(self, folder: Path) -> None:
        """Name the folder; nothing is read or written yet."""
        self.folder = folder
        self.compared: Compared | None = None
        self.trouble: str | None = None

    def attach(self, store: Store, keys: KeyStore) -> None:
        """Follow every commit of a store from now on, catch up now, and refuse what must not be appended.

        An act that is committed stays done when the mirror cannot be written; ``trouble`` then says so.
        """

        def after() -> None:
            try:
                self.follow(store, keys)
            except (OSError, CountenanceError) as error:
                self.trouble = f"The mirror of the ledger could not be written: {error}"

        after()
        store.before_commit, store.after_commit = self.require_appendable, after

    def follow(self, store: Store, keys: KeyStore) -> Compared:
        """Append to the mirror what the database has more, and sign; gives how they stood before.

        Raises:
            StoreError: the database cannot be read.
            OSError: the mirror cannot be read or written.
        """
        with self._locked() as handle, store.reading() as tx:  # in this order: what others mirrored is committed here
            end, last = _tail(handle)
            self.compared = self._compare(tx, keys, last)
            if self.compared.standing in {Standing.SAME, Standing.MIRROR_BEHIND}:
                os.ftruncate(handle, end)  # a line torn by a crash
            if self.compared.standing == Standing.MIRROR_BEHIND:
                self._append(handle, tx, self.compared.n_mirror)
                self._write_checkpoint(sign(tx, keys))
            self.trouble = None
            return self.compared

    @contextmanager
    def looking(self, store: Store, keys: KeyStore) -> Iterator[tuple[Tx, Compared]]:
        """A view of the database in which nothing is missing that the mirror has, and how they stand, by a quick look.

        Raises:
            StoreError: the database cannot be read.
            OSError: the mirror cannot be read.
        """
        with ExitStack() as stack:
            with self._locked() as handle:
                tx = stack.enter_context(store.reading())
                compared = self._compare(tx, keys, _tail(handle)[1])
            yield tx, compared

    def compare(self, tx: Tx, compared: Compared) -> Compared:
        """How they stand with every entry looked at, in a view that ``looking`` gave."""
        if compared.standing == Standing.MIRROR_DAMAGED:
            return compared
        lines = self.lines()
        for n, body in entries.bodies(tx, 0, min(compared.n_mirror, compared.n_database)):
            if next(lines, None) != body:
                says = f"Entry {n} is not the same in the database and in its mirror."
                return Compared(Standing.FORKED, says, compared.n_mirror, compared.n_database)
        return compared

    def lines(self) -> Iterator[bytes]:
        """Every whole line, in order."""
        if not (self.folder / ENTRIES).exists():
            return
        with (self.folder / ENTRIES).open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield line[:-1]

    def note(self) -> str | None:
        """The latest signed checkpoint, as it stands there; None when there is none.

        Raises:
            ProofError: the file is no text.
        """
        try:
            with (self.folder / CHECKPOINT).open("rb") as file:
                return file.read(MOST_NOTE_BYTES).decode("utf-8")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            msg = "The checkpoint in the mirror of the ledger is not a text."
            raise ProofError(msg) from error

    def signed(self, keys: KeyStore) -> Checkpoint | None:
        """The latest checkpoint, verified with this archive's own key; None when there is none.

        Raises:
            ProofError: it does not verify.
        """
        note = self.note()
        return None if note is None else Verifier(signing_key(keys).line).checkpoint(note)

    def rewrite(self, store: Store, keys: KeyStore) -> None:
        """Write all of the mirror again from the database, once somebody has decided that the database is right."""
        with self._locked() as handle, store.reading() as tx:
            os.ftruncate(handle, 0)
            self._append(handle, tx, 0)
            self._write_checkpoint(sign(tx, keys))

    def cut(self, n_entries: int) -> int:
        """Drop the lines after the first ``n_entries``; gives how many those were."""
        with self._locked() as handle, os.fdopen(os.dup(handle), "rb") as file:
            file.seek(0)
            kept = sum(len(line) for _, line in zip(range(n_entries), file, strict=False))
            dropped = sum(1 for _ in file)
            os.ftruncate(handle, kept)
            os.fsync(handle)
        return dropped

    def _compare(self, tx: Tx, keys: KeyStore, last: bytes | None) -> Compared:
        """By the signed checkpoint and the last line; ``compare`` looks at every line."""
        n_database, n_mirror, signed, damage = entries.size(tx), 0, None, ""
        try:
            n_mirror = 0 if last is None else _number_of(last) + 1
        except ProofError as error:
            damage = error.message
        try:
            signed = self.signed(keys)
        except ProofError as error:
            damage = error.message
        n_signed = 0 if signed is None else signed.size
        n_gone = max(n_mirror, n_signed) - n_database
        if n_gone > 0:
            standing, says = (
                Standing.DATABASE_BEHIND,
                _OLDER.format("1 entry is" if n_gone == 1 else f"{n_gone} entries are"),
            )
        elif damage:
            standing, says = Standing.MIRROR_DAMAGED, f"The mirror is damaged: {damage}"
        elif signed is None and keys.has_secret(SECRET):
            standing, says = Standing.MIRROR_DAMAGED, "The mirror is damaged: its signed checkpoint is gone."
        elif n_mirror < n_signed:
            standing, says = (
                Standing.MIRROR_DAMAGED,
                f"The mirror is damaged: {n_signed - n_mirror} entries are missing.",
            )
        elif _is_forked(tx, signed, n_mirror, last):
            standing, says = Standing.FORKED, "The database tells another history than the one that was signed before."
        elif n_mirror < n_database or n_signed < n_database or signed is None:
            standing, says = Standing.MIRROR_BEHIND, "The mirror lacks the newest entries."
        else:
            standing, says = Standing.SAME, "The database and its mirror are the same."
        return Compared(standing, says, n_mirror, n_database)

    def forget(self) -> None:
        """Forget what was found, because it is being settled: the log may grow again."""
        self.compared = None

    def require_appendable(self) -> None:
        """Raise StoreError where the log must not grow."""
        if self.compared is not None and not self.compared.may_append:
            msg = f"{self.compared.says} Nothing more can be logged before that is settled, so nothing can be done."
            behind = self.compared.standing == Standing.DATABASE_BEHIND
            raise StoreError(msg, advice=_REPLAY if behind else _RESTORE)

    def require_all_read(self, store: Store) -> None:
        """Raise DamagedError where commits are missing because the write-ahead log could not be read to its end.

        Of what is missing nothing can be shown, and what is left would be taken for all of it.
        """
        behind = self.compared is not None and self.compared.standing == Standing.DATABASE_BEHIND
        if behind and store.log_ended_early:
            store.give_up()

    def _append(self, handle: int, tx: Tx, first: int) -> None:
        with os.fdopen(os.dup(handle), "ab") as file:
            for _, body in entries.bodies(tx, first):
                file.write(body + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _write_checkpoint(self, note: str) -> None:
        new = self.folder / f"{CHECKPOINT}.new"
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(note.encode())
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.folder / CHECKPOINT)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """The open file of entries, which nobody else writes meanwhile."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(self.folder / ENTRIES, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle
        finally:
            os.close(handle)


def _is_forked(tx: Tx, signed: Checkpoint | None, n_mirror: int, last: bytes | None) -> bool:
    """Whether the database has another history than what was signed, or than the mirror's last line."""
    try:
        if signed is not None and signed.size and root(tx, signed.size) != signed.root:
            return True
        return last is not None and entries.body(tx, n_mirror - 1) != last
    except DamagedError:  # an entry or a node is gone
        return True


def _number_of(line: bytes) -> int:
    try:
        n = parse(line)["n"]
    except (ValueError, TypeError, KeyError) as error:
        msg = "its last line is not an entry."
        raise ProofError(msg) from error
    if type(n) is not int or n < 0:
        msg = "its last line is not an entry."
        raise ProofError(msg)
    return n


def _tail(handle: int) -> tuple[int, bytes | None]:
    """(bytes up to the end of the last whole line, that line); read backwards, because the file may be long."""
    at, held = os.fstat(handle).st_size, b""
    while at and held.count(b"\n", 0, max(0, held.rfind(b"\n"))) == 0:
        step = min(_BLOCK, at)
        at -= step
        held = os.pread(handle, step, at) + held
    newline = held.rfind(b"\n")
    if newline < 0:
        return 0, None
    return at + newline + 1, held[held.rfind(b"\n", 0, newline) + 1 : newline]
