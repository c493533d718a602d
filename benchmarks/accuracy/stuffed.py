"""Photos stuffed with everything that can stand beside pixels, and what was put there, for ``leaks.py``."""

from __future__ import annotations

import base64
import io
import struct
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin, TiffImagePlugin

from countenance.core.arrays import Pixels
from countenance.demo.cast import CAST
from countenance.demo.person import person
from countenance.demo.scene import draw_scene

TEXTS: Final = {
    "maker": "Kamerawerk Needle Make",
    "model": "Needle Model 4711-B",
    "artist": "Artist Needle Quillfeather",
    "software": "Needle Software 12.3.9",
    "serial": "SN-NEEDLE-0081527",
    "comment": "user comment needle, class 7b",
    "windows": "XPAuthor needle Brambleworth",
    "note": "MAKERNOTE-needle-focus-zone",
    "xmp": "XMP person needle Ottoline Fen",
    "extended": "extended XMP needle Marrowby",
    "byline": "IPTC byline needle Tamsin Oake",
    "caption": "IPTC caption needle: back row, left",
    "com": "COM segment needle, darkroom",
    "behind": "needle behind the end of the file",
    "png": "PNG text needle Hollis Wren",
    "page": "description needle of a second page",
    "profile": "profile needle!",
    "ducky": "Ducky needle save for web",
}
"""Words, each put into the metadata of at least one file."""
_PLACE: Final = struct.pack("<6I", 48, 1, 51, 1, 29_123, 1_000), struct.pack("<6I", 2, 1, 17, 1, 40_231, 1_000)
BYTES: Final = {"latitude": _PLACE[0], "longitude": _PLACE[1]}
"""GPS as EXIF writes it: degrees, minutes and seconds as pairs of numbers."""
_SHORT, _ASCII, _LONG, _RATIONAL, _UNDEFINED, _BYTE = 3, 2, 4, 5, 7, 1
_SIZES: Final = {_SHORT: 2, _ASCII: 1, _LONG: 4, _RATIONAL: 8, _UNDEFINED: 1, _BYTE: 1}
_IN_ENTRY: Final = 4
Entries = dict[int, tuple[int, bytes]]


def _jpeg(pixels: Pixels, quality: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality)
    return out.getvalue()


def small(seed: int) -> bytes:
    """A small JPEG whose compressed pixels stand in no other file."""
    noise = np.random.default_rng(seed).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    return _jpeg(noise, 70)


PREVIEWS: Final = {
    name: small(seed) for seed, name in enumerate(("thumbnail", "mpf", "xmp", "photoshop", "jfxx", "behind", "note"))
}
"""Embedded JPEGs."""


def pixels_of(preview: bytes) -> bytes:
    """The compressed pixels of a JPEG: its tables stand in many files."""
    return preview[preview.index(b"\xff\xda") + 14 : -2]


def stuff(folder: Path) -> dict[str, bytes]:
    """Write the files; gives their bytes by name."""
    folder.mkdir(parents=True)
    people = draw_scene([person(seed) for seed in CAST[:3]], 7, 960, 640).pixels
    rows, columns = np.mgrid[0:480, 0:640]
    nobody = np.stack([columns // 8, 60 + rows // 8, 140 + rows // 6], axis=2).astype(np.uint8)
    written: dict[str, bytes] = {}
    for name, pixels in (("people", people), ("nobody", nobody)):
        written |= {f"{name}-{kind}": content for kind, content in _versions(pixels).items()}
    for name, content in written.items():
        (folder / name).write_bytes(content)
    return written


def _versions(pixels: Pixels) -> dict[str, bytes]:
    segments = {
        "exif": _segment(0xE1, b"Exif\0\0" + _tiff(b"thumbnail")),
        "xmp": _segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + _xmp()),
        "extended": _segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"A" * 40 + TEXTS["extended"].encode()),
        "iptc": _segment(0xED, _photoshop()),
        "profile": _segment(0xE2, b"ICC_PROFILE\0\x01\x01" + _profile()),
        "com": _segment(0xFE, TEXTS["com"].encode("utf-8")),
        "jfxx": _segment(0xE0, b"JFXX\0\x10" + PREVIEWS["jfxx"]),
        "ducky": _segment(0xEC, b"Ducky\0\x01" + TEXTS["ducky"].encode()),
        "mpf": _segment(0xE2, b"MPF\0II*\0\x08" + b"\0" * 9),
    }
    plain = _jpeg(pixels, 90)
    behind = {"mpf": PREVIEWS["mpf"], "exif": b"", "com": TEXTS["behind"].encode() + PREVIEWS["behind"]}
    found = {f"{name}.jpg": plain[:2] + one + plain[2:] + behind.get(name, b"") for name, one in segments.items()}
    found["everything.jpg"] = plain[:2] + b"".join(segments.values()) + plain[2:] + b"".join(behind.values())
    # Once more behind the first tables, where only a reader of the whole file sees them.
    at = plain.index(b"\xff\xda")
    found["late.jpg"] = plain[:at] + b"".join(segments.values()) + plain[at:]
    return found | _others(Image.fromarray(pixels))


