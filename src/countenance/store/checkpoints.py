"""When pages move from the write-ahead log into the database file, and how the sums of its pages keep up.

Only we move pages: SQLite is told not to. Moving goes under SQLite's own write lock: mark ``MOVING``, move, count in
what the log holds, mark ``CLEAN``. A kill at any point leaves either the log, whose pages are counted in again, or the
mark, which the next writer heeds before it may overwrite the log. What a program other than ours did is told from
damage by the stamp of the last transaction. Why it is so, and what it cannot see: docs/adr/0021-bit-flips.md.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, TypeAlias

from countenance.errors import DamagedError, StoreError
from countenance.store import pages, walfile
from countenance.store.held import Held
from countenance.store.pages import State

VERIFY_UP_TO_BYTES: Final = 2 * 1024**3
"""A larger database is not read whole at every opening; the scrub still does."""

SETTLE_FRAMES: Final = 1_024
"""The log is emptied into the database once it holds so many pages."""

_SOME: Final = 5
_LOOKS: Final = 3

Lend: TypeAlias = Callable[[], AbstractContextManager[sqlite3.Connection]]
"""Gives a connection that is in no transaction, for a while."""


class Checkpoints:
    """The sums of one database, kept by those who have it open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._log = walfile.log_of(path)
        self._held: Held | None = None
        self._settled_at = 0
        self.ends_early = False
        """Whether the log held more at the opening than could be read of it."""

    def begin(self) -> None:
        """Look at the log before SQLite does, which would take a broken frame for its end.

        Raises:
            DamagedError: the log was changed after it was written.
            StoreError: a file cannot be read.
        """
        with _errors_of_disk():
            log = walfile.examine(self._log)
            self.ends_early = log.ends_early
            if log.broken:
                raise loss()
            self._held = Held(self.path)

    def end(self) -> None:
        """Let the file go, after the last connection is closed."""
        if self._held is not None:
            self._held.let_go()

    def verify(self, writer: sqlite3.Connection, lend: Lend) -> None:
        """Compare the database file with its sums, and make them when there are none.

        Args:
            writer: a connection that is in no transaction.
            lend: gives another one.

        Raises:
            DamagedError: a page is not as it was written.
            StoreError: a file cannot be read, or another program keeps writing.
        """
        with _errors_of_disk():
            state, sums, log = pages.state_of(self.path), pages.read(self.path), walfile.examine(self._log)
            if sums is not None:
                if state is State.LOST and pages.stamp_of(self._read(pages.START_BYTES, 0)) == sums.stamp:
                    raise loss()  # unless another copy was put here since
                changed = self._changed(sums, always=state is not State.CLEAN and not log.n_frames)
                if log.pages.issuperset(changed):
                    if log.n_frames or state is not State.CLEAN:
                        self.settle_if_free(writer, lend)
                    return
            with write_lock(writer), lend() as mover:
                self._verify_locked(mover)

    def _verify_locked(self, mover: sqlite3.Connection) -> None:
        """The same while nobody writes, so that what differs was not written at this moment."""
        state, sums, log = pages.state_of(self.path), pages.read(self.path), walfile.examine(self._log)
        if sums is None:
            self._take(mover)
            return
        changed = [number for number in self._changed(sums, always=not log.n_frames) if number not in log.pages]
        if not changed:
            self.settle(mover)
            return
        ours = {sums.stamp} | {
            pages.stamp_of(page) for number, _, page in walfile.frames(self._log, log.n_frames) if number == 1
        }
        stamp = pages.stamp_of(self._read(pages.START_BYTES, 0))
        other_copy = stamp is not None and stamp not in ours
        unseen = state is not State.CLEAN and not log.n_frames
        # Another copy of the database was put here, or SQLite or another program emptied the log of a killed one.
        if not (other_copy or unseen) or mover.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise damage_of(changed)
        self._take(mover)

    def remember_loss(self, writer: sqlite3.Connection, lend: Lend) -> None:
        """Keep in mind that commits are missing: SQLite removes the log that shows it when the last connection closes.

        Raises:
            StoreError: the sums cannot be written.
            DamagedError: the sums are damaged.
        """
        with _errors_of_disk(), write_lock(writer), lend() as mover:
            self.settle(mover)
            pages.mark(self.path, State.LOST)

    def before_write(self, lend: Lend) -> None:
        """Note that somebody writes; called inside a transaction, which holds the write lock.

        Raises:
            StoreError: the sums cannot be written.
        """
        with _errors_of_disk():
            try:
                state = pages.state_of(self.path)
                if state is State.MOVING:
                    with lend() as mover:
                        self.settle(mover)
                    state = pages.state_of(self.path)
                if state is State.CLEAN:
                    pages.mark(self.path, State.DIRTY)
            except DamagedError:
                return  # opening and scrubbing say so; it is no reason to lose what is being written

    def settle_if_free(self, writer: sqlite3.Connection, lend: Lend) -> bool:
        """Settle unless another program writes at this moment.

        Returns:
            False when it was not done.

        Raises:
            StoreError: the sums cannot be written.
            DamagedError: the sums are damaged.
        """
        (patience_ms,) = writer.execute("PRAGMA busy_timeout").fetchone()
        writer.execute("PRAGMA busy_timeout=0")
        try:
            with write_lock(writer), lend() as mover:
                return self.settle(mover)
        except sqlite3.OperationalError:
            return False
        finally:
            writer.execute(f"PRAGMA busy_timeout={patience_ms}")

    def truncate(self, writer: sqlite3.Connection, lend: Lend) -> bool:
        """Move every page and cut the log to nothing, waiting for readers as long as the connection is patient.

        Returns:
            False when a reader did not leave, so that old bytes remain in the log.

        Raises:
            StoreError: the sums cannot be written.
            DamagedError: the sums are damaged.
        """
        with _errors_of_disk():
            with write_lock(writer), lend() as mover:
                settled = self.settle(mover)
                if not settled:
                    pages.mark(self.path, State.MOVING)
            if not settled:
                writer.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
                with write_lock(writer), lend() as mover:
                    self.settle(mover)
            busy, n_frames, _ = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            with write_lock(writer), lend() as mover:
                if pages.state_of(self.path) is State.DIRTY:  # somebody wrote between, and was moved uncounted
                    self._take(mover)
            return not busy and n_frames <= 0

    def is_unsettled(self) -> bool:
        """Whether there is anything to move or to mark."""
        with _errors_of_disk():
            return bool(walfile.n_live_frames(self._log)) or pages.state_of(self.path) is not State.CLEAN

    def is_due(self) -> bool:
        """Whether the log has grown enough to be emptied."""
        n_frames = walfile.n_live_frames(self._log)
        if n_frames < self._settled_at:
            self._settled_at = 0
        return n_frames - self._settled_at >= SETTLE_FRAMES

    def settle(self, mover: sqlite3.Connection) -> bool:
        """Move every page and count it in; called while another connection of ours holds the write lock.

        Returns:
            False when a reader still needs the log, so that not everything could be moved.

        Raises:
            StoreError: the sums cannot be written.
            DamagedError: the sums are damaged.
        """
        with _errors_of_disk():
            state, sums = pages.state_of(self.path), pages.read(self.path)
            if sums is None or self._held is None or state is State.LOST:
                return True
            if walfile.n_live_frames(self._log):
                pages.mark(self.path, State.MOVING)
            _, n_frames, n_moved = mover.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if n_moved < n_frames:
                pages.mark(self.path, State.DIRTY)
                return False
            if n_frames > 0:
                pages.write(self.path, self._counted_in(sums, n_frames), State.CLEAN)
                self._settled_at = n_frames
            elif state is not State.CLEAN:
                pages.mark(self.path, State.CLEAN)
            return True

    def _counted_in(self, sums: pages.Sums, n_frames: int) -> pages.Sums:
        latest: dict[int, bytes] = {}
        n_pages = len(sums.sums)
        try:
            for number, n_after, page in walfile.frames(self._log, n_frames):
                latest[number] = page
                n_pages = n_after or n_pages
        except ValueError:  # another program moved the pages, and began the log anew
            return self._taken()
        return sums.with_pages(latest, n_pages)

    def _take(self, mover: sqlite3.Connection) -> None:
        _, n_frames, n_moved = mover.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        pages.write(self.path, self._taken(), State.CLEAN if n_moved == n_frames else State.DIRTY)

    def _taken(self) -> pages.Sums:
        if self._held is None:
            msg = "The database is not open."
            raise StoreError(msg)
        return pages.take(self._held)

    def _changed(self, sums: pages.Sums, *, always: bool = False) -> list[int]:
        if self._held is None or (not always and self._held.size_bytes() > VERIFY_UP_TO_BYTES):
            return []
        return pages.changed_pages(self._held, sums)

    def _read(self, n_bytes: int, offset: int) -> bytes:
        return b"" if self._held is None else self._held.read(n_bytes, offset)


