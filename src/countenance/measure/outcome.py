"""Rates of a set of trials as a report gives them: each with its interval, none that the trials are too few to show.

With no false match in n comparisons the false match rate may still be 3/n (the rule of three), so a rate is reported
from 3 / rate comparisons on, and below that it is said how many are missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countenance.errors import UsageError
from countenance.measure import rates, searches
from countenance.measure.intervals import Owned, auc_by_subject, misses_by_subject, share_by_subject
from countenance.measure.lists import ListSearches
from countenance.measure.trials import Scored

FMR_LIMITS = (1e-1, 1e-2, 1e-3, 1e-4)
FPIR_LIMITS = (1e-1, 1e-2, 1e-3)
RANKS = (1, 20)
FEWEST = 10
"""Comparisons, or searches, of each kind below which nothing is reported at all."""
CMC_RANKS = 50
RULE = 3


def needed(limit: float) -> int:
    """How many comparisons without a mate it takes to speak of a rate of ``limit``, in (0, 1].

    Source:
        J. A. Hanley, A. Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249(13), 1983.
    """
    return ceil(RULE / limit * (1 - 1e-12))


def rate_pairs(scored: Scored, points: Mapping[str, float], *, seed: int) -> dict[str, Any]:
    """Rates of one-to-one comparisons.

    Args:
        scored: all of them.
        points: thresholds that are used already, by name.
        seed: of the intervals' draws.

    Returns:
        ``pairs``, ``fnmr`` by FMR, ``too_few`` by FMR, ``auc``, ``auc_interval``, ``at`` (rates at ``points``).

    Raises:
        UsageError: fewer than ``FEWEST`` comparisons of a kind.
    """
    mates, alarms = sides_of(scored)
    _require(len(mates.scores), len(alarms.scores), "pairs")
    fnmr, few = {}, {}
    for limit in FMR_LIMITS:
        if len(alarms.scores) < needed(limit):
            few[f"{limit:g}"] = {"given": len(alarms.scores), "needed": needed(limit)}
            continue
        value, threshold = rates.fnmr_at_fmr(mates.scores, alarms.scores, limit)
        found = misses_by_subject(alarms, mates, limit, seed=seed)
        fnmr[f"{limit:g}"] = {**found.as_json(), "value": value, "threshold": threshold}
    area = auc_by_subject(alarms, mates, seed=seed)
    return {
        "pairs": {"mated": len(mates.scores), "non_mated": len(alarms.scores)},
        "people": len(np.unique(scored.subjects)),
        "fnmr": fnmr,
        "too_few": few,
        "auc": area.value,
        "auc_interval": area.as_json(),
        "at": {
            name: {
                "threshold": threshold,
                "fmr": share_by_subject(alarms.scores >= threshold, alarms.owners, seed=seed).as_json(),
                "fnmr": share_by_subject(mates.scores < threshold, mates.owners, seed=seed).as_json(),
            }
            for name, threshold in points.items()
        },
    }


def sides_of(scored: Scored) -> tuple[Owned, Owned]:
    """Mated and non-mated comparisons with the people whom they depend on."""
    return (
        Owned(scored.scores[scored.mated], scored.subjects[scored.mated, :1]),
        Owned(scored.scores[~scored.mated], scored.subjects[~scored.mated]),
    )


def rate_searches(done: ListSearches, *, seed: int) -> dict[str, Any]:
    """Rates of one-to-many searches.

    Args:
        done: the outcome of all searches.
        seed: of the intervals' draws.

    Returns:
        ``searches``, ``gallery``, ``fnir`` by FPIR and rank, ``too_few`` by FPIR, ``rank_1``, ``cmc``.

    Raises:
        UsageError: fewer than ``FEWEST`` searches of a kind.
    """
    found = done.found
    n_mated, n_alarms = len(found.mate_scores), len(found.best_non_mated)
    _require(n_mated, n_alarms, "searches")
    alarms, mates = Owned(found.best_non_mated, done.alarm_owners), Owned(found.mate_scores, done.mate_owners)
    ranks = [rank for rank in RANKS if rank == 1 or rank < done.n_people]
    fnir: dict[str, dict[str, Any]] = {}
    few = {}
    for limit in FPIR_LIMITS:
        if n_alarms < needed(limit):
            few[f"{limit:g}"] = {"given": n_alarms, "needed": needed(limit)}
            continue
        fnir[f"{limit:g}"] = {}
        for rank in ranks:
            value, threshold = searches.fnir_at_fpir(found, limit, rank)
            interval = misses_by_subject(alarms, mates, limit, seed=seed, lost=found.mate_ranks > rank)
            fnir[f"{limit:g}"][str(rank)] = {**interval.as_json(), "value": value, "threshold": threshold}
    first = (found.mate_ranks <= 1) & (found.mate_scores > rates.NO_SCORE)
    return {
        "searches": {"mated": n_mated, "non_mated": n_alarms, "left_out": done.left_out},
        "gallery": {"people": done.n_people},
        "fnir": fnir,
        "too_few": few,
        "rank_1": share_by_subject(first, done.mate_owners, seed=seed).as_json(),
        "cmc": cmc(done),
    }


def cmc(done: ListSearches) -> list[float]:
    """Cumulative match characteristic: share of mated searches whose person is within rank 1, 2, ...

    Source:
        ISO/IEC 19795-1:2021, cumulative match characteristic.
    """
    return [searches.rank_rate(done.found, rank) for rank in range(1, min(CMC_RANKS, done.n_people) + 1)]


def rate_failures(failed: NDArray[np.bool_], owners: NDArray[np.intp], *, seed: int) -> dict[str, float]:
    """Failure to extract: share of photos (n,) that gave no template, with its interval over their people (n,)."""
    return share_by_subject(failed, owners.reshape(-1, 1), seed=seed).as_json()


def _require(n_mated: int, n_non_mated: int, what: str) -> None:
    if min(n_mated, n_non_mated) < FEWEST:
        msg = f"{n_mated} mated and {n_non_mated} non-mated {what} are too few to say anything."
        advice = f"Give at least {FEWEST} of each kind; 3 / FMR non-mated ones for each FMR that you want to know."
        raise UsageError(msg, advice=advice)
