"""The facts of EXIF that are read: which way is up, when the photo was taken, whose it is."""

# ruff: noqa: PLR2004 - the numbers are those of file formats and kernel interfaces, named beside them

from __future__ import annotations

import re
from datetime import datetime
from typing import Final, Literal

_ByteOrder = Literal["little", "big"]
_ORDERS: Final[dict[bytes, _ByteOrder]] = {b"II*\0": "little", b"MM\0*": "big"}
_ORIENTATION: Final = 0x0112
_ARTIST: Final = 0x013B
_COPYRIGHT: Final = 0x8298
_LONGEST_TEXT: Final = 1_000
_EXIF_IFD: Final = 0x8769
_TAKEN: Final = 0x9003
_TAKEN_OFFSET: Final = 0x9011
_WIDTHS: Final = {1: 1, 2: 1, 3: 2, 4: 4}
_MOST_ENTRIES: Final = 1_000
_OFFSET = re.compile(r"[+-](?:0\d|1[0-4]):[0-5]\d")


def read_exif(exif: bytes) -> tuple[int, str | None]:
    """Orientation and moment of an EXIF block.

    Args:
        exif: a TIFF structure, with or without its six letters before it; damage is read as absence.

    Returns:
        Orientation 1-8 (1 when absent or nonsense) and the ISO 8601 text of DateTimeOriginal, or None.
    """
    block = exif.removeprefix(b"Exif\0\0")
    order = _ORDERS.get(block[:4])
    if order is None:
        return 1, None
    first = _entries(block, int.from_bytes(block[4:8], order), order)
    orientation = _number(first.get(_ORIENTATION), order)
    inner = _number(first.get(_EXIF_IFD), order)
    second = _entries(block, inner, order) if inner else {}
    taken = _text(second.get(_TAKEN)), _text(second.get(_TAKEN_OFFSET))
    return orientation if 1 <= orientation <= 8 else 1, iso_moment(*taken)


def read_rights(exif: bytes) -> tuple[str, str]:
    """Copyright notice and artist of an EXIF block, each one line of at most 200 characters; empty where there is none.

    Args:
        exif: a TIFF structure, with or without its six letters before it; damage is read as absence.
    """
    block = exif.removeprefix(b"Exif\0\0")
    order = _ORDERS.get(block[:4])
    if order is None:
        return "", ""
    first = _entries(block, int.from_bytes(block[4:8], order), order, _LONGEST_TEXT)
    return _line(first.get(_COPYRIGHT)), _line(first.get(_ARTIST))


def _line(entry: tuple[int, bytes] | None) -> str:
    raw = b"" if entry is None or entry[0] != 2 else entry[1].split(b"\0", 1)[0]
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return "".join(c for c in text if c.isprintable()).strip()[:200]


def iso_moment(text: str, offset: str = "") -> str | None:
    """ISO 8601 text of an EXIF date, or None when it is not a real date.

    Args:
        text: ``2021:05:06 07:08:09``.
        offset: ``+02:00`` or anything else, which is left out.
    """
    try:
        moment = datetime.strptime(text.strip("\0 ")[:19], "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - EXIF dates are local
    except ValueError:
        return None
    zone = offset.strip("\0 ")
    return moment.isoformat() + (zone if _OFFSET.fullmatch(zone) else "")


def _entries(block: bytes, at: int, order: _ByteOrder, most: int = 64) -> dict[int, tuple[int, bytes]]:
    """Tag -> (type, value bytes) of one directory; values that lie outside the block are left out."""
    found: dict[int, tuple[int, bytes]] = {}
    count = min(int.from_bytes(block[at : at + 2], order), _MOST_ENTRIES)
    for i in range(count):
        entry = block[at + 2 + 12 * i : at + 14 + 12 * i]
        if len(entry) < 12:
            break
        tag, kind = int.from_bytes(entry[:2], order), int.from_bytes(entry[2:4], order)
        length = _WIDTHS.get(kind, 0) * int.from_bytes(entry[4:8], order)
        where = int.from_bytes(entry[8:12], order)
        value = entry[8 : 8 + length] if length <= 4 else block[where : where + min(length, most)]
        if length:
            found.setdefault(tag, (kind, value))
    return found


def _number(entry: tuple[int, bytes] | None, order: _ByteOrder) -> int:
    if entry is None or entry[0] not in (1, 3, 4):
        return 0
    return int.from_bytes(entry[1][: _WIDTHS[entry[0]]], order)


def _text(entry: tuple[int, bytes] | None) -> str:
    return "" if entry is None or entry[0] != 2 else entry[1].decode("ascii", "replace")
