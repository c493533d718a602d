"""Does normalising scores against a cohort help? FNMR at FMR 1e-3 on pairs.csv, raw and normalised, in like samples.

Run it with ``python -m benchmarks.accuracy.normalisation [--shared DIR] [--cache DIR]``.

The cohort of a pair is one photo of every other person: of the same set, as a collection would have it, or of all sets.
``t-norm`` takes mean and spread of the cohort's scores with the first photo, ``s-norm`` the mean of both photos'
t-norms, ``adaptive s-norm`` the same with the closest of the cohort only.

Source:
    P. Matejka et al., "Analysis of score normalization in multilingual speaker recognition", Interspeech 2017, for the
    formulas; none is of faces.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.recogniser import PACKS, SEED, Recogniser, finish, place, read_photo, table
from countenance.core.arrays import FloatArray, Templates
from countenance.measure.intervals import by_subject
from countenance.measure.trials import Trial, people_of, photos_of, read_trials

SETS = ("london", "congress", "caltech")
LIMIT = 1e-3
CLOSEST = (20, 50)
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Photos:
    """Templates (n, d) of photos, whose they are (n,), and one photo of each person as cohort."""

    templates: NDArray[np.float64]
    people: NDArray[np.intp]
    cohort: NDArray[np.intp]


def gather(templates: Mapping[str, Templates], people: Mapping[str, int]) -> tuple[list[str], Photos]:
    """Photos in order of their names."""
    names = sorted(templates)
    owners = np.array([people[name] for name in names], dtype=np.intp)
    _, first = np.unique(owners, return_index=True)
    return names, Photos(np.array([templates[name] for name in names], dtype=np.float64), owners, first)


def normalised(photos: Photos, pairs: NDArray[np.intp], scores: Vector, way: str, closest: int | None) -> Vector:
    """Scores (n,) of pairs (n, 2), normalised in one way."""
    with_cohort = photos.templates @ photos.templates[photos.cohort].T
    strangers = photos.people[photos.cohort]
    result = np.empty(len(pairs))
    for row, (first, second) in enumerate(pairs):
        others = (strangers != photos.people[first]) & (strangers != photos.people[second])
        sides = (first,) if way == "t-norm" else (first, second)
        found = []
        for side in sides:
            cohort = np.sort(with_cohort[side][others])[::-1][:closest]
            found.append((scores[row] - cohort.mean()) / cohort.std())
        result[row] = float(np.mean(found))
    return result


def fnmr(scores: Vector, mated: NDArray[np.bool_], pair: NDArray[np.intp]) -> Callable[[Vector], float]:
    """FNMR at the limit as a function of how often each person was drawn."""
    order = np.argsort(-scores[~mated], kind="stable")
    falling, other = scores[~mated][order], pair[~mated][order]
    genuine, owner = scores[mated], pair[mated, 0]

    def of(draw: Vector) -> float:
        weight = np.cumsum(draw[other[:, 0]] * draw[other[:, 1]])
        own = draw[owner]
        if weight[-1] <= 0 or own.sum() <= 0:
            return float("nan")
        at = min(int(np.searchsorted(weight, LIMIT * weight[-1] * (1 + 1e-12), side="right")), len(falling) - 1)
        return float((own * (genuine <= falling[at])).sum() / own.sum())

    return of


def measure(trials: list[Trial], templates: Mapping[str, Templates], whole: Photos | None) -> dict[str, object]:
    """Raw and normalised rates of one set; its own people are the cohort unless others are given."""
    used = [trial for trial in trials if trial.a in templates and trial.b in templates]
    names = {name for trial in used for name in (trial.a, trial.b)}
    people = people_of(trials)
    listed, photos = gather({name: templates[name] for name in names}, people)
    at = {name: row for row, name in enumerate(listed)}
    pairs = np.array([(at[trial.a], at[trial.b]) for trial in used], dtype=np.intp)
    mated = np.array([trial.mated for trial in used])
    scores = np.einsum("ij,ij->i", photos.templates[pairs[:, 0]], photos.templates[pairs[:, 1]])
    owners = photos.people[pairs]
    raw = fnmr(scores, mated, owners)
    n_people = int(owners.max()) + 1
    cohort = photos
    if whole is not None:  # strangers of other sets beside the set's own people
        apart = whole.cohort + len(photos.templates)
        cohort = Photos(
            np.concatenate([photos.templates, whole.templates]),
            np.concatenate([photos.people, whole.people + n_people]),
            np.concatenate([photos.cohort, apart]),
        )
    found: dict[str, object] = {"cohort": len(cohort.cohort), "raw": raw(np.ones(n_people))}
    ways: list[tuple[str, int | None]] = [("t-norm", None), ("s-norm", None)]
    ways += [("s-norm", most) for most in CLOSEST if most < len(cohort.cohort) - 2]
    for way, closest in ways:
        other = fnmr(normalised(cohort, pairs, scores, way, closest), mated, owners)
        away = by_subject(lambda draw, other=other: other(draw) - raw(draw), n_people, seed=SEED)  # type: ignore[misc]
        name = way if closest is None else f"adaptive {way}, {closest} closest"
        found[name] = {"fnmr": other(np.ones(n_people)), "away_from_raw": away.as_json()}
    return found


def main() -> int:
    """Measure, print, write."""
    with place(__doc__ or "") as where:
        trials = read_trials(where.shared / "photos" / "pairs.csv")
        parts = {part: [trial for trial in trials if trial.a.startswith(f"{part}/")] for part in SETS}
        results: dict[str, object] = {"fmr": LIMIT}
        rows: list[list[object]] = []
        for name in PACKS:
            pack = Recogniser(name, where)
            every = {photo: pack.largest(read_photo(where.shared / "photos" / photo)) for photo in photos_of(trials)}
            templates: dict[str, FloatArray] = {photo: row for photo, row in every.items() if row is not None}
            of_pack: dict[str, object] = {"pack": pack.pack.id}
            for part in SETS:
                others = {photo: row for photo, row in templates.items() if not photo.startswith(f"{part}/")}
                rest = [trial for other in SETS if other != part for trial in parts[other]]
                outside = gather(others, people_of(rest))[1]
                for cohort, whole in (("same set", None), ("all sets", outside)):
                    found = measure(parts[part], templates, whole)
                    of_pack[f"{part}, cohort of {cohort}"] = found
                    rows.append([name, part, cohort, found["cohort"], "raw", found["raw"], "", ""])
                    for way, cell in found.items():
                        if isinstance(cell, dict):
                            away = cell["away_from_raw"]
                            rows.append([name, part, cohort, "", way, cell["fnmr"], away["low"], away["high"]])
            results[name] = of_pack
        print(table(["pack", "set", "cohort", "people", "way", "FNMR at FMR 1e-3", "away, low", "high"], rows))
        return finish(where, "normalisation", results)


if __name__ == "__main__":
    sys.exit(main())
