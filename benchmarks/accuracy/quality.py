"""Does the quality of a face predict that it will not be recognised? Error versus discard on photos and worse copies.

Run it with ``python -m benchmarks.accuracy.quality [--shared DIR] [--cache DIR]``. Every photo of pairs.csv is used as
it is and in copies made worse (``degraded.py``); a pair compares a photo with a copy of the other one. The threshold is
fixed where these pairs' FMR is 1e-3; then the pairs of the poorest faces are set aside, share by share.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.degraded import COPIES, KINDS, degrade
from benchmarks.accuracy.recogniser import PACKS, SEED, Bar, Place, Recogniser, finish, place, read_photo, table
from countenance.core.arrays import Templates
from countenance.errors import UsageError
from countenance.flows.enrol import USABLE_QUALITY
from countenance.measure import rates
from countenance.measure.discard import SHARES, Discard, discard
from countenance.measure.report import plot_shares
from countenance.measure.trials import Trial, people_of, photos_of, read_trials
from countenance.vision.align import align
from countenance.vision.pyramid import Pyramid
from countenance.vision.quality import PARTS, judge, reasons

COPIES_SEED = SEED + 1
"""Not the seed on whose copies the curves of the quality were set (that was SEED)."""
FMR = 1e-3
ORIGINAL = -1
BANDS = (0, 20, 40, 60, 80, 101)
SHOWN = (0.05, 0.1, 0.2, 0.3)
PART_BAR = 0.4
"""Part of the errors' area that must be gone, on average over 0 to 50 % set aside; chance leaves it whole (0)."""

Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Seen:
    """The largest face of a photo or a copy: template, quality, parts of the quality."""

    template: Templates
    quality: float
    parts: NDArray[np.float32]


def look(pack: Recogniser, where: Place, photos: list[str]) -> tuple[dict[Key, Seen], dict[Key, str]]:
    """What is seen in every photo and copy, and what was done to each copy."""
    seen: dict[Key, Seen] = {}
    kinds: dict[Key, str] = {}
    for name in photos:
        whole = read_photo(where.shared / "photos" / name)
        for copy in range(ORIGINAL, COPIES):
            key, photo = (name, copy), whole
            kinds[key] = "the photo itself"
            if copy != ORIGINAL:
                pixels, kinds[key] = degrade(whole.pixels, name, copy, COPIES_SEED)
                photo = Pyramid(pixels)
            found = look_at(pack, photo)
            if found is not None:
                seen[key] = found
    return seen, kinds


def look_at(pack: Recogniser, photo: Pyramid) -> Seen | None:
    """The largest face; None when there is none."""
    found = pack.detect(photo)
    if not len(found):
        return None
    row = int(np.argmax(found.boxes[:, 2] * found.boxes[:, 3]))
    crop = align(photo, found.landmarks[row : row + 1], pack.pack.embedder)
    height, width = photo.pixels.shape[:2]
    rating = judge(crop, found.landmarks[row : row + 1], found.confidences[row : row + 1], (width, height))
    return Seen(pack.embedder.embed(crop)[0], float(rating.qualities[0]), rating.parts[0])


def pair_up(trials: list[Trial]) -> list[tuple[Key, Key, bool]]:
    """Each pair as a photo and a copy of the other; mated pairs, of which there are few, with every copy."""
    chance = np.random.default_rng(COPIES_SEED)
    made = []
    for trial in trials:
        for copy in range(COPIES) if trial.mated else (int(chance.integers(COPIES)),):
            first, second = (trial.a, trial.b) if chance.integers(2) else (trial.b, trial.a)
            made.append(((first, ORIGINAL), (second, copy), trial.mated))
    return made


