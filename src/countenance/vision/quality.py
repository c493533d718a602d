"""How much a template of a face can be trusted, 0 to 100, before it is made.

The weakest of five parts decides, because a sharp profile is as useless as a blurred frontal face: resolution (pixels
between the eyes), sharpness (gradient energy against contrast), contrast, pose (nose between the eyes, mouth below
them) and the detector's confidence.

Source:
    The parts are quality components of ISO/IEC 29794-5; their curves are ours.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import Confidences, Crops, Landmarks, Qualities

_EYES_FULL_PX = 40.0
_EYES_NONE_PX = 8.0
_SHARP_FULL = 0.10
_SHARP_NONE = 0.008
_CONTRAST_FULL = 30.0
_CONTRAST_NONE = 6.0


def rate(crops: Crops, landmarks: Landmarks, confidences: Confidences) -> Qualities:
    """Quality of each face.

    Args:
        crops: (n, side, side, 3) aligned crops.
        landmarks: (n, 5, 2) in pixels of the photo as taken, so that enlarging a photo does not improve it.
        confidences: (n,) of the detector.

    Returns:
        (n,) float32 in [0, 100].
    """
    if not len(crops):
        return np.empty(0, dtype=np.float32)
    eyes = np.linalg.norm(landmarks[:, 1] - landmarks[:, 0], axis=1)
    parts = np.stack(
        [
            _ramp(eyes, _EYES_NONE_PX, _EYES_FULL_PX),
            *_picture_parts(crops),
            _pose(landmarks),
            np.clip(confidences, 0, 1),
        ]
    )
    return np.asarray(100 * parts.min(axis=0), dtype=np.float32)


def _picture_parts(crops: Crops) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    sharp, contrast = np.empty(len(crops)), np.empty(len(crops))
    for row, crop in enumerate(crops):
        side = crop.shape[0]
        centre = crop[side // 5 : side - side // 5, side // 5 : side - side // 5]
        grey = cv2.cvtColor(np.ascontiguousarray(centre), cv2.COLOR_RGB2GRAY).astype(np.float32)
        spread = float(grey.std())
        fine = float(np.abs(cv2.Laplacian(grey, cv2.CV_32F)).mean())
        sharp[row] = fine / max(spread, 1.0)
        contrast[row] = spread
    return _ramp(sharp, _SHARP_NONE, _SHARP_FULL), _ramp(contrast, _CONTRAST_NONE, _CONTRAST_FULL)


def _pose(landmarks: Landmarks) -> NDArray[np.float64]:
    """1 for a frontal face, falling as the nose leaves the middle between the eyes or the face turns upside down."""
    left, right, nose = landmarks[:, 0], landmarks[:, 1], landmarks[:, 2]
    mouth = (landmarks[:, 3] + landmarks[:, 4]) / 2
    across = right - left
    length = np.maximum(np.linalg.norm(across, axis=1), 1e-6)
    sideways = np.abs(((nose - (left + right) / 2) * across).sum(axis=1)) / length**2
    down = np.stack([-across[:, 1], across[:, 0]], axis=1)
    drop = ((mouth - (left + right) / 2) * down).sum(axis=1) / length**2
    roll = np.abs(np.arctan2(across[:, 1], across[:, 0]))
    parts = (1 - _ramp(sideways, 0.15, 0.6), _ramp(drop, 0.2, 0.7), 1 - _ramp(roll, np.deg2rad(35), np.deg2rad(100)))
    return np.asarray(np.stack(parts).min(axis=0), dtype=np.float64)


def _ramp(values: NDArray[np.floating], low: float, high: float) -> NDArray[np.float64]:
    share = (np.asarray(values, dtype=np.float64) - low) / (high - low)
    return np.asarray(np.clip(share, 0, 1), dtype=np.float64)
