"""The mirror: a copy of the ledger beside the database, so that a database restored from an older copy is noticed.

``entries.jsonl`` holds every entry in a line of its own and only grows; ``checkpoint`` is the latest signed checkpoint.
The database is the truth; the mirror follows each commit. Where the database has less than the mirror, or something
else, nothing more may be appended to either: a log never signs two histories.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from countenance.core.canonical import parse
from countenance.core.notes import Checkpoint
from countenance.errors import CountenanceError, DamagedError, ProofError, StoreError
from countenance.ledger import head, mac
from countenance.ledger.checkpoint import SECRET, sign, signing_key
from countenance.ledger.event import Act
from countenance.ledger.head import Head
from countenance.ledger.log import root
from countenance.ledger.verify import Verifier
from countenance.store import entries
from countenance.store.connection import Store, Tx
from countenance.store.keys import KeyStore

ENTRIES: Final = "entries.jsonl"
CHECKPOINT: Final = "checkpoint"
MOST_NOTE_BYTES: Final = 65_536
_BLOCK: Final = 65_536
_AT_BEGINNING: Final = 2
"""Entries of an archive that has just been made, perhaps with a kill before its mirror was."""
_ERASURE: Final = f'"act":"{Act.ERASE.value}"'.encode()
_OLDER: Final = "The database is older than what was kept beside it: {} missing, as after restoring an old copy."
_REPLAY: Final = "Run `countenance ledger replay`."
_RESTORE: Final = "Keep both files, run `countenance ledger verify`, and restore the database from a backup."
_WRITABLE: Final = "Make the folder `ledger` of the archive readable and writable, and see that the disk is not full."


class Standing(StrEnum):
    """How database and mirror stand to each other."""

    SAME = "same"
    MIRROR_BEHIND = "mirror-behind"
    DATABASE_BEHIND = "database-behind"
    FORKED = "forked"
    MIRROR_DAMAGED = "mirror-damaged"
    FOREIGN = "foreign-entry"


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
        """Whether the log may grow: only when what was signed before is known to be its beginning."""
        return self.standing in {Standing.SAME, Standing.MIRROR_BEHIND}


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
        self._head: Head | None = None
        self._grew = False
        self._follow: Callable[[], object] = lambda: None

    def attach(self, store: Store, keys: KeyStore) -> None:
        """Follow every commit of a store from now on, catch up now, and refuse what must not be appended.

        An act that is committed stays done when the mirror cannot be written; ``trouble`` then says so, and the next
        act is refused unless the mirror can be written by then.
        """

        def after() -> None:
            try:
                self.follow(store, keys)
            except (OSError, CountenanceError) as error:
                self.trouble = f"The mirror of the ledger could not be written: {error}"

        self._follow = after
        with suppress(CountenanceError):  # told by ``follow``, too
            self._head = head.read(keys)
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
                self._grew, erased = True, self._append(handle, tx, self.compared.n_mirror)
                self._write_checkpoint(sign(tx, keys))
                if erased:  # its receipt is about to be handed out
                    self._note_head(tx, keys)
            if self.compared.may_append and self._head is None:
                self._note_head(tx, keys)
            self.trouble = None
            return self.compared

    def keep_head(self, store: Store, keys: KeyStore) -> None:
        """Keep with the keys what the log is now, so that whoever rolls back database and mirror is found.

        Raises:
            StoreError: the log must not grow, or the mirror or the key store cannot be used.
        """
        self.require_appendable()
        with self._locked(), store.reading() as tx:
            self._note_head(tx, keys)

    def end(self, store: Store, keys: KeyStore) -> None:
        """Keep the head of a log that grew, if that can be done: store and keys are about to be closed."""
        if self._grew and self.compared is not None and self.compared.may_append:
            with suppress(OSError, CountenanceError):
                self.keep_head(store, keys)
        self._grew = False

    @contextmanager
    def looking(self, store: Store, keys: KeyStore) -> Iterator[tuple[Tx, Compared]]:
        """A view of the database in which nothing is missing that the mirror has, and how they stand, by a quick look.

        Raises:
            StoreError: the database cannot be read.
            OSError: the mirror cannot be read.
        """
        with ExitStack() as stack:
            with self._locked() as handle:
                self._head = head.read(keys)
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
        """Write mirror and head again from the database, once somebody has decided that the database is right."""
        with self._locked() as handle, store.reading() as tx:
            os.ftruncate(handle, 0)
            self._append(handle, tx, 0)
            self._write_checkpoint(sign(tx, keys))
            self._note_head(tx, keys, smaller=True)
        self.compared = self.trouble = None

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
        n_gone = max(n_mirror, n_signed, self._head.size if self._head else 0) - n_database
        if n_gone > 0:
            standing, says = (
                Standing.DATABASE_BEHIND,
                _OLDER.format("1 entry is" if n_gone == 1 else f"{n_gone} entries are"),
            )
        elif damage:
            standing, says = Standing.MIRROR_DAMAGED, f"The mirror is damaged: {damage}"
        elif signed is None and self._was_signed(keys, n_database):
            standing, says = Standing.MIRROR_DAMAGED, "The mirror is damaged: its signed checkpoint is gone."
        elif n_mirror < n_signed:
            standing, says = (
                Standing.MIRROR_DAMAGED,
                f"The mirror is damaged: {n_signed - n_mirror} entries are missing.",
            )
        elif _is_forked(tx, signed, self._head, n_mirror, last):
            standing, says = Standing.FORKED, "The database tells another history than the one that was signed before."
        elif foreign := mac.foreign(keys, entries.sealed_bodies(tx, min(n_mirror, n_signed))):
            standing, says = Standing.FOREIGN, mac.finding(foreign[0])
        elif n_mirror < n_database or n_signed < n_database or signed is None:
            standing, says = Standing.MIRROR_BEHIND, "The mirror lacks the newest entries."
        else:
            standing, says = Standing.SAME, "The database and its mirror are the same."
        return Compared(standing, says, n_mirror, n_database)

    def forget(self) -> None:
        """Forget what was found, because it is being settled: the log may grow again."""
        self.compared = self._head = None

    def require_appendable(self) -> None:
        """Raise StoreError where the log must not grow, and nothing of it may be signed."""
        if self.trouble is not None:
            self._follow()
        if self.trouble is not None:
            msg = f"{self.trouble.rstrip('.')}. Nothing more can be logged without it, so nothing can be done."
            raise StoreError(msg, advice=_WRITABLE)
        if self.compared is not None and not self.compared.may_append:
            msg = f"{self.compared.says} Nothing more can be logged before that is settled, so nothing can be done."
            settled = self.compared.standing in {Standing.DATABASE_BEHIND, Standing.MIRROR_DAMAGED}
            raise StoreError(msg, advice=_REPLAY if settled else _RESTORE)

    def require_all_read(self, store: Store) -> None:
        """Raise DamagedError where commits are missing because the write-ahead log could not be read to its end.

        Of what is missing nothing can be shown, and what is left would be taken for all of it.
        """
        behind = self.compared is not None and self.compared.standing == Standing.DATABASE_BEHIND
        if behind and store.log_ended_early:
            store.give_up()

    def _was_signed(self, keys: KeyStore, n_database: int) -> bool:
        return self._head is not None or (n_database > _AT_BEGINNING and keys.has_secret(SECRET))

    def _note_head(self, tx: Tx, keys: KeyStore, *, smaller: bool = False) -> None:
        """Keep the head; one that covers more is only given up on purpose. Under the lock of the mirror."""
        kept, now = head.read(keys), head.current(tx)
        if smaller or kept is None or kept.size < now.size:
            head.write(keys, now)
            self._head = now

    def _append(self, handle: int, tx: Tx, first: int) -> bool:
        """Write entries to the end; gives whether an erasure is among them."""
        erased = False
        with os.fdopen(os.dup(handle), "ab") as file:
            for _, body in entries.bodies(tx, first):
                file.write(body + b"\n")
                erased = erased or _ERASURE in body
            file.flush()
            os.fsync(file.fileno())
        return erased

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
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            handle = os.open(self.folder / ENTRIES, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            msg = f"The mirror of the ledger in {self.folder} cannot be used: {error.strerror}."
            raise StoreError(msg, advice=_WRITABLE) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle
        finally:
            os.close(handle)


def _is_forked(tx: Tx, signed: Checkpoint | None, kept: Head | None, n_mirror: int, last: bytes | None) -> bool:
    """Whether the database has another history than what was signed, the head, or the mirror's last line."""
    try:
        if any(each.size and root(tx, each.size) != each.root for each in (signed, kept) if each is not None):
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
