"""Photos whose faces are known, and what is done to them before `missed.py` asks who still sees the faces.

Every second photo of each set, from the second on, and drawn scenes: the others were used to choose thresholds.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.accuracy.recogniser import read_photo
from countenance.core.arrays import Boxes, Pixels
from countenance.core.geometry import clip_boxes
from countenance.demo.cast import CAST
from countenance.demo.person import person
from countenance.demo.scene import draw_scene

GROUPS = ("as taken", "spoiled", "turned")
LEAST_VISIBLE = 0.6
TURNS_DEG = (30, 45, 60, 90, 135, 180)
N_SCENES, FIRST_SCENE, SCENE_SIDES = 10, 100, (1600, 1067)
LEAST_CUT_PX = 32


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo with the faces that it is known to show."""

    source: str
    group: str
    change: str
    pixels: Pixels
    boxes: Boxes


def pixels_of(path: Path) -> Pixels:
    """One photo, upright."""
    return read_photo(path).pixels


def shrunk(pixels: Pixels, scale: float) -> Pixels:
    """By area averaging."""
    size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
    return pixels if scale == 1 else np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def turned(pixels: Pixels, boxes: Boxes, degrees: int) -> tuple[Pixels, Boxes]:
    """The photo turned clockwise on a larger sheet; boxes keep their size."""
    height, width = pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -degrees, 1)
    across, along = abs(matrix[0, 0]), abs(matrix[0, 1])
    wide, high = round(width * across + height * along), round(width * along + height * across)
    matrix[:, 2] += ((wide - width) / 2, (high - height) / 2)
    sheet = cv2.warpAffine(pixels, matrix, (wide, high), borderMode=cv2.BORDER_REPLICATE)
    middles = (boxes[:, :2] + boxes[:, 2:] / 2) @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(sheet, dtype=np.uint8), np.concatenate(
        [middles - boxes[:, 2:] / 2, boxes[:, 2:]], axis=1, dtype=np.float32
    )


def _compressed(pixels: Pixels) -> Pixels:
    _, written = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 20])
    return np.asarray(cv2.imdecode(written, cv2.IMREAD_COLOR), dtype=np.uint8)


SPOILED: dict[str, Callable[[Pixels], Pixels]] = {
    "dark": lambda pixels: (pixels * 0.2).astype(np.uint8),
    "overexposed": lambda pixels: np.clip(pixels * 1.8 + 20, 0, 255).astype(np.uint8),
    "blurred": lambda pixels: np.asarray(cv2.GaussianBlur(pixels, (0, 0), 2), dtype=np.uint8),
    "grey": lambda pixels: np.repeat(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2).astype(np.uint8),
    "JPEG quality 20": _compressed,
}


def album(folder: Path, step: int) -> Iterator[tuple[Pixels, Boxes]]:
    """Group photos; faces that are mostly hidden are left out of the truth."""
    for image in json.loads((folder / "labels.json").read_text("utf-8"))["images"][1::step]:
        boxes = [face["box"] for face in image["faces"] if face["visible"] >= LEAST_VISIBLE]
        yield pixels_of(folder / image["file"]), np.array(boxes, dtype=np.float32).reshape(-1, 4)


def single(folder: Path, step: int) -> Iterator[tuple[Pixels, Boxes]]:
    """Photos with one labelled face; murals are left out."""
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        for row in list(csv.DictReader(file))[1::step]:
            if row["identity"] != "ART" and row["n_faces"] == "1":
                yield pixels_of(folder / row["file"]), np.array([[float(row[key]) for key in "xywh"]], np.float32)


def scenes(number: int) -> Iterator[tuple[Pixels, Boxes]]:
    """Drawn groups of 3 to 14."""
    for seed in range(FIRST_SCENE, FIRST_SCENE + number):
        dice = np.random.default_rng(seed)
        who = dice.choice(len(CAST), size=int(dice.integers(3, 15)), replace=False)
        scene = draw_scene([person(CAST[at]) for at in who], seed, *SCENE_SIDES)
        yield scene.pixels, np.array([face.box for face in scene.faces], dtype=np.float32)


def photos(folder: Path) -> Iterator[Photo]:
    """Every photo with people, and what was done to it."""
    plain: list[tuple[str, tuple[float, ...], Callable[[], Iterator[tuple[Pixels, Boxes]]]]] = [
        ("album", (1, 0.5, 0.25), lambda: album(folder / "album", 2)),
        ("drawn", (1, 0.5, 0.3), lambda: scenes(N_SCENES)),
        ("caltech", (1, 0.4, 0.25, 0.15), lambda: single(folder / "caltech", 4)),
        ("london", (0.2, 0.1, 0.07), lambda: single(folder / "london", 4)),
    ]
    for source, scales, reading in plain:
        for scale in scales:
            for pixels, boxes in reading():
                yield Photo(source, "as taken", f"x {scale:g}", shrunk(pixels, scale), boxes * np.float32(scale))
    halved: list[tuple[str, float, Callable[[], Iterator[tuple[Pixels, Boxes]]]]] = [
        ("album", 0.5, lambda: album(folder / "album", 4)),
        ("drawn", 0.5, lambda: scenes(N_SCENES // 2)),
        ("caltech", 0.4, lambda: single(folder / "caltech", 6)),
    ]
    for source, scale, reading in halved:
        for pixels, boxes in reading():
            small, there = shrunk(pixels, scale), boxes * np.float32(scale)
            for name, spoil in SPOILED.items():
                yield Photo(source, "spoiled", name, spoil(small), there)
            for degrees in TURNS_DEG:
                yield Photo(source, "turned", f"{degrees} degrees", *turned(small, there, degrees))


def faceless(folder: Path) -> Iterator[tuple[str, Pixels]]:
    """Photos of people without their faces."""
    reading: list[tuple[str, Iterator[tuple[Pixels, Boxes]]]] = [
        ("london", single(folder / "london", 4)),
        ("caltech", single(folder / "caltech", 4)),
        ("album", album(folder / "album", 2)),
        ("drawn", scenes(N_SCENES)),
    ]
    for source, pairs in reading:
        for pixels, boxes in pairs:
            whole = clip_boxes(boxes, pixels.shape[1], pixels.shape[0]).round().astype(int)
            below = pixels[int((whole[:, 1] + whole[:, 3]).max()) :]
            if below.shape[0] >= LEAST_CUT_PX:
                yield f"{source}, below the chins", np.ascontiguousarray(below)
            covered = pixels.copy()
            for left, top, width, height in whole.tolist():
                covered[top : top + round(0.6 * height), left : left + width] = 0
            yield f"{source}, eyes and noses covered", covered
