"""Which format some bytes are in, and what JPEG and WebP headers declare, without decoding a pixel."""

# ruff: noqa: PLR2004 - the numbers are those of file formats and kernel interfaces, named beside them

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal

_HEIF_BRANDS: Final = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_AVIF_BRANDS: Final = {b"avif", b"avis"}

_MAGIC: Final = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
)
_TIFF: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BMP_HEADERS: Final = {12, 16, 40, 52, 56, 64, 108, 124}

_KNOWN_OTHERS: Final = (
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "EPS"),
    (b"8BPS", "Photoshop"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\x00\x00\x01\x00", "icon"),
    (b"\x00\x00\x02\x00", "cursor"),
    (b"icns", "icon"),
    (b"DDS ", "DirectDraw"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"#?RGBE", "Radiance HDR"),
    (b"qoif", "QOI"),
    (b"farbfeld", "farbfeld"),
    (b"SIMPLE  =", "FITS"),
    (b"FUJIFILMCCD-RAW", "camera raw"),
    (b"IIU\x00", "camera raw"),
    (b"IIRO", "camera raw"),
    (b"PK\x03\x04", "archive inside a source"),
    (b"PK\x05\x06", "archive inside a source"),
    (b"\x1f\x8b", "compressed archive inside a source"),
    (b"BZh", "compressed archive inside a source"),
    (b"\xfd7zXZ\x00", "compressed archive inside a source"),
    (b"7z\xbc\xaf\x27\x1c", "archive inside a source"),
    (b"Rar!\x1a\x07", "archive inside a source"),
    (b"\x1aE\xdf\xa3", "video"),
)
_PNM = re.compile(rb"P[1-7fF]\s")
_SVG = re.compile(rb"<(?:svg|!DOCTYPE\s+svg)[\s>]", re.IGNORECASE)


def sniff(data: bytes | memoryview) -> tuple[str | None, str]:
    """The format that the first bytes name.

    Args:
        data: the file, or at least its first 1,024 bytes.

    Returns:
        (format, "") for a format that is decoded here, (None, name) for another known one, (None, "") otherwise.
    """
    head = bytes(data[:1024])
    if head.startswith(_TIFF):
        return (None, "camera raw") if head[8:10] == b"CR" else ("tiff", "")
    if head[4:8] == b"ftyp":
        return _brand(head)
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind, ""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp", ""
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "bmp", ""
    return None, _other(head)


_PHOTO_NAMES = (
    *(b".jpg", b".jpeg", b".jpe", b".jfif", b".png", b".apng", b".webp", b".tif", b".tiff", b".gif", b".bmp", b".dib"),
    *(b".heic", b".heif", b".hif", b".avif"),
)


def is_other_file(name: bytes, data: bytes) -> bool:
    """True for a file that nobody meant as a photo: neither its name nor its first bytes say so.

    A photo folder holds lists and thumbnail databases too; they are counted, but a run is not less complete for them.

    Args:
        name: path or member name.
        data: the file, or at least its first 1,024 bytes.
    """
    return bool(data) and not name.lower().endswith(_PHOTO_NAMES) and sniff(data) == (None, "")


def _brand(head: bytes) -> tuple[str | None, str]:
    length = min(max(int.from_bytes(head[:4], "big"), 12), len(head))
    brands = {head[8:12], *(head[i : i + 4] for i in range(16, length - 3, 4))}
    if brands & _AVIF_BRANDS:
        return "avif", ""
    if brands & _HEIF_BRANDS or brands & {b"mif1", b"msf1"}:
        return "heif", ""
    return None, "camera raw" if head[8:12] == b"crx " else "video"


def _other(head: bytes) -> str:
    for magic, name in _KNOWN_OTHERS:
        if head.startswith(magic):
            return name
    if head[257:262] == b"ustar":
        return "archive inside a source"
    if _PNM.match(head):
        return "portable anymap"
    if _SVG.search(head) and head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return "SVG"
    return ""


