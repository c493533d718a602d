"""Keep the best few of scores that come in blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import Scores

NONE = -1
"""Row of a place that no candidate takes."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Best rows of each probe, best first; equal scores in order of rows.

    Attributes:
        rows: (n, k) int64 rows of the index; ``NONE`` where there are fewer than k.
        scores: (n, k) float32 cosine; minus infinity there.
    """

    rows: NDArray[np.int64]
    scores: Scores


class Best:
    """The best ``most`` rows of each of ``n`` probes so far."""

    def __init__(self, n: int, most: int, at_least: float) -> None:
        """Nothing yet; a score below ``at_least`` is never taken."""
        self._most = most
        self._least = np.full(n, np.float32(at_least), dtype=np.float32)
        self._rows: list[list[NDArray[np.int64]]] = [[] for _ in range(n)]
        self._scores: list[list[Scores]] = [[] for _ in range(n)]
        self._held = np.zeros(n, dtype=np.int64)

    def offer(self, scores: Scores, first: int, alive: NDArray[np.bool_] | None) -> None:
        """Look at a block.

        Args:
            scores: (n, b) of rows ``first`` to ``first + b``.
            first: row of the first column.
            alive: (b,) False for rows that do not count; None when all do.
        """
        for probe in np.flatnonzero(scores.max(axis=1) >= self._least):
            own = scores[probe]
            taken = own >= self._least[probe]
            if alive is not None:
                taken &= alive
            places = np.flatnonzero(taken)
            if len(places) > self._most:
                places = places[_top(own[places], self._most)]
            if len(places):
                self._take(int(probe), places + first, own[places])

    def offer_rows(self, probe: int, rows: NDArray[np.int64], scores: Scores) -> None:
        """Look at scores of chosen rows (b,) of one probe."""
        taken = scores >= self._least[probe]
        self._take(probe, rows[taken], scores[taken])

    def found(self) -> Found:
        """The best of everything that was offered."""
        n = len(self._rows)
        rows = np.full((n, self._most), NONE, dtype=np.int64)
        scores = np.full((n, self._most), -np.inf, dtype=np.float32)
        for probe in range(n):
            own_rows, own = self._together(probe)
            order = np.lexsort((own_rows, -own))[: self._most]
            rows[probe, : len(order)], scores[probe, : len(order)] = own_rows[order], own[order]
        return Found(rows, scores)

    def _take(self, probe: int, rows: NDArray[np.int64], scores: Scores) -> None:
        self._rows[probe].append(rows)
        self._scores[probe].append(scores)
        self._held[probe] += len(rows)
        if self._held[probe] >= 2 * self._most:
            own_rows, own = self._together(probe)
            kept = _top(own, self._most)
            self._rows[probe], self._scores[probe] = [own_rows[kept]], [own[kept]]
            self._held[probe] = len(kept)
            self._least[probe] = max(self._least[probe], own[kept].min())

    def _together(self, probe: int) -> tuple[NDArray[np.int64], Scores]:
        if not self._rows[probe]:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        return np.concatenate(self._rows[probe]), np.concatenate(self._scores[probe])


def _top(scores: Scores, most: int) -> NDArray[np.int64]:
    """Places of the best ``most`` of (n,) scores, in no order; among equal ones the first."""
    if len(scores) <= most:
        return np.arange(len(scores))
    edge = np.partition(scores, len(scores) - most)[len(scores) - most]
    above = np.flatnonzero(scores > edge)
    return np.concatenate([above, np.flatnonzero(scores == edge)[: most - len(above)]])
