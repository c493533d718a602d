"""A checksum of every page of the database file, kept in a file beside it.

SQLite has no checksums of its own: a flipped bit inside a value is a value. The sums say what SQLite wrote. They are
renewed from the write-ahead log whenever its pages are moved into the database file, which only we do
(``store/checkpoints.py``). The file holds no content of any page but 32 bits of checksum each.
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final

from countenance.errors import DamagedError
from countenance.store.held import Held
from countenance.store.keyfile import sync_folder

_MAGIC: Final = b"CNTSUM1\0"
_HEAD: Final = struct.Struct("<8sIIIII")  # magic, state, bytes of a page, pages, stamp, checksum of the sums
_CHECK: Final = struct.Struct("<I")
_BEHIND: Final = _HEAD.size + _CHECK.size
_READ_BYTES: Final = 1024**2

START_BYTES: Final = 100
_STAMP_OFFSET, _ECHO_OFFSET = 60, 68  # what SQLite calls user version and application id; it uses neither
_ECHO: Final = 0x2E7A51C3
_LOCK_OFFSET: Final = 2**30  # SQLite never writes the page that holds this byte


class State(IntEnum):
    """What the sums promise.

    ``CLEAN``: the database file is as they say. ``DIRTY``: somebody began to write; what the log holds is newer.
    ``MOVING``: pages are being moved, and the sums do not know of it yet. ``LOST``: commits are known to be missing.
    """

    CLEAN = 0
    DIRTY = 1
    MOVING = 2
    LOST = 3


@dataclass(slots=True)
class Sums:
    """The content of the file.

    Attributes:
        page_bytes: size of a page.
        stamp: of the last transaction whose pages are counted in; 0 when it had none.
        sums: CRC-32 of every page, in order.
    """

    page_bytes: int
    stamp: int
    sums: array[int]

    def with_pages(self, pages: Mapping[int, bytes], n_pages: int) -> Sums:
        """These sums after pages (by number, from 1) were written and the file was cut or grown to that many pages."""
        fresh = self.sums[:n_pages]
        if len(fresh) < n_pages:  # a page that was never written is a hole
            fresh.extend([zlib.crc32(bytes(self.page_bytes))] * (n_pages - len(fresh)))
        for number, page in pages.items():
            if number <= n_pages:
                fresh[number - 1] = zlib.crc32(page)
        stamp = stamp_of(pages[1]) if 1 in pages else self.stamp
        return Sums(self.page_bytes, stamp or 0, fresh)


def path_of(database: Path) -> Path:
    """Where the sums of a database lie."""
    return database.with_name(f"{database.name}-sums")


def has_sums(database: Path) -> bool:
    """Whether there are sums of this database."""
    return path_of(database).exists()


def move(database: Path, to: Path) -> None:
    """Let the sums follow a database that gets another name; they go first, for without it they mean nothing.

    Raises:
        OSError: the folder cannot be written.
    """
    with contextlib.suppress(FileNotFoundError):
        path_of(database).replace(path_of(to))


def stamp_pragmas(stamp: int) -> tuple[str, str]:
    """What sets the stamp of a transaction, twice in different words, so that a flipped bit makes no other stamp."""
    return f"PRAGMA user_version={stamp}", f"PRAGMA application_id={stamp ^ _ECHO}"


def new_stamp() -> int:
    """A stamp of chance, 1 to 2^31 - 1."""
    return (int.from_bytes(os.urandom(4), "big") & 0x7FFFFFFF) or 1


def stamp_of(first_page: bytes) -> int | None:
    """The stamp on the first page of a database; None when its two words contradict each other."""
    if len(first_page) < START_BYTES:
        return None
    (stamp,) = struct.unpack_from(">I", first_page, _STAMP_OFFSET)
    (echo,) = struct.unpack_from(">I", first_page, _ECHO_OFFSET)
    return int(stamp) if stamp ^ _ECHO == echo or (stamp, echo) == (0, 0) else None


def state_of(database: Path) -> State | None:
    """The state, without the sums; None when there are none.

    Raises:
        DamagedError: the file is damaged.
    """
    try:
        with path_of(database).open("rb") as file:
            return State(_head_of(file.read(_BEHIND))[1])
    except FileNotFoundError:
        return None


def mark(database: Path, state: State) -> None:
    """Set the state. Not synced: it is for those who come after a killed program, not after a power loss.

    Raises:
        OSError: the file cannot be written.
        DamagedError: the file is damaged.
    """
    with path_of(database).open("r+b") as file:
        magic, _, *rest, checksum = _head_of(file.read(_BEHIND))
        head = _HEAD.pack(magic, state, *rest, checksum)
        file.seek(0)
        file.write(head + _CHECK.pack(zlib.crc32(head)))


def read(database: Path) -> Sums | None:
    """The sums; None when there are none.

    Raises:
        DamagedError: the file is damaged.
        OSError: it cannot be read.
    """
    try:
        content = path_of(database).read_bytes()
    except FileNotFoundError:
        return None
    _, _, page_bytes, n_pages, stamp, checksum = _head_of(content[:_BEHIND])
    body = content[_BEHIND:]
    if len(body) != 4 * n_pages or zlib.crc32(body) != checksum:
        raise _damaged()
    return Sums(page_bytes, stamp, _words(body))


def write(database: Path, sums: Sums, state: State) -> None:
    """Replace the sums, durably.

    Raises:
        OSError: they cannot be written; the former ones stay.
    """
    body = _words(sums.sums.tobytes()).tobytes()
    head = _HEAD.pack(_MAGIC, state, sums.page_bytes, len(sums.sums), sums.stamp, zlib.crc32(body))
    path = path_of(database)
    fresh = path.with_name(f"{path.name}.new")
    handle = os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(head + _CHECK.pack(zlib.crc32(head)) + body)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def take(held: Held) -> Sums:
    """Sums of a database file as it is now.

    Raises:
        OSError: it cannot be read.
    """
    start = held.read(START_BYTES, 0)
    page_bytes = _page_bytes(start)
    return Sums(page_bytes, stamp_of(start) or 0, _sums_of(held, page_bytes))


def changed_pages(held: Held, sums: Sums) -> list[int]:
    """Numbers of the pages that are not as the sums say, in order; also those too many or too few.

    Raises:
        OSError: the file cannot be read.
    """
    found = _sums_of(held, sums.page_bytes)
    if found == sums.sums:
        return []
    common = min(len(found), len(sums.sums))
    never = _LOCK_OFFSET // sums.page_bytes
    changed = [place + 1 for place in range(common) if found[place] != sums.sums[place] and place != never]
    return changed + [place + 1 for place in range(common, max(len(found), len(sums.sums)))]


def _sums_of(held: Held, page_bytes: int) -> array[int]:
    found = array("I")
    step = max(1, _READ_BYTES // page_bytes) * page_bytes
    offset = 0
    while content := memoryview(held.read(step, offset)):
        for start in range(0, len(content), page_bytes):
            found.append(zlib.crc32(content[start : start + page_bytes]))
        offset += len(content)
    return found


def _page_bytes(start: bytes) -> int:
    (found,) = struct.unpack_from(">H", start.ljust(START_BYTES, b"\0"), 16)
    return {0: 4_096, 1: 65_536}.get(int(found), int(found))


def _words(content: bytes) -> array[int]:
    """Numbers from the bytes of the file, which are little-endian, or the other way round."""
    found = array("I")
    found.frombytes(content)
    if struct.pack("=I", 1) != struct.pack("<I", 1):
        found.byteswap()
    return found


def _head_of(content: bytes) -> tuple[bytes, int, int, int, int, int]:
    head = content[: _HEAD.size]
    if len(content) < _BEHIND or _CHECK.pack(zlib.crc32(head)) != content[_HEAD.size : _BEHIND]:
        raise _damaged()
    magic, state, page_bytes, n_pages, stamp, checksum = _HEAD.unpack(head)
    if magic != _MAGIC or not page_bytes or state not in State.__members__.values():
        raise _damaged()
    return magic, state, page_bytes, n_pages, stamp, checksum


def _damaged() -> DamagedError:
    return DamagedError(
        "The checksums of the archive's database are damaged.",
        advice="Remove the file countenance.db-sums: it holds nothing but checksums, and is made again.",
    )
