"""SQLite's write-ahead log, read as a file: which pages its frames hold, and whether its bytes are still as written.

SQLite reads the log up to the first frame whose checksum is wrong and takes that for its end. After a power loss that
is right; after a flipped bit it drops every later commit without a word. Here both are told apart, as far as bytes can.

Source:
    https://www.sqlite.org/fileformat2.html#the_write_ahead_log, sections 4.1 to 4.3.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

HEADER_BYTES: Final = 32
FRAME_BYTES: Final = 24
"""What stands before each page."""

_MAGIC: Final = {0x377F0682: "<", 0x377F0683: ">"}
_WORD: Final = 0xFFFFFFFF
_FRAMES_AT_ONCE: Final = 512
_TRIES: Final = 5
_SURELY: Final = 2

Words = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Log:
    """What a log holds.

    Attributes:
        n_frames: frames that SQLite would read: whole, and committed.
        pages: numbers of the pages in them.
        n_lost: transactions that lie behind a broken frame; a power loss can leave one, never acknowledged.
        broken: the bytes were changed after they were written.
        ends_early: something stands behind the last frame that can be read: torn, changed, or of a former round.
    """

    n_frames: int = 0
    pages: frozenset[int] = frozenset()
    n_lost: int = 0
    broken: bool = False
    ends_early: bool = False


@dataclass(frozen=True, slots=True)
class _Header:
    order: str
    page_bytes: int
    salts: bytes
    checksum: tuple[int, int]


def log_of(database: Path) -> Path:
    """Where the log of a database lies."""
    return database.with_name(f"{database.name}-wal")


def examine(path: Path) -> Log:
    """Read a whole log, also while another program writes to it.

    Raises:
        OSError: it cannot be read.
    """
    found = Log()
    for _ in range(_TRIES):
        try:
            with path.open("rb") as file:
                start = file.read(HEADER_BYTES)
                found = _examined(file, start)
                file.seek(0)
                again = file.read(HEADER_BYTES)
        except FileNotFoundError:
            return Log()
        if again == start:  # else its writer began it anew under our eyes
            break
    return found


def n_live_frames(path: Path) -> int:
    """Number of frames since the log was begun anew; those of an uncommitted transaction are counted as well."""
    try:
        with path.open("rb") as file:
            header = _header_of(file.read(HEADER_BYTES))
            if header is None:
                return 0
            step = FRAME_BYTES + header.page_bytes
            low, high = 0, (path.stat().st_size - HEADER_BYTES) // step
            while low < high:  # frames of this round come first, those of former rounds after them
                middle = (low + high) // 2
                file.seek(HEADER_BYTES + middle * step + 8)
                low, high = (middle + 1, high) if file.read(8) == header.salts else (low, middle)
            return low
    except FileNotFoundError:
        return 0


def frames(path: Path, n_frames: int) -> Iterator[tuple[int, int, bytes]]:
    """The first frames of a log that holds at least so many: (page number, database's pages after a commit or 0, page).

    Raises:
        OSError: it cannot be read.
        ValueError: it holds fewer.
    """
    if not n_frames:
        return
    with path.open("rb") as file:
        header = _header_of(file.read(HEADER_BYTES))
        if header is None:
            raise ValueError(n_frames)
        for _ in range(n_frames):
            head, page = file.read(FRAME_BYTES), file.read(header.page_bytes)
            if len(page) < header.page_bytes or head[8:16] != header.salts:
                raise ValueError(n_frames)
            number, n_pages = struct.unpack_from(">II", head)
            yield number, n_pages, page


def _header_of(start: bytes) -> _Header | None:
    if len(start) < HEADER_BYTES:
        return None
    magic, _, page_bytes, _ = struct.unpack_from(">4I", start)
    order = _MAGIC.get(magic)
    if order is None:
        return None
    given = struct.unpack_from(">II", start, HEADER_BYTES - 8)
    block = np.frombuffer(start[: HEADER_BYTES - 8], dtype=f"{order}u4").astype(np.uint32)
    if _continued((0, 0), _own(block[None, :])[0], HEADER_BYTES - 8) != given:
        return None
    return _Header(order, page_bytes, start[16:24], (given[0], given[1]))


def _examined(file: object, start: bytes) -> Log:
    header = _header_of(start)
    size = file.seek(0, 2)  # type: ignore[attr-defined]
    if header is None:
        # A power loss can leave a log of zeros; its header is synced before the first frame follows.
        return Log(broken=size > HEADER_BYTES and any(start))
    step = FRAME_BYTES + header.page_bytes
    n_whole = (size - HEADER_BYTES) // step
    running, whole = header.checksum, True
    pages: set[int] = set()
    fresh: set[int] = set()
    n_frames = n_lost = 0
    file.seek(HEADER_BYTES)  # type: ignore[attr-defined]
    for first in range(0, n_whole, _FRAMES_AT_ONCE):
        content = file.read(step * min(_FRAMES_AT_ONCE, n_whole - first))  # type: ignore[attr-defined]
        block = np.frombuffer(content[: len(content) // step * step], dtype=np.uint8).reshape(-1, step)
        heads = np.ascontiguousarray(block[:, :FRAME_BYTES]).view(">u4")
        ours = (block[:, 8:16] == np.frombuffer(header.salts, dtype=np.uint8)).all(axis=1)
        summed = np.concatenate([block[:, :8], block[:, FRAME_BYTES:]], axis=1).view(f"{header.order}u4")
        own = _own(summed.astype(np.uint32))
        for place in range(len(block)):
            number, n_pages = int(heads[place, 0]), int(heads[place, 1])
            if whole:
                after = _continued(running, own[place], step - FRAME_BYTES + 8)
                whole = bool(ours[place]) and after == (int(heads[place, 4]), int(heads[place, 5]))
                running = after
            if not whole:
                n_lost += bool(ours[place]) and n_pages > 0
                continue
            fresh.add(number)
            if n_pages:
                n_frames, pages, fresh = first + place + 1, pages | fresh, set()
    return Log(n_frames, frozenset(pages), n_lost, n_lost >= _SURELY, ends_early=size > HEADER_BYTES + n_frames * step)


def _own(words: Words) -> Words:
    """What each row of words adds to the running pair of sums; (rows, 2) uint32, modulo 2^32."""
    weights = _weights(words.shape[1] // 2)
    with np.errstate(over="ignore"):
        return words @ weights


def _continued(before: tuple[int, int], own: Words, n_bytes: int) -> tuple[int, int]:
    a, b, c, d = _power(n_bytes // 8)
    first = (a * before[0] + b * before[1] + int(own[0])) & _WORD
    return first, (c * before[0] + d * before[1] + int(own[1])) & _WORD


@cache
def _power(n_steps: int) -> tuple[int, int, int, int]:
    """[[1, 1], [1, 2]] to the power of n: what n pairs of words of nothing do to the running pair."""
    a, b, c, d = 1, 0, 0, 1
    for _ in range(n_steps):
        a, b, c, d = (a + c) & _WORD, (b + d) & _WORD, (a + 2 * c) & _WORD, (b + 2 * d) & _WORD
    return a, b, c, d


@cache
def _weights(n_pairs: int) -> Words:
    """(2 n, 2) uint32: by what each word counts in either sum at the end.

    The running pair is linear in the words: s0 += x0 + s1, then s1 += x1 + s0.
    """
    rows = []
    for place in range(n_pairs):
        a, b, c, d = _power(n_pairs - 1 - place)
        rows += [((a + b) & _WORD, (c + d) & _WORD), (b, d)]
    return np.array(rows, dtype=np.uint32)
