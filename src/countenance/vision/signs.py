"""Signs of people in a photo in which no face was found: large smooth patches in the colours of skin.

Skin is smooth, and its colour ratios are much the same for everybody: tones differ in how light they are. The band of
ratios, the smoothness and the share were chosen on cut photos of `benchmarks/accuracy/missed.py`, which also measures
what the test finds and how often it is wrong. A photo without colour shows no skin.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from countenance.vision.pyramid import Pyramid

SIDE_PX: Final = 160
"""Longer side at which patches are measured."""
LEAST_SHARE: Final = 0.01
"""Share of the photo from which one patch counts."""
_RED_GREEN: Final = (0.12, 0.45)
_GREEN_BLUE: Final = (-0.12, 0.42)
"""Natural logarithms of colour ratios between which skin lies."""
_PEDESTAL: Final = 8.0
"""Added to each colour before the ratio, so that the noise of dark pixels has none."""
_LIGHT: Final = (30.0, 245.0)
"""Mean of the three colours between which a ratio means something."""
_SMOOTH: Final = 0.04
"""Gradient per pixel, in shares of the brightness, below which a patch is smooth."""
_GREY_PEDESTAL: Final = 20.0


def skin_share(photo: Pyramid) -> float:
    """Size of the largest smooth patch in the colours of skin, as a share of the photo in [0, 1]."""
    longer = max(photo.pixels.shape[:2])
    pixels = cv2.GaussianBlur(photo.resized(min(1.0, SIDE_PX / longer)), (0, 0), 1.0)
    mask = _skin_coloured(np.asarray(pixels, dtype=np.uint8)) & _smooth(np.asarray(pixels, dtype=np.uint8))
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), dtype=np.uint8))
    n, _, patches, _ = cv2.connectedComponentsWithStats(opened, connectivity=4)
    return float(patches[1:, cv2.CC_STAT_AREA].max() / mask.size) if n > 1 else 0.0


def shows_skin(photo: Pyramid) -> bool:
    """True when one patch is large enough to be a hand, a neck or an arm of somebody."""
    return skin_share(photo) >= LEAST_SHARE


def _skin_coloured(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    colours = pixels.astype(np.float32)
    red, green, blue = (np.log(colours[:, :, at] + _PEDESTAL) for at in range(3))
    light = colours.mean(axis=2)
    within = [
        (values > low) & (values < high)
        for values, (low, high) in ((red - green, _RED_GREEN), (green - blue, _GREEN_BLUE), (light, _LIGHT))
    ]
    return np.asarray(np.logical_and.reduce(within), dtype=np.bool_)


def _smooth(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    # The 3 x 3 Sobel kernel sums to eight times the gradient per pixel.
    across, down = (cv2.Sobel(grey, cv2.CV_32F, dx, 1 - dx) / 8 for dx in (1, 0))
    return np.asarray(np.hypot(across, down) / (grey + _GREY_PEDESTAL) < _SMOOTH)
