"""How many faces does clearing miss, how many things does it take for faces, and what does a look cost?

Run it with ``python -m benchmarks.accuracy.missed [--shared DIR] [--cache DIR]``.

Three ways to look (the default pack alone; the default pack with YuNet beside it; the recommended pack with MTCNN
beside it), each against finding with the same pack, on the album, caltech, london and drawn scenes: as taken and
shrunk, spoiled (dark, overexposed, blurred, grey, JPEG quality 20) and turned by 30 to 180 degrees. Faces of 24 px and
more of which at least 0.6 is visible count. Thresholds were chosen on every second photo of each set and on other
scenes; this measures on the photos in between. Photos without people give the false faces. Signs of people are asked
for in the same photos and in photos whose faces were cut off or covered.
"""

from __future__ import annotations

import csv
import itertools
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.accuracy.recogniser import Bar, Place, finish, place, read_photo, table
from countenance.core.arrays import Boxes, Pixels
from countenance.core.geometry import clip_boxes
from countenance.demo.cast import CAST
from countenance.demo.person import person
from countenance.demo.scene import draw_scene
from countenance.settings import ClearSettings, Settings
from countenance.vision.clearing import ClearingEye, open_clearing
from countenance.vision.detect import Detector, detect, open_detector, smallest_face_px
from countenance.vision.install import install
from countenance.vision.packs import load_pack
from countenance.vision.pyramid import Pyramid
from countenance.vision.signs import shows_skin

