"""What is said under every list of candidates: how often this collection gives a false one, as far as it is known."""

from __future__ import annotations

from countenance.core.calibration import fmr_for, fpir_for
from countenance.core.case import LEAD_ONLY
from countenance.flows.scope import Scope
from countenance.store import calibrations
from countenance.store.calibrations import Calibration

NOT_CALIBRATED = (
    "This collection is not calibrated: nothing is known about how often it gives a false candidate. "
    "Compared with {n}, at a score of {threshold:.3f} or more."
)
CALIBRATED = (
    "Compared with {n}, at a score of {threshold:.3f} or more. Calibrated on {day} {month} with {searches:,} confirmed "
    "faces of {people:,} people: a search among so many for somebody who is not there brings a false candidate with a "
    "score of {score:.3f} or more in {rate:.1%} of searches, set for at most that."
)
LOWER = "How often one with a lower score is false is not known; it is more often."


def statement(scope: Scope, threshold: float, n_searched: int, n_probes: int = 1) -> str:
    """Two or three sentences for whoever reads the candidates.

    Args:
        scope: the collection that was searched.
        threshold: cosine from which a candidate counted.
        n_searched: how many templates the probes were compared with.
        n_probes: how many probes; the best of them counts, so each is another chance of a false candidate.
    """
    n = "1 template" if n_searched == 1 else f"{n_searched:,} templates"
    with scope.store.reading() as tx:
        made = calibrations.current(tx, scope.collection.id, scope.pack.id)
    if made is None:
        return f"{NOT_CALIBRATED.format(n=n, threshold=threshold)} {LEAD_ONLY}"
    score, rate = _known(made, threshold, max(1, n_searched) * n_probes)
    said = CALIBRATED.format(
        n=n,
        threshold=threshold,
        day=made.made_at.day,
        month=f"{made.made_at:%B %Y}",
        searches=made.searches,
        people=made.people,
        score=max(score, threshold),
        rate=rate,
    )
    return " ".join([said, *([LOWER] if score > threshold else []), LEAD_ONLY])


def _known(made: Calibration, threshold: float, n_searched: int) -> tuple[float, float]:
    """The calibrated score that says most about a list from this threshold on, and its FPIR among so many."""
    points = sorted([(made.suggest, made.suggest_fpir), (made.certain, made.fpir)])
    score, rate = max((point for point in points if point[0] <= threshold), default=points[0])
    return score, fpir_for(fmr_for(rate, made.meant_for), n_searched)
