"""Bytes of one photo to upright sRGB pixels. Runs inside the confined child; nothing else in ``ingest`` decodes."""

# ruff: noqa: PLR2004 - the numbers are those of file formats and kernel interfaces, named beside them

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import cv2
import numpy as np
import pi_heif
import simplejpeg
from numpy.typing import NDArray

# The plugins are named because nothing can be imported once the child is confined.
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from countenance.core.arrays import Pixels
from countenance.errors import PhotoRefusedError
from countenance.ingest.colour import is_srgb, matrix_profile, profile_space
from countenance.ingest.decoded import Decoded, Reason, check_cost, refusal, refusal_for
from countenance.ingest.formats import JpegHeader, is_camera_raw, read_jpeg_header, sniff, webp_size
from countenance.ingest.metadata import read_exif, read_rights
from countenance.settings import DecodeLimits

Buffer = memoryview | bytearray
_Image = Image.Image

_PLUGINS: Final = {
    "jpeg": JpegImagePlugin.JpegImageFile.format,
    "png": PngImagePlugin.PngImageFile.format,
    "webp": WebPImagePlugin.WebPImageFile.format,
    "tiff": TiffImagePlugin.TiffImageFile.format,
    "gif": GifImagePlugin.GifImageFile.format,
    "bmp": BmpImagePlugin.BmpImageFile.format,
    "avif": AvifImagePlugin.AvifImageFile.format,
}
_LATE: Final = MpoImagePlugin  # Pillow loads it only for a JPEG of several pictures
_BAND_PIXELS: Final = 4_000_000
_MAX_PROFILE_BYTES: Final = 4 * 1024 * 1024
_NARROW: Final = ("1", "L", "P", "PA", "LA", "La")
_WITH_ALPHA: Final = ("RGBA", "RGBa", "LA", "La", "PA")
# Bytes per pixel at the peak, decoder's own canvases included, where Pillow's four are not the whole truth.
_PEAK_BYTES: Final = {"webp": 20, "avif": 12, "heif": 12}
_WARM_UP: Final = (
    ("JPEG", "RGB", True),
    ("JPEG", "CMYK", False),
    ("PNG", "RGBA", False),
    ("PNG", "P", True),
    ("PNG", "I;16", False),
    ("WEBP", "RGB", False),
    ("GIF", "P", False),
    ("TIFF", "RGB", True),
    ("BMP", "RGB", False),
    ("AVIF", "RGB", False),
)
_HARMLESS: Final = ("extraneous bytes", "unknown jfif", "unknown adobe")

pi_heif.options.THUMBNAILS = False
pi_heif.options.DEPTH_IMAGES = False
pi_heif.options.AUX_IMAGES = False
pi_heif.options.DECODE_THREADS = 1
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
cv2.setNumThreads(1)


def decode_bytes(data: bytes | memoryview, limits: DecodeLimits, into: Buffer | None = None) -> Decoded:
    """Pixels of one photo.

    Args:
        data: the whole file.
        limits: what the photo may cost; time is kept by the parent, not here.
        into: writable bytes that the pixels are put into; ``buffer_bytes(limits)`` of them always suffice.

    Returns:
        The photo; its pixels lie in ``into`` when that was given.

    Raises:
        PhotoRefusedError: the photo cannot be used; the error says why.
    """
    if not len(data):
        raise refusal(Reason.EMPTY)
    if len(data) > limits.max_bytes:
        raise refusal(Reason.TOO_MANY_BYTES)
    kind, other = sniff(data)
    if kind is None and other:
        raise refusal(Reason.UNSUPPORTED, f"Files of this kind are not decoded here: {other}.")
    if kind is None:
        raise refusal(Reason.NOT_AN_IMAGE)
    try:
        with _pillow_rules():
            return _decode_jpeg(data, limits, into) if kind == "jpeg" else _decode_other(data, kind, limits, into)
    except PhotoRefusedError:
        raise
    except MemoryError as error:
        raise refusal(Reason.TOO_MUCH_MEMORY) from error
    except Exception as error:
        raise refusal_for(error) from error


