"""How many references a person should have, and whether the best of them or their mean is compared.

Run it with ``python -m benchmarks.accuracy.references [--shared DIR] [--cache DIR]``.

People with at least four photos are enrolled with their first one, two or three; what is left are mated searches, the
same ones however many references there are. Everybody else of the three sets is enrolled with one photo, so that the
gallery is as large as it can be, and every photo that enrolled nobody is a non-mated search with its person left out.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.recogniser import PACKS, SEED, Recogniser, finish, place, read_photo, table
from countenance.core.arrays import Templates
from countenance.measure.intervals import by_subject, rate_by_subject
from countenance.measure.rates import threshold_at_fmr
from countenance.measure.searches import Searches, search
from countenance.measure.trials import people_of, photos_of, read_trials

MOST, FPIR = 3, 0.01


@dataclass(frozen=True, slots=True)
class Outcome:
    """Mated searches of the people with several photos: found first, and missed at the FPIR."""

    first: NDArray[np.bool_]
    missed: NDArray[np.bool_]
    threshold: float


def enrolled(photos: Mapping[int, Sequence[Templates]], n: int, *, mean: bool) -> tuple[Templates, list[str]]:
    """References of everybody: up to ``n`` of those with enough photos, one of each other."""
    rows, owners = [], []
    for person, theirs in sorted(photos.items()):
        own = np.array(theirs[: n if len(theirs) > MOST else 1])
        if mean:
            middle = own.mean(axis=0, keepdims=True)
            own = middle / np.linalg.norm(middle)
        rows.append(own)
        owners += [str(person)] * len(own)
    return np.concatenate(rows), owners


def outcome(found: Searches, several: NDArray[np.bool_]) -> Outcome:
    """The mated searches that are counted, at a threshold set by every non-mated one."""
    threshold = threshold_at_fmr(found.best_non_mated, FPIR)
    mate, ranks = found.mate_scores[several], found.mate_ranks[several]
    return Outcome(ranks == 1, (mate < threshold) | (ranks > 1), threshold)


def measure(photos: Mapping[int, Sequence[Templates]]) -> dict[str, object]:
    """Every number of references, best and mean."""
    probes: list[Templates] = []
    owners: list[int] = []
    several: list[bool] = []
    for person, theirs in sorted(photos.items()):
        many = len(theirs) > MOST
        rest = theirs[MOST if many else 1 :]
        probes += rest
        owners += [person] * len(rest)
        several += [many] * len(rest)
    counted = np.array(several)
    people = np.unique(np.array(owners)[counted], return_inverse=True)
    numbers, n_people = people[1], len(people[0])
    ways = [("one", 1, False), *((f"{way} of {n}", n, way == "mean") for n in (2, 3) for way in ("best", "mean"))]
    found = {}
    for name, n, mean in ways:
        gallery, names = enrolled(photos, n, mean=mean)
        searches = search(np.array(probes), [str(owner) for owner in owners], gallery, names)
        found[name] = outcome(searches, counted)
    result: dict[str, object] = {
        "people_with_several": n_people,
        "enrolled": len(photos),
        "mated_searches": int(counted.sum()),
        "non_mated_searches": len(probes),
    }
    for name, seen in found.items():
        result[name] = {
            "rank_1": rate_by_subject(seen.first, numbers, n_people, seed=SEED).as_json(),
            "fnir_at_fpir_0.01": rate_by_subject(seen.missed, numbers, n_people, seed=SEED).as_json(),
            "threshold": seen.threshold,
        }
    for name, one, other in (
        ("best of 3 minus one", "best of 3", "one"),
        ("best of 3 minus mean of 3", "best of 3", "mean of 3"),
    ):
        away = found[one].missed.astype(float) - found[other].missed.astype(float)
        result[name] = by_subject(
            lambda draw, away=away: float(draw[numbers] @ away / draw[numbers].sum()),  # type: ignore[misc]
            n_people,
            seed=SEED,
        ).as_json()
    return result


def main() -> int:
    """Measure, print, write."""
    with place(__doc__ or "") as where:
        trials = read_trials(where.shared / "photos" / "pairs.csv")
        owner = people_of(trials)
        results: dict[str, object] = {"fpir": FPIR}
        rows: list[list[object]] = []
        for name in PACKS:
            pack = Recogniser(name, where)
            photos: dict[int, list[Templates]] = defaultdict(list)
            for photo in photos_of(trials):
                template = pack.largest(read_photo(where.shared / "photos" / photo))
                if template is not None:
                    photos[owner[photo]].append(template)
            found = measure(photos)
            results[name] = {"pack": pack.pack.id, **found}
            for way, cell in found.items():
                if isinstance(cell, dict) and "rank_1" in cell:
                    fnir, first = cell["fnir_at_fpir_0.01"], cell["rank_1"]
                    rows.append([name, way, first["value"], first["low"], fnir["value"], fnir["low"], fnir["high"]])
                elif isinstance(cell, dict):
                    rows.append([name, way, "", "", cell["value"], cell["low"], cell["high"]])
            print({key: value for key, value in found.items() if isinstance(value, int)})
        print(table(["pack", "references", "rank 1", "low", "FNIR at FPIR 0.01", "low", "high"], rows))
        return finish(where, "references", results)


if __name__ == "__main__":
    sys.exit(main())
