from __future__ import annotations

import struct
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.redact.render import ICC_MARK, Kept, encode_jpeg, render_jpeg, srgb_profile
from countenance.redact.segments import is_our_exif, is_ours

ALL = ("colour-profile", "copyright", "credit", "taken-at")
PIXELS = np.random.default_rng(5).integers(0, 256, (40, 56, 3), dtype=np.uint8)
KEPT = Kept("(c) Club", "Ann", "2026:06:01 18:30:00")
FULL, BARE = render_jpeg(PIXELS, 92, KEPT), render_jpeg(PIXELS, 92, Kept(colour_profile=False))


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


@pytest.mark.parametrize("quality", [1, 50, 92, 100])
def test_our_own_files_pass(quality: int) -> None:
    for kept in (KEPT, Kept(), Kept(colour_profile=False)):
        assert is_ours(render_jpeg(PIXELS, quality, kept), ALL)


@pytest.mark.parametrize(
    ("kept", "needs"),
    [
        (Kept("x", colour_profile=False), "copyright"),
        (Kept(credit="x", colour_profile=False), "credit"),
        (Kept(taken_at="2026:06:01 18:30:00", colour_profile=False), "taken-at"),
        (Kept(), "colour-profile"),
    ],
)
def test_words_pass_only_when_the_settings_keep_them(kept: Kept, needs: str) -> None:
    content = render_jpeg(PIXELS, 92, kept)
    assert is_ours(content, (needs,))
    assert not is_ours(content, tuple(word for word in ALL if word != needs))


@pytest.mark.parametrize(
    "body",
    [
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"),
        (0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"),
        (0xE2, b"MPF\0MM\0*\0\0\0\x08"),
        (0xE2, ICC_MARK + srgb_profile()[:-1] + b"x"),
        (0xED, b"Photoshop 3.0\0"),
        (0xE0, b"JFXX\0\x10\xff\xd8\xff\xd9"),
        (0xEE, b"Adobe\0\x64\0\0\0\0\0"),
        (0xFE, b"a comment"),
        (0xDD, b"\0\0\0"),
        (0xDB, b"\0" + bytes(64) + b"more"),
        (0xC4, b"\0" + bytes(16) + b"more"),
        (0xC0, b"\x08\0\x10\0\x10\x03" + bytes(10)),
    ],
)
def test_a_segment_that_is_not_ours_is_seen_wherever_it_stands(body: tuple[int, bytes]) -> None:
    for at in (20, BARE.index(b"\xff\xdb"), BARE.index(b"\xff\xda")):
        assert is_ours(BARE, ALL)
        assert not is_ours(BARE[:at] + segment(*body) + BARE[at:], ALL)


def test_each_of_ours_may_stand_there_once() -> None:
    profile = segment(0xE2, ICC_MARK + srgb_profile())
    assert is_ours(BARE[:20] + profile + BARE[20:], ALL)
    assert not is_ours(BARE[:20] + profile * 2 + BARE[20:], ALL)
    words = render_jpeg(PIXELS, 92, replace(KEPT, colour_profile=False))
    exif = words[20 : 22 + struct.unpack_from(">H", words, 22)[0]]
    assert is_ours(words, ALL)
    assert not is_ours(words[:20] + exif + words[20:], ALL)
    frame = BARE.index(b"\xff\xc0")
    again = BARE[frame : frame + 2 + struct.unpack_from(">H", BARE, frame + 2)[0]]
    assert not is_ours(BARE[:frame] + again + BARE[frame:], ALL)


@pytest.mark.parametrize("tail", [b"\0", b"x", b"\xff\xd9", BARE])
def test_bytes_behind_the_end_are_seen(tail: bytes) -> None:
    assert not is_ours(BARE + tail, ALL)


@given(st.integers(0, len(BARE) - 1))
def test_a_file_that_was_cut_is_seen(length: int) -> None:
    assert not is_ours(BARE[:length], ALL)


@pytest.mark.parametrize("marker", [0xD8, 0xE1, 0xFE, 0xC4, 0xDA])
def test_a_marker_inside_the_scan_is_seen(marker: int) -> None:
    middle = BARE.index(b"\xff\xda") + 200
    while BARE[middle - 1] == 0xFF or BARE[middle] == 0xFF:
        middle += 1
    assert not is_ours(BARE[:middle] + bytes([0xFF, marker]) + BARE[middle:], ALL)


def test_other_kinds_of_jpeg_and_other_files_are_not_ours() -> None:
    flags = [int(cv2.IMWRITE_JPEG_PROGRESSIVE), 1]
    progressive = cv2.imencode(".jpg", PIXELS, flags)[1].tobytes()
    png = cv2.imencode(".png", PIXELS)[1].tobytes()
    for content in (progressive, png, b"", b"\xff\xd8", b"\xff\xd8\xff\xd9"):
        assert not is_ours(content, ALL)
    assert is_ours(encode_jpeg(PIXELS), ())


@given(st.data())
def test_nothing_can_be_put_between_the_words(data: st.DataObject) -> None:
    length = struct.unpack_from(">H", FULL, 22)[0]
    body = FULL[24 : 22 + length]
    assert is_our_exif(body, ALL)
    at = data.draw(st.integers(0, len(body)))
    longer = body[:at] + data.draw(st.binary(min_size=1, max_size=8)) + body[at:]
    assert not is_our_exif(longer, ALL)


def test_a_directory_that_points_back_at_itself_ends() -> None:
    loop = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 0x8769, 4, 1, 8) + bytes(4)
    assert not is_our_exif(loop, ALL)
    assert not is_ours(BARE[:20] + segment(0xE1, loop) + BARE[20:], ALL)