def buffer_bytes(limits: DecodeLimits) -> int:
    """Bytes that hold the pixels of any photo under these limits.

    Args:
        limits: only the side that is worked on matters.
    """
    return 3 * (2 * limits.work_side_px) ** 2


def warm_up(limits: DecodeLimits) -> None:
    """Decode one tiny photo of every format, so that whatever the libraries load late is loaded now.

    Args:
        limits: as for ``decode_bytes``.
    """
    tiny = Image.new("RGBA", (8, 8), (200, 100, 50, 255))
    odd = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for name, mode, profile in _WARM_UP:
        held = io.BytesIO()
        options = {"icc_profile": odd} if profile else {}
        tiny.convert("L" if mode == "I;16" else "RGBA").convert(mode).save(held, name, **options)
        for data in (held.getvalue(), held.getvalue()[:-20]):
            with suppress(PhotoRefusedError):
                decode_bytes(data, limits)
    with suppress(PhotoRefusedError):
        decode_bytes(b"\0\0\0\x18ftypheic\0\0\0\0heicmif1", limits)


@contextmanager
def _pillow_rules() -> Iterator[None]:
    """Our own pixel limit instead of Pillow's, and no warnings: what is odd about a photo is in its row."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


# --- JPEG ---------------------------------------------------------------------------------------------------------


def _decode_jpeg(data: bytes | memoryview, limits: DecodeLimits, into: Buffer | None) -> Decoded:
    header = read_jpeg_header(data)
    held = header.blocks * 128.0 if header.progressive else 0.0  # all coefficients, 64 int16 a block
    check_cost(header.width, header.height, held, limits)
    factor = 1
    while factor < 8 and max(header.width, header.height) >= 2 * factor * limits.work_side_px:
        factor *= 2
    if header.components in (1, 3) and header.bits == 8:
        done = _turbo(data, header, factor, limits, into)
        if done is not None:
            return done
    return _decode_other(data, "jpeg", limits, into, header, factor)


def _turbo(
    data: bytes | memoryview, header: JpegHeader, factor: int, limits: DecodeLimits, into: Buffer | None
) -> Decoded | None:
    orientation, taken_at = read_exif(header.exif) if header.exif else (1, None)
    wanted = -(-header.height // factor), -(-header.width // factor), 3
    profile = b"" if is_srgb(header.icc) else header.icc
    direct = orientation == 1 and not profile and max(wanted) <= 2 * limits.work_side_px
    target = into if direct else None
    size = {"min_height": wanted[0], "min_width": wanted[1], "min_factor": factor}
    partial = False
    notes: tuple[str, ...] = ()
    try:
        pixels = simplejpeg.decode_jpeg(data, buffer=target, **size)
    except ValueError as first:
        try:
            pixels = simplejpeg.decode_jpeg(data, buffer=target, strict=False, **size)
        except ValueError:
            return None  # one of the JPEGs that TurboJPEG refuses: Pillow may still read it
        notes = (str(first)[:160],)
        partial = not any(words in notes[0].lower() for words in _HARMLESS)
    if pixels.shape != wanted:
        return None
    _refuse_blank(pixels, partial=partial)
    if not direct:
        if profile:
            pixels, notes = _to_srgb(pixels, profile, notes, grey=header.components == 1)
        again = -(-max(wanted) // (2 * limits.work_side_px))
        if again > 1:
            pixels, factor = np.asarray(Image.fromarray(pixels).reduce(again)), factor * again
        pixels = _turn(pixels, orientation, into)
    width, height = (header.width, header.height) if orientation < 5 else (header.height, header.width)
    rights = read_rights(header.exif)
    return Decoded(pixels, width, height, 1 / factor, "jpeg", orientation, partial, taken_at, notes, *rights)


def _refuse_blank(pixels: Pixels, *, partial: bool) -> None:
    """A damaged photo of one colour, but for the one block that a decoder makes of nothing, holds nothing."""
    if partial:
        other = int(np.count_nonzero((pixels != pixels[-1, -1]).any(axis=2)))
        n_pixels = pixels.shape[0] * pixels.shape[1]
        if other <= max(min(256, n_pixels // 8), n_pixels // 1000):
            raise refusal(Reason.DAMAGED)


# --- every other format, and JPEGs that TurboJPEG refuses ---------------------------------------------------------


def _decode_other(
    data: bytes | memoryview,
    kind: str,
    limits: DecodeLimits,
    into: Buffer | None,
    header: JpegHeader | None = None,
    factor: int = 1,
) -> Decoded:
    whole = bytes(data)
    if kind == "webp":  # its decoder makes the canvas already when it is opened
        check_cost(*(webp_size(whole) or (0, 0)), 0, limits)
    if kind == "tiff" and is_camera_raw(whole):
        raise refusal(Reason.UNSUPPORTED, "Files of this kind are not decoded here: camera raw.")
    if kind == "heif":
        image, partial, note = _load_heif(whole, limits), False, ""
    else:
        image, partial, note = _load(whole, kind, limits, factor)
    # Pillow turns TIFFs while loading and libheif turns HEIFs: what EXIF says is then done already.
    exif = whole if kind == "tiff" else header.exif if header is not None else image.info.get("exif") or b""
    orientation, taken_at = read_exif(exif)
    turned_already = kind in ("tiff", "heif")
    width, height = (header.width, header.height) if header is not None else image.size
    k = -(-max(image.size) // (2 * limits.work_side_px))
    profile = image.info.get("icc_profile") or b""
    pixels, notes = _to_rgb(image, profile, k, (note,) if note else ())
    _refuse_blank(pixels, partial=partial)
    pixels = _turn(pixels, 1 if turned_already else orientation, into)
    if orientation >= 5 and not turned_already:
        width, height = height, width
    if kind == "heif":
        orientation = 1
    rights = read_rights(exif)
    return Decoded(pixels, width, height, 1 / (factor * k), kind, orientation, partial, taken_at, notes, *rights)


def _load(whole: bytes, kind: str, limits: DecodeLimits, factor: int) -> tuple[_Image, bool, str]:
    """Pillow's image with its pixels, whether they are only a part, and what was wrong then."""

    def opened() -> _Image:
        image = Image.open(io.BytesIO(whole), formats=[_PLUGINS[kind]])
        width, height = image.size
        each = _PEAK_BYTES.get(kind, 1 if image.mode in _NARROW else 4)
        check_cost(width, height, width * height * each / factor**2, limits)
        if factor > 1:
            image.draft(None, (max(width // factor, 1), max(height // factor, 1)))
            if image.size != (-(-width // factor), -(-height // factor)):
                raise refusal(Reason.DAMAGED)
        return image

    image = opened()
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:
        if kind in ("webp", "avif") or "memory" in str(error).lower():
            raise
        note = " ".join(str(error).split())[:160] or type(error).__name__
    else:
        return image, False, ""
    del image
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        image = opened()
        image.load()
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before
    return image, True, note


def _load_heif(whole: bytes, limits: DecodeLimits) -> _Image:
    photo = pi_heif.open_heif(whole, convert_hdr_to_8bit=True)
    width, height = photo.size
    check_cost(width, height, width * height * _PEAK_BYTES["heif"], limits)
    pixels = photo.data
    check_cost(photo.size[0], photo.size[1], 0, limits)  # decoding may find another size than the container declared
    image = Image.frombuffer(photo.mode, photo.size, pixels, "raw", photo.mode, photo.stride)
    image.info.update({name: photo.info[name] for name in ("exif", "icc_profile") if photo.info.get(name)})
    return image


def _to_rgb(image: _Image, profile: bytes, k: int, notes: tuple[str, ...]) -> tuple[Pixels, tuple[str, ...]]:
    """Pixels in sRGB, reduced ``k`` times by averaging; band by band, so that only the source is held whole."""
    convert = _converter(image)
    width, height = image.size
    kept = profile if len(profile) <= _MAX_PROFILE_BYTES and not is_srgb(profile) else b""
    if kept and image.mode == "CMYK" and profile_space(kept) == "CMYK":
        try:
            convert = _through_profile(kept, "CMYK")
        except (OSError, ValueError, ImageCms.PyCMSError):
            notes = (*notes, "colour profile ignored")
        kept = b""
    pixels = np.empty((-(-height // k), -(-width // k), 3), np.uint8)
    rows = max(_BAND_PIXELS // width // k, 1) * k
    for top in range(0, height, rows):
        band = image if rows >= height else image.crop((0, top, width, min(top + rows, height)))
        done = convert(band)
        done = done.reduce(k) if k > 1 else done
        pixels[top // k : top // k + done.height] = np.asarray(done.convert("RGB"))
    if not kept:
        return pixels, notes
    return _to_srgb(pixels, kept, notes, grey=image.mode in ("L", "LA", "I;16"))


def _converter(image: _Image) -> Callable[[_Image], _Image]:
    mode = image.mode
    if mode in _WITH_ALPHA or ("transparency" in image.info and mode in ("1", "L", "P", "RGB")):
        return _on_white
    if mode == "LAB":
        return _through_profile(b"", "LAB")
    if mode.startswith(("I", "F")):
        low, high = (float(x) for x in image.getextrema()) if ";" not in mode else (0.0, 65535.0)  # type: ignore[arg-type]
        top = next((t for t in (1.0, 255.0, 65535.0) if high <= t and (t > 1 or mode == "F")), high)
        return lambda band: Image.fromarray(_to_bytes(np.asarray(band), min(low, 0.0), top))
    return lambda band: band.convert("L") if band.mode == "1" else band if band.mode == "L" else band.convert("RGB")


def _to_bytes(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    share = (np.nan_to_num(values.astype(np.float32)) - low) / max(high - low, 1e-12)
    return np.asarray(np.clip(share * 255 + 0.5, 0, 255), dtype=np.uint8)


def _on_white(band: _Image) -> _Image:
    over = band.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", over.size, (255, 255, 255, 255)), over).convert("RGB")


def _through_profile(profile: bytes, mode: str) -> Callable[[_Image], _Image]:
    source: Any = ImageCms.ImageCmsProfile(io.BytesIO(profile)) if profile else ImageCms.createProfile("LAB")
    transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    return lambda band: ImageCms.applyTransform(band, transform) or band


def _to_srgb(pixels: Pixels, profile: bytes, notes: tuple[str, ...], *, grey: bool) -> tuple[Pixels, tuple[str, ...]]:
    space = profile_space(profile)
    simple = matrix_profile(profile) if space == "RGB" else None
    if simple is not None:
        light = cv2.transform(cv2.LUT(pixels, simple.curves), simple.matrix)
        steps = np.clip(light, 0, len(simple.encode) - 1, out=light).astype(np.uint16)
        return np.take(simple.encode, steps), notes
    if space != "RGB" and not (space == "GRAY" and grey):
        return pixels, (*notes, "colour profile ignored")
    try:
        convert = _through_profile(profile, "L" if space == "GRAY" else "RGB")
        band = Image.fromarray(np.ascontiguousarray(pixels[..., 0]) if space == "GRAY" else pixels)
        return np.asarray(convert(band)), notes
    except (OSError, ValueError, ImageCms.PyCMSError):
        return pixels, (*notes, "colour profile ignored")


def _turn(pixels: Pixels, orientation: int, into: Buffer | None) -> Pixels:
    """Upright pixels, in ``into`` if given."""
    height, width = pixels.shape[:2] if orientation < 5 else pixels.shape[1::-1]
    if into is None:
        upright = np.empty((height, width, 3), np.uint8)
    else:
        upright = np.frombuffer(into, np.uint8, height * width * 3).reshape(height, width, 3)
    match orientation:
        case 2:
            cv2.flip(pixels, 1, upright)
        case 3:
            cv2.flip(pixels, -1, upright)
        case 4:
            cv2.flip(pixels, 0, upright)
        case 5:
            cv2.transpose(pixels, upright)
        case 6:
            cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE, upright)
        case 7:
            cv2.flip(cv2.transpose(pixels), -1, upright)
        case 8:
            cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE, upright)
        case _:
            np.copyto(upright, pixels)
    return upright
