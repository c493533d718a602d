"""Exact comparison: one matrix product. The oracle that every other index is held against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import Scores, Templates

BLOCK_ROWS = 65_536


def top(probes: Templates, references: Templates, groups: NDArray[np.intp], n_groups: int) -> Scores:
    """Best score of every probe with every group of references.

    Args:
        probes: (n, d) of unit length.
        references: (m, d) of unit length.
        groups: (m,) group of each reference, in [0, n_groups).
        n_groups: how many groups.

    Returns:
        (n, n_groups) float32; -1 for a group without references.
    """
    best = np.full((n_groups, len(probes)), -1.0, dtype=np.float32)
    for start in range(0, len(references), BLOCK_ROWS):
        part = slice(start, start + BLOCK_ROWS)
        np.maximum.at(best, groups[part], references[part] @ probes.T)
    return np.ascontiguousarray(best.T)
