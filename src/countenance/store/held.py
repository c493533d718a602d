"""Files that are read past SQLite while it has them open: held open once, and closed last.

POSIX drops every lock that a process has on a file as soon as the process closes any descriptor of it. SQLite's own
locks would go with them, and another program could take an archive in use for one that nobody uses. So a raw descriptor
of a database lives at least as long as the connections of this process that were made while it was held.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

_Inode = tuple[int, int]


@dataclass(slots=True)
class _Descriptors:
    """What is held, and by how many."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    held: dict[_Inode, list[int]] = field(default_factory=dict)


_OURS = _Descriptors()


class Held:
    """One file, open for raw reading."""

    def __init__(self, path: Path) -> None:
        """Open the file, or join those of this process who have it open.

        Raises:
            OSError: it cannot be opened.
        """
        found = path.stat()
        self._inode = (found.st_dev, found.st_ino)
        with _OURS.lock:
            entry = _OURS.held.get(self._inode)
            if entry is None:
                entry = _OURS.held[self._inode] = [os.open(path, os.O_RDONLY | os.O_CLOEXEC), 0]
            entry[1] += 1
            self._handle: int | None = entry[0]

    def read(self, n_bytes: int, offset: int) -> bytes:
        """Up to this many bytes from there."""
        if self._handle is None:
            msg = "The file was let go already."
            raise ValueError(msg)
        return os.pread(self._handle, n_bytes, offset)

    def size_bytes(self) -> int:
        """Size now."""
        return 0 if self._handle is None else os.fstat(self._handle).st_size

    def let_go(self) -> None:
        """Close it, unless somebody else of this process holds it still."""
        with _OURS.lock:
            if self._handle is None:
                return
            self._handle = None
            entry = _OURS.held[self._inode]
            entry[1] -= 1
            if not entry[1]:
                del _OURS.held[self._inode]
                os.close(entry[0])
