"""How sure a measured rate is: 95 % intervals that respect that one person's comparisons rise and fall together.

Scores are not independent: a person who is hard to recognise is hard in each of their pairs. Resampling pairs would
give intervals that are far too narrow, so people are resampled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from countenance.core.arrays import FloatArray
from countenance.errors import UsageError

REPLICATES = 1_000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A measured value in [0, 1] and the bounds of its interval."""

    value: float
    low: float
    high: float

    def as_json(self) -> dict[str, float]:
        """The three numbers by name."""
        return {"value": self.value, "low": self.low, "high": self.high}


def wilson(events: int, trials: int, confidence: float = CONFIDENCE) -> Interval:
    """Score interval of a proportion of independent trials; meaningful for zero events too.

    Raises:
        UsageError: counts that are no proportion.

    Source:
        E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.
    """
    if trials < 1 or not 0 <= events <= trials:
        msg = f"{events} of {trials} is not a proportion."
        raise UsageError(msg)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = events / trials
    scale = 1 + z * z / trials
    middle = (share + z * z / (2 * trials)) / scale
    half = z / scale * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    # At the ends the bound is the end itself; rounding must not move it.
    low = 0.0 if events == 0 else max(0.0, middle - half)
    high = 1.0 if events == trials else min(1.0, middle + half)
    return Interval(share, low, high)


