"""How many faces the collections of an installation hold, when few are large and most are small.

Source:
    G. K. Zipf, "Human Behavior and the Principle of Least Effort", 1949: the size of the k-th largest goes as k^-s.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Sizes = NDArray[np.float64]
"""(n,) faces of each collection, largest first; not rounded, so that they add up."""


def zipf_sizes(total: float, n_collections: int, exponent: float) -> Sizes:
    """(n_collections,) faces of each collection, largest first, ``total`` in sum.

    Args:
        total: faces in all collections together.
        n_collections: at least 1.
        exponent: 0 makes all equal; larger ones make the first ones larger.
    """
    weights = np.arange(1, n_collections + 1, dtype=np.float64) ** -exponent
    return np.asarray(total * weights / weights.sum())


def median_collection(sizes: Sizes) -> float:
    """Faces of the middle collection: half of all collections are smaller."""
    return float(np.median(sizes))


def collection_of_a_face(sizes: Sizes) -> float:
    """Faces of the collection of the middle face: half of all faces lie in collections of at least this size."""
    reached = np.cumsum(sizes)
    return float(sizes[np.searchsorted(reached, reached[-1] / 2)])
