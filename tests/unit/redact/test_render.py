from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from countenance.core.arrays import Pixels
from countenance.errors import CountenanceError, PhotoRefusedError
from countenance.ingest.decoder import Decoder
from countenance.redact.render import Kept, cut_out, encode_jpeg, exif_of, render_jpeg, srgb_profile, thumbnail
from countenance.redact.segments import is_ours
from countenance.settings import DecodeLimits

ALL = ("colour-profile", "copyright", "credit", "taken-at")
NAMES = (b"Ann Example", b"Bob-Beispiel", b"Cleo Keyword", b"Dan Depicted", b"SERIAL-4711")

texts = st.text(max_size=40)


@pytest.fixture
def soft() -> Pixels:
    """A picture with a gradient in each channel."""
    y, x = np.mgrid[:96, :144]
    return np.stack([x, y * 2, 255 - x], axis=2).astype(np.uint8)


def stuffed(pixels: Pixels) -> bytes:
    """A JPEG with everything that cameras and picture desks put in: thumbnail, GPS, maker notes, XMP, IPTC, MPF."""
    exif = Image.Exif()
    exif[0x013B], exif[0x8298], exif[0x010E] = "Ann Example", "Bob-Beispiel", "Dan Depicted"
    exif.get_ifd(0x8769)[0x927C] = b"MAKER" + NAMES[4]
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.5), 3: "E", 4: (13.0, 24.0, 17.5)})
    thumbnail_file = encode_jpeg(pixels[::3, ::3])
    packet = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><PersonInImage>Dan Depicted</PersonInImage></x:xmpmeta>"
    iptc = b"\x1c\x02\x19" + struct.pack(">H", 12) + b"Cleo Keyword"
    bim = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc
    segments = [(0xE1, packet), (0xED, b"Photoshop 3.0\0" + bim), (0xE2, b"MPF\0MM\0*\0\0\0\x08"), (0xFE, NAMES[3])]
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90, exif=exif)
    content = file.getvalue()
    added = b"".join(struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body for marker, body in segments)
    # The thumbnail of EXIF and the second picture of MPF are whole JPEGs: one inside, one behind the end.
    inside = struct.pack(">BBH", 0xFF, 0xE3, len(thumbnail_file) + 2) + thumbnail_file
    return content[:2] + added + inside + content[2:] + thumbnail_file


def test_of_a_stuffed_file_only_the_pixels_get_through(soft: Pixels) -> None:
    source = stuffed(soft)
    assert source.count(b"\xff\xd8\xff") == 3
    assert all(name in source for name in NAMES)
    with Decoder(DecodeLimits()) as decoder:
        decoded = decoder.decode(source)
        assert decoded.pixels.shape == soft.shape
        content = render_jpeg(decoded.pixels, 92, Kept())
        again = decoder.decode(content).pixels
    assert np.abs(again.astype(int) - decoded.pixels).mean() < 2
    assert is_ours(content, ("colour-profile",))
    assert content.count(b"\xff\xd8") == 1
    for foreign in (*NAMES, b"Exif", b"http", b"xmp", b"8BIM", b"Photoshop", b"MPF", b"GPS", b"MAKER", b"\xff\xfe"):
        assert foreign not in content
    opened = Image.open(io.BytesIO(content))
    assert set(opened.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "icc_profile"}
    assert not opened.getexif()


@pytest.mark.shared
def test_nothing_of_real_files_metadata_gets_through(shared: Path) -> None:
    """Files of Pillow's tests and of the EXIF orientation set that carry EXIF, XMP, IPTC, comments or a profile."""
    folder = shared / "badimages"
    paths = sorted([*(folder / "exif-orientation").glob("*.jpg"), *(folder / "pillow" / "Tests").rglob("*.*")])
    carriers = 0
    with Decoder(DecodeLimits()) as decoder:
        for path in paths:
            source = path.read_bytes()
            if len(source) > 200_000 or path.suffix not in {".jpg", ".png", ".webp", ".tif", ".mpo", ".avif"}:
                continue
            if not any(mark in source for mark in (b"Exif\0", b"xmp", b"8BIM", b"MPF\0", b"EXIF", b"eXIf", b"GPS")):
                continue
            try:
                pixels = decoder.decode(source).pixels
            except PhotoRefusedError:
                continue
            content = render_jpeg(thumbnail(pixels, 400), 92, Kept())
            assert is_ours(content, ("colour-profile",)), path
            assert content.count(b"\xff\xd8") == 1
            carriers += 1
    assert carriers > 20


