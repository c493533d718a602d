"""Faces -> crops: five landmarks sent into the frame that the embedder was trained for."""

from __future__ import annotations

import numpy as np

from countenance.core.arrays import Crops, Landmarks
from countenance.core.geometry import similarity
from countenance.vision.packs import EmbedderSpec
from countenance.vision.pyramid import Pyramid


def align(photo: Pyramid, landmarks: Landmarks, spec: EmbedderSpec) -> Crops:
    """Aligned crops of one photo.

    Args:
        photo: the decoded photo.
        landmarks: (n, 5, 2) in its pixels.
        spec: side and alignment points of the embedder.

    Returns:
        (n, side, side, 3) uint8.
    """
    if not len(landmarks):
        return np.empty((0, spec.side_px, spec.side_px, 3), dtype=np.uint8)
    return photo.warp(similarity(landmarks, np.asarray(spec.points)), spec.side_px)
