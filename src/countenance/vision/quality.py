"""How much a template of a face can be trusted, 0 to 100, before it is made, and what is wrong with the face.

The weakest of eight parts decides, because a sharp profile is as useless as a blurred frontal face. Each part falls
from 1 to 0 as the score of the same face with good photos of the same person falls (ADR 0026); a part that is low is a
reason that a person can be told.

Source:
    The parts are quality components of ISO/IEC 29794-5; their curves are ours, measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import Confidences, Crops, Landmarks, Qualities

PARTS = ("small", "blurred", "dark", "faint", "overexposed", "turned", "cut-off", "low-confidence")
"""What a low part means, in the order of the columns of ``Rating.parts``."""
WORTH_TELLING = 0.4
"""A part below this is told as a reason: from there on errors at a fixed threshold are several times as many."""

_EYES_FULL_PX, _EYES_NONE_PX = 24.0, 8.0
_SHARP_FULL, _SHARP_NONE = 0.20, 0.06
_SPREAD_FULL, _SPREAD_NONE = 8.0, 0.5
_DARK_MEAN = 80.0
_WHITE, _WHITE_FULL, _WHITE_NONE = 250, 0.30, 0.85
_OUTSIDE_FULL, _OUTSIDE_NONE = 0.30, 0.60
_SURE_FULL, _SURE_NONE = 0.95, 0.25
_DOWN, _ACROSS = 1.35, 1.1
"""Half the side of a face's square: the longer of so many times eyes to mouth, and eye to eye."""


@dataclass(frozen=True, slots=True)
class Rating:
    """Quality of faces and what it is made of.

    Attributes:
        qualities: (n,) float32 in [0, 100].
        parts: (n, 8) float32 in [0, 1], columns as in ``PARTS``; the lowest times 100 is the quality.
    """

    qualities: Qualities
    parts: NDArray[np.float32]


def rate(
    crops: Crops, landmarks: Landmarks, confidences: Confidences, size_px: tuple[int, int] | None = None
) -> Qualities:
    """Quality of each face.

    Args:
        crops: (n, side, side, 3) aligned crops.
        landmarks: (n, 5, 2) in pixels of the photo as taken, so that enlarging a photo does not improve it.
        confidences: (n,) of the detector.
        size_px: width and height of the photo as taken; without it no face counts as cut off.

    Returns:
        (n,) float32 in [0, 100].
    """
    return judge(crops, landmarks, confidences, size_px).qualities


def judge(
    crops: Crops, landmarks: Landmarks, confidences: Confidences, size_px: tuple[int, int] | None = None
) -> Rating:
    """Quality of each face with its parts; arguments as for ``rate``."""
    if not len(crops):
        return Rating(np.empty(0, dtype=np.float32), np.empty((0, len(PARTS)), dtype=np.float32))
    eyes = np.linalg.norm(landmarks[:, 1] - landmarks[:, 0], axis=1)
    sharp, spread, mean, white = _picture(crops)
    contrast, dark = _ramp(spread, _SPREAD_NONE, _SPREAD_FULL), mean < _DARK_MEAN
    parts = np.stack(
        [
            _ramp(eyes, _EYES_NONE_PX, _EYES_FULL_PX),
            _ramp(sharp, _SHARP_NONE, _SHARP_FULL),
            np.where(dark, contrast, 1),
            np.where(dark, 1, contrast),
            1 - _ramp(white, _WHITE_FULL, _WHITE_NONE),
            _pose(landmarks),
            1 - _ramp(_outside(landmarks, size_px), _OUTSIDE_FULL, _OUTSIDE_NONE),
            _ramp(confidences, _SURE_NONE, _SURE_FULL),
        ],
        axis=1,
    ).astype(np.float32)
    return Rating(np.float32(100) * parts.min(axis=1), parts)


def reasons(parts: NDArray[np.float32]) -> tuple[str, ...]:
    """What is wrong with one face, worst first; nothing where every part is good enough.

    Args:
        parts: (8,) of one face, as ``judge`` gives them.
    """
    return tuple(PARTS[column] for column in np.argsort(parts, kind="stable") if parts[column] < WORTH_TELLING)


def _picture(crops: Crops) -> NDArray[np.float64]:
    """(4, n): fine detail by contrast, spread and mean of the greys, and share that is white, amid each crop."""
    found = np.empty((4, len(crops)))
    for row, crop in enumerate(crops):
        side = crop.shape[0]
        centre = crop[side // 5 : side - side // 5, side // 5 : side - side // 5]
        grey = cv2.cvtColor(np.ascontiguousarray(centre), cv2.COLOR_RGB2GRAY)
        mean, spread = (float(value[0, 0]) for value in cv2.meanStdDev(grey))
        fine = cv2.norm(cv2.Laplacian(grey, cv2.CV_16S), cv2.NORM_L1) / grey.size
        white = np.count_nonzero(grey >= _WHITE) / grey.size
        found[:, row] = fine / max(spread, 1.0), spread, mean, white
    return found


def _outside(landmarks: Landmarks, size_px: tuple[int, int] | None) -> NDArray[np.float64]:
    """Share in [0, 1] of each face's square that lies outside the photo. Boxes do not tell: they end at its edge."""
    if size_px is None:
        return np.zeros(len(landmarks))
    eyes, mouth = landmarks[:, :2].mean(axis=1), landmarks[:, 3:].mean(axis=1)
    down = np.linalg.norm(mouth - eyes, axis=1)
    across = np.linalg.norm(landmarks[:, 1] - landmarks[:, 0], axis=1)
    half = np.maximum(np.maximum(_DOWN * down, _ACROSS * across), 1e-6)[:, None]
    middle = (eyes + mouth) / 2
    inside = np.minimum(middle + half, np.array(size_px)) - np.maximum(middle - half, 0)
    return np.asarray(1 - np.prod(np.clip(inside, 0, None) / (2 * half), axis=1), dtype=np.float64)


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
