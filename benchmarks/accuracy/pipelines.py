"""Three pipelines that end in the same network, dlib's: ours, ours behind YuNet, and dlib's own.

dlib's own is its HOG detector (enlarging the photo once, as face_recognition does), its five-point predictor, its face
chip and its descriptor, compared by Euclidean distance, as dlib's documentation does it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import dlib
import numpy as np

from benchmarks.accuracy.recogniser import PACKS, SEED, Bar, Place, Recogniser, read_photo
from countenance.core.arrays import Templates
from countenance.measure import rates
from countenance.measure.intervals import Interval, by_subject, fnmr_at_fmr_by_subject, rate_by_subject
from countenance.measure.trials import Scored, Trial, people_of

OURS, YUNET, DLIB = "default", "yunet + default embedder", "dlib's own"
WHAT = {
    OURS: "MTCNN, our alignment, dlib's network in ONNX Runtime",
    YUNET: "YuNet, our alignment, dlib's network in ONNX Runtime",
    DLIB: "dlib: HOG detector, five points, face chip, network",
}
LIMITS = (1e-2, 1e-3)
_UPSAMPLE = 1


class DlibsOwn:
    """dlib from photo to descriptor."""

    def __init__(self) -> None:
        """Load the three models; dlib's come from the package that brings our weights."""
        spec = importlib.util.find_spec("face_recognition_models")
        if spec is None or not spec.submodule_search_locations:
            msg = "face-recognition-models is not installed"
            raise SystemExit(msg)
        models = Path(next(iter(spec.submodule_search_locations))) / "models"
        self._detector = dlib.get_frontal_face_detector()
        self._points = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
        self._network = dlib.face_recognition_model_v1(str(models / "dlib_face_recognition_resnet_model_v1.dat"))

    def largest(self, path: Path) -> Templates | None:
        """Descriptor (128,) of the largest face of a photo; None when there is none."""
        pixels = read_photo(path).pixels
        found = self._detector(pixels, _UPSAMPLE)
        if not found:
            return None
        box = max(found, key=lambda each: each.width() * each.height())
        chip = dlib.get_face_chip(pixels, self._points(pixels, box), size=150, padding=0.25)
        return np.array(self._network.compute_face_descriptor(chip), dtype=np.float32)


def yunet_before_default(where: Place) -> Recogniser:
    """The default pack with the recommended pack's detector in front."""
    made, other = Recogniser(PACKS[0], where), Recogniser(PACKS[1], where)
    made.detector = other.detector
    return made


def score_by_distance(trials: Iterable[Trial], found: Mapping[str, Templates]) -> Scored:
    """Minus the Euclidean distance of every trial; ``NO_SCORE`` where a photo gave nothing."""
    listed = list(trials)
    people = people_of(listed)

    def one(trial: Trial) -> float:
        a, b = found.get(trial.a), found.get(trial.b)
        return rates.NO_SCORE if a is None or b is None else -float(np.linalg.norm(a - b))

    subjects = np.array([(people[trial.a], people[trial.b]) for trial in listed], dtype=np.intp)
    return Scored(np.array([one(trial) for trial in listed]), np.array([trial.mated for trial in listed]), subjects)


def difference(ours: Scored, other: Scored, limit: float) -> Interval:
    """FNMR of ours minus FNMR of the other at an FMR, on the same pairs, with its interval over people.

    In every sample of people both thresholds are set anew, so what makes a sample hard for both cancels out.
    """

    def fnmr(part: Scored, draw: np.ndarray[Any, np.dtype[np.float64]]) -> float:
        weight = draw[part.subjects[:, 0]] * np.where(part.mated, 1.0, draw[part.subjects[:, 1]])
        order = np.argsort(-part.scores, kind="stable")
        order = order[~part.mated[order]]
        above, own = np.cumsum(weight[order]), weight[part.mated]
        if above[-1] <= 0 or own.sum() <= 0:
            return float("nan")
        at = int(np.searchsorted(above, limit * above[-1] * (1 + 1e-12), side="right"))
        return float((own * (part.scores[part.mated] <= part.scores[order[at]])).sum() / own.sum())

    people = int(ours.subjects.max()) + 1
    return by_subject(lambda draw: fnmr(ours, draw) - fnmr(other, draw), people, seed=SEED)


def failures(photos: Iterable[str], found: Mapping[str, Templates], people: Mapping[str, int]) -> dict[str, float]:
    """FTE with its interval."""
    listed = list(photos)
    failed = np.array([photo not in found for photo in listed])
    numbers = np.array([people[photo] for photo in listed])
    return rate_by_subject(failed, numbers, int(numbers.max()) + 1, seed=SEED).as_json()


def rates_by_limit(scored: Scored) -> dict[str, dict[str, float]]:
    """FNMR with its interval at each FMR."""
    found = {}
    for limit in LIMITS:
        value, threshold = rates.fnmr_at_fmr(scored.scores[scored.mated], scored.scores[~scored.mated], limit)
        interval = fnmr_at_fmr_by_subject(scored.scores, scored.mated, scored.subjects, limit, seed=SEED)
        found[f"{limit:g}"] = {**interval.as_json(), "value": value, "threshold": threshold}
    return found


def compare(
    trials: list[Trial], found: Mapping[str, Mapping[str, Templates]], scored: Mapping[str, Scored]
) -> tuple[dict[str, Any], list[Bar]]:
    """Rates of each pipeline over all sets, ours against dlib's, and the bar: not worse by more than the interval.

    Args:
        trials: all pairs.
        found: templates of each pipeline by photo.
        scored: scores of each pipeline, in the order of the trials.
    """
    people = people_of(trials)
    told: dict[str, Any] = {
        name: {
            "what": WHAT[name],
            "fte": failures(sorted(people), found[name], people),
            "auc": rates.auc(part.scores[part.mated], part.scores[~part.mated]),
            "fnmr": rates_by_limit(part),
        }
        for name, part in scored.items()
    }
    bars = []
    for name in (OURS, YUNET):
        against = {f"{limit:g}": difference(scored[name], scored[DLIB], limit) for limit in LIMITS}
        told[name]["minus_dlib"] = {limit: each.as_json() for limit, each in against.items()}
        if name == OURS:
            bars = [
                Bar(f"{name} minus dlib's own, FNMR at FMR {limit}, low end of the interval", each.low, 0.0)
                for limit, each in against.items()
            ]
    return told, bars


def rows_of(told: Mapping[str, Any]) -> list[list[object]]:
    """A line for each pipeline."""

    def cell(part: Mapping[str, float]) -> str:
        return f"{part['value']:.4f} [{part['low']:.4f}, {part['high']:.4f}]"

    return [
        [
            name,
            cell(found["fte"]),
            f"{found['auc']:.6f}",
            *(cell(found["fnmr"][f"{limit:g}"]) for limit in LIMITS),
            *(cell(found["minus_dlib"][f"{limit:g}"]) if "minus_dlib" in found else "" for limit in LIMITS),
        ]
        for name, found in told.items()
    ]


HEAD = ["pipeline", "FTE", "AUC", "FNMR at 0.01", "FNMR at 0.001", "minus dlib at 0.01", "minus dlib at 0.001"]
