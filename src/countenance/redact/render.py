"""Pixels -> files that we write. No metadata of the source ever reaches them, only what is handed in by name."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from countenance.core.arrays import Pixels
from countenance.errors import CountenanceError

JPEG_QUALITY = 88

_D50: Final = (0.9642, 1.0, 0.8249)
_RED, _GREEN, _BLUE = (0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)
_SRGB_CURVE: Final = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
ICC_MARK: Final = b"ICC_PROFILE\0\x01\x01"
EXIF_MARK: Final = b"Exif\0\0"
ARTIST, COPYRIGHT, EXIF_DIRECTORY, TAKEN_AT = 0x013B, 0x8298, 0x8769, 0x9003
"""Tags of EXIF, the only ones that we write."""
_IN_ENTRY: Final = 4
"""Bytes of a text up to which TIFF keeps it in the entry itself."""
_MOMENT: Final = re.compile(r"([0-9]{4})[:-]([0-9]{2})[:-]([0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2})")
_JFIF_END: Final = 20
"""Bytes of SOI and the JFIF header that every encoder of ours starts with."""
_MOST_TEXT: Final = 2_000
"""Characters of copyright or credit that are kept at most."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a released file says beside its pixels.

    Attributes:
        copyright: the notice; empty for none.
        credit: who took the photo; empty for none.
        taken_at: local time to the second, ``2026-06-01T18:30:00`` or as EXIF writes it; anything else is not kept.
        colour_profile: whether it says that its pixels are sRGB.
    """

    copyright: str = ""
    credit: str = ""
    taken_at: str = ""
    colour_profile: bool = True


def encode_jpeg(pixels: Pixels, quality: int = JPEG_QUALITY) -> bytes:
    """A new JPEG without any metadata.

    Args:
        pixels: (height, width, 3) uint8 R, G, B.
        quality: 1 to 100.

    Raises:
        CountenanceError: the picture has no pixels.
    """
    if not pixels.size:
        msg = "A picture without pixels cannot be written."
        raise CountenanceError(msg)
    flags = [int(cv2.IMWRITE_JPEG_QUALITY), quality]
    return cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), flags)[1].tobytes()


def render_jpeg(pixels: Pixels, quality: int, kept: Kept) -> bytes:
    """The file that is released: the same pixels, quality and words give the same bytes.

    Args:
        pixels: (height, width, 3) uint8 R, G, B, upright sRGB.
        quality: 1 to 100.
        kept: what it says beside its pixels.

    Raises:
        CountenanceError: the picture has no pixels.
    """
    plain = encode_jpeg(pixels, quality)
    exif = exif_of(kept)
    added = _segment(0xE1, exif) if exif else b""
    if kept.colour_profile:
        added += _segment(0xE2, ICC_MARK + srgb_profile())
    return plain[:_JFIF_END] + added + plain[_JFIF_END:]


def thumbnail(pixels: Pixels, longest_px: int) -> Pixels:
    """The picture reduced so that its longer side is at most ``longest_px``; never enlarged.

    Args:
        pixels: (height, width, 3) uint8.
        longest_px: at least 1.
    """
    ratio = longest_px / max(pixels.shape[:2])
    if ratio >= 1:
        return pixels
    size = (max(1, round(pixels.shape[1] * ratio)), max(1, round(pixels.shape[0] * ratio)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def cut_out(pixels: Pixels, box: tuple[float, float, float, float], margin: float, longest_px: int) -> Pixels:
    """A face with its surroundings, reduced to a thumbnail.

    Args:
        pixels: (height, width, 3) uint8 of the photo.
        box: left, top, width, height in these pixels.
        margin: added on each side, as a share of the box.
        longest_px: longer side of the result at most.

    Returns:
        (h, w, 3) uint8, at least 1 x 1.
    """
    x, y, w, h = box
    height, width = pixels.shape[:2]
    left, right = max(0, int(x - margin * w)), min(width, int(np.ceil(x + w + margin * w)))
    top, bottom = max(0, int(y - margin * h)), min(height, int(np.ceil(y + h + margin * h)))
    part = pixels[min(top, height - 1) : max(bottom, top + 1), min(left, width - 1) : max(right, left + 1)]
    return thumbnail(part, longest_px)


def exif_of(kept: Kept) -> bytes:
    """The smallest EXIF block that says the words kept; empty when there are none.

    Little-endian TIFF: artist and copyright in the first directory, the date in the EXIF directory behind it.
    """
    texts = {tag: _text(text) for tag, text in ((ARTIST, kept.credit), (COPYRIGHT, kept.copyright)) if text}
    found = _MOMENT.match(kept.taken_at)
    date = _text("{}:{}:{} {}".format(*found.groups())) if found else b""
    if not texts and not date:
        return b""
    n_entries = len(texts) + bool(date)
    start = 8 + 2 + 12 * n_entries + 4
    directory, body = struct.pack("<H", n_entries), b""
    for tag, text in texts.items():
        directory += _entry(tag, text, start + len(body))
        body += text + b"\0" * (len(text) % 2) if len(text) > _IN_ENTRY else b""
    if date:
        directory += struct.pack("<HHII", EXIF_DIRECTORY, 4, 1, start + len(body))
        place = start + len(body) + 2 + 12 + 4
        body += struct.pack("<H", 1) + _entry(TAKEN_AT, date, place) + struct.pack("<I", 0) + date
    return EXIF_MARK + b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", 0) + body


def srgb_profile() -> bytes:
    """An ICC profile (v4, matrix and parametric curves) that says sRGB and nothing else: no date, maker or device."""
    name = "sRGB".encode("utf-16-be")
    words = b"mluc" + struct.pack(">IIIHHII", 0, 1, 12, 0x656E, 0x5553, len(name), 28) + name
    curve = b"para" + struct.pack(">IHH", 0, 3, 0) + b"".join(_fixed(value) for value in _SRGB_CURVE)
    bodies = {
        b"desc": words,
        b"cprt": words,
        b"wtpt": _xyz(_D50),
        b"rXYZ": _xyz(_RED),
        b"gXYZ": _xyz(_GREEN),
        b"bXYZ": _xyz(_BLUE),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    at = 128 + 4 + 12 * len(bodies)
    table, data, places = struct.pack(">I", len(bodies)), b"", dict[bytes, int]()
    for tag, body in bodies.items():
        if body not in places:
            places[body] = at + len(data)
            data += body + b"\0" * (-len(body) % 4)
        table += tag + struct.pack(">II", places[body], len(body))
    size = 128 + len(table) + len(data)
    head = struct.pack(
        ">I4s4s4s4s4s12s4s", size, b"\0" * 4, b"\4\x20\0\0", b"mntr", b"RGB ", b"XYZ ", b"\0" * 12, b"acsp"
    )
    head = head.ljust(68, b"\0") + b"".join(_fixed(value) for value in _D50)
    return head.ljust(128, b"\0") + table + data


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _text(text: str) -> bytes:
    return text[:_MOST_TEXT].replace("\0", " ").encode("utf-8") + b"\0"


def _entry(tag: int, text: bytes, place: int) -> bytes:
    value = text.ljust(_IN_ENTRY, b"\0") if len(text) <= _IN_ENTRY else struct.pack("<I", place)
    return struct.pack("<HHI", tag, 2, len(text)) + value


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65_536))


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(_fixed(value) for value in values)
