"""Error rates of one-to-one comparison, after ISO/IEC 19795-1.

A score is a cosine; a comparison matches when its score is at or above the threshold. A pair in which a photo gave no
template has no score: give it ``NO_SCORE``, so that it never matches. A failure then counts as a false non-match, as in
NIST FRTE, and cannot hide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import FloatArray
from countenance.errors import UsageError

NO_SCORE = -2.0
"""Stands for a comparison that could not be made: below every cosine, so below every threshold."""


@dataclass(frozen=True, slots=True)
class DetCurve:
    """Detection error trade-off: one point per threshold at which a rate changes.

    Attributes:
        thresholds: (k,) float64, rising; the last is just above every non-mated score.
        fmr: (k,) float64 in [0, 1], falling, 0 at the end.
        fnmr: (k,) float64 in [0, 1], rising.
    """

    thresholds: NDArray[np.float64]
    fmr: NDArray[np.float64]
    fnmr: NDArray[np.float64]


def fmr(non_mated: FloatArray, threshold: float) -> float:
    """False match rate: share of non-mated scores (n,) at or above ``threshold``.

    Raises:
        UsageError: no scores.

    Source:
        ISO/IEC 19795-1:2021, false match rate.
    """
    return float(np.mean(_scores(non_mated, "non-mated") >= threshold))


def fnmr(mated: FloatArray, threshold: float) -> float:
    """False non-match rate: share of mated scores (n,) below ``threshold``.

    Raises:
        UsageError: no scores.

    Source:
        ISO/IEC 19795-1:2021, false non-match rate.
    """
    return float(np.mean(_scores(mated, "mated") < threshold))


def threshold_at_fmr(non_mated: FloatArray, limit: float) -> float:
    """The lowest threshold whose false match rate is at most ``limit``.

    Args:
        non_mated: (n,) scores.
        limit: in [0, 1]; 0 gives the lowest threshold at which nothing matches falsely.

    Returns:
        A threshold just above a non-mated score, so that ties with it do not match; minus infinity for ``limit`` 1.

    Raises:
        UsageError: no scores, or a limit outside [0, 1].
    """
    scores = np.sort(_scores(non_mated, "non-mated"))[::-1]
    if not 0 <= limit <= 1:
        msg = f"A rate lies in [0, 1], not {limit}."
        raise UsageError(msg)
    allowed = int(limit * len(scores) * (1 + 1e-12))  # 0.29 * 100 is 28.999...: not one fewer for that
    if allowed >= len(scores):
        return float("-inf")
    return float(np.nextafter(scores[allowed], np.inf))


def fnmr_at_fmr(mated: FloatArray, non_mated: FloatArray, limit: float) -> tuple[float, float]:
    """FNMR at the threshold of ``threshold_at_fmr``, and that threshold.

    Raises:
        UsageError: no scores of one kind, or a limit outside [0, 1].
    """
    threshold = threshold_at_fmr(non_mated, limit)
    return fnmr(mated, threshold), threshold


def auc(mated: FloatArray, non_mated: FloatArray) -> float:
    """Probability in [0, 1] that a mated score exceeds a non-mated one; a tie counts one half.

    Raises:
        UsageError: no scores of one kind.

    Source:
        J. A. Hanley, B. J. McNeil, "The meaning and use of the area under a ROC curve", Radiology 143, 1982.
    """
    low = np.sort(_scores(non_mated, "non-mated"))
    high = _scores(mated, "mated")
    below, up_to = np.searchsorted(low, high, side="left"), np.searchsorted(low, high, side="right")
    return float(np.mean(below + up_to) / (2 * len(low)))


def fte(n_failed: int, n_photos: int) -> float:
    """Failure to extract: share in [0, 1] of photos with a person that gave no template.

    Raises:
        UsageError: no photos.
    """
    if n_photos < 1 or not 0 <= n_failed <= n_photos:
        msg = f"{n_failed} failures of {n_photos} photos is not a rate."
        raise UsageError(msg)
    return n_failed / n_photos


def det_curve(mated: FloatArray, non_mated: FloatArray) -> DetCurve:
    """FMR and FNMR at every threshold at which one of them changes.

    Raises:
        UsageError: no scores of one kind.

    Source:
        A. Martin et al., "The DET curve in assessment of detection task performance", Eurospeech, 1997.
    """
    low, high = np.sort(_scores(non_mated, "non-mated")), np.sort(_scores(mated, "mated"))
    ends = np.nextafter(low[-1], np.inf)
    thresholds = np.unique(np.concatenate([low, high[high < ends], [ends]]))
    false_match = 1 - np.searchsorted(low, thresholds, side="left") / len(low)
    false_non_match = np.searchsorted(high, thresholds, side="left") / len(high)
    return DetCurve(thresholds, false_match, false_non_match)


def _scores(scores: FloatArray, kind: str) -> NDArray[np.float64]:
    array = np.asarray(scores, dtype=np.float64).reshape(-1)
    if not array.size or np.isnan(array).any():
        msg = f"A rate needs {kind} scores, all of them numbers."
        raise UsageError(msg, advice="Give trials of both kinds: mated and non-mated pairs.")
    return array