def measure(name: str, where: Place, trials: list[Trial]) -> tuple[dict[str, Any], Discard, list[list[object]]]:
    """Everything about one pack."""
    pack, people = Recogniser(name, where), people_of(trials)
    seen, kinds = look(pack, where, photos_of(trials))
    made = pair_up(trials)
    pairs = [(a, b, mated) for a, b, mated in made if a in seen and b in seen]
    scores = np.array([float(seen[a].template @ seen[b].template) for a, b, _ in pairs])
    mated = np.array([each[2] for each in pairs])
    worst = np.array([min(seen[a].quality, seen[b].quality) for a, b, _ in pairs])
    threshold = rates.threshold_at_fmr(scores[~mated], FMR)
    missed, owners = scores[mated] < threshold, np.array([people[a[0]] for a, _, same in pairs if same])
    found = discard(missed, worst[mated], owners, seed=SEED)
    bands, rows = [], []
    for low, high in pairwise(BANDS):
        inside = (worst >= low) & (worst < high)
        n_mated, n_alarms = int((inside & mated).sum()), int((inside & ~mated).sum())
        fnmr = float(missed[inside[mated]].mean()) if n_mated else None
        fmr = float((scores[inside & ~mated] >= threshold).mean()) if n_alarms else None
        bands.append({"from": low, "to": high, "mated": n_mated, "fnmr": fnmr, "non_mated": n_alarms, "fmr": fmr})
        rows.append([name, f"{low}-{min(high, 100)}", n_mated, fnmr or 0.0, n_alarms, fmr or 0.0])
    told: dict[str, Any] = {
        "pack": pack.pack.id,
        "threshold": threshold,
        "mated": int(mated.sum()),
        "non_mated": int((~mated).sum()),
        "without_a_face": len(made) - len(pairs),
        "fnmr": float(found.rates[0]),
        "shares": SHARES,
        "fnmr_left": found.rates,
        "margin": found.margin.as_json(),
        "part": found.part,
        "bands": bands,
        "copies": by_kind(seen, kinds),
    }
    return told, found, rows


def by_kind(seen: dict[Key, Seen], kinds: dict[Key, str]) -> dict[str, Any]:
    """For each kind of copy: faces found, how many are too poor to enrol, and the reasons that those would be told."""
    told = {}
    for kind in ("the photo itself", *KINDS):
        keys = [key for key, each in kinds.items() if each == kind]
        faces = [seen[key] for key in keys if key in seen]
        poor = [face for face in faces if face.quality < USABLE_QUALITY]
        said = Counter(reason for face in poor for reason in reasons(face.parts))
        told[kind] = {
            "photos": len(keys),
            "faces": len(faces),
            "median_quality": float(np.median([face.quality for face in faces])),
            "too_poor": len(poor),
            "reasons": {part: said[part] for part in PARTS if said[part]},
        }
    return told


def main() -> int:
    """Measure, print, write; 1 when a bar is missed."""
    with place(__doc__ or "") as where:
        trials = read_trials(where.shared / "photos" / "pairs.csv")
        results: dict[str, object] = {"copies_seed": COPIES_SEED, "fmr": FMR}
        bars, bands, curves, head = [], [], {}, [f"{100 * share:.0f} % set aside" for share in SHOWN]
        rows: list[list[object]] = []
        for name in PACKS:
            told, found, inside = measure(name, where, trials)
            results[name] = told
            bands += inside
            curves[f"{name}, worst first"] = (100 * found.shares, found.rates)
            curves[f"{name}, by chance"] = (100 * found.shares, np.full(len(SHARES), found.rates[0]))
            at = [float(np.interp(share, found.shares, found.rates)) for share in SHOWN]
            margin = f"{found.margin.value:.4f} [{found.margin.low:.4f}, {found.margin.high:.4f}]"
            rows.append([name, float(found.rates[0]), *at, margin, found.part])
            bars.append(
                Bar(f"{name}: margin over chance, low end of the interval", found.margin.low, 0.0, at_least=True)
            )
            bars.append(Bar(f"{name}: margin as part of the errors", found.part, PART_BAR, at_least=True))
            print(f"\n{name}: faces of each kind of copy, and why those too poor to enrol are")
            copies = [
                [kind, each["photos"], each["faces"], each["median_quality"], each["too_poor"], each["reasons"]]
                for kind, each in told["copies"].items()
            ]
            print(table(["copy", "photos", "faces", "median quality", "too poor", "reasons"], copies))
        print("\n" + table(["pack", "quality", "mated", "FNMR", "non-mated", "FMR"], bands))
        print("\n" + table(["pack", "FNMR of all", *head, "margin over chance", "as part"], rows))
        try:
            plot_shares(
                curves,
                where.results / "quality-discard",
                across="mated pairs set aside, %",
                up=f"FNMR of the rest at the threshold of FMR {FMR:g}",
                title="Error versus discard",
            )
        except UsageError as error:  # the plot is a picture of numbers that are written anyway
            print(f"{error.message} {error.advice}")
        return finish(where, "quality", results, bars)


if __name__ == "__main__":
    sys.exit(main())