def loss() -> DamagedError:
    """The error when the log cannot be read to its end. What is left would be taken for all that was done."""
    return DamagedError(
        "The write-ahead log of the archive's database is damaged: what was done last cannot be read.",
        advice="Restore this archive from a backup, then run `countenance ledger replay`.",
    )


def problem_of(database: Path) -> str | None:
    """What is wrong with a database file at rest, in a sentence; None when nothing is.

    Raises:
        DamagedError: its checksums are damaged.
        StoreError: a file cannot be read.
    """
    changed: list[int] = []
    with _errors_of_disk():
        held = Held(database)
        try:
            for _ in range(_LOOKS):  # another program may move pages at this moment
                sums, log = pages.read(database), walfile.examine(walfile.log_of(database))
                changed = [] if sums is None else pages.changed_pages(held, sums)
                changed = [number for number in changed if number not in log.pages]
                if not changed:
                    return (
                        None if sums is not None else "There are no checksums of it: they are made when it is opened."
                    )
        finally:
            held.let_go()
    return damage_of(changed).message


def problem_of_log(database: Path) -> str | None:
    """What is wrong with the write-ahead log, in a sentence; None when nothing is.

    Raises:
        StoreError: it cannot be read.
    """
    with _errors_of_disk():
        log = walfile.examine(walfile.log_of(database))
    if log.broken:
        return "It was changed after it was written: what was done last cannot be read."
    if log.n_lost:
        return "Its last transaction cannot be read: a power loss stopped it, or it was changed after it was written."
    return None


def damage_of(changed: list[int]) -> DamagedError:
    """The error for these pages."""
    named = ", ".join(str(number) for number in changed[:_SOME])
    more = f" and {len(changed) - _SOME} more" if len(changed) > _SOME else ""
    return DamagedError(
        f"The archive's database is damaged: pages {named}{more} are not as they were written.",
        advice="Restore this archive from a backup; nothing was changed. "
        "Only if another program wrote to it on purpose, remove the file countenance.db-sums.",
    )


@contextlib.contextmanager
def write_lock(writer: sqlite3.Connection) -> Iterator[None]:
    """Inside, nobody else writes to the database, whatever program it is."""
    writer.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        writer.rollback()


@contextlib.contextmanager
def _errors_of_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        msg = f"The archive's database or its checksums cannot be read or written: {error.strerror}."
        raise StoreError(msg) from error
