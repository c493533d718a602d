"""Error rates of one-to-many search, after ISO/IEC 19795-1 and NIST FRTE.

A mated search asks a gallery that holds the probe's person; a non-mated search asks one that does not. Where every
probe is of an enrolled person, leaving that person out makes the non-mated search (``search`` does both).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import Templates
from countenance.errors import UsageError
from countenance.measure.rates import NO_SCORE, threshold_at_fmr


@dataclass(frozen=True, slots=True)
class Searches:
    """Outcome of searches, one row per probe; a failed probe has ``NO_SCORE`` and the last rank.

    Attributes:
        mate_scores: (n,) float64, score of the probe's own person (the best of their references).
        mate_ranks: (n,) int64, 1 when no other person scored as high or higher.
        best_non_mated: (n,) float64, best score of the same probe with its person left out of the gallery.
    """

    mate_scores: NDArray[np.float64]
    mate_ranks: NDArray[np.int64]
    best_non_mated: NDArray[np.float64]


def search(
    probes: Templates,
    probe_subjects: Sequence[str],
    gallery: Templates,
    gallery_subjects: Sequence[str],
    *,
    n_failed: int = 0,
) -> Searches:
    """Every probe against the gallery, with and without its own person.

    Args:
        probes: (n, d) unit length.
        probe_subjects: who each probe shows; each must be in the gallery.
        gallery: (m, d) unit length.
        gallery_subjects: whom each reference shows; several references of one person count as one candidate.
        n_failed: probes that gave no template; they are added as searches that found nobody.

    Raises:
        UsageError: a probe's person is not in the gallery, or the gallery holds fewer than two people.
    """
    people = sorted(set(gallery_subjects))
    missing = sorted(set(probe_subjects) - set(people))
    if missing or len(people) < 2:  # noqa: PLR2004 - leaving one person out must leave somebody
        msg = f"Subject {missing[0]} has probes but no reference." if missing else "A gallery needs two people or more."
        raise UsageError(msg)
    scores = probes.astype(np.float64) @ gallery.astype(np.float64).T
    column = np.array([people.index(subject) for subject in gallery_subjects])
    best = np.full((len(probes), len(people)), NO_SCORE)
    for number in range(len(people)):
        best[:, number] = scores[:, column == number].max(axis=1)
    own = np.array([people.index(subject) for subject in probe_subjects], dtype=np.intp)
    rows = np.arange(len(probes))
    mate = best[rows, own]
    best[rows, own] = -np.inf
    ranks = 1 + (best >= mate[:, None]).sum(axis=1)
    failed = np.full(n_failed, NO_SCORE)
    return Searches(
        np.concatenate([mate, failed]),
        np.concatenate([ranks, np.full(n_failed, len(people))]).astype(np.int64),
        np.concatenate([best.max(axis=1), failed]),
    )


def rank_rate(found: Searches, rank: int = 1) -> float:
    """Share in [0, 1] of mated searches whose person is among the best ``rank`` candidates, whatever the score.

    Source:
        ISO/IEC 19795-1:2021, true-positive identification rate with a threshold below every score.
    """
    return float(np.mean((found.mate_ranks <= rank) & (found.mate_scores > NO_SCORE)))


def fpir(found: Searches, threshold: float) -> float:
    """False-positive identification rate FPIR(N, T): share of non-mated searches with any candidate at or above T."""
    return float(np.mean(found.best_non_mated >= threshold))


def fnir(found: Searches, threshold: float, rank: int = 1) -> float:
    """False-negative identification rate FNIR(N, R, T): share of mated searches with the person below T or past R."""
    return float(np.mean((found.mate_scores < threshold) | (found.mate_ranks > rank)))


def fnir_at_fpir(found: Searches, limit: float, rank: int = 1) -> tuple[float, float]:
    """FNIR at the lowest threshold whose FPIR is at most ``limit``, and that threshold.

    Raises:
        UsageError: no searches, or a limit outside [0, 1].
    """
    threshold = threshold_at_fmr(found.best_non_mated, limit)
    return fnir(found, threshold, rank), threshold
