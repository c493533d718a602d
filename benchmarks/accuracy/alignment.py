"""Which landmarks should small and tilted faces be aligned with? Verification at 16-48 px and 0-60 degrees.

Run it with ``python -m benchmarks.accuracy.alignment [--shared DIR] [--cache DIR]``.

One portrait per person is the reference, as it is. Another is shrunk until its face has the wanted height, turned in
the plane, searched, aligned in each way and compared with every reference:

- *points*: the landmarks of the detector's first look, in the embedder's frame;
- *second look*: what the pipeline does (`vision/relook.py`);
- *regression*: dlib's five-point regression trees from the detector's box, in dlib's frame (dlib's network only);
- *upright regression*: the same trees on the crop that the detector's points turn upright;
- *mixed*: regression from the box for the faces that the pipeline looks at again, points for the others.

A face that the detector misses is a failure to extract and counts as a false non-match.
"""

from __future__ import annotations

import csv
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import dlib
import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.recogniser import PACKS, Place, Recogniser, finish, place, read_photo, table
from countenance.core.arrays import Crops, FloatArray, Pixels
from countenance.core.geometry import similarity
from countenance.measure import rates
from countenance.measure.intervals import wilson
from countenance.vision.packs import load_pack, locate
from countenance.vision.pyramid import Pyramid
from countenance.vision.relook import doubtful, look_again

HEIGHTS_PX = (16, 20, 24, 32, 48)
TURNS_DEG = (0, 15, 30, 45, 60)
FAR = 0.01
SMALLEST_PX = 12.0
AROUND = 6
"""Side of the degraded photo in face heights."""
NEAR = 0.5
"""A detection is the face when its middle lies this close to where the face is, in face heights."""
REGRESSION_FILE = "shape_predictor_5_face_landmarks.dat"
REGRESSION_FRAME = (
    (
        np.array(
            [
                [0.8595674, 0.2134981],
                [0.6460604, 0.2289674],
                [0.1205750, 0.2137274],
                [0.3340850, 0.2290642],
                [0.4901123, 0.6277975],
            ]
        )
        + 0.25
    )
    / 1.5
    * 150
)
"""dlib's own frame for the corners of the eyes and the base of the nose, in its 150 px crop with 25 % padding."""
REGRESSION_BOX = (17.5, 16.7, 125.6, 125.6)
"""Mean box of dlib's detector in that crop, over 49 portraits: the trees start from such a box."""
BOX_WIDER, BOX_LOWER = 1.10, 0.612
"""The same, from MTCNN's box: side in widths, middle in heights."""
MARGIN_PX = 40


@dataclass(slots=True)
class Face:
    """A face in a photo, as the detector's first look gives it."""

    photo: Pyramid
    box: FloatArray
    landmarks: FloatArray


