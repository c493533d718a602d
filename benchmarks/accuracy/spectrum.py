"""How the default model's templates lie: the figures from which crowds of any size are drawn.

    python -m benchmarks.accuracy.spectrum [--shared DIR] [--cache DIR]

Measured on the photos of ``pairs.csv``: the length of the mean template; the variances between people along their own
principal directions; the variances within people along the same directions; and how much the distance of a photo from
its person differs from photo to photo (standard deviation of its logarithm). No template and no direction is written.
"""

from __future__ import annotations

import sys

import numpy as np

from benchmarks.accuracy.recogniser import Recogniser, finish, place, read_photo
from countenance.measure.trials import people_of, photos_of, read_trials

DIGITS = 6


def main() -> int:
    """Measure, print, write."""
    with place(__doc__ or "") as where:
        pack = Recogniser("default", where)
        trials = read_trials(where.shared / "photos" / "pairs.csv")
        whose = people_of(trials)
        found = {name: pack.largest(read_photo(where.shared / "photos" / name)) for name in photos_of(trials)}
        rows = np.array([row for row in found.values() if row is not None], dtype=np.float64)
        people = np.array([whose[name] for name, row in found.items() if row is not None])
        own = [rows[people == person] for person in np.unique(people)]
        means = np.array([each.mean(axis=0) for each in own])
        several = [each for each in own if len(each) > 1]
        apart = np.concatenate([(each - each.mean(axis=0)) * np.sqrt(len(each) / (len(each) - 1)) for each in several])
        within = apart.T @ apart / len(apart)
        centred = means - means.mean(axis=0)
        share = float(np.mean([1 / len(each) for each in own]))
        between = centred.T @ centred / (len(means) - 1) - share * within
        values, directions = np.linalg.eigh(between)
        order = np.argsort(values)[::-1]
        inside = np.einsum("ij,jk,ki->i", directions.T, within, directions)[order]
        scores = rows @ rows.T
        above = np.triu_indices(len(rows), 1)
        same = (people[:, None] == people[None])[above]
        results: dict[str, object] = {
            "pack": pack.pack.id,
            "photos": len(rows),
            "people": len(own),
            "mean_length": round(float(np.linalg.norm(means.mean(axis=0))), DIGITS),
            "between": np.maximum(values[order], 0).round(DIGITS).tolist(),
            "within": inside.round(DIGITS).tolist(),
            "log_distance_std": round(float(np.log((apart**2).sum(axis=1)).std()), DIGITS),
            "scores": {
                name: {
                    "mean": round(float(part.mean()), DIGITS),
                    "std": round(float(part.std()), DIGITS),
                    "low": round(float(part.min()), DIGITS),
                    "high": round(float(part.max()), DIGITS),
                }
                for name, part in (("mated", scores[above][same]), ("non_mated", scores[above][~same]))
            },
        }
        print({name: value for name, value in results.items() if name not in {"between", "within"}})
        return finish(where, "spectrum", results)


if __name__ == "__main__":
    sys.exit(main())
