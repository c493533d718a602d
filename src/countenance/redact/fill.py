"""Pixels -> pixels in which nothing of the regions is left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from countenance.core.arrays import Pixels
from countenance.errors import UsageError
from countenance.redact.plan import Region, mask_of

SAFE_STYLES: Final = frozenset({"solid", "emoji"})
"""What is under these does not depend on what was there."""
UNSAFE_STYLES: Final = frozenset({"pixelate", "blur"})
"""These can be undone, wholly or in part; they are allowed with a warning."""

COLOUR: Final = (128, 128, 128)
"""R, G, B of a solid fill."""

CELLS: Final = 5
"""Cells that a pixelated head is wide."""
SOFTNESS: Final = 0.35
"""Standard deviation of a blur in half widths of the head."""

_FINEST: Final = 6.0
"""Standard deviation in pixels at which a blur is worked out."""
_SKIN, _INK = (240, 196, 60), (70, 50, 20)


def fill(pixels: Pixels, regions: Sequence[Region], style: str) -> Pixels:
    """A new buffer in which the regions are filled.

    Edges are hard: a pixel is either as it was or filled, never a mixture of both.

    Args:
        pixels: (height, width, 3) uint8; they stay as they are.
        regions: what to fill, in order.
        style: ``solid``, ``emoji``, ``pixelate`` or ``blur``.

    Raises:
        UsageError: there is no such style.
    """
    if style not in SAFE_STYLES | UNSAFE_STYLES:
        msg = f"There is no way of hiding called {style!r}."
        raise UsageError(msg, advice=f"Set clear.style to one of {', '.join(sorted(SAFE_STYLES | UNSAFE_STYLES))}.")
    filled = pixels.copy()
    for region in regions:
        part, mask = mask_of(region, *pixels.shape[:2])
        if mask.any():
            np.copyto(filled[part], _cover(filled[part], region, part, style), where=mask[:, :, None])
    return filled


def _cover(under: Pixels, region: Region, part: tuple[slice, slice], style: str) -> Pixels:
    """What to put over one part of the photo; ``solid`` and ``emoji`` look at its size only."""
    if style == "pixelate":
        return _pixelated(under, region)
    if style == "blur":
        return _blurred(under, region)
    flat = np.empty_like(under)
    flat[:] = COLOUR
    return flat if style == "solid" else smiley(flat, region, part)


def smiley(flat: Pixels, region: Region, part: tuple[slice, slice]) -> Pixels:
    """A flat smiling disc of our own over a plain part; nothing in it depends on the photo.

    Args:
        flat: (h, w, 3) uint8 to draw over; not changed.
        region: where the head is.
        part: rows and columns of the photo that ``flat`` stands for.
    """
    drawn = np.ascontiguousarray(flat)
    turn = np.radians(region.turn_deg)
    radius = 0.8 * min(region.across, region.along)

    def place(side: float, down: float) -> tuple[int, int]:
        x = region.x + radius * (side * np.cos(turn) - down * np.sin(turn)) - part[1].start
        y = region.y + radius * (side * np.sin(turn) + down * np.cos(turn)) - part[0].start
        return round(x), round(y)

    def size(share: float) -> int:
        return max(1, round(share * radius))

    cv2.circle(drawn, place(0, 0), size(1), _SKIN, thickness=-1)
    for side in (-0.36, 0.36):
        cv2.circle(drawn, place(side, -0.25), size(0.11), _INK, thickness=-1)
    half = (size(0.55), size(0.55))
    cv2.ellipse(drawn, place(0, 0.02), half, region.turn_deg, 20, 160, _INK, thickness=size(0.1))
    return drawn


def _pixelated(under: Pixels, region: Region) -> Pixels:
    height, width = under.shape[:2]
    cell = max(1.0, 2 * region.across / CELLS)
    few = (max(1, round(width / cell)), max(1, round(height / cell)))
    small = cv2.resize(under, few, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST), dtype=np.uint8)


def _blurred(under: Pixels, region: Region) -> Pixels:
    """Blurred after a reduction that the blur hides, so that the time does not grow with the head."""
    height, width = under.shape[:2]
    deviation = max(1.0, SOFTNESS * region.across)
    ratio = min(1.0, _FINEST / deviation)
    few = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    soft = cv2.GaussianBlur(cv2.resize(under, few, interpolation=cv2.INTER_AREA), (0, 0), deviation * ratio)
    return np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
