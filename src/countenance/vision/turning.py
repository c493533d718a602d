"""A photo mirrored or on its side, and the way back for what was found in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from countenance.core.arrays import Boxes, Landmarks
from countenance.vision.pyramid import Pyramid

_SWAPPED: Final = (1, 0, 2, 4, 3)
"""Landmarks of a mirrored face: the viewer's left eye was the right one."""


_QUARTERS: Final = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}


@dataclass(frozen=True, slots=True)
class Turn:
    """One way to hold a photo.

    Attributes:
        quarters: quarter turns against the clock, 0 to 3.
        mirrored: left and right change places, before any turn.
    """

    quarters: int = 0
    mirrored: bool = False

    def turned(self, photo: Pyramid) -> Pyramid:
        """The photo, held this way."""
        pixels = cv2.flip(photo.pixels, 1) if self.mirrored else photo.pixels
        held = pixels if self.quarters == 0 else cv2.rotate(pixels, _QUARTERS[self.quarters])
        return Pyramid(np.asarray(held, dtype=np.uint8))

    def back(self, boxes: Boxes, landmarks: Landmarks, width: int, height: int) -> tuple[Boxes, Landmarks]:
        """What was found in the turned photo, in pixels of the photo as it is.

        Args:
            boxes: (n, 4) in pixels of the turned photo.
            landmarks: (n, 5, 2) in the same pixels.
            width: of the photo as it is.
            height: of the photo as it is.
        """
        boxes, landmarks = boxes.copy(), landmarks.copy()
        for done in range(self.quarters, 0, -1):
            # Width before this quarter turn: that of the photo when it was lying on an even number of turns.
            before = width if done % 2 else height
            boxes = np.stack([before - boxes[:, 1] - boxes[:, 3], boxes[:, 0], boxes[:, 3], boxes[:, 2]], axis=1)
            landmarks = np.stack([before - 1 - landmarks[:, :, 1], landmarks[:, :, 0]], axis=2)
        if self.mirrored:
            boxes[:, 0] = width - boxes[:, 0] - boxes[:, 2]
            landmarks[:, :, 0] = width - 1 - landmarks[:, :, 0]
            landmarks = landmarks[:, _SWAPPED]
        return boxes.astype(np.float32), landmarks.astype(np.float32)


TURNS: Final = (Turn(mirrored=True), Turn(1), Turn(2), Turn(3))
"""Every way to hold a photo that a detector of upright faces takes for another photo."""
