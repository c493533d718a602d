"""Looking for remains in the raw bytes of every file below some folders, and showing that the look would find them."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from countenance.erase.needles import Needles
from countenance.erase.sieve import Sieve
from countenance.store.held import Held

_PART_BYTES: Final = 1 << 20
_PARTS_OF_A_TURN: Final = 16
_N_THREADS: Final = 2
_DATABASES: Final = (".db", ".sqlite")
_LOCKS: Final = "-shm"
"""SQLite's index of a write-ahead log holds numbers of pages, no content, and locks that must not be touched."""


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    """A needle that was found.

    Attributes:
        path: the file.
        kind: of the needle.
        offset: of its first piece in the file, in bytes from 0; None when it stands in the file's own path.
    """

    path: Path
    kind: str
    offset: int | None


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep saw.

    Attributes:
        n_needles: how many needles were looked for.
        n_files: how many files were read.
        n_bytes: how many bytes they had.
        found: the first place of each kind in each file, in order of paths.
        unreadable: files and folders that could not be read: nothing is known about them.
    """

    n_needles: int
    n_files: int
    n_bytes: int
    found: tuple[Hit, ...]
    unreadable: tuple[Path, ...]


def sweep(needles: Needles, roots: Iterable[Path]) -> Swept:
    """Look for needles in every regular file below the roots, and in the names of files and folders there.

    No link below a root is followed. Files are read in parts, so memory does not grow with their size; one that goes
    away meanwhile is no remains.

    Args:
        needles: what to look for; none is allowed, and finds nothing.
        roots: folders or files; a file below two of them is read once.
    """
    return _Sweeper(needles).over(roots)


@contextmanager
def _opened(path: str) -> Iterator[Callable[[int, int], bytes]]:
    """What reads so many bytes of the file from an offset.

    A database is read through what its open store holds: closing another descriptor would drop the store's locks.
    """
    if path.endswith(_DATABASES):
        held = Held(Path(path))
        try:
            yield held.read
        finally:
            held.let_go()
        return
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        yield lambda n_bytes, start: os.pread(handle, n_bytes, start)
    finally:
        os.close(handle)


class _Sweeper:
    def __init__(self, needles: Needles) -> None:
        self._sieve = Sieve(needles)
        self._n_needles = len(needles)
        self._lock = threading.Lock()
        self._files: set[str] = set()
        self._n_bytes = 0
        self._unreadable: set[str] = set()
        self._found: dict[tuple[str, str], int | None] = {}

    def over(self, roots: Iterable[Path]) -> Swept:
        # A root itself may be a link: it is what the caller named.
        turns = self._turns(sorted({os.path.realpath(root) for root in roots}))
        with ThreadPoolExecutor(_N_THREADS) as threads:
            for done in [threads.submit(self._work, turns) for _ in range(_N_THREADS)]:
                done.result()
        hits = (Hit(Path(path), kind, offset) for (path, kind), offset in self._found.items())
        return Swept(
            n_needles=self._n_needles,
            n_files=len(self._files),
            n_bytes=self._n_bytes,
            found=tuple(sorted(hits, key=lambda hit: (hit.path, hit.kind))),
            unreadable=tuple(Path(path) for path in sorted(self._unreadable)),
        )

    def _work(self, turns: Iterator[tuple[str, int]]) -> None:
        while True:
            with self._lock:
                turn = next(turns, None)
            if turn is None:
                return
            self._look(*turn)

    def _turns(self, roots: Iterable[str]) -> Iterator[tuple[str, int]]:
        """(path, offset) of every part of every file; called under the lock."""
        for root in roots:
            for path in self._below(root):
                try:
                    n_bytes = os.lstat(path).st_size
                except OSError as error:
                    self._lost(path, error)
                    continue
                for offset in range(0, max(n_bytes, 1), _PART_BYTES * _PARTS_OF_A_TURN):
                    yield path, offset

    def _below(self, root: str) -> Iterator[str]:
        waiting = [root]
        while waiting:
            path = waiting.pop()
            try:
                mode = os.lstat(path).st_mode
                if stat.S_ISDIR(mode):
                    waiting += sorted((entry.path for entry in os.scandir(path)), reverse=True)
            except OSError as error:
                self._lost(path, error)
                continue
            if path != root:
                self._names(path)
            if stat.S_ISREG(mode) and path not in self._files and not path.endswith(_LOCKS):
                self._files.add(path)
                yield path

    def _names(self, path: str) -> None:
        for kind in self._sieve.found_in(os.fsencode(Path(path).name)):
            self._found[path, kind] = None

    def _look(self, path: str, offset: int) -> None:
        """One turn: some parts of a file, each with the end of the one before."""
        overlap = max(self._sieve.longest - 1, 0)
        try:
            with _opened(path) as read:
                for start in range(offset, offset + _PART_BYTES * _PARTS_OF_A_TURN, _PART_BYTES):
                    text = read(_PART_BYTES + overlap, start)
                    if not text:
                        return
                    self._seen(path, start, self._sieve.found_in(text), min(len(text), _PART_BYTES))
        except OSError as error:
            with self._lock:
                self._lost(path, error)

    def _seen(self, path: str, start: int, found: dict[str, int], n_bytes: int) -> None:
        with self._lock:
            self._n_bytes += n_bytes
            for kind, place in found.items():
                known = self._found.get((path, kind), start + place)
                self._found[path, kind] = None if known is None else min(known, start + place)

    def _lost(self, path: str, error: OSError) -> None:
        if isinstance(error, FileNotFoundError):
            self._files.discard(path)
        else:
            self._unreadable.add(path)
