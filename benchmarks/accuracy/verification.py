"""One-to-one comparison on pairs.csv with both packs: AUC, FNMR at FMR, failures, operating points, DET plot.

Then the default pack, the same behind YuNet, and dlib's own pipeline with the same network, on the same pairs.

Run it with ``python -m benchmarks.accuracy.verification [--shared DIR] [--cache DIR]``.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from benchmarks.accuracy.pipelines import (
    DLIB,
    HEAD,
    OURS,
    YUNET,
    DlibsOwn,
    compare,
    rows_of,
    score_by_distance,
    yunet_before_default,
)
from benchmarks.accuracy.recogniser import PACKS, SEED, Bar, Place, Recogniser, finish, place, read_photo, table
from countenance.core.arrays import Templates
from countenance.errors import UsageError
from countenance.measure import rates
from countenance.measure.intervals import fnmr_at_fmr_by_subject
from countenance.measure.report import plot_det
from countenance.measure.trials import Scored, Trial, photos_of, read_trials, score

SETS = ("london", "congress", "caltech")
LIMITS = (1e-2, 1e-3)
BARS = {
    ("default", "congress"): 0.05,
    ("default", "caltech"): 0.006,
    ("recommended", "congress"): 0.007,
    ("recommended", "caltech"): 0.004,
}
"""FNMR at FMR 1e-3 that a pack may have on a set."""
AUC_BAR = 0.9999
THRESHOLDS = {
    "default": (0.91, 0.92, 0.93, 0.935, 0.94, 0.945, 0.95, 0.955, 0.96),
    "recommended": (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6),
}


def templates_of(pack: Recogniser, where: Place, trials: list[Trial]) -> dict[str, Templates]:
    """Template of the largest face of every photo that has one."""
    found = {photo: pack.largest(read_photo(where.shared / "photos" / photo)) for photo in photos_of(trials)}
    return {photo: row for photo, row in found.items() if row is not None}


def scores_of(
    pack: Recogniser, templates: dict[str, Templates], trials: list[Trial]
) -> tuple[dict[str, Scored], dict[str, Any]]:
    """Scores by set, and the pack's id and failures."""
    found = {photo: templates.get(photo) for photo in photos_of(trials)}
    scored = {part: score([trial for trial in trials if trial.a.startswith(f"{part}/")], templates) for part in SETS}
    failed = {part: sum(row is None for photo, row in found.items() if photo.startswith(f"{part}/")) for part in SETS}
    photos = {part: sum(photo.startswith(f"{part}/") for photo in found) for part in SETS}
    facts: dict[str, Any] = {
        "pack": pack.pack.id,
        "agree": pack.pack.agree,
        "match": pack.pack.match,
        "certain": pack.pack.certain,
        "fte": {part: rates.fte(failed[part], photos[part]) for part in SETS},
        "photos": photos,
    }
    return scored, facts


def rates_of(scored: Scored) -> dict[str, Any]:
    """Rates of one set."""
    mated, non_mated = scored.scores[scored.mated], scored.scores[~scored.mated]
    result: dict[str, Any] = {
        "mated": len(mated),
        "non_mated": len(non_mated),
        "people": len(np.unique(scored.subjects)),
        "auc": rates.auc(mated, non_mated),
        "fnmr": {},
        "lowest_mated": float(mated.min()),
        "highest_non_mated": float(non_mated.max()),
    }
    fnmr: dict[str, dict[str, float]] = {}
    for limit in LIMITS:
        value, threshold = rates.fnmr_at_fmr(mated, non_mated, limit)
        interval = fnmr_at_fmr_by_subject(scored.scores, scored.mated, scored.subjects, limit, seed=SEED)
        fnmr[f"{limit:g}"] = {**interval.as_json(), "value": value, "threshold": threshold}
    result["fnmr"] = fnmr
    return result


