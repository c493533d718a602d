"""A second look at doubtful faces: their landmarks, found again on an upright crop.

Detectors learn from upright faces. They find tilted ones too, but place their landmarks badly, and alignment with bad
landmarks gives a bad template. The landmarks are good enough to turn the face upright, though, and there the same
network places them well. What this gains and costs, and why it was chosen over dlib's regression, is in ADR 0006.
"""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import Boxes, Crops, Landmarks
from countenance.core.geometry import similarity
from countenance.vision.pyramid import Pyramid

TILT_DEG: Final = 12.0
"""Turn in the plane of the photo from which a face is looked at again."""
CENTRE_SHARE, CENTRE_REACH = 0.57, 0.07
"""Where the middle of the five landmarks lies in the box's height, and how far away it may lie (four deviations)."""
SETTLED_DEG: Final = 10.0
"""Turn left over in the upright crop from which one more look is worth it."""
MAX_LOOKS: Final = 2


class SecondLook(Protocol):
    """What a detector offers for a second look."""

    upright_px: int
    """Side of the crops that ``place`` takes."""
    upright_points: NDArray[np.float64]
    """(5, 2) where the landmarks of an upright face lie in such a crop."""
    usual_misfit: float
    """``misfit`` that nearly all upright faces stay below with this detector."""

    def place(self, crops: Crops) -> Landmarks:
        """Landmarks (n, 5, 2) of the one face in each crop, in its pixels; NaN where no face is seen."""


def tilt_deg(landmarks: Landmarks) -> NDArray[np.float64]:
    """Turn of each face in the plane of the photo, from the line between the eyes.

    Args:
        landmarks: (n, 5, 2).

    Returns:
        (n,) degrees in (-180, 180]; positive is clockwise as seen.
    """
    eyes = (landmarks[:, 1] - landmarks[:, 0]).astype(np.float64)
    return np.asarray(np.degrees(np.arctan2(eyes[:, 1], eyes[:, 0])))


def misfit(landmarks: Landmarks, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far landmarks are from having the shape of a face.

    Args:
        landmarks: (n, 5, 2).
        points: (5, 2) of a face.

    Returns:
        (n,) root mean square distance after the best similarity, in units of the points' mean distance from their
        middle; a turned head has some, landmarks that were misplaced have more.
    """
    matrices = similarity(landmarks, points)
    sent = np.einsum("nij,nkj->nki", matrices[:, :, :2], landmarks) + matrices[:, None, :, 2]
    size = np.linalg.norm(points - points.mean(axis=0), axis=1).mean()
    return np.asarray(np.sqrt(((sent - points) ** 2).sum(axis=2).mean(axis=1)) / size)


def doubtful(boxes: Boxes, landmarks: Landmarks, eye: SecondLook) -> NDArray[np.bool_]:
    """(n,) True for faces that are tilted, or whose landmarks lie oddly in their box or to each other."""
    heights = np.maximum(boxes[:, 3], 1e-6)
    middle = (landmarks[:, :, 1].mean(axis=1) - boxes[:, 1]) / heights
    return np.asarray(
        (np.abs(tilt_deg(landmarks)) >= TILT_DEG)
        | (np.abs(middle - CENTRE_SHARE) > CENTRE_REACH)
        | (misfit(landmarks, eye.upright_points) > eye.usual_misfit)
    )


def look_again(photo: Pyramid, boxes: Boxes, landmarks: Landmarks, eye: SecondLook) -> Landmarks:
    """Landmarks of one photo, those of doubtful faces found again.

    Args:
        photo: the photo that was searched.
        boxes: (n, 4) in its pixels, not clipped to it.
        landmarks: (n, 5, 2) in its pixels.
        eye: places landmarks in upright crops.

    Returns:
        (n, 5, 2) float32; a face that is not seen in its upright crop keeps the landmarks it had.
    """
    rows = np.flatnonzero(doubtful(boxes, landmarks, eye)) if len(boxes) else np.empty(0, dtype=np.intp)
    better = landmarks.astype(np.float64)
    for _ in range(MAX_LOOKS):
        if not len(rows):
            break
        matrices = similarity(better[rows], eye.upright_points)
        placed = eye.place(photo.warp(matrices, eye.upright_px)).astype(np.float64)
        seen = np.isfinite(placed).all(axis=(1, 2)) & (np.abs(np.linalg.det(matrices[:, :, :2])) > 0)
        rows, matrices, placed = rows[seen], matrices[seen], placed[seen]
        inverse = np.linalg.inv(matrices[:, :, :2])
        better[rows] = np.einsum("nij,nkj->nki", inverse, placed - matrices[:, None, :, 2])
        rows = rows[np.abs(tilt_deg(placed)) >= SETTLED_DEG]
    return better.astype(np.float32)