def by_subject(
    statistic: Callable[[NDArray[np.float64]], float],
    n_subjects: int,
    *,
    seed: int,
    replicates: int = REPLICATES,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Percentile bootstrap of any statistic over subjects drawn with replacement.

    Args:
        statistic: takes (n_subjects,) float64, how often each subject was drawn, and gives the value of that sample;
            NaN when the sample says nothing (it is left out).
        n_subjects: 1 or more.
        seed: of the draws; the same seed gives the same interval.
        replicates: samples drawn.
        confidence: share of them that the interval holds.

    Raises:
        UsageError: no subjects, or they give no value.

    Source:
        A. B. Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1(2), 2007; ISO/IEC 19795-1 on resampling
        test subjects.
    """
    if n_subjects < 1:
        msg = "An interval needs subjects."
        raise UsageError(msg)
    chance = np.random.default_rng(seed)
    draws = chance.multinomial(n_subjects, np.full(n_subjects, 1 / n_subjects), size=replicates).astype(np.float64)
    values = np.array([statistic(draw) for draw in draws])
    values = values[~np.isnan(values)]
    whole = statistic(np.ones(n_subjects))
    if not values.size or np.isnan(whole):
        msg = "These subjects give no value."
        raise UsageError(msg)
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    # Percentiles of a skewed statistic can miss what was measured; an interval never does.
    return Interval(float(whole), float(min(low, whole)), float(max(high, whole)))


def rate_by_subject(events: NDArray[Any], subjects: ArrayLike, n_subjects: int, *, seed: int) -> Interval:
    """Interval of the mean of ``events`` (n,), 0 or 1 or bool, each belonging to one of ``subjects`` (n,) from 0 on.

    With no event at all, or nothing but events, resampling shows no spread: then it is Wilson's interval over the
    subjects, not over the events, because events of one subject are no independent trials.

    Raises:
        UsageError: no events.
    """
    happened, owner = np.asarray(events, dtype=np.float64), np.asarray(subjects, dtype=np.intp)
    if not happened.size:
        msg = "A rate needs trials."
        raise UsageError(msg)
    total = np.bincount(owner, minlength=n_subjects).astype(np.float64)
    hits = np.bincount(owner, weights=happened, minlength=n_subjects)
    if not hits.any() or happened.all():
        seen = int(np.count_nonzero(total))
        return wilson(seen if hits.any() else 0, seen)
    return by_subject(lambda draw: _ratio(draw @ hits, draw @ total), n_subjects, seed=seed)


def fnmr_at_fmr_by_subject(
    scores: FloatArray, mated: NDArray[np.bool_], subjects: NDArray[np.intp], limit: float, *, seed: int
) -> Interval:
    """Interval of FNMR at an FMR; in every sample of subjects the threshold is set anew.

    Args:
        scores: (n,) of all pairs.
        mated: (n,) True where both photos show one person.
        subjects: (n, 2) number of the person in each photo, from 0 on.
        limit: FMR in (0, 1].
        seed: of the draws.

    Returns:
        Interval over people: a pair counts as often as its two people were drawn together. Where no sample has an
        error, Wilson's interval over the people with mated pairs.

    Raises:
        UsageError: no pairs of one kind.
    """
    if not mated.any() or mated.all():
        msg = "The trials need pairs of both kinds: mated and non-mated."
        raise UsageError(msg)
    exact = np.asarray(scores, dtype=np.float64)
    alarms, mates = Owned(exact[~mated], subjects[~mated]), Owned(exact[mated], subjects[mated, :1])
    return misses_by_subject(alarms, mates, limit, seed=seed)


@dataclass(frozen=True, slots=True)
class Owned:
    """Scores (n,) and the people whom each depends on: (n, k) numbers from 0 on."""

    scores: NDArray[np.float64]
    owners: NDArray[np.intp]

    def weights(self, draw: NDArray[np.float64]) -> NDArray[np.float64]:
        """How often each score counts when its people were drawn ``draw`` times: as often as all of them together."""
        weight = draw[self.owners[:, 0]]
        for column in range(1, self.owners.shape[1]):
            weight = weight * draw[self.owners[:, column]]
        return np.asarray(weight, dtype=np.float64)


def misses_by_subject(
    alarms: Owned, mates: Owned, limit: float, *, seed: int, lost: NDArray[np.bool_] | None = None
) -> Interval:
    """Interval of the share of ``mates`` missed at the threshold at which a share ``limit`` of ``alarms`` is above it.

    Args:
        alarms: scores that should be low; in every sample of people the threshold is set anew from them.
        mates: scores that should be high.
        limit: share of alarms in (0, 1].
        seed: of the draws.
        lost: (n,) mates that are missed whatever the threshold, such as those past the rank that counts.

    Returns:
        Interval over people. Where no sample has a miss, Wilson's interval over the people with mates.

    Raises:
        UsageError: no scores of one kind.
    """
    n_subjects = 1 + max((int(part.owners.max()) for part in (alarms, mates) if part.owners.size), default=-1)
    order = np.argsort(-alarms.scores, kind="stable")
    falling = Owned(alarms.scores[order], alarms.owners[order])
    gone = np.zeros(len(mates.scores), dtype=bool) if lost is None else lost

    def statistic(draw: NDArray[np.float64]) -> float:
        weight, own = np.cumsum(falling.weights(draw)), mates.weights(draw)
        if not weight.size or weight[-1] <= 0 or own.sum() <= 0:
            return float("nan")
        at = int(np.searchsorted(weight, limit * weight[-1] * (1 + 1e-12), side="right"))
        missed = gone | (mates.scores <= falling.scores[at]) if at < len(falling.scores) else gone
        return float((own * missed).sum() / own.sum())

    found = by_subject(statistic, n_subjects, seed=seed)
    if found.high > 0:
        return found
    return wilson(0, len(np.unique(mates.owners)))


def share_by_subject(events: NDArray[np.bool_], owners: NDArray[np.intp], *, seed: int) -> Interval:
    """Interval of the share of ``events`` (n,) that depend on one or more people each: (n, k) numbers from 0 on.

    With no event at all, or nothing but events, Wilson's interval over the people.

    Raises:
        UsageError: no events.
    """
    part = Owned(events.astype(np.float64), owners)
    people = np.unique(owners)
    if not events.any() or events.all():
        return wilson(len(people) if events.any() else 0, len(people))
    # Only the people who have events of either kind are drawn: others would thin the samples out.
    part = Owned(part.scores, np.searchsorted(people, owners))
    return by_subject(
        lambda draw: _ratio(float(part.weights(draw) @ part.scores), float(part.weights(draw).sum())),
        len(people),
        seed=seed,
    )


def auc_by_subject(alarms: Owned, mates: Owned, *, seed: int) -> Interval:
    """Interval of the probability that a mate scores higher than an alarm; a tie counts one half.

    Raises:
        UsageError: no scores of one kind.
    """
    n_subjects = 1 + max((int(part.owners.max()) for part in (alarms, mates) if part.owners.size), default=-1)
    order = np.argsort(alarms.scores, kind="stable")
    rising = Owned(alarms.scores[order], alarms.owners[order])
    below = np.searchsorted(rising.scores, mates.scores, side="left")
    up_to = np.searchsorted(rising.scores, mates.scores, side="right")

    def statistic(draw: NDArray[np.float64]) -> float:
        weight, own = np.concatenate([[0.0], np.cumsum(rising.weights(draw))]), mates.weights(draw)
        return _ratio(float(own @ (weight[below] + weight[up_to])) / 2, float(own.sum() * weight[-1]))

    return by_subject(statistic, n_subjects, seed=seed)


def _ratio(part: float | NDArray[np.float64], whole: float | NDArray[np.float64]) -> float:
    return float(part / whole) if whole > 0 else float("nan")
