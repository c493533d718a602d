"""A photo at half, quarter and eighth size, made once and shared by detector and alignment."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import Crops, Pixels

cv2.setNumThreads(1)  # one process per core; OpenCV's threads would only compete with the other workers


class Pyramid:
    """Halvings of one photo by area averaging, so that no crop is taken from more than twice its own resolution."""

    def __init__(self, pixels: Pixels) -> None:
        """Keep the pixels; smaller levels are made when they are first asked for."""
        self._levels = [pixels]

    @property
    def pixels(self) -> Pixels:
        """The photo as decoded."""
        return self._levels[0]

    def level(self, reduction: float) -> tuple[Pixels, float]:
        """The smallest level that still has at least ``1 / reduction`` of the resolution.

        Args:
            reduction: how many source pixels go into one pixel of what is wanted; below 2 gives the photo itself.

        Returns:
            Pixels of the level and its scale in (0, 1].
        """
        depth = max(0, int(np.log2(max(reduction, 1.0))))
        while len(self._levels) <= depth:
            last = self._levels[-1]
            if min(last.shape[:2]) < 4:  # noqa: PLR2004 - nothing is left to halve
                break
            half = (last.shape[1] // 2, last.shape[0] // 2)
            even = last[: half[1] * 2, : half[0] * 2]
            self._levels.append(np.asarray(cv2.resize(even, half, interpolation=cv2.INTER_AREA), dtype=np.uint8))
        depth = min(depth, len(self._levels) - 1)
        return self._levels[depth], 0.5**depth

    def resized(self, scale: float) -> Pixels:
        """The photo at ``scale`` in (0, 1], bilinear from the nearest larger level."""
        width = max(1, round(self.pixels.shape[1] * scale))
        height = max(1, round(self.pixels.shape[0] * scale))
        level, _ = self.level(1 / scale)
        if level.shape[:2] == (height, width):
            return level
        return np.asarray(cv2.resize(level, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)

    def warp(self, matrices: NDArray[np.float64], side_px: int) -> Crops:
        """Square crops through similarity transforms.

        Args:
            matrices: (n, 2, 3) from photo pixels to crop pixels.
            side_px: side of each crop.

        Returns:
            (n, side, side, 3) uint8; black outside the photo.
        """
        crops = np.empty((len(matrices), side_px, side_px, 3), dtype=np.uint8)
        for row, matrix in enumerate(matrices):
            zoom = float(np.hypot(matrix[0, 0], matrix[1, 0]))
            level, scale = self.level(1 / max(zoom, 1e-6))
            local = matrix.copy()
            local[:, :2] /= scale
            # A pixel's centre lies half a pixel in, at every level.
            local[:, 2] += local[:, :2] @ np.full(2, 0.5 - 0.5 * scale)
            crops[row] = cv2.warpAffine(level, local, (side_px, side_px), flags=cv2.INTER_LINEAR)
        return crops
