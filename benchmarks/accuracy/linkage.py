"""How well two sets of turned templates can be linked: the measures and attacks of ``strangers``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import Templates
from countenance.errors import UsageError

Table: TypeAlias = Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
"""Mated and non-mated scores by name."""

_BINS = 50


def d_sys(mated: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """Global linkability in [0, 1]: 0 when mated and non-mated scores are spread alike, 1 when they never meet.

    Source:
        M. Gomez-Barrero et al., "General framework to evaluate unlinkability in biometric template protection
        systems", IEEE TIFS 13(6), 2018, equations 6 to 9, with equal priors (omega = 1) and 50 bins of equal width.
    """
    edges = np.linspace(min(mated.min(), others.min()), max(mated.max(), others.max()), _BINS + 1)
    of_mated, of_others = (np.histogram(scores, edges)[0] / len(scores) for scores in (mated, others))
    both = of_mated + of_others
    local = np.divide(of_mated - of_others, both, out=np.zeros_like(both), where=both > 0)
    return float(np.sum(np.maximum(local, 0) * of_mated))


def guesses(plain: Templates, turned: Templates, stolen: Templates, method: str) -> Templates:
    """Guessed plain templates of what was stolen, from known pairs.

    Args:
        plain: (k, d) known plain templates.
        turned: (k, d) what the collection made of them.
        stolen: (n, d) turned templates of anybody.
        method: ``procrustes`` (the nearest orthonormal matrix) or ``least squares`` (nothing outside the known span).

    Returns:
        (n, d) of unit length.

    Source:
        P. H. Schoenemann, "A generalized solution of the orthogonal Procrustes problem", Psychometrika 31, 1966.
    """
    if method == "procrustes":
        left, _, right = np.linalg.svd(turned.astype(np.float64).T @ plain)
        back = left @ right
    else:
        back = np.linalg.pinv(turned.astype(np.float64), rcond=1e-5) @ plain
    found = stolen @ back
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), dtype=np.float32)


def least_trace(
    chance: np.random.Generator, n_candidates: int, covariance: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Relative turns of two collections: the first one drawn, and the one of several that leans least."""
    drawn = []
    for _ in range(n_candidates):
        q, r = np.linalg.qr(chance.standard_normal(covariance.shape))
        drawn.append(q * np.sign(np.diagonal(r)))
    return {
        "as drawn": drawn[0],
        f"least trace of {n_candidates}": min(drawn, key=lambda turn: abs(float(np.trace(turn)))),
        f"least trace of {n_candidates}, weighted by other people's covariance": min(
            drawn, key=lambda turn: abs(float(np.sum(turn * covariance)))
        ),
    }


def plot_histograms(scores: Table, stem: Path, *, title: str) -> None:
    """Draw mated and non-mated scores as ``stem.png`` and ``stem.svg``, one panel for each name.

    Raises:
        UsageError: the optional library that draws is not installed.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415 - optional: only reports draw
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        msg = "Drawing histograms needs matplotlib, which is not installed."
        raise UsageError(msg, advice="Install it with: pip install 'countenance[report]'.") from error
    stem.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": "countenance"}):
        figure = Figure(figsize=(8.0, 3.2), layout="constrained")
        for axes, (name, (mated, others)) in zip(figure.subplots(1, len(scores)), scores.items(), strict=True):
            for part, label in ((others, "different people"), (mated, "the same person")):
                axes.hist(part, bins=100, range=(-1, 1), density=True, histtype="step", label=label)
            axes.set(title=f"{name} collections" if name == "across" else f"{name} one collection", xlabel="score")
            axes.legend(fontsize="small")
        figure.suptitle(title)
        figure.savefig(stem.with_name(f"{stem.name}.png"), dpi=120, metadata={"Software": None})
        figure.savefig(stem.with_name(f"{stem.name}.svg"), metadata={"Date": None})