@dataclass(slots=True)
class JpegHeader:
    """What the segments before the first scan say.

    Attributes:
        width: declared pixels across, 0 when no frame header was found.
        height: declared pixels down.
        components: colour components, 1-4.
        bits: sample precision.
        progressive: needs all its coefficients in memory.
        blocks: 8 x 8 coefficient blocks over all components.
        exif: body of the EXIF segment after its name.
        icc: ICC profile, joined from its segments.
    """

    width: int = 0
    height: int = 0
    components: int = 0
    bits: int = 8
    progressive: bool = False
    blocks: int = 0
    exif: bytes = b""
    icc: bytes = b""
    _parts: dict[int, bytes] = field(default_factory=dict)


_FRAMES: Final = frozenset({*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)})
_BARE: Final = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})


def read_jpeg_header(data: bytes | memoryview) -> JpegHeader:
    """What a JPEG declares before its first scan.

    Args:
        data: the file; damage ends the reading early and leaves the fields at their defaults.

    Returns:
        The declared facts. Nothing here is trusted as a promise: the decoder checks sizes again.
    """
    header = JpegHeader()
    at, end = 2, len(data)
    while at + 4 <= end:
        if data[at] != 0xFF:
            at += 1
            continue
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _BARE:
            at += 2
            continue
        if marker in (0xDA, 0xD9):
            break
        length = data[at + 2] << 8 | data[at + 3]
        body = data[at + 4 : at + 2 + length]
        if marker in _FRAMES and not header.width:
            _read_frame(header, marker, bytes(body))
        elif marker == 0xE1 and not header.exif and bytes(body[:6]) == b"Exif\0\0":
            header.exif = bytes(body[6:])
        elif marker == 0xE2 and bytes(body[:12]) == b"ICC_PROFILE\0" and len(body) > 14:
            header._parts[body[12]] = bytes(body[14:])  # noqa: SLF001 - our own record
        at += 2 + max(length, 2)
    header.icc = b"".join(part for _, part in sorted(header._parts.items()))  # noqa: SLF001 - our own record
    return header


def _read_frame(header: JpegHeader, marker: int, body: bytes) -> None:
    if len(body) < 6 or len(body) < 6 + 3 * body[5]:
        return
    header.bits, header.components = body[0], body[5]
    header.height, header.width = body[1] << 8 | body[2], body[3] << 8 | body[4]
    header.progressive = marker in (0xC2, 0xC6, 0xCA, 0xCE)
    factors = [(body[7 + 3 * i] >> 4 or 1, body[7 + 3 * i] & 15 or 1) for i in range(header.components)]
    if factors:
        widest, tallest = max(h for h, _ in factors), max(v for _, v in factors)
        across, down = -(-header.width // (8 * widest)), -(-header.height // (8 * tallest))
        header.blocks = across * down * sum(h * v for h, v in factors)


def webp_size(data: bytes | memoryview) -> tuple[int, int] | None:
    """Width and height in pixels that a WebP declares, or None when its first chunk is odd.

    Args:
        data: the file, or at least its first 30 bytes.

    Source:
        RFC 9649, sections 2.5-2.7.
    """
    head = bytes(data[:30])
    chunk = head[12:16]
    if chunk == b"VP8X" and len(head) == 30:
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if chunk == b"VP8 " and head[23:26] == b"\x9d\x01\x2a" and len(head) == 30:
        return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF
    if chunk == b"VP8L" and len(head) >= 25 and head[20] == 0x2F:
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None


def is_camera_raw(data: bytes) -> bool:
    """Whether a TIFF structure is a camera's raw file, whose first picture is only a small preview.

    Args:
        data: a file that ``sniff`` calls ``tiff``.
    """
    order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"
    at = int.from_bytes(data[4:8], order)
    for i in range(min(int.from_bytes(data[at : at + 2], order), 200)):
        entry = data[at + 2 + 12 * i : at + 14 + 12 * i]
        tag = int.from_bytes(entry[:2], order)
        if tag == 0xC612:  # DNGVersion
            return True
        if tag == 0xFE and int.from_bytes(entry[8:12], order) & 1:  # NewSubfileType: a reduced picture
            return True
    return False
