"""Photos that were taken too dark or too bright, made so that detectors see what people see."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import FloatArray
from countenance.vision.pyramid import Pyramid

DARK: Final = 130.0
"""A photo is dark when hardly anything (2 %) is brighter than this, in grey levels of 0 to 255."""
LIT: Final = 220.0
"""What those few brightest pixels are raised to."""
MOST_GAIN: Final = 8.0
BRIGHT: Final = 150.0
"""A photo is bright when half of it is brighter than this."""
_GAMMA: Final = 2.2
_SIDE_PX: Final = 200


def lit(photo: Pyramid) -> Pyramid:
    """A dark photo with its light raised; any other photo as it is. Nothing but its brightest 2 % is lost by it."""
    highest = float(np.percentile(_greys(photo), 98))
    if highest >= DARK:
        return photo
    gain = min(LIT / max(highest, 1.0), MOST_GAIN)
    return _through(photo, np.arange(256) * gain)


def shaded(photo: Pyramid) -> Pyramid | None:
    """A bright photo made darker, so that pale faces show their features; None when it is not bright.

    What is dark in it is lost: it is looked at beside the photo, never in its place.
    """
    if float(np.median(_greys(photo))) <= BRIGHT:
        return None
    return _through(photo, 255 * (np.arange(256) / 255) ** _GAMMA)


def _greys(photo: Pyramid) -> NDArray[np.uint8]:
    level, _ = photo.level(max(photo.pixels.shape[:2]) / _SIDE_PX)
    return np.asarray(cv2.cvtColor(level, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _through(photo: Pyramid, curve: FloatArray) -> Pyramid:
    return Pyramid(np.asarray(cv2.LUT(photo.pixels, np.clip(curve, 0, 255).astype(np.uint8)), dtype=np.uint8))
