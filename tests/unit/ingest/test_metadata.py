"""Whose photo it is: what EXIF says of copyright and artist."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from countenance.ingest.decode import decode_bytes
from countenance.ingest.metadata import read_rights
from countenance.settings import DecodeLimits

COPYRIGHT, ARTIST = 0x8298, 0x013B


def exif_of(**texts: str | bytes) -> Image.Exif:
    exif = Image.Exif()
    tags = {"copyright": COPYRIGHT, "artist": ARTIST}
    for name, text in texts.items():
        exif[tags[name]] = text
    return exif


def test_both_are_read() -> None:
    exif = exif_of(copyright="(c) 2026 The School", artist="Mo Vale").tobytes()
    assert read_rights(exif) == ("(c) 2026 The School", "Mo Vale")
    assert read_rights(exif.removeprefix(b"Exif\0\0")) == ("(c) 2026 The School", "Mo Vale")


@pytest.mark.parametrize("exif", [b"", b"Exif\0\0", b"II*\0", b"II*\0\xff\xff\xff\xff", b"nonsense" * 9])
def test_damage_is_read_as_absence(exif: bytes) -> None:
    assert read_rights(exif) == ("", "")


def test_a_name_is_one_line_of_letters() -> None:
    exif = exif_of(artist="Zo\u00eb\x07 Vale".encode(), copyright="x" * 900).tobytes()
    notice, artist = read_rights(exif)
    assert artist == "Zo\u00eb Vale"
    assert notice == "x" * 200
    old = exif_of(artist="Zo\u00eb".encode("latin-1")).tobytes()
    assert read_rights(old) == ("", "Zo\u00eb")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_decoder_hands_them_on(kind: str) -> None:
    held = io.BytesIO()
    Image.new("RGB", (32, 32), (9, 99, 199)).save(held, kind, exif=exif_of(copyright="Ours", artist="Mo"))
    decoded = decode_bytes(held.getvalue(), DecodeLimits())
    assert (decoded.copyright, decoded.credit) == ("Ours", "Mo")
