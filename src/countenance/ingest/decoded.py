"""What decoding one photo gives: pixels and facts about them, or a refusal with a short reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from countenance.core.arrays import Pixels
from countenance.errors import PhotoRefusedError
from countenance.settings import DecodeLimits

FORMATS: Final = ("jpeg", "png", "webp", "tiff", "gif", "bmp", "heif", "avif")
"""Formats that are decoded; everything else is refused."""


_BASE_BYTES: Final = 96 * 1024 * 1024  # private memory that the child holds before any photo


class Reason(StrEnum):
    """Why a photo is refused: short words that are counted and stored."""

    NOT_AN_IMAGE = "not-an-image"
    OTHER_FILE = "other-file"
    UNSUPPORTED = "unsupported-format"
    TOO_MANY_PIXELS = "too-many-pixels"
    TOO_MANY_BYTES = "too-many-bytes"
    TOO_SLOW = "too-slow"
    TOO_MUCH_MEMORY = "too-much-memory"
    DAMAGED = "damaged"
    CRASHED = "decoder-crashed"
    EMPTY = "empty"
    NOT_REGULAR = "not-a-regular-file"
    UNREADABLE = "unreadable"
    OUTSIDE = "outside-source"


_SENTENCES: Final = {
    Reason.NOT_AN_IMAGE: "This is not a picture in any format we know.",
    Reason.OTHER_FILE: "This is no photo, neither by its name nor by its content.",
    Reason.UNSUPPORTED: "This format is not decoded here.",
    Reason.TOO_MANY_PIXELS: "The picture declares more pixels than the limit allows.",
    Reason.TOO_MANY_BYTES: "The file is larger than the limit allows.",
    Reason.TOO_SLOW: "Decoding took longer than the time limit and was stopped.",
    Reason.TOO_MUCH_MEMORY: "Decoding needs more memory than the limit allows.",
    Reason.DAMAGED: "The picture is damaged and no part of it can be shown.",
    Reason.CRASHED: "The decoder crashed on this file and was replaced.",
    Reason.EMPTY: "The file is empty.",
    Reason.NOT_REGULAR: "This is not a regular file.",
    Reason.UNREADABLE: "The file cannot be read.",
    Reason.OUTSIDE: "This link leads out of the folder that was given.",
}

_ADVICE: Final = {
    Reason.NOT_AN_IMAGE: "Leave it; only photos are ingested.",
    Reason.OTHER_FILE: "Leave it; only photos are ingested.",
    Reason.UNSUPPORTED: "Save it as JPEG, PNG, WebP, TIFF, GIF, BMP, HEIC or AVIF and ingest that.",
    Reason.TOO_MANY_PIXELS: "Save a smaller copy, or raise `max_pixels` in the settings.",
    Reason.TOO_MANY_BYTES: "Save a smaller copy, or raise `max_bytes` in the settings.",
    Reason.TOO_SLOW: "Save it again as a plain JPEG, or raise `timeout_s` in the settings.",
    Reason.TOO_MUCH_MEMORY: "Save it again as a smaller plain JPEG, or raise `memory_bytes` in the settings.",
    Reason.EMPTY: "Fetch the file again; nothing is in it.",
    Reason.NOT_REGULAR: "Give regular files only.",
    Reason.UNREADABLE: "Check the file's permissions and fetch it again.",
    Reason.OUTSIDE: "Give the folder it leads to as a source of its own.",
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """Pixels of one photo and what is known about them.

    Attributes:
        pixels: (height, width, 3) uint8 sRGB, upright, C-contiguous; reduced by ``1 / scale``.
        full_width: width in pixels of the upright photo as taken.
        full_height: height in pixels of the upright photo as taken.
        scale: pixels here per pixel of the photo as taken, in (0, 1]; one over a whole number.
        format: one of ``FORMATS``.
        orientation: EXIF orientation 1-8 that was undone; 1 where the container turned the photo itself.
        partial: the file is damaged or cut short, but a part of the photo is there.
        taken_at: EXIF DateTimeOriginal as ISO 8601 text, with its offset if the camera noted one.
        notes: plain remarks about what was odd.
        copyright: notice of the photo's EXIF, one line; empty when it has none.
        credit: EXIF's artist, the same.
    """

    pixels: Pixels
    full_width: int
    full_height: int
    scale: float
    format: str
    orientation: int = 1
    partial: bool = False
    taken_at: str | None = None
    notes: tuple[str, ...] = ()
    copyright: str = ""
    credit: str = ""


def refusal(reason: Reason, detail: str = "") -> PhotoRefusedError:
    """The error for one reason.

    Args:
        reason: the word that is counted.
        detail: a sentence that is more exact than the general one.

    Returns:
        An error that is ready to be raised.
    """
    return PhotoRefusedError(reason.value, detail or _SENTENCES[reason], advice=_ADVICE.get(reason))


def refusal_for(error: Exception) -> PhotoRefusedError:
    """What a decoder's own error means.

    Args:
        error: whatever a library raised over one photo.

    Returns:
        An error that is ready to be raised.
    """
    text = (
        "its header makes no sense"
        if type(error).__name__ == "UnidentifiedImageError"
        else " ".join(str(error).split())[:160]
    )
    lower = text.lower()
    if "memory" in lower or "allocat" in lower:
        return refusal(Reason.TOO_MUCH_MEMORY)
    # Pillow raises NotImplementedError for variants of a format that it knows and does not read.
    if isinstance(error, NotImplementedError) or "unsupported" in lower or "not supported" in lower:
        return refusal(Reason.UNSUPPORTED, f"This variant of the format is not decoded here: {text}.")
    return refusal(Reason.DAMAGED, f"The picture is damaged: {text or type(error).__name__}.")


def check_cost(width: int, height: int, peak_bytes: float, limits: DecodeLimits) -> None:
    """Refuse a photo by what its header declares, before a pixel of it is decoded.

    Args:
        width: declared columns.
        height: declared rows.
        peak_bytes: what decoding it will hold at once, 0 if unknown.
        limits: what it may be.

    Raises:
        PhotoRefusedError: no pixels, too many of them, or too much memory.
    """
    if width <= 0 or height <= 0:
        raise refusal(Reason.DAMAGED, "The picture declares no width or height.")
    if width * height > limits.max_pixels:
        sentence = f"The picture declares {width} x {height} pixels; the limit is {limits.max_pixels}."
        raise refusal(Reason.TOO_MANY_PIXELS, sentence)
    if peak_bytes + _BASE_BYTES > limits.memory_bytes:
        raise refusal(Reason.TOO_MUCH_MEMORY)
