"""Does a threshold that is calibrated on some people hold for others? Both halves of the people of the group photos.

Run it with ``python -m benchmarks.accuracy.calibration [--shared DIR] [--cache DIR]``.

The 60 people of the album are split in halves, again and again. On one half a threshold is calibrated as the flow
does it; on the other half every face is a search with its person left out, and the share that brings somebody is
counted: at the threshold itself, and at the upper end of its interval, which is what counts in a collection.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.album import walk
from benchmarks.accuracy.recogniser import PACKS, SEED, Place, Recogniser, finish, place, read_photo, table
from countenance.core.arrays import Templates
from countenance.measure.calibration import Comparisons, threshold_for

SPLITS, TARGETS = 100, (0.05, 0.1, 0.3)


@dataclass(frozen=True, slots=True)
class Album:
    """Faces (n, d) with their person's number (n,), and one reference (p, d) of each person."""

    faces: Templates
    owners: NDArray[np.intp]
    references: Templates


def load(pack: Recogniser, where: Place) -> Album:
    """The album with its portraits."""
    photos = where.shared / "photos"
    portraits = {path.stem: pack.largest(read_photo(path)) for path in sorted((photos / "album-enrol").glob("*.jpg"))}
    enrolled = {person: row for person, row in portraits.items() if row is not None}
    number = {person: at for at, person in enumerate(enrolled)}
    seen = walk(pack, photos / "album", 1.0)
    pairs = zip(seen.templates, seen.people, strict=True)
    faces = [(row, number[person]) for row, person in pairs if row is not None and person in number]
    return Album(
        np.array([row for row, _ in faces]), np.array([who for _, who in faces]), np.array(list(enrolled.values()))
    )


def others(album: Album, people: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Scores of the faces of some people with those people's references, and whose the faces are among them."""
    rows = np.isin(album.owners, people)
    owners = np.searchsorted(people, album.owners[rows])
    return (album.faces[rows] @ album.references[people].T).astype(np.float32), owners


def one_split(album: Album, people: NDArray[np.intp], rest: NDArray[np.intp], target: float) -> tuple[float, float]:
    """FPIR among the rest at the threshold that the people give, and at the upper end of its interval."""
    scores, owners = others(album, people)
    taken = Comparisons(len(people), scores.size + len(people) ** 2)
    taken.add_searches(scores, owners)
    own = album.references[people]
    taken.add_searches((own @ own.T).astype(np.float32), np.arange(len(people)))
    found = threshold_for(taken.finish(), target, len(rest) - 1, seed=SEED)
    strange, whose = others(album, rest)
    strange[np.arange(len(strange)), whose] = -1.0
    best = strange.max(axis=1)
    return float((best >= found.value).mean()), float((best >= found.high).mean())


def main() -> int:
    """Measure, print, write."""
    with place(__doc__ or "") as where:
        results: dict[str, object] = {"splits": SPLITS}
        rows: list[list[object]] = []
        for name in PACKS:
            pack = Recogniser(name, where)
            album, chance = load(pack, where), np.random.default_rng(SEED)
            of_pack: dict[str, object] = {"pack": pack.pack.id, "people": len(album.references)}
            for target in TARGETS:
                seen = []
                for _ in range(SPLITS):
                    order = chance.permutation(len(album.references))
                    half = len(order) // 2
                    seen.append(one_split(album, np.sort(order[:half]), np.sort(order[half:]), target))
                at, above = np.array(seen).T
                of_pack[f"{target:g}"] = cell = {
                    "at_threshold": float(at.mean()),
                    "at_upper_end": float(above.mean()),
                    "worst_at_upper_end": float(above.max()),
                    "splits_within_target_at_upper_end": float((above <= target).mean()),
                }
                rows.append([name, target, *cell.values()])
            results[name] = of_pack
        print(table(["pack", "target FPIR", "at threshold", "at upper end", "worst", "splits within"], rows))
        return finish(where, "calibration", results)


if __name__ == "__main__":
    sys.exit(main())