def test_the_same_pixels_and_words_give_the_same_bytes(soft: Pixels) -> None:
    kept = Kept("(c) Club", "Ann", "2026:06:01 18:30:00")
    assert render_jpeg(soft, 92, kept) == render_jpeg(soft.copy(), 92, kept)
    assert render_jpeg(soft, 92, kept) != render_jpeg(soft, 91, kept)
    assert render_jpeg(soft, 92, kept) != render_jpeg(soft, 92, Kept())


@given(texts, texts, st.sampled_from(["", "2026:06:01 18:30:00"]), st.booleans())
def test_what_is_kept_can_be_read_and_nothing_else_stands_there(
    notice: str, credit: str, taken_at: str, profile: object
) -> None:
    kept = Kept(notice, credit, taken_at, bool(profile))
    content = render_jpeg(np.full((16, 16, 3), 90, dtype=np.uint8), 92, kept)
    assert is_ours(content, ALL)
    opened = Image.open(io.BytesIO(content))
    opened.load()
    exif = opened.getexif()
    wanted = {0x8298: notice, 0x013B: credit}
    for tag, text in wanted.items():
        assert (tag in exif) == bool(text)
    assert exif.get_ifd(0x8769) == ({0x9003: taken_at} if taken_at else {})
    assert set(exif) - {0x8769} == {tag for tag, text in wanted.items() if text}
    assert ("icc_profile" in opened.info) == profile


def test_words_are_written_as_they_are() -> None:
    content = render_jpeg(np.zeros((8, 8, 3), dtype=np.uint8), 92, Kept("© Müller", "Zoë"))
    assert "© Müller\0".encode() in content
    assert "Zoë\0".encode() in content
    assert Image.open(io.BytesIO(content)).getexif()[0x013B].encode("latin-1").decode() == "Zoë"


def test_a_moment_is_kept_to_the_second_and_any_other_text_is_not() -> None:
    kept = exif_of(Kept(taken_at="2026-06-01T18:30:00"))
    assert kept.endswith(b"2026:06:01 18:30:00\0")
    assert exif_of(Kept(taken_at="2026:06:01 18:30:00.25+02:00 Ann")) == kept
    for text in ("Ann", "2026", "yesterday 2026-06-01T18:30:00"):
        assert exif_of(Kept(taken_at=text)) == b""


def test_no_words_no_block() -> None:
    assert exif_of(Kept(colour_profile=True)) == b""


def test_the_profile_is_srgb_and_says_nothing_else(soft: Pixels) -> None:
    profile = srgb_profile()
    assert len(profile) == 388
    assert struct.unpack(">I", profile[:4])[0] == len(profile)
    assert profile[24:36] == bytes(12), "no date"
    assert profile[40:64] == bytes(24), "no platform, maker or device"
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    assert ImageCms.getProfileDescription(opened).strip() == "sRGB"
    picture = Image.fromarray(soft)
    shown = ImageCms.profileToProfile(picture, opened, ImageCms.createProfile("sRGB"))
    assert shown is not None
    assert np.abs(np.asarray(shown).astype(int) - soft).max() <= 1


def test_a_picture_without_pixels_is_refused() -> None:
    with pytest.raises(CountenanceError, match="without pixels"):
        render_jpeg(np.empty((0, 5, 3), dtype=np.uint8), 92, Kept())


@pytest.mark.parametrize(("longest", "shape"), [(72, (48, 72, 3)), (500, (96, 144, 3)), (1, (1, 1, 3))])
def test_a_thumbnail_keeps_its_shape_and_is_never_enlarged(
    soft: Pixels, longest: int, shape: tuple[int, int, int]
) -> None:
    small = thumbnail(soft, longest)
    assert small.shape == shape
    assert abs(float(small.mean()) - float(soft.mean())) < 2


@pytest.mark.parametrize("box", [(10, 10, 30, 40), (-20, -20, 30, 30), (500, 500, 10, 10), (0, 0, 0, 0)])
def test_a_cut_out_has_pixels_wherever_it_lies(soft: Pixels, box: tuple[float, float, float, float]) -> None:
    part = cut_out(soft, box, 0.2, 20)
    assert min(part.shape[:2]) >= 1
    assert max(part.shape[:2]) <= 20
