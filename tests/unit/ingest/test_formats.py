"""Telling formats apart, and reading what headers declare."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from countenance.ingest.formats import is_camera_raw, read_jpeg_header, sniff, webp_size
from countenance.ingest.metadata import iso_moment, read_exif
from tests.unit.ingest.pictures import HEIC, exif, profile, saved


def test_every_decoded_format_is_recognised() -> None:
    found = {sniff(saved(kind))[0] for kind in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF")} | {sniff(HEIC)[0]}
    assert found == {"jpeg", "png", "webp", "tiff", "gif", "bmp", "avif", "heif"}


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\x00\x00\x00\x18ftypcrx \x00\x00\x00\x00", "camera raw"),
        (b"\x00\x00\x00\x18ftypmp42", "video"),
        (b"BMXX", ""),
    ],
)
def test_others_are_named(head: bytes, name: str) -> None:
    assert sniff(head) == (None, name)


def test_jpeg_header() -> None:
    long_profile = profile("sRGB") * 40  # more than one segment
    data = saved("JPEG", Image.new("RGB", (70, 50)), exif=exif(6), icc_profile=long_profile, progressive=True)
    header = read_jpeg_header(data)
    assert (header.width, header.height, header.components, header.bits) == (70, 50, 3, 8)
    assert header.progressive
    assert header.blocks == 5 * 4 * 6  # 16-pixel units across and down, 4 + 1 + 1 blocks each
    assert header.icc == long_profile
    assert read_exif(header.exif) == (6, None)
    assert not read_jpeg_header(saved("JPEG")).progressive


def test_jpeg_header_reads_over_padding_and_stray_bytes() -> None:
    data = saved("JPEG")
    at = data.index(b"\xff\xc0")
    for between in (b"\xff\xff", b"\xff\x00", b"\x11\x22", b"\xff\x01"):
        assert read_jpeg_header(data[:at] + between + data[at:]).width == 64


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": exif(1)}])
def test_webp_size(options: dict[str, Any]) -> None:
    assert webp_size(saved("WEBP", **options)) == (64, 48)


@given(st.binary(max_size=400))
def test_no_rubbish_breaks_the_readers(rubbish: bytes) -> None:
    sniff(rubbish)
    webp_size(b"RIFF\0\0\0\0WEBP" + rubbish)
    is_camera_raw(b"II*\0" + rubbish)
    read_jpeg_header(b"\xff\xd8" + rubbish)
    assert 1 <= read_exif(b"II*\0\x08\0\0\0" + rubbish)[0] <= 8
    assert 1 <= read_exif(b"MM\0*\0\0\0\x08" + rubbish)[0] <= 8


@given(st.integers(0, 600), st.integers(0, 255))
def test_no_damaged_header_breaks_the_readers(at: int, value: int) -> None:
    data = bytearray(saved("JPEG", exif=exif(6, "2020:01:01 00:00:00"), progressive=True))
    data[at] = value
    header = read_jpeg_header(bytes(data))
    read_exif(header.exif)


@pytest.mark.parametrize(
    ("text", "offset", "iso"),
    [
        ("2020:01:02 03:04:05", "", "2020-01-02T03:04:05"),
        ("2020:01:02 03:04:05\0", "-11:30\0", "2020-01-02T03:04:05-11:30"),
        ("2020:01:02 03:04:05", "nonsense", "2020-01-02T03:04:05"),
        ("0000:00:00 00:00:00", "", None),
        ("    :  :     :  :  ", "", None),
        ("", "", None),
    ],
)
def test_moment(text: str, offset: str, iso: str | None) -> None:
    assert iso_moment(text, offset) == iso
