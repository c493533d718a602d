"""How many references a person should have, and whether the best of them or their mean is compared.

Run it with ``python -m benchmarks.accuracy.references [--shared DIR] [--cache DIR]``.

``pairs.csv``: people with at least four photos are enrolled with their first one, two or three; what is left are mated
searches, the same ones however many references there are. Everybody else of the three sets is enrolled with one photo,
so that the gallery is as large as it can be.

``album``: people are enrolled with their portrait, and with their first one or two faces of the group photos; the other
faces are searched for in photos shrunk so far that one reference misses some.

Every probe is a non-mated search as well, with its person left out.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.album import SMALLEST_WHEN_SHRUNK_PX, walk
from benchmarks.accuracy.recogniser import PACKS, SEED, Place, Recogniser, finish, place, read_photo, table
from countenance.core.arrays import Templates
from countenance.measure.intervals import by_subject, rate_by_subject
from countenance.measure.rates import threshold_at_fmr
from countenance.measure.searches import Searches, search
from countenance.measure.trials import people_of, photos_of, read_trials

MOST, FPIR = 3, 0.01
SCALES = (0.25, 0.15)
References: TypeAlias = Mapping[str, Sequence[Templates]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Mated searches of the people with several references: found first, and missed at the FPIR."""

    first: NDArray[np.bool_]
    missed: NDArray[np.bool_]
    threshold: float


def enrolled(references: References, n: int, *, mean: bool) -> tuple[Templates, list[str]]:
    """Up to ``n`` references of everybody, or their mean."""
    rows, owners = [], []
    for person, theirs in sorted(references.items()):
        own = np.array(theirs[:n])
        if mean:
            middle = own.mean(axis=0, keepdims=True)
            own = middle / np.linalg.norm(middle)
        rows.append(own)
        owners += [person] * len(own)
    return np.concatenate(rows), owners


def outcome(found: Searches, several: NDArray[np.bool_]) -> Outcome:
    """The mated searches that are counted, at a threshold set by every non-mated one."""
    threshold = threshold_at_fmr(found.best_non_mated, FPIR)
    mate, ranks = found.mate_scores[several], found.mate_ranks[several]
    return Outcome(ranks == 1, (mate < threshold) | (ranks > 1), threshold)


def measure(references: References, probes: Sequence[tuple[str, Templates | None]]) -> dict[str, object]:
    """Every number of references, best and mean; a probe without a template is a search that found nobody."""
    made = [(person, row) for person, row in probes if row is not None]
    failed = [person for person, row in probes if row is None]
    owners = [person for person, _ in made] + failed
    counted = np.array([len(references[person]) == MOST for person in owners])
    people, numbers = np.unique(np.array(owners)[counted], return_inverse=True)
    n_people = len(people)
    ways = [("one", 1, False), *((f"{way} of {n}", n, way == "mean") for n in (2, 3) for way in ("best", "mean"))]
    found = {}
    for name, n, mean in ways:
        gallery, names = enrolled(references, n, mean=mean)
        rows = np.array([row for _, row in made])
        searches = search(rows, [person for person, _ in made], gallery, names, n_failed=len(failed))
        found[name] = outcome(searches, counted)
    result: dict[str, object] = {
        "people_with_several": n_people,
        "enrolled": len(references),
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


def of_pairs(pack: Recogniser, where: Place) -> dict[str, object]:
    """Photos of the pairs, by person."""
    trials = read_trials(where.shared / "photos" / "pairs.csv")
    owner = people_of(trials)
    photos: dict[str, list[Templates]] = defaultdict(list)
    for photo in photos_of(trials):
        template = pack.largest(read_photo(where.shared / "photos" / photo))
        if template is not None:
            photos[str(owner[photo])].append(template)
    n = {person: MOST if len(theirs) > MOST else 1 for person, theirs in photos.items()}
    probes = [(person, row) for person, theirs in sorted(photos.items()) for row in theirs[n[person] :]]
    return measure({person: theirs[: n[person]] for person, theirs in photos.items()}, probes)


def of_album(pack: Recogniser, where: Place) -> dict[str, object]:
    """Group photos; references are faces at full size, of photos that are searched for nobody they enrolled."""
    photos = where.shared / "photos"
    portraits = {path.stem: pack.largest(read_photo(path)) for path in sorted((photos / "album-enrol").glob("*.jpg"))}
    references = {person: [row] for person, row in portraits.items() if row is not None}
    whole = walk(pack, photos / "album", 1.0)
    taken = set()
    seen = Counter(whole.people)
    for face, (person, row) in enumerate(zip(whole.people, whole.templates, strict=True)):
        own = references.get(person, [])
        if row is not None and seen[person] >= MOST and 0 < len(own) < MOST:
            own.append(row)
            taken.add(face)
    result: dict[str, object] = {}
    pack.look_for(smallest_face_px=SMALLEST_WHEN_SHRUNK_PX)
    for scale in SCALES:
        small = walk(pack, photos / "album", scale)
        pairs = enumerate(zip(small.people, small.templates, strict=True))
        probes = [pair for face, pair in pairs if face not in taken and pair[0] in references]
        result[f"album at {scale:g}"] = measure(references, probes)
    return result


def main() -> int:
    """Measure, print, write."""
    with place(__doc__ or "") as where:
        results: dict[str, object] = {"fpir": FPIR}
        rows: list[list[object]] = []
        for name in PACKS:
            pack = Recogniser(name, where)
            parts = {"pairs.csv": of_pairs(pack, where), **of_album(pack, where)}
            results[name] = {"pack": pack.pack.id, **parts}
            for part, found in parts.items():
                for way, cell in cast("dict[str, object]", found).items():
                    if isinstance(cell, dict) and "rank_1" in cell:
                        fnir, first = cell["fnir_at_fpir_0.01"], cell["rank_1"]
                        rates = [first["value"], first["low"], fnir["value"], fnir["low"], fnir["high"]]
                        rows.append([name, part, way, *rates])
                    elif isinstance(cell, dict):
                        rows.append([name, part, way, "", "", cell["value"], cell["low"], cell["high"]])
                    else:
                        rows.append([name, part, way, cell, "", "", "", ""])
        print(table(["pack", "photos", "references", "rank 1", "low", "FNIR at FPIR 0.01", "low", "high"], rows))
        return finish(where, "references", results)


if __name__ == "__main__":
    sys.exit(main())
