"""YuNet: an anchor-free face detector with five landmarks at three strides.

Source:
    W. Wu, H. Peng, S. Yu, "YuNet: a tiny millisecond-level face detector", Machine Intelligence Research 20, 2023.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from countenance.core.arrays import Boxes, Confidences, Crops, Landmarks, Pixels
from countenance.core.geometry import suppress
from countenance.vision.pyramid import Pyramid
from countenance.vision.session import Session

STRIDES = (8, 16, 32)
SMALLEST_SEEN_PX = 14.0
"""Height at which the network still finds nearly all faces; the photo is scaled so that the smallest wanted has it."""
LONGEST_SIDE_PX = 1_280
OVERLAP = 0.3


class YuNet:
    """The detector; see ``vision.detect.Detector``."""

    upright_px = 160
    upright_points = np.array([[66.7, 72.7], [93.1, 72.7], [80.0, 85.6], [69.2, 98.9], [91.1, 98.9]])
    """The face is about 90 px high, with as much around it as a portrait has."""
    usual_misfit = 0.12

    def __init__(self, session: Session, threshold: float, longest_px: int = LONGEST_SIDE_PX) -> None:
        """Keep the network, the confidence in [0, 1] from which a face counts, and the longest side it is shown."""
        self._session = session
        self._threshold = threshold
        self._longest_px = longest_px
        self._fixed = [size for size in session.inputs["input"][2:] if isinstance(size, int)]

    def find(
        self, photos: Sequence[Pyramid], smallest_px: Sequence[float]
    ) -> list[tuple[Boxes, Landmarks, Confidences]]:
        """Faces of each photo, strongest first."""
        return [self._one(photo, smallest) for photo, smallest in zip(photos, smallest_px, strict=True)]

    def place(self, crops: Crops) -> Landmarks:
        """Landmarks (n, 5, 2) of the face nearest to the middle of each upright crop; NaN where none is seen."""
        placed = np.full((len(crops), 5, 2), np.nan, dtype=np.float32)
        for row, crop in enumerate(crops):
            _, landmarks, _ = self._one(Pyramid(crop), SMALLEST_SEEN_PX)
            if len(landmarks):
                away = np.linalg.norm(landmarks.mean(axis=1) - self.upright_points.mean(axis=0), axis=1)
                placed[row] = landmarks[away.argmin()]
        return placed

    def _one(self, photo: Pyramid, smallest_px: float) -> tuple[Boxes, Landmarks, Confidences]:
        longer = max(photo.pixels.shape[:2])
        limit = min(self._fixed) if self._fixed else self._longest_px
        scale = min(1.0, SMALLEST_SEEN_PX / max(smallest_px, 1.0), limit / longer)
        pixels = photo.resized(scale)
        outputs = self._session.run({"input": self._prepared(pixels)})
        named = dict(zip(self._session.outputs, outputs, strict=True))
        width = self._padded(pixels.shape[1])
        boxes, points, confidences = [], [], []
        for stride in STRIDES:
            score = np.sqrt(named[f"cls_{stride}"][0, :, 0] * named[f"obj_{stride}"][0, :, 0])
            kept = np.flatnonzero(score >= self._threshold)
            cell = np.stack([kept % (width // stride), kept // (width // stride)], axis=1)
            raw = named[f"bbox_{stride}"][0, kept]
            centre, size = (cell + raw[:, :2]) * stride, np.exp(raw[:, 2:]) * stride
            boxes.append(np.concatenate([centre - size / 2, size], axis=1))
            points.append((cell[:, None, :] + named[f"kps_{stride}"][0, kept].reshape(-1, 5, 2)) * stride)
            confidences.append(score[kept])
        all_boxes, score = np.concatenate(boxes).astype(np.float32), np.concatenate(confidences).astype(np.float32)
        kept = suppress(all_boxes, score, OVERLAP)
        marks = np.concatenate(points).astype(np.float32)  # from the photo's edge; pixels count from their centres
        ratio = np.float32(photo.pixels.shape[1] / pixels.shape[1])
        return all_boxes[kept] * ratio, marks[kept] * ratio - np.float32(0.5), score[kept]

    def _padded(self, size: int) -> int:
        return min(self._fixed) if self._fixed else -(-size // STRIDES[-1]) * STRIDES[-1]

    def _prepared(self, pixels: Pixels) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        height, width = pixels.shape[:2]
        padded = np.zeros((1, 3, self._padded(height), self._padded(width)), dtype=np.float32)
        padded[0, :, :height, :width] = pixels[:, :, ::-1].transpose(2, 0, 1)
        return padded
