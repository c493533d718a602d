"""What is said under every list of candidates: how often this collection gives a false one, as far as it is known."""

from __future__ import annotations

from countenance.core.case import LEAD_ONLY
from countenance.flows.scope import Scope

NOT_CALIBRATED = (
    "This collection is not calibrated: nothing is known about how often it gives a false candidate. "
    "{n} were compared, at a score of {threshold:.3f} or more."
)


def statement(scope: Scope, threshold: float, n_searched: int) -> str:
    """Two or three sentences for whoever reads the candidates.

    Args:
        scope: the collection that was searched.
        threshold: cosine from which a candidate counted.
        n_searched: how many templates the probes were compared with.
    """
    del scope
    n = "1 template" if n_searched == 1 else f"{n_searched} templates"
    return f"{NOT_CALIBRATED.format(n=n, threshold=threshold)} {LEAD_ONLY}"