@dataclass(slots=True)
class Ways:
    """Aligned crops of a face, by way; seconds spent on each way's landmarks."""

    pack: Recogniser
    trees: dlib.shape_predictor | None
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    faces: int = 0

    @property
    def names(self) -> list[str]:
        """The ways, baseline first."""
        return ["points", "second look"] + ["regression", "upright regression", "mixed"] * (self.trees is not None)

    def doubt(self, face: Face) -> bool:
        """Does the pipeline look at this face again?"""
        return bool(doubtful(face.box[None], face.landmarks[None], self.pack.detector)[0])

    def crops(self, face: Face) -> Crops:
        """One crop per way."""
        spec = self.pack.pack.embedder
        points = np.asarray(spec.points)
        started = time.perf_counter()
        again = look_again(face.photo, face.box[None], face.landmarks[None], self.pack.detector)[0]
        if self.doubt(face):
            self.seconds["second look"] += time.perf_counter() - started
            self.faces += 1
        frames = [(face.landmarks, points), (again, points)]
        if self.trees is not None:
            started = time.perf_counter()
            box = self._from_box(face)
            middle = time.perf_counter()
            upright = self._upright(face, points)
            self.seconds["regression"] += middle - started
            self.seconds["upright regression"] += time.perf_counter() - middle
            frames += [(box, REGRESSION_FRAME), (upright, REGRESSION_FRAME)]
            frames += [frames[2] if self.doubt(face) else frames[0]]
        matrices = np.concatenate([similarity(source[None], target) for source, target in frames])
        return face.photo.warp(matrices, spec.side_px)

    def _trees_on(self, pixels: Pixels, box: tuple[float, ...]) -> FloatArray:
        if self.trees is None:
            sys.exit("there is no regression for this pack")
        left, top, width, height = box
        corners = (round(left), round(top), round(left + width - 1), round(top + height - 1))
        found = self.trees(pixels, dlib.rectangle(*corners))
        return np.array([[point.x, point.y] for point in found.parts()], dtype=np.float64)

    def _from_box(self, face: Face) -> FloatArray:
        side = BOX_WIDER * face.box[2]
        x, y = face.box[0] + face.box[2] / 2, face.box[1] + BOX_LOWER * face.box[3]
        return self._trees_on(face.photo.pixels, (x - side / 2, y - side / 2, side, side))

    def _upright(self, face: Face, points: FloatArray) -> FloatArray:
        matrix = similarity(face.landmarks[None], points + MARGIN_PX)[0]
        crop = face.photo.warp(matrix[None], self.pack.pack.embedder.side_px + 2 * MARGIN_PX)[0]
        left, top, width, height = REGRESSION_BOX
        found = self._trees_on(crop, (left + MARGIN_PX, top + MARGIN_PX, width, height))
        return np.asarray((found - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T)


def portraits(folder: Path) -> list[tuple[Path, Path]]:
    """Two photos of each person of london and congress."""
    pairs = []
    for name, column in (("london", "identity"), ("congress", "identity_bioguide")):
        people: dict[str, list[Path]] = defaultdict(list)
        with (folder / name / "labels.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                people[row[column]].append(folder / name / row["file"])
        pairs += [(photos[0], photos[1]) for _, photos in sorted(people.items()) if len(photos) > 1]
    return pairs


def first_look(pack: Recogniser, photo: Pyramid, smallest_px: float) -> list[Face]:
    """Faces without a second look."""
    boxes, landmarks, _ = pack.detector.find([photo], [smallest_px])[0]
    return [Face(photo, box, points) for box, points in zip(boxes, landmarks, strict=True)]


def largest(pack: Recogniser, path: Path) -> Face:
    """The face of a portrait."""
    faces = first_look(pack, read_photo(path), 40)
    if not faces:
        sys.exit(f"no face in {path.name}")
    return max(faces, key=lambda face: float(face.box[2] * face.box[3]))


def degraded(face: Face, height_px: int, turn_deg: int) -> Pyramid:
    """The photo with its face in the middle, of the wanted height and turn; edges are repeated outwards."""
    side = AROUND * height_px
    zoom = height_px / float(face.box[3])
    finer = 4 if zoom < 0.25 else 2 if zoom < 0.5 else 1  # noqa: PLR2004 - turned at a finer scale, then averaged
    level, scale = face.photo.level(1 / min(1.0, zoom * finer))
    angle = np.radians(turn_deg)
    linear = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * zoom * finer / scale
    middle = (face.box[:2] + face.box[2:] / 2) * scale
    matrix = np.column_stack([linear, side * finer / 2 - linear @ middle])
    size = (side * finer, side * finer)
    turned = cv2.warpAffine(level, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if finer > 1:
        turned = cv2.resize(turned, (side, side), interpolation=cv2.INTER_AREA)
    return Pyramid(np.asarray(turned, dtype=np.uint8))


def middle_face(pack: Recogniser, photo: Pyramid, height_px: int) -> Face | None:
    """The detection in the middle of a degraded photo."""
    faces = first_look(pack, photo, SMALLEST_PX)
    centre = photo.pixels.shape[0] / 2
    away = [float(np.hypot(*(face.box[:2] + face.box[2:] / 2 - centre))) for face in faces]
    return faces[int(np.argmin(away))] if away and min(away) <= NEAR * height_px else None


def rates_of(scores: FloatArray, found: NDArray[np.bool_]) -> dict[str, float]:
    """TAR at FAR 1 % (missed faces are false non-matches) and AUC over the faces that were found."""
    same = np.eye(len(scores), dtype=bool)
    non_mated, mated = scores[found][~same[found]], scores[same]
    threshold = rates.threshold_at_fmr(non_mated, FAR)
    accepted = int(np.sum((mated >= threshold) & found))
    interval = wilson(accepted, len(mated))
    return {
        "tar": interval.value,
        "low": interval.low,
        "high": interval.high,
        "tar_of_found": accepted / max(1, int(found.sum())),
        "auc_of_found": rates.auc(mated[found], non_mated),
    }


def measure(name: str, where: Place) -> dict[str, object]:
    """All heights and turns with one pack."""
    pack = Recogniser(name, where)
    trees = None
    if pack.pack.embedder.kind == "dlib":
        network = locate(load_pack("default", where.settings).embedder.files[0], pack.pack.folder)
        if network is None:
            sys.exit("the wheel with dlib's models is missing")
        trees = dlib.shape_predictor(str(network.with_name(REGRESSION_FILE)))
    ways = Ways(pack, trees)
    pairs = [(largest(pack, one), largest(pack, other)) for one, other in portraits(where.shared / "photos")]
    size = pack.pack.embedder.template_size
    references = np.concatenate([pack.embedder.embed(ways.crops(one)[:1]) for one, _ in pairs])
    ways.seconds.clear()
    ways.faces = n_faces = 0
    rows: list[list[object]] = []
    results: list[dict[str, object]] = []
    for height in HEIGHTS_PX:
        for turn in TURNS_DEG:
            templates = np.zeros((len(ways.names), len(pairs), size), dtype=np.float32)
            found = np.zeros(len(pairs), dtype=bool)
            for at, (_, probe) in enumerate(pairs):
                face = middle_face(pack, degraded(probe, height, turn), height)
                if face is not None:
                    found[at] = True
                    templates[:, at] = pack.embedder.embed(ways.crops(face))
            n_faces += int(found.sum())
            measured = {
                way: rates_of(templates[row] @ references.T, found) for row, way in enumerate(ways.names) if found.any()
            }
            fte = rates.fte(int((~found).sum()), len(found))
            results.append({"height_px": height, "turn_deg": turn, "fte": fte, "ways": measured})
            cells = [
                f"{cell['tar']:.3f} {cell['tar_of_found']:.3f} {cell['auc_of_found']:.4f}" for cell in measured.values()
            ]
            rows.append([height, turn, f"{fte:.3f}", *cells])
    upright = float(np.mean([ways.doubt(face) for pair in pairs for face in pair]))
    print(f"\n{name}: {upright:.3f} of the portraits as they are would be looked at again")
    print(f"{len(pairs)} people; TAR at FAR 1 % of all, of those found, and AUC of those found")
    print(table(["px", "deg", "FTE", *ways.names], rows))
    cost = {
        way: 1e3 * seconds / max(1, ways.faces if way == "second look" else n_faces)
        for way, seconds in ways.seconds.items()
    }
    print({way: f"{ms:.2f} ms a face" for way, ms in cost.items()}, f"looked again at {ways.faces} of {n_faces}")
    return {
        "pack": pack.pack.id,
        "people": len(pairs),
        "doubtful_as_they_are": upright,
        "ms_per_face": cost,
        "conditions": results,
    }


def main() -> int:
    """Measure both packs, print, write."""
    with place((__doc__ or "").partition("\n")[0]) as where:
        return finish(where, "alignment", {name: measure(name, where) for name in PACKS})


if __name__ == "__main__":
    sys.exit(main())
