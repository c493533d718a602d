"""Does a quality predict errors? What is left of them when the worst is set aside.

Source:
    ISO/IEC 29794-1, error versus discard characteristic; P. Grother, E. Tabassi, "Performance of biometric quality
    measures", IEEE TPAMI 29(4), 2007.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from countenance.errors import UsageError
from countenance.measure.intervals import Interval, by_subject

SHARES = np.linspace(0, 0.5, 51)
"""Shares of comparisons that are set aside, in [0, 1)."""


@dataclass(frozen=True, slots=True)
class Discard:
    """How much better than chance a quality chooses what to set aside.

    Attributes:
        shares: (k,) set aside.
        rates: (k,) rate of errors among what is left; the first is that of all. Chance leaves the first everywhere.
        margin: mean distance between chance's rate and this one over ``shares``, with its interval over people.
        part: the same as a part of the first rate: 0 is chance, 1 would be no error left at once.
    """

    shares: NDArray[np.float64]
    rates: NDArray[np.float64]
    margin: Interval
    part: float


def rates_left(
    missed: NDArray[np.bool_],
    qualities: NDArray[np.floating],
    weights: NDArray[np.float64] | None = None,
    shares: NDArray[np.float64] = SHARES,
) -> NDArray[np.float64]:
    """Rate of errors among what is left when each share of lowest quality is set aside.

    Args:
        missed: (n,) comparisons that were wrong.
        qualities: (n,) of each, that of its poorer face.
        weights: (n,) how often each counts; once when not given.
        shares: (k,) in [0, 1).

    Returns:
        (k,) in [0, 1]. Of comparisons of one quality a part is set aside as chance would choose it. NaN without weight.
    """
    weight = np.ones(len(missed)) if weights is None else weights
    _, level = np.unique(qualities, return_inverse=True)
    out = np.concatenate([[0.0], np.cumsum(np.bincount(level, weights=weight))])
    wrong = np.concatenate([[0.0], np.cumsum(np.bincount(level, weights=weight * missed))])
    if out[-1] <= 0:
        return np.full(len(shares), np.nan)
    gone = shares * out[-1]
    return np.asarray((wrong[-1] - np.interp(gone, out, wrong)) / (out[-1] - gone), dtype=np.float64)


def discard(
    missed: NDArray[np.bool_], qualities: NDArray[np.floating], owners: NDArray[np.intp], *, seed: int
) -> Discard:
    """Error versus discard of mated comparisons at a fixed threshold.

    Args:
        missed: (n,) comparisons below the threshold.
        qualities: (n,) of each, that of its poorer face.
        owners: (n,) number of the person of each, from 0 on.
        seed: of the interval's draws.

    Raises:
        UsageError: there is no error to predict.
    """
    if not missed.any():
        msg = "Where there is no error, no quality can predict one."
        raise UsageError(msg, advice="Give harder trials.")
    rates = rates_left(missed, qualities)

    def margin(draw: NDArray[np.float64]) -> float:
        left = rates_left(missed, qualities, draw[owners])
        return float(np.mean(left[0] - left))

    found = by_subject(margin, int(owners.max()) + 1, seed=seed)
    return Discard(SHARES, rates, found, found.value / float(rates[0]))
