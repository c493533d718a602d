"""The arrays that travel through the pipeline, by name."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""(height, width, 3) uint8, sRGB in R, G, B order, upright, row 0 at the top, C-contiguous."""

Boxes = NDArray[np.float32]
"""(n, 4) float32: left, top, width, height in pixels of the upright photo; origin top left."""

Landmarks = NDArray[np.float32]
"""(n, 5, 2) float32 (x, y) in pixels: eye, eye, nose tip, mouth corner, mouth corner; the viewer's left one first."""

Confidences = NDArray[np.float32]
"""(n,) float32 in [0, 1]."""

Qualities = NDArray[np.float32]
"""(n,) float32 in [0, 100]; higher is better."""

Crops = NDArray[np.uint8]
"""(n, side, side, 3) uint8, R, G, B, aligned to the frame the embedder was trained for."""

Templates = NDArray[np.float32]
"""(n, d) float32, rows of unit Euclidean length."""

Scores = NDArray[np.float32]
"""float32 cosine in [-1, 1]; higher is more alike."""

FloatArray = NDArray[np.floating[Any]]


def unit_rows(vectors: FloatArray) -> Templates:
    """Rows scaled to unit Euclidean length.

    Args:
        vectors: (n, d) floats; a row of zeros stays zero (it then scores 0 with everything).

    Returns:
        (n, d) float32.
    """
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1.0), dtype=np.float32)