def _others(photo: Image.Image) -> dict[str, bytes]:
    """PNG, WebP, TIFF, AVIF and GIF."""
    exif, found = b"Exif\0\0" + _tiff(b"thumbnail"), {}
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", TEXTS["png"])
    info.add_text("Comment", TEXTS["comment"], zip=True)
    info.add_itxt("XML:com.adobe.xmp", _xmp().decode("utf-8"))
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[0x010E], tags[0x013B], tags[0x010F] = TEXTS["page"], TEXTS["artist"], TEXTS["maker"]
    for name, options in {
        "texts.png": {"format": "PNG", "pnginfo": info, "exif": exif, "icc_profile": _profile()},
        "texts.webp": {"format": "WEBP", "exif": exif, "xmp": _xmp(), "icc_profile": _profile()},
        "pages.tif": {
            "format": "TIFF",
            "tiffinfo": tags,
            "save_all": True,
            "append_images": [Image.open(io.BytesIO(PREVIEWS["behind"]))],
        },
        "texts.avif": {"format": "AVIF", "exif": exif, "xmp": _xmp(), "icc_profile": _profile()},
        "comment.gif": {"format": "GIF", "comment": TEXTS["com"].encode()},
    }.items():
        out = io.BytesIO()
        photo.save(out, **options)  # type: ignore[arg-type]
        found[name] = out.getvalue()
    found["texts.png"] += TEXTS["behind"].encode() + PREVIEWS["behind"]
    return found


def _tiff(thumbnail: bytes) -> bytes:
    """Everything that EXIF has room for: words, a maker's note, GPS, and a second directory with a thumbnail."""
    note = TEXTS["note"].encode() + b"\0" + PREVIEWS["note"]
    exif: Entries = {
        0x927C: (_UNDEFINED, note),
        0x9286: (_UNDEFINED, b"UNICODE\0" + TEXTS["comment"].encode("utf-16-le")),
        0xA430: (_ASCII, TEXTS["artist"].encode() + b"\0"),
        0xA431: (_ASCII, TEXTS["serial"].encode() + b"\0"),
    }
    gps: Entries = {
        1: (_ASCII, b"N\0"),
        2: (_RATIONAL, BYTES["latitude"]),
        3: (_ASCII, b"E\0"),
        4: (_RATIONAL, BYTES["longitude"]),
    }
    first: Entries = {
        0x010F: (_ASCII, TEXTS["maker"].encode() + b"\0"),
        0x0110: (_ASCII, TEXTS["model"].encode() + b"\0"),
        0x0131: (_ASCII, TEXTS["software"].encode() + b"\0"),
        0x013B: (_ASCII, TEXTS["artist"].encode() + b"\0"),
        0x8769: (_LONG, b"\0" * 4),
        0x8825: (_LONG, b"\0" * 4),
        0x9C9D: (_BYTE, TEXTS["windows"].encode("utf-16-le") + b"\0\0"),
    }
    picture = PREVIEWS[thumbnail.decode()]
    second: Entries = {0x0103: (_SHORT, b"\x06\0"), 0x0201: (_LONG, b"\0" * 4), 0x0202: (_LONG, b"\0" * 4)}
    starts = [8]
    for directory in (first, exif, gps, second):
        starts.append(starts[-1] + len(_directory(directory, 0, 0)))
    first[0x8769], first[0x8825] = (_LONG, struct.pack("<I", starts[1])), (_LONG, struct.pack("<I", starts[2]))
    second[0x0201] = (_LONG, struct.pack("<I", starts[4]))
    second[0x0202] = (_LONG, struct.pack("<I", len(picture)))
    body = _directory(first, 8, starts[3]) + _directory(exif, starts[1], 0) + _directory(gps, starts[2], 0)
    return b"II*\0\x08\0\0\0" + body + _directory(second, starts[3], 0) + picture


def _directory(entries: Entries, start: int, behind: int) -> bytes:
    table, values = struct.pack("<H", len(entries)), b""
    place = start + 2 + 12 * len(entries) + 4
    for tag, (kind, value) in sorted(entries.items()):
        table += struct.pack("<HHI", tag, kind, len(value) // _SIZES[kind])
        if len(value) <= _IN_ENTRY:
            table += value.ljust(_IN_ENTRY, b"\0")
            continue
        table += struct.pack("<I", place + len(values))
        values += value + b"\0" * (len(value) % 2)
    return table + struct.pack("<I", behind) + values


def _xmp() -> bytes:
    preview = base64.b64encode(PREVIEWS["xmp"]).decode()
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        f'xmlns:xmpGImg="http://ns.adobe.com/xap/1.0/g/img/" Iptc4xmpExt:PersonInImage="{TEXTS["xmp"]}" '
        f'xmpGImg:image="{preview}"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def _photoshop() -> bytes:
    records = b"".join(
        struct.pack(">BBBH", 0x1C, 2, number, len(text)) + text
        for number, text in ((80, TEXTS["byline"].encode()), (120, TEXTS["caption"].encode()))
    )
    thumbnail = struct.pack(">6I2H", 1, 64, 48, 192, 9_216, len(PREVIEWS["photoshop"]), 24, 1) + PREVIEWS["photoshop"]
    blocks = b"".join(
        b"8BIM" + struct.pack(">H", kind) + b"\0\0" + struct.pack(">I", len(body)) + body + b"\0" * (len(body) % 2)
        for kind, body in ((0x0404, records), (0x040C, thumbnail))
    )
    return b"Photoshop 3.0\0" + blocks


def _profile() -> bytes:
    """A profile that says sRGB, with words of our own in place of its copyright."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    words = "No copyright, u".encode("utf-16-be")
    if words not in profile:
        msg = "This version of Little CMS writes another copyright."
        raise RuntimeError(msg)
    return profile.replace(words, TEXTS["profile"].encode("utf-16-be"))


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
