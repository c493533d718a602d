"""Pictures that enrolment and ingest have something to say about."""

from __future__ import annotations

from functools import cache

import numpy as np

from countenance.demo.backdrop import paint_backdrop
from countenance.demo.cast import CAST
from countenance.demo.draw import draw_portrait
from countenance.demo.person import person
from countenance.redact.render import encode_jpeg
from tests.drawn import portrait

SMALL_PX = 160


@cache
def small(seat: int, picture: int = 1) -> bytes:
    """A portrait that is quickly dealt with."""
    return portrait(seat, picture, SMALL_PX)


@cache
def nobody() -> bytes:
    """A place without people."""
    return encode_jpeg((paint_backdrop("garden", 5, 320, 240) * 255).astype(np.uint8))


@cache
def tiny(seat: int) -> bytes:
    """A portrait whose face can be found and is too small to enrol anybody."""
    return portrait(seat, 1, 64)


@cache
def together(*seats: int) -> bytes:
    """Portraits side by side: one photo of several people."""
    return encode_jpeg(np.concatenate([draw_portrait(person(CAST[seat]), 100, 320).pixels for seat in seats], axis=1))


@cache
def with_bystander(seat: int, behind: int, share: float) -> bytes:
    """A portrait with somebody in the corner whose picture is ``share`` as large."""
    pixels = draw_portrait(person(CAST[seat]), 100, 400).pixels.copy()
    size = max(64, round(400 * share))
    pixels[:size, :size] = draw_portrait(person(CAST[behind]), 100, size).pixels
    return encode_jpeg(pixels)
