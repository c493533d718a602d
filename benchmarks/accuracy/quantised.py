"""Embedders in int8, and scored by distance: does verification move by more than its interval, and what is gained?

Run it with ``python -m benchmarks.accuracy.quantised [--shared DIR] [--cache DIR]``.

Static quantisation by ONNX Runtime (weights per channel, activations by minimum and maximum), calibrated on aligned
faces of drawn people or of the album; pairs.csv judges. Weights of 7 bits are what processors without VNNI need, where
sums of 8-bit products saturate. The same templates answer ADR 0007: cosine of unit length against the Euclidean
distance of raw descriptors. Differences carry intervals of their own: both ways are compared on the same samples of
people.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from benchmarks.accuracy.recogniser import PACKS, SEED, Place, Recogniser, finish, place, read_photo, table
from countenance.core.arrays import Crops, unit_rows
from countenance.demo.draw import draw_portrait
from countenance.demo.person import person
from countenance.measure import rates
from countenance.measure.intervals import Interval, by_subject
from countenance.measure.trials import Trial, people_of, photos_of, read_trials
from countenance.vision.align import align
from countenance.vision.cache import networks
from countenance.vision.pyramid import Pyramid
from countenance.vision.session import Session

SETS = ("london", "congress", "caltech")
LIMITS = (1e-2, 1e-3)
N_CALIBRATION = 96
BATCH = 16
ROUNDS = 5
REPLICATES = 400


class Faces(CalibrationDataReader):  # type: ignore[misc] # ONNX Runtime publishes no types
    """Crops one batch at a time, as the quantiser wants them."""

    def __init__(self, crops: Crops) -> None:
        """Keep the crops."""
        self._batches: Iterator[Crops] = iter([crops[at : at + BATCH] for at in range(0, len(crops), BATCH)])

    def get_next(self) -> dict[str, Crops] | None:
        """The next batch; None at the end."""
        batch = next(self._batches, None)
        return None if batch is None else {"crops": batch}


def drawn_crops(pack: Recogniser) -> Crops:
    """Aligned faces of people who do not exist."""
    pictures = [draw_portrait(person(seed), seed, 320) for seed in range(N_CALIBRATION)]
    spec = pack.pack.embedder
    return np.concatenate([align(Pyramid(one.pixels), one.landmarks[None], spec) for one in pictures])


def album_crops(pack: Recogniser, where: Place) -> Crops:
    """Aligned faces of the group photos."""
    crops: list[Crops] = []
    for path in sorted((where.shared / "photos" / "album").glob("*.jpg")):
        photo = read_photo(path)
        crops.append(align(photo, pack.detect(photo).landmarks, pack.pack.embedder))
        if sum(map(len, crops)) >= N_CALIBRATION:
            break
    return np.concatenate(crops)[:N_CALIBRATION]


def quantised(network: Path, crops: Crops, folder: Path, *, narrow: bool) -> Path:
    """The network in int8, with weights of 7 bits when ``narrow``."""
    folder.mkdir()
    prepared, result = folder / "prepared.onnx", folder / "int8.onnx"
    quant_pre_process(network, prepared, skip_symbolic_shape=True)
    quantize_static(
        prepared,
        result,
        Faces(crops),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        reduce_range=narrow,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    return result


def descriptors(session: Session, crops: Crops) -> NDArray[np.float32]:
    """Raw descriptors (n, d)."""
    parts = [session.run({"crops": crops[at : at + BATCH]}, ["descriptors"])[0] for at in range(0, len(crops), BATCH)]
    return np.concatenate(parts)


def milliseconds(session: Session, crops: Crops) -> float:
    """Per crop in batches of 16, the best of some rounds."""
    session.run({"crops": crops[:BATCH]}, ["descriptors"])
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        session.run({"crops": crops[:BATCH]}, ["descriptors"])
        times.append(time.perf_counter() - started)
    return 1e3 * min(times) / BATCH


class Judge:
    """Trials of one set, and the rates that scores of them give."""

    def __init__(self, trials: list[Trial], row: dict[str, int]) -> None:
        """Number photos and people."""
        people = people_of(trials)
        self.pairs = np.array([(row[trial.a], row[trial.b]) for trial in trials])
        self.mated = np.array([trial.mated for trial in trials])
        self.people = np.array([(people[trial.a], people[trial.b]) for trial in trials])
        self.n_people = int(self.people.max()) + 1

    def cosine(self, raw: NDArray[np.float32], other: NDArray[np.float32] | None = None) -> NDArray[np.float64]:
        """Score of every pair; with ``other``, of its first photo by one network against its second by the other."""
        one = unit_rows(raw).astype(np.float64)
        two = one if other is None else unit_rows(other).astype(np.float64)
        return np.asarray((one[self.pairs[:, 0]] * two[self.pairs[:, 1]]).sum(axis=1))

    def distance(self, raw: NDArray[np.float32]) -> NDArray[np.float64]:
        """Minus the Euclidean distance of raw descriptors, so that higher is more alike here too."""
        a, b = raw[self.pairs[:, 0]].astype(np.float64), raw[self.pairs[:, 1]].astype(np.float64)
        return -np.asarray(np.linalg.norm(a - b, axis=1))

    def fnmr(self, scores: NDArray[np.float64], limit: float, draw: NDArray[np.float64]) -> float:
        """FNMR at an FMR when each person counts as often as drawn."""
        order = np.argsort(-scores[~self.mated], kind="stable")
        falling, pair = scores[~self.mated][order], self.people[~self.mated][order]
        weight = np.cumsum(draw[pair[:, 0]] * draw[pair[:, 1]])
        own = draw[self.people[self.mated, 0]]
        if weight[-1] <= 0 or own.sum() <= 0:
            return float("nan")
        at = min(int(np.searchsorted(weight, limit * weight[-1], side="right")), len(falling) - 1)
        return float((own * (scores[self.mated] <= falling[at])).sum() / own.sum())

    def change(self, old: NDArray[np.float64], new: NDArray[np.float64], limit: float) -> Interval:
        """FNMR of the new scores less that of the old ones, with its interval over people."""
        return by_subject(
            lambda draw: self.fnmr(new, limit, draw) - self.fnmr(old, limit, draw),
            self.n_people,
            seed=SEED,
            replicates=REPLICATES,
        )


def measure(name: str, where: Place, scratch: Path) -> dict[str, object]:
    """Every way with one pack."""
    pack = Recogniser(name, where)
    trials = read_trials(where.shared / "photos" / "pairs.csv")
    names = photos_of(trials)
    crops = portraits(pack, [where.shared / "photos" / photo for photo in names])
    network = networks(pack.pack, where.settings, "embedder")["embedder"]
    sessions = {"float32": Session(network)}
    drawn, album = drawn_crops(pack), album_crops(pack, where)
    for way, calibration, narrow in (
        ("int8, drawn", drawn, False),
        ("int8, album", album, False),
        ("int8 of 7 bits, drawn", drawn, True),
    ):
        sessions[way] = Session(quantised(network, calibration, scratch / f"{name} {way}", narrow=narrow))
    raw = {way: descriptors(session, crops) for way, session in sessions.items()}
    speed = {way: milliseconds(session, crops) for way, session in sessions.items()}
    row_of = {photo: at for at, photo in enumerate(names)}
    judges = {part: Judge([t for t in trials if t.a.startswith(f"{part}/")], row_of) for part in SETS}
    scored = {way: {part: judge.cosine(raw[way]) for part, judge in judges.items()} for way in raw}
    scored["float32 against int8"] = {
        part: judge.cosine(raw["float32"], raw["int8, drawn"]) for part, judge in judges.items()
    }
    scored["float32, raw distance"] = {part: judge.distance(raw["float32"]) for part, judge in judges.items()}
    rows: list[list[object]] = []
    results: dict[str, object] = {}
    for way, parts in scored.items():
        sets: dict[str, dict[str, Any]] = {}
        for part, scores in parts.items():
            sets[part] = judged(judges[part], scored["float32"][part], scores)
            rows.append([way, part, f"{speed[way]:.2f}" if way in speed else "", *cells(sets[part])])
        results[way] = {"ms_per_crop": speed.get(way), "sets": sets}
    lengths = np.linalg.norm(raw["float32"], axis=1)
    print(f"\n{name}")
    print(table(["way", "set", "ms", "AUC", *[f"FNMR at FMR {limit:g} (change)" for limit in LIMITS]], rows))
    print(f"length of raw descriptors: {lengths.min():.3f} to {lengths.max():.3f}, median {np.median(lengths):.3f}")
    return {
        "pack": pack.pack.id,
        "ways": results,
        "raw_length": {"least": lengths.min(), "median": np.median(lengths), "most": lengths.max()},
    }


def portraits(pack: Recogniser, paths: list[Path]) -> Crops:
    """The largest face of each photo, aligned."""
    crops = []
    for path in paths:
        photo = read_photo(path)
        found = pack.detect(photo)
        best = int(np.argmax(found.boxes[:, 2] * found.boxes[:, 3]))
        crops.append(align(photo, found.landmarks[best : best + 1], pack.pack.embedder))
    return np.concatenate(crops)


def judged(judge: Judge, before: NDArray[np.float64], scores: NDArray[np.float64]) -> dict[str, Any]:
    """AUC, FNMR and its change against the scores of the pipeline."""
    everyone = np.ones(judge.n_people)
    found: dict[str, Any] = {"auc": rates.auc(scores[judge.mated], scores[~judge.mated])}
    for limit in LIMITS:
        change = judge.change(before, scores, limit)
        found[f"{limit:g}"] = {"fnmr": judge.fnmr(scores, limit, everyone), "change": change.as_json()}
    return found


def cells(found: dict[str, Any]) -> list[str]:
    """One row of the table."""
    row = [f"{found['auc']:.6f}"]
    for limit in LIMITS:
        value, change = found[f"{limit:g}"]["fnmr"], found[f"{limit:g}"]["change"]
        row.append(f"{value:.4f} ({change['value']:+.4f} [{change['low']:+.4f}, {change['high']:+.4f}])")
    return row


def main() -> int:
    """Measure both packs, print, write."""
    with place((__doc__ or "").partition("\n")[0]) as where, tempfile.TemporaryDirectory() as scratch:
        return finish(where, "quantised", {name: measure(name, where, Path(scratch)) for name in PACKS})


if __name__ == "__main__":
    sys.exit(main())
