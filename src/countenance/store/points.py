"""Landmarks as the database keeps them: ten little-endian float32."""

from __future__ import annotations

import numpy as np

from countenance.core.arrays import Landmarks
from countenance.errors import DamagedError, StoreError

_SHAPE = (5, 2)
_STORED = np.dtype("<f4")


def to_blob(landmarks: Landmarks) -> bytes:
    """Stored form of one face's (5, 2) landmarks.

    Raises:
        StoreError: another shape.
    """
    if landmarks.shape != _SHAPE:
        msg = f"A face has landmarks of shape {_SHAPE}, not {landmarks.shape}."
        raise StoreError(msg)
    return landmarks.astype(_STORED).tobytes()


def from_blob(blob: bytes) -> Landmarks:
    """(5, 2) float32 (x, y) in pixels of the upright photo.

    Raises:
        DamagedError: another length.
    """
    if len(blob) != _STORED.itemsize * _SHAPE[0] * _SHAPE[1]:
        msg = "Stored landmarks have the wrong length."
        raise DamagedError(msg)
    return np.frombuffer(blob, dtype=_STORED).astype(np.float32).reshape(_SHAPE)