HEIGHTS = (24, 32, 48, 96, 10_000)
LEAST_VISIBLE = 0.6
TURNS_DEG = (30, 45, 60, 90, 135, 180)
N_SCENES, FIRST_SCENE, SCENE_SIDES = 10, 100, (1600, 1067)
NEAR, LEAST_RATIO, MOST_RATIO = 0.45, 0.4, 2.2
"""A detection is the face when its middle lies this near, in face heights, and its height is between these shares."""
HALF = 0.5
ROUNDS = 7
GROUPS = ("as taken", "spoiled", "turned")


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo with the faces that it is known to show."""

    source: str
    group: str
    change: str
    pixels: Pixels
    boxes: Boxes


@dataclass(slots=True)
class Way:
    """One way to look, and what it is held against."""

    name: str
    settings: Settings
    detector: Detector
    eye: ClearingEye

    def find(self, pixels: Pixels) -> Boxes:
        """Boxes that finding gives."""
        return detect(self.detector, [Pyramid(pixels)], [self._smallest(pixels, self.settings)])[0].boxes

    def clear(self, pixels: Pixels) -> tuple[Boxes, bool]:
        """Boxes that clearing gives, and whether it saw signs of people instead."""
        wanted = self.settings.clear
        least = replace(
            self.settings, smallest_face_px=wanted.smallest_face_px, smallest_face_share=wanted.smallest_face_share
        )
        sight = self.eye.look([Pyramid(pixels)], [self._smallest(pixels, least)])[0]
        return sight.boxes, sight.signs_of_people

    @staticmethod
    def _smallest(pixels: Pixels, settings: Settings) -> float:
        height, width = pixels.shape[:2]
        return smallest_face_px(settings, width, height, 1.0)


def ways(where: Place) -> list[Way]:
    """The three ways."""
    install("recommended", where.settings, folder=where.shared / "weights")
    found = []
    for name, pack, second in (
        ("default alone", "default", "none"),
        ("default + YuNet", "default", "auto"),
        ("recommended + MTCNN", "recommended", "auto"),
    ):
        settings = replace(where.settings, clear=ClearSettings(second_detector=second))
        loaded = load_pack(pack, settings)
        found.append(Way(name, settings, open_detector(loaded, settings), open_clearing(loaded, settings)))
    return found


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


def matches(faces: Boxes, found: Boxes) -> NDArray[np.bool_]:
    """(n, m) True where a detection is the face."""
    middles, others = faces[:, :2] + faces[:, 2:] / 2, found[:, :2] + found[:, 2:] / 2
    heights = np.maximum(faces[:, 3:], 1e-6)
    away = np.linalg.norm(middles[:, None] - others[None], axis=2) / heights
    ratio = found[None, :, 3] / heights
    return np.asarray((away < NEAR) & (ratio > LEAST_RATIO) & (ratio < MOST_RATIO))


class Tally:
    """Faces, missed faces and false faces by way, mode, group and height."""

    def __init__(self) -> None:
        """Nothing was counted yet."""
        self.faces: Counter[tuple[str, str, int]] = Counter()
        self.missed: Counter[tuple[str, str, str, str, int]] = Counter()
        self.changes: Counter[tuple[str, str]] = Counter()
        self.missed_changes: Counter[tuple[str, str, str, str]] = Counter()
        self.false: Counter[tuple[str, str, str]] = Counter()
        self.photos: Counter[str] = Counter()

    def count_photo(self, photo: Photo) -> NDArray[np.intp]:
        """Note its faces; gives the bin of each, -1 for those that do not count."""
        self.photos[photo.source] += 1
        bins = np.searchsorted(HEIGHTS, photo.boxes[:, 3], side="right") - 1
        for at in bins[bins >= 0].tolist():
            self.faces[photo.group, photo.source, at] += 1
            self.changes[photo.source, photo.change] += 1
        return np.asarray(bins, dtype=np.intp)

    def count_look(self, way: str, mode: str, photo: Photo, bins: NDArray[np.intp], found: Boxes) -> None:
        """Note what one way saw of it."""
        same = matches(photo.boxes, found)
        self.false[way, mode, photo.source] += int((~same.any(axis=0)).sum())
        for at in bins[~same.any(axis=1) & (bins >= 0)].tolist():
            self.missed[way, mode, photo.group, photo.source, at] += 1
            self.missed_changes[way, mode, photo.source, photo.change] += 1

    def rate(self, way: str, mode: str, groups: tuple[str, ...], bins: tuple[int, ...]) -> tuple[int, int, float]:
        """Missed faces, faces, and the first per 1,000 of the second."""
        faces = sum(n for (group, _, at), n in self.faces.items() if group in groups and at in bins)
        missed = sum(
            n
            for (whose, how, group, _, at), n in self.missed.items()
            if (whose, how) == (way, mode) and group in groups and at in bins
        )
        return missed, faces, 1e3 * missed / max(faces, 1)


def heights() -> list[str]:
    """Names of the bins."""
    return [f"{low}-{high} px" if high < HEIGHTS[-1] else f"{low} px +" for low, high in itertools.pairwise(HEIGHTS)]


def without_people(looks: list[Way], folder: Path) -> dict[str, object]:
    """False faces and false signs on photos without people, those in between and (signs) all."""
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        kinds = {row["file"]: row["kind"] for row in csv.DictReader(file)}
    n_photos = Counter(kinds.values())
    false: Counter[tuple[str, str, str]] = Counter()
    for name, kind in kinds.items():
        pixels = pixels_of(folder / name)
        for way in looks:
            found, (cleared, signs) = way.find(pixels), way.clear(pixels)
            false[way.name, kind, "finding: faces"] += len(found)
            false[way.name, kind, "finding: photos with any"] += len(found) > 0
            false[way.name, kind, "clearing: faces"] += len(cleared)
            false[way.name, kind, "clearing: photos with any"] += len(cleared) > 0
            false[way.name, kind, "clearing: signs without a face"] += signs
        false["skin", kind, "photos"] += shows_skin(Pyramid(pixels))
    result: dict[str, object] = {"photos": dict(n_photos)}
    whats = sorted({what for _, _, what in false if what != "photos"})
    for kind in sorted(n_photos):
        rows = [[way.name, *(false[way.name, kind, what] for what in whats)] for way in looks]
        print(f"\n{n_photos[kind]} photos of kind {kind}; skin in {false['skin', kind, 'photos']}")
        print(table(["way", *whats], rows))
        result[kind] = {
            "skin": false["skin", kind, "photos"],
            **{way.name: {what: false[way.name, kind, what] for what in whats} for way in looks},
        }
    return result


def faceless(folder: Path) -> Iterator[tuple[str, Pixels]]:
    """Photos of people without their faces."""
    reading: list[tuple[str, Iterator[tuple[Pixels, Boxes]]]] = [
        ("london", single(folder / "london", 2)),
        ("caltech", single(folder / "caltech", 2)),
        ("album", album(folder / "album", 2)),
        ("drawn", scenes(N_SCENES)),
    ]
    for source, pairs in reading:
        for pixels, boxes in pairs:
            whole = clip_boxes(boxes, pixels.shape[1], pixels.shape[0]).round().astype(int)
            below = pixels[int((whole[:, 1] + whole[:, 3]).max()) :]
            if below.shape[0] >= HEIGHTS[1]:
                yield f"{source}, below the chins", np.ascontiguousarray(below)
            covered = pixels.copy()
            for left, top, width, height in whole.tolist():
                covered[top : top + round(0.6 * height), left : left + width] = 0
            yield f"{source}, eyes and noses covered", covered


def signs_found(looks: list[Way], folder: Path) -> dict[str, dict[str, int]]:
    """In how many photos of people without faces somebody is suspected: a face seen all the same, or signs."""
    result: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for name, pixels in faceless(folder):
        result[name]["photos"] += 1
        result[name]["skin"] += shows_skin(Pyramid(pixels))
        for way in looks:
            boxes, signs = way.clear(pixels)
            result[name][f"{way.name}: sign or face"] += signs or len(boxes) > 0
    rows = [[name, *counts.values()] for name, counts in result.items()]
    print("\nPhotos of people without faces in which somebody is suspected")
    print(table(["photos of", *next(iter(result.values()))], rows))
    return {name: dict(counts) for name, counts in result.items()}


def costs(looks: list[Way], folder: Path) -> dict[str, dict[str, float]]:
    """Milliseconds per look on one core, the best of some rounds."""
    shown = {
        "london, 900 x 900": pixels_of(folder / "london" / "001_neutral.jpg"),
        "drawn, 1600 x 1067": next(scenes(1))[0],
        "nobody, 300 x 200": pixels_of(folder / "noface" / "Leopards_image_0001.jpg"),
        "nobody, 1600 x 1067": np.asarray(
            cv2.resize(pixels_of(folder / "noface" / "Leopards_image_0001.jpg"), SCENE_SIDES), dtype=np.uint8
        ),
    }
    result: dict[str, dict[str, float]] = {}
    for name, pixels in shown.items():
        result[name] = {}
        for way in looks:
            for mode, look in (("finding", way.find), ("clearing", way.clear)):
                result[name][f"{way.name}, {mode}"] = _best_ms(look, pixels)
    rows = [[name, *(f"{ms:.1f}" for ms in each.values())] for name, each in result.items()]
    print("\nMilliseconds per look")
    print(table(["photo", *next(iter(result.values()))], rows))
    return result


def _best_ms(look: Callable[[Pixels], object], pixels: Pixels) -> float:
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        look(pixels)
        times.append(time.perf_counter() - started)
    return 1e3 * min(times)


def report(tally: Tally, looks: list[Way]) -> tuple[dict[str, object], list[Bar]]:
    """Print and give the rates, and hold them against the bar."""
    result: dict[str, object] = {}
    bars = []
    every = tuple(range(len(HEIGHTS) - 1))
    for way in looks:
        rows, here = [], {}
        for groups in (GROUPS[:2], *((group,) for group in GROUPS)):
            for mode in ("finding", "clearing"):
                parts = [tally.rate(way.name, mode, groups, (at,)) for at in every]
                whole = tally.rate(way.name, mode, groups, every)
                rows.append([" + ".join(groups), mode, *(f"{m}/{n}" for m, n, _ in parts), f"{whole[2]:.1f}"])
                here[f"{' + '.join(groups)}, {mode}"] = {
                    "missed": whole[0],
                    "faces": whole[1],
                    "per_1000": whole[2],
                    "by_height": dict(
                        zip(heights(), ({"missed": m, "faces": n, "per_1000": r} for m, n, r in parts), strict=True)
                    ),
                }
        print(f"\n{way.name} ({way.eye.id}): missed faces")
        print(table(["photos", "mode", *heights(), "per 1,000"], rows))
        false = {
            mode: {source: tally.false[way.name, mode, source] for source in sorted(tally.photos)}
            for mode in ("finding", "clearing")
        }
        print("false faces in photos of people:", false)
        result[way.name] = {"eye": way.eye.id, "groups": here, "false_faces": false}
        for name, groups in (("upright", GROUPS[:2]), ("all", GROUPS)):
            found, cleared = (tally.rate(way.name, mode, groups, every)[2] for mode in ("finding", "clearing"))
            bars.append(Bar(f"{way.name}, {name}: misses per 1,000, clearing / finding", cleared / found, HALF))
    result["photos"] = dict(tally.photos)
    result["changes"] = [
        {
            "source": source,
            "change": change,
            "faces": n,
            **{
                f"{way.name}, {mode}": tally.missed_changes[way.name, mode, source, change]
                for way in looks
                for mode in ("finding", "clearing")
            },
        }
        for (source, change), n in tally.changes.items()
    ]
    return result, bars


def draw(tally: Tally, looks: list[Way], stem: Path) -> None:
    """Missed faces per 1,000 by height, finding beside clearing, as ``stem.png`` and ``stem.svg``."""
    names = heights()
    with mpl.rc_context({"svg.hashsalt": "countenance"}):  # the same rates give the same file
        figure = Figure(figsize=(11, 6), layout="constrained")
        grid = figure.subplots(2, len(looks), sharex=True, sharey="row")
        for row, groups in enumerate((GROUPS[:2], GROUPS[2:])):
            for column, way in enumerate(looks):
                axes = grid[row][column]
                for shift, mode, colour in ((-0.2, "finding", "tab:grey"), (0.2, "clearing", "tab:blue")):
                    rates = [tally.rate(way.name, mode, groups, (at,))[2] for at in range(len(names))]
                    bars = axes.bar(np.arange(len(names)) + shift, rates, 0.38, label=mode, color=colour)
                    axes.bar_label(bars, fmt="%.0f", fontsize="x-small")
                axes.set_xticks(range(len(names)), names)
                axes.grid(axis="y", linewidth=0.3, alpha=0.5)
                axes.set_title(f"{way.name}: {' + '.join(groups)}", fontsize="medium")
        grid[0][0].legend(fontsize="small")
        figure.supylabel("missed faces per 1,000")
        figure.supxlabel("height of the face")
        figure.savefig(stem.with_suffix(".png"), dpi=120, metadata={"Software": None})
        figure.savefig(stem.with_suffix(".svg"), metadata={"Date": None})


def main() -> int:
    """Measure, print, draw, write."""
    with place((__doc__ or "").partition("\n")[0]) as where:
        looks, tally = ways(where), Tally()
        for photo in photos(where.shared / "photos"):
            bins = tally.count_photo(photo)
            for way in looks:
                tally.count_look(way.name, "finding", photo, bins, way.find(photo.pixels))
                tally.count_look(way.name, "clearing", photo, bins, way.clear(photo.pixels)[0])
        missed, bars = report(tally, looks)
        results: dict[str, object] = {
            "missed": missed,
            "without_people": without_people(looks, where.shared / "photos" / "noface"),
            "signs": signs_found(looks, where.shared / "photos"),
            "ms": costs(looks, where.shared / "photos"),
        }
        where.results.mkdir(parents=True, exist_ok=True)
        draw(tally, looks, where.results / "missed")
        return finish(where, "missed", results, bars)


if __name__ == "__main__":
    sys.exit(main())
