"""Written bytes -> whether they hold anything that a released file may not hold."""

from __future__ import annotations

import struct
from typing import Final

from countenance.redact.render import (
    ARTIST,
    COPYRIGHT,
    EXIF_DIRECTORY,
    EXIF_MARK,
    ICC_MARK,
    TAKEN_AT,
    Kept,
    exif_of,
    srgb_profile,
)

_SOI, _EOI, _SOS, _APP0, _APP1, _APP2 = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xE2
_DQT, _DHT, _DRI, _BASELINE = 0xDB, 0xC4, 0xDD, 0xC0
_RESTARTS: Final = range(0xD0, 0xD8)
_TABLES: Final = frozenset({_DQT, _DHT, _DRI, _BASELINE, _SOS})
_JFIF: Final = b"JFIF\0\1\1\0\0\1\0\1\0\0"
_MOST_TABLES: Final = 16
_TAGS: Final = {"credit": ARTIST, "copyright": COPYRIGHT, "taken-at": TAKEN_AT}


def is_ours(content: bytes, keep: tuple[str, ...]) -> bool:
    """Whether a written file is one JPEG with nothing in it but the pixels and what the settings keep.

    Steps, the first that fails decides:

    1. the file starts with SOI and our JFIF header, which has no thumbnail;
    2. an EXIF segment, if any, is byte for byte the one that its own texts give, and the settings keep each of them;
    3. a profile, if any, is byte for byte ours, and the settings keep it; each of both stands there at most once;
    4. nothing else follows but tables of the sizes that they declare, one baseline frame and one scan;
    5. the scan holds stuffed bytes and restart marks only, and EOI ends both it and the file.

    Args:
        content: of the file.
        keep: as in the settings.
    """
    try:
        return _read(content, keep)
    except (struct.error, IndexError):
        return False


def _read(content: bytes, keep: tuple[str, ...]) -> bool:
    start = b"\xff\xd8" + struct.pack(">BBH", 0xFF, _APP0, len(_JFIF) + 2) + _JFIF
    if not content.startswith(start):
        return False
    at, seen = len(start), list[int]()
    while True:
        mark, marker, length = struct.unpack_from(">BBH", content, at)
        body = content[at + 4 : at + 2 + length]
        if mark != 0xFF or length < 2 or len(body) != length - 2:  # noqa: PLR2004 - a length counts its own two bytes
            return False
        if not _allowed(marker, body, seen, keep):
            return False
        seen.append(marker)
        at += 2 + length
        if marker == _SOS:
            return seen.count(_BASELINE) == 1 and _scan_ends_file(content, at)


def _allowed(marker: int, body: bytes, seen: list[int], keep: tuple[str, ...]) -> bool:
    if marker == _APP1:
        return not seen and is_our_exif(body, keep)
    if marker == _APP2:
        return seen in ([], [_APP1]) and "colour-profile" in keep and body == ICC_MARK + srgb_profile()
    return marker in _TABLES and len(seen) < _MOST_TABLES and _whole(marker, body)


def _whole(marker: int, body: bytes) -> bool:
    """Whether a table has exactly the bytes that it declares."""
    if marker in (_BASELINE, _SOS):
        at, each, more = (5, 3, 6) if marker == _BASELINE else (0, 2, 4)
        return len(body) > at and len(body) == body[at] * each + more and body[at] in (1, 3)
    if marker == _DRI:
        return len(body) == 2  # noqa: PLR2004 - one number
    at = 0
    while at < len(body):
        if marker == _DQT:
            at += 1 + 64 * (1 + (body[at] >> 4))
        else:
            at += 17 + sum(body[at + 1 : at + 17])
    return at == len(body) > 0


def _scan_ends_file(content: bytes, at: int) -> bool:
    while True:
        at = content.find(b"\xff", at)
        if at < 0:
            return False
        marker = content[at + 1]
        if marker != 0 and marker not in _RESTARTS:
            return marker == _EOI and at + 2 == len(content)
        at += 2


def is_our_exif(body: bytes, keep: tuple[str, ...]) -> bool:
    """Whether an APP1 segment is what ``render.exif_of`` makes of its own texts, and the settings keep all of them.

    Args:
        body: of the segment, without marker and length.
        keep: as in the settings.
    """
    try:
        texts = _texts(body)
    except struct.error:
        return False
    if not texts.keys() <= {tag for word, tag in _TAGS.items() if word in keep}:
        return False
    credit, notice, taken = (texts.get(_TAGS[word], "") for word in ("credit", "copyright", "taken-at"))
    return body == exif_of(Kept(copyright=notice, credit=credit, taken_at=taken))


def _texts(body: bytes) -> dict[int, str]:
    """Texts of the first directory and of the EXIF directory behind it, by tag; wrong ones where they are not ours."""
    texts = dict[int, str]()
    tiff = body[len(EXIF_MARK) :]
    directory: int | None = 8
    while directory is not None:
        count = struct.unpack_from("<H", tiff, directory)[0]
        entries, directory = range(directory + 2, directory + 2 + 12 * min(count, 3), 12), None
        for at in entries:
            tag, kind, length, place = struct.unpack_from("<HHII", tiff, at)
            if kind == 4 and tag == EXIF_DIRECTORY and place > at:  # noqa: PLR2004 - a LONG, never backwards
                directory = place
            else:
                start = at + 8 if length <= 4 else place  # noqa: PLR2004 - shorter values lie in the entry
                texts[tag] = tiff[start : start + length].removesuffix(b"\0").decode("utf-8", "replace")
    return texts