def at_operating_points(scored: dict[str, Scored], points: dict[str, float]) -> dict[str, object]:
    """FMR and FNMR over all sets together at the thresholds of the pack's manifest."""
    everything = np.concatenate([part.scores for part in scored.values()])
    mated = np.concatenate([part.mated for part in scored.values()])
    return {
        name: {
            "threshold": threshold,
            "fmr": rates.fmr(everything[~mated], threshold),
            "fnmr": rates.fnmr(everything[mated], threshold),
        }
        for name, threshold in points.items()
    }


def by_threshold(scored: dict[str, Scored], name: str) -> list[list[object]]:
    """FMR and FNMR over all sets together at round thresholds, to choose operating points from."""
    everything = np.concatenate([part.scores for part in scored.values()])
    mated = np.concatenate([part.mated for part in scored.values()])
    return [
        [f"{at:.3f}", f"{rates.fmr(everything[~mated], at):.5f}", f"{rates.fnmr(everything[mated], at):.4f}"]
        for at in THRESHOLDS[name]
    ]


def against_dlib(where: Place, trials: list[Trial], ours: dict[str, Templates]) -> tuple[dict[str, Any], list[Bar]]:
    """Our default pipeline, the same behind YuNet, and dlib's own, on all pairs."""
    own = DlibsOwn()
    seen = {photo: own.largest(where.shared / "photos" / photo) for photo in photos_of(trials)}
    found = {
        OURS: ours,
        YUNET: templates_of(yunet_before_default(where), where, trials),
        DLIB: {photo: row for photo, row in seen.items() if row is not None},
    }
    scored = {name: score(trials, found[name]) for name in (OURS, YUNET)}
    scored[DLIB] = score_by_distance(trials, found[DLIB])
    return compare(trials, found, scored)


def main() -> int:
    """Measure, print, write; 1 when a bar is missed."""
    with place(__doc__ or "") as where:
        trials = read_trials(where.shared / "photos" / "pairs.csv")
        results: dict[str, Any] = {}
        rows: list[list[object]] = []
        bars: list[Bar] = []
        curves = {}
        by_pack = {}
        for name in PACKS:
            pack = Recogniser(name, where)
            by_pack[name] = templates_of(pack, where, trials)
            scored, facts = scores_of(pack, by_pack[name], trials)
            sets = {part: rates_of(scored[part]) for part in SETS}
            points = {point: facts[point] for point in ("agree", "match", "certain")}
            results[name] = {**facts, "sets": sets, "operating_points": at_operating_points(scored, points)}
            for part, found in sets.items():
                mated, non_mated = scored[part].scores[scored[part].mated], scored[part].scores[~scored[part].mated]
                curves[f"{name}, {part}"] = rates.det_curve(mated, non_mated)
                fnmr = found["fnmr"]
                rows.append([name, part, len(mated), len(non_mated), f"{found['auc']:.6f}"])
                rows[-1] += [
                    f"{cell['value']:.4f} [{cell['low']:.4f}, {cell['high']:.4f}] at {cell['threshold']:.3f}"
                    for cell in fnmr.values()
                ]
                if (name, part) in BARS:
                    bars.append(Bar(f"{name} {part} FNMR at FMR 1e-3", fnmr["0.001"]["value"], BARS[name, part]))
                if (name, part) == ("default", "london"):
                    bars.append(Bar("default london AUC", found["auc"], AUC_BAR, at_least=True))
            failures = ", ".join(f"{part} {value:.4f}" for part, value in facts["fte"].items())
            print(f"\n{facts['pack']}: FTE {failures}; all sets together, by threshold")
            print(table(["threshold", "FMR", "FNMR"], by_threshold(scored, name)))
        head = ["pack", "set", "mated", "non-mated", "AUC", *[f"FNMR at FMR {limit:g}" for limit in LIMITS]]
        print(table(head, rows))
        results["pipelines"], more = against_dlib(where, trials, by_pack["default"])
        bars += more
        print("\n" + table(HEAD, rows_of(results["pipelines"])))
        try:
            plot_det(curves, where.results / "verification-det", title="pairs.csv")
        except UsageError as error:  # the plot is a picture of numbers that are written anyway
            print(f"{error.message} {error.advice}")
        return finish(where, "verification", results, bars)


if __name__ == "__main__":
    sys.exit(main())
