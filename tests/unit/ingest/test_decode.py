"""Every format, orientation and colour model becomes the same upright sRGB pixels."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from PIL import Image

from countenance.errors import PhotoRefusedError
from countenance.ingest.decode import buffer_bytes, decode_bytes
from countenance.settings import DecodeLimits
from tests.unit.ingest.pictures import (
    BLUE,
    GREEN,
    GREY,
    HEIC,
    RED,
    corners,
    exif,
    noise,
    profile,
    quarters,
    saved,
    swapped_profile,
)

LIMITS = DecodeLimits()
SMALL = DecodeLimits(work_side_px=100)
UPRIGHT = [RED, GREEN, BLUE, GREY]


def assert_colours(
    pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], expected: Sequence[tuple[int, ...]]
) -> None:
    np.testing.assert_allclose(corners(pixels), expected, atol=14)


def refused(data: bytes, limits: DecodeLimits = LIMITS) -> str:
    with pytest.raises(PhotoRefusedError) as caught:
        decode_bytes(data, limits)
    assert caught.value.message.endswith(".")
    return caught.value.reason


@pytest.mark.parametrize(
    ("kind", "options", "word"),
    [
        ("JPEG", {"quality": 95}, "jpeg"),
        ("JPEG", {"quality": 95, "progressive": True, "subsampling": 0}, "jpeg"),
        ("PNG", {}, "png"),
        ("WEBP", {"quality": 95}, "webp"),
        ("WEBP", {"lossless": True}, "webp"),
        ("TIFF", {}, "tiff"),
        ("TIFF", {"compression": "tiff_lzw"}, "tiff"),
        ("TIFF", {"compression": "jpeg", "quality": 95}, "tiff"),
        ("GIF", {}, "gif"),
        ("BMP", {}, "bmp"),
        ("AVIF", {"quality": 95}, "avif"),
    ],
)
def test_format(kind: str, options: dict[str, Any], word: str) -> None:
    done = decode_bytes(saved(kind, **options), LIMITS)
    assert (done.format, done.scale, done.partial, done.notes) == (word, 1.0, False, ())
    assert (done.full_width, done.full_height) == (64, 48)
    assert done.pixels.shape == (48, 64, 3)
    assert done.pixels.dtype == np.uint8
    assert done.pixels.flags.c_contiguous
    assert_colours(done.pixels, UPRIGHT)


def test_heic_is_turned_by_its_container() -> None:
    done = decode_bytes(HEIC, LIMITS)
    assert (done.format, done.full_width, done.full_height, done.orientation) == ("heif", 32, 48, 1)
    assert done.taken_at == "2021-05-06T07:08:09"
    assert_colours(done.pixels, [(255, 0, 0), (255, 0, 0), (0, 0, 255), (0, 0, 255)])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (1, [RED, GREEN, BLUE, GREY]),
        (2, [GREEN, RED, GREY, BLUE]),
        (3, [GREY, BLUE, GREEN, RED]),
        (4, [BLUE, GREY, RED, GREEN]),
        (5, [RED, BLUE, GREEN, GREY]),
        (6, [BLUE, RED, GREY, GREEN]),
        (7, [GREY, GREEN, BLUE, RED]),
        (8, [GREEN, GREY, RED, BLUE]),
    ],
)
def test_orientation(kind: str, orientation: int, expected: Sequence[tuple[int, ...]]) -> None:
    done = decode_bytes(saved(kind, exif=exif(orientation), quality=95), LIMITS)
    sides = (64, 48) if orientation < 5 else (48, 64)
    assert done.orientation == orientation
    assert (done.full_width, done.full_height) == sides
    assert done.pixels.shape == (sides[1], sides[0], 3)
    assert_colours(done.pixels, expected)


def rgba() -> Image.Image:
    image = Image.fromarray(quarters()).convert("RGBA")
    image.paste((0, 0, 0, 0), (32, 24, 64, 48))
    return image


def grey_alpha() -> Image.Image:
    image = Image.new("LA", (64, 48), (50, 255))
    image.paste((0, 0), (32, 24, 64, 48))
    return image


def sixteen_bits() -> Image.Image:
    return Image.fromarray(np.repeat(np.array([[0, 65535]], np.uint16), 32, axis=1).repeat(48, axis=0))


def floats() -> Image.Image:
    return Image.fromarray(np.repeat(np.array([[0.0, 1.0]], np.float32), 32, axis=1).repeat(48, axis=0))


BLACK, WHITE, DARK = (0, 0, 0), (255, 255, 255), (50, 50, 50)


@pytest.mark.parametrize(
    ("kind", "make", "expected"),
    [
        ("PNG", rgba, [RED, GREEN, BLUE, WHITE]),
        ("WEBP", rgba, [RED, GREEN, BLUE, WHITE]),
        ("AVIF", rgba, [RED, GREEN, BLUE, WHITE]),
        ("TIFF", rgba, [RED, GREEN, BLUE, WHITE]),
        ("PNG", grey_alpha, [DARK, DARK, DARK, WHITE]),
        ("PNG", sixteen_bits, [BLACK, WHITE, BLACK, WHITE]),
        ("TIFF", sixteen_bits, [BLACK, WHITE, BLACK, WHITE]),
        ("TIFF", floats, [BLACK, WHITE, BLACK, WHITE]),
        ("PNG", lambda: sixteen_bits().convert("1"), [BLACK, WHITE, BLACK, WHITE]),
        ("TIFF", lambda: sixteen_bits().convert("1"), [BLACK, WHITE, BLACK, WHITE]),
        ("JPEG", lambda: Image.new("L", (64, 48), 50), [DARK] * 4),
        ("PNG", lambda: Image.fromarray(quarters()).quantize(8), UPRIGHT),
        ("BMP", lambda: Image.fromarray(quarters()).quantize(8), UPRIGHT),
        ("JPEG", lambda: Image.fromarray(quarters()).convert("CMYK"), UPRIGHT),
        ("TIFF", lambda: Image.fromarray(quarters()).convert("CMYK"), UPRIGHT),
        ("TIFF", lambda: Image.fromarray(quarters()).convert("YCbCr"), UPRIGHT),
    ],
)
def test_colour_model(kind: str, make: Callable[[], Image.Image], expected: Sequence[tuple[int, ...]]) -> None:
    for limits in (LIMITS, DecodeLimits(work_side_px=12)):
        assert_colours(decode_bytes(saved(kind, make(), quality=95), limits).pixels, expected)


def test_sixteen_bit_colour_png() -> None:
    pixels = quarters().astype(np.uint16) * 257
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 64, 48, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    np.testing.assert_array_equal(decode_bytes(data, LIMITS).pixels, quarters())


def test_palette_with_a_transparent_colour_is_put_on_white() -> None:
    image = Image.fromarray(quarters()).quantize(4)
    index = image.getpixel((50, 40))
    assert_colours(decode_bytes(saved("PNG", image, transparency=index), LIMITS).pixels, [RED, GREEN, BLUE, WHITE])


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_first_frame_counts(kind: str) -> None:
    later = [Image.new("RGB", (64, 48), (9, 9, 9)), Image.new("RGB", (64, 48), (99, 9, 9))]
    data = saved(kind, save_all=True, append_images=later, quality=95)
    assert_colours(decode_bytes(data, LIMITS).pixels, UPRIGHT)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_colour_profile_is_applied(kind: str) -> None:
    swapped = [(30, 30, 220), GREEN, (220, 30, 30), GREY]
    done = decode_bytes(saved(kind, icc_profile=swapped_profile(), quality=95), LIMITS)
    assert done.notes == ()
    assert_colours(done.pixels, swapped)


def test_fast_profile_equals_littlecms() -> None:
    data = saved("PNG", Image.fromarray(noise(160, 120)), icc_profile=swapped_profile())
    image = Image.open(io.BytesIO(data))
    from PIL import ImageCms  # noqa: PLC0415 - only this test needs it

    slow = ImageCms.profileToProfile(
        image, ImageCms.ImageCmsProfile(io.BytesIO(swapped_profile())), ImageCms.createProfile("sRGB")
    )
    assert slow is not None
    difference = np.abs(np.asarray(slow).astype(int) - decode_bytes(data, LIMITS).pixels)
    assert difference.mean() < 0.5
    assert difference.max() <= 3


@pytest.mark.parametrize("icc", [profile("sRGB"), b"rubbish", profile("LAB"), swapped_profile()[:300]])
def test_srgb_and_useless_profiles_change_nothing(icc: bytes) -> None:
    assert_colours(decode_bytes(saved("JPEG", icc_profile=icc, quality=95), LIMITS).pixels, UPRIGHT)


@pytest.mark.parametrize(
    ("side", "factor"), [(199, 1), (200, 2), (201, 2), (399, 2), (400, 4), (799, 4), (800, 8), (1599, 8), (3201, 24)]
)
def test_jpeg_is_reduced_while_it_stays_large_enough(side: int, factor: int) -> None:
    done = decode_bytes(saved("JPEG", Image.fromarray(quarters(side, side // 3)), quality=95), SMALL)
    assert done.scale == pytest.approx(1 / factor)
    assert (done.full_width, done.full_height) == (side, side // 3)
    assert done.pixels.shape == (-(-(side // 3) // factor), -(-side // factor), 3)
    assert_colours(done.pixels, UPRIGHT)


@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_reduced_and_turned(mode: str, orientation: int) -> None:
    image = Image.fromarray(quarters(801, 601)).convert(mode)
    done = decode_bytes(saved("JPEG", image, quality=95, exif=exif(orientation)), SMALL)
    assert done.scale == 1 / 8
    assert done.pixels.shape == ((76, 101, 3) if orientation == 1 else (101, 76, 3))
    assert (done.full_width, done.full_height) == ((801, 601) if orientation == 1 else (601, 801))
    assert_colours(done.pixels, UPRIGHT if orientation == 1 else [BLUE, RED, GREY, GREEN])


@pytest.mark.parametrize(("side", "factor"), [(200, 1), (201, 2), (401, 3)])
def test_other_formats_are_averaged_down(side: int, factor: int) -> None:
    done = decode_bytes(saved("PNG", Image.fromarray(quarters(side, side))), SMALL)
    assert done.scale == pytest.approx(1 / factor)
    assert done.pixels.shape == (-(-side // factor), -(-side // factor), 3)
    assert max(done.pixels.shape) <= 200
    assert_colours(done.pixels, UPRIGHT)


def test_large_pictures_are_converted_in_bands_without_seams() -> None:
    pixels = np.broadcast_to(np.arange(0, 250, 0.05).astype(np.uint8)[:, None, None], (5000, 1700, 3))
    done = decode_bytes(saved("PNG", Image.fromarray(np.ascontiguousarray(pixels)), compress_level=1), LIMITS)
    assert done.scale == 0.5
    np.testing.assert_allclose(done.pixels[:, 5, 1], np.arange(0, 250, 0.1), atol=1.5)


@pytest.mark.parametrize("orientation", [1, 3, 8])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_pixels_go_into_the_given_buffer(kind: str, orientation: int) -> None:
    buffer = bytearray(buffer_bytes(LIMITS))
    done = decode_bytes(saved(kind, exif=exif(orientation)), LIMITS, buffer)
    assert np.shares_memory(done.pixels, np.frombuffer(buffer, np.uint8))
    assert bytes(buffer[: done.pixels.size]) == done.pixels.tobytes()


def test_date_of_the_photo() -> None:
    data = saved("JPEG", exif=exif(1, "2024:02:29 23:59:58", "+02:00"))
    assert decode_bytes(data, LIMITS).taken_at == "2024-02-29T23:59:58+02:00"
    assert decode_bytes(saved("PNG", exif=exif(1, "2024:02:30 23:59:58")), LIMITS).taken_at is None
    assert decode_bytes(saved("TIFF", exif=exif(1, "2020:01:01 00:00:00")), LIMITS).taken_at == "2020-01-01T00:00:00"


@pytest.mark.parametrize("options", [{"quality": 90}, {"quality": 90, "progressive": True}])
def test_cut_jpeg_is_partial(options: dict[str, Any]) -> None:
    data = saved("JPEG", Image.fromarray(noise(640, 480)), **options)
    whole = decode_bytes(data, LIMITS)
    part = decode_bytes(data[: len(data) // 2], LIMITS)
    assert part.partial
    assert part.notes
    assert part.pixels.shape == whole.pixels.shape
    if "progressive" not in options:
        np.testing.assert_array_equal(part.pixels[:150], whole.pixels[:150])


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF"])
def test_cut_file_of_another_format_is_partial(kind: str) -> None:
    data = saved(kind, Image.fromarray(noise(640, 480)), **({"compression": None} if kind == "TIFF" else {}))
    whole, part = decode_bytes(data, LIMITS), decode_bytes(data[: len(data) * 2 // 3], LIMITS)
    assert part.partial
    there = slice(-150, None) if kind == "BMP" else slice(150)  # a BMP begins with its last row
    np.testing.assert_array_equal(part.pixels[there], whole.pixels[there])


@pytest.mark.parametrize("keep", [0.5, 0.98])
@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
def test_cut_webp_and_avif_are_refused(kind: str, keep: float) -> None:
    data = saved(kind, Image.fromarray(noise(64, 48)))
    assert refused(data[: int(len(data) * keep)]) == "damaged"


def test_header_without_pixels_is_refused() -> None:
    data = saved("JPEG")
    assert refused(data[: data.index(b"\xff\xda") + 14]) == "damaged"
    assert refused(data[:20]) == "damaged"
    assert refused(saved("PNG")[:40]) == "damaged"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"hello, this is text", "not-an-image"),
        (b"\x00" * 5000, "not-an-image"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "unsupported-format"),
        (b"  <svg width='9'></svg>", "unsupported-format"),
        (b"%PDF-1.7\n", "unsupported-format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "unsupported-format"),
        (b"\xc5\xd0\xd3\xc6rest", "unsupported-format"),
        (b"8BPS\x00\x01", "unsupported-format"),
        (b"P6 3 3 255\n", "unsupported-format"),
        (b"PK\x03\x04zip", "unsupported-format"),
        (b"\x00\x00\x00\x20ftypisom", "unsupported-format"),
        (b"II*\x00\x10\x00\x00\x00CR\x02\x00", "unsupported-format"),
        (b"\x00\x00\x01\x00\x01\x00", "unsupported-format"),
    ],
)
def test_everything_else_is_refused(data: bytes, reason: str) -> None:
    assert refused(data) == reason


def test_a_raw_file_is_not_taken_for_its_preview() -> None:
    data = saved("TIFF", tiffinfo={254: 1})
    assert refused(data) == "unsupported-format"


def test_too_many_bytes() -> None:
    assert refused(saved("PNG"), DecodeLimits(max_bytes=100)) == "too-many-bytes"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF"])
def test_pixel_limit(kind: str) -> None:
    data = saved(kind)
    assert refused(data, DecodeLimits(max_pixels=64 * 48 - 1)) == "too-many-pixels"
    assert decode_bytes(data, DecodeLimits(max_pixels=64 * 48)).full_width == 64


def test_pixel_limit_of_heic() -> None:
    assert refused(HEIC, DecodeLimits(max_pixels=32 * 48 - 1)) == "too-many-pixels"


def test_declared_size_decides_before_anything_is_decoded() -> None:
    png = bytearray(saved("PNG"))
    png[16:24] = struct.pack(">II", 60_000, 60_000)
    png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
    assert refused(bytes(png)) == "too-many-pixels"
    gif = bytearray(saved("GIF"))
    gif[6:10] = struct.pack("<HH", 65_000, 65_000)
    assert refused(bytes(gif)) == "too-many-pixels"
    webp = bytearray(saved("WEBP", exif=exif(1)))
    webp[24:30] = b"\xff\xff\x00\xff\xff\x00"
    assert refused(bytes(webp)) == "too-many-pixels"


def test_coefficients_of_a_progressive_jpeg_count_as_memory() -> None:
    image = Image.new("RGB", (2_000, 2_000))  # 12 MB of coefficients, 3 bytes a pixel
    base = 96 * 1024 * 1024
    for progressive in (True, False):
        data = saved("JPEG", image, progressive=progressive)
        assert decode_bytes(data, DecodeLimits(memory_bytes=base + 12_100_000)).full_width == 2_000
    data = saved("JPEG", image, progressive=True)
    assert refused(data, DecodeLimits(memory_bytes=base + 11_900_000)) == "too-much-memory"


def test_camera_may_leave_rubbish_before_the_end() -> None:
    data = saved("JPEG", Image.fromarray(noise(64, 48)))
    done = decode_bytes(data[:-2] + b"\x00\x00\x00" + data[-2:], LIMITS)
    assert not done.partial
