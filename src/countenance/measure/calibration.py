"""The score at which a search has a wanted FPIR, from comparisons of different people, with its interval over people.

Only the highest scores decide, so only they are kept: of every other comparison nothing but its number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import Scores
from countenance.core.calibration import fmr_for
from countenance.errors import UsageError
from countenance.measure import intervals
from countenance.measure.intervals import Interval

_FEWEST_KEPT, _KEPT_TIMES = 10_000, 20


@dataclass(frozen=True, slots=True)
class NonMated:
    """Comparisons of different people, as far as they matter.

    Attributes:
        scores: (k,) float32, the highest scores of all, falling.
        pairs: (k, 2) numbers of the two people of each.
        probes: (p,) float64, how many faces of each person were compared with everybody else.
        against: (p,) float64, how many single faces were compared with each person beside those; whose they are is not
            known.
    """

    scores: Scores
    pairs: NDArray[np.intp]
    probes: NDArray[np.float64]
    against: NDArray[np.float64]

    @property
    def total(self) -> int:
        """How many comparisons there were."""
        return round(self.weight(np.ones(len(self.probes))))

    def weight(self, draw: NDArray[np.float64]) -> float:
        """How many there are when each person was drawn (p,) so many times."""
        own = self.probes * draw
        return float(own.sum() * draw.sum() - own @ draw + self.against @ draw)


class Comparisons:
    """Takes comparisons in, a batch at a time, and keeps what matters."""

    def __init__(self, n_people: int, n_kept: int) -> None:
        """Begin with none.

        Args:
            n_people: how many people there are, numbered from 0.
            n_kept: how many of the highest scores to keep; see ``kept_for``.
        """
        self._n_kept = n_kept
        self._scores = np.empty(0, dtype=np.float32)
        self._pairs = np.empty((0, 2), dtype=np.intp)
        self._probes, self._against = np.zeros(n_people), np.zeros(n_people)

    def add_searches(self, scores: Scores, owners: NDArray[np.intp]) -> None:
        """Faces against everybody.

        Args:
            scores: (n, p) of each face with each person.
            owners: (n,) whose face it is; that column is left out.
        """
        rows = np.arange(len(scores))
        others = np.ones(scores.shape, dtype=bool)
        others[rows, owners] = False
        face, person = np.nonzero(others)
        self._probes += np.bincount(owners, minlength=len(self._probes))
        self._keep(scores[face, person], np.stack([owners[face], person], axis=1))

    def add_pairs(self, scores: Scores, people: NDArray[np.intp]) -> None:
        """Single faces (n,), each with one person (n,) whom it does not show."""
        self._against += np.bincount(people, minlength=len(self._against))
        self._keep(scores, np.stack([np.full(len(people), -1), people], axis=1))

    def finish(self) -> NonMated:
        """What was taken in."""
        return NonMated(self._scores, self._pairs, self._probes, self._against)

    def _keep(self, scores: Scores, pairs: NDArray[np.intp]) -> None:
        if len(self._scores) == self._n_kept and self._n_kept:
            high = scores > self._scores[-1]
            scores, pairs = scores[high], pairs[high]
        every, both = np.concatenate([self._scores, scores]), np.concatenate([self._pairs, pairs])
        order = np.argsort(-every, kind="stable")[: self._n_kept]
        self._scores, self._pairs = every[order].astype(np.float32), both[order]


def kept_for(fpir: float, enrolled: int, comparisons: int) -> int:
    """How many of the highest scores say all about an FPIR, in every sample of people that is likely."""
    return min(comparisons, max(_FEWEST_KEPT, round(_KEPT_TIMES * fmr_for(fpir, enrolled) * comparisons)))


def threshold_for(found: NonMated, fpir: float, enrolled: int, *, seed: int) -> Interval:
    """The lowest threshold at which a search has at most this FPIR, and its 95 % interval over people.

    Args:
        found: comparisons of different people.
        fpir: the target in (0, 1).
        enrolled: N, the number of people that a search asks for.
        seed: of the samples.

    Returns:
        Cosines; a score equal to the highest that must not match lies below them.

    Raises:
        UsageError: no comparisons.
    """
    limit = fmr_for(fpir, enrolled)
    if not len(found.scores):
        msg = "A threshold needs comparisons of different people."
        raise UsageError(msg)
    falling = found.scores.astype(np.float64)
    first, second = found.pairs.T

    def statistic(draw: NDArray[np.float64]) -> float:
        total = found.weight(draw)
        if total <= 0:
            return float("nan")
        # A single face has no known owner; it counts as often as the person it was compared with.
        weights = np.cumsum(np.where(first < 0, 1.0, draw[first]) * draw[second])
        at = int(np.searchsorted(weights, limit * total * (1 + 1e-12), side="right"))
        return float(np.nextafter(falling[min(at, len(falling) - 1)], np.inf))

    return intervals.by_subject(statistic, len(found.probes), seed=seed)
