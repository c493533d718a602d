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
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.accuracy.missed_photos import GROUPS, SCENE_SIDES, Photo, faceless, photos, pixels_of, scenes
from benchmarks.accuracy.recogniser import Bar, Place, finish, place, table
from countenance.core.arrays import Boxes, Pixels
from countenance.settings import ClearSettings, Settings
from countenance.vision.clearing import ClearingEye, open_clearing
from countenance.vision.detect import Detector, clearing_face_px, detect, open_detector, smallest_face_px
from countenance.vision.install import install
from countenance.vision.packs import load_pack
from countenance.vision.pyramid import Pyramid
from countenance.vision.signs import shows_skin

HEIGHTS = (24, 32, 48, 96, 10_000)
NEAR, LEAST_RATIO, MOST_RATIO = 0.45, 0.4, 2.2
"""A detection is the face when its middle lies this near, in face heights, and its height is between these shares."""
HALF = 0.5
ROUNDS = 7


@dataclass(slots=True)
class Way:
    """One way to look, and what it is held against."""

    name: str
    settings: Settings
    detector: Detector
    eye: ClearingEye

    def find(self, pixels: Pixels) -> Boxes:
        """Boxes that finding gives."""
        height, width = pixels.shape[:2]
        smallest = smallest_face_px(self.settings, width, height, 1.0)
        return detect(self.detector, [Pyramid(pixels)], [smallest])[0].boxes

    def clear(self, pixels: Pixels) -> tuple[Boxes, bool]:
        """Boxes that clearing gives, and whether it saw signs of people instead."""
        height, width = pixels.shape[:2]
        sight = self.eye.look([Pyramid(pixels)], [clearing_face_px(self.settings, width, height, 1.0)])[0]
        return sight.boxes, sight.signs_of_people


def ways(where: Place) -> list[Way]:
    """The three ways."""
    install("recommended", where.settings, folder=where.shared / "weights")
    found = []
    for name, pack, second in (
        ("default alone", "default", "none"),
        ("default + YuNet", "default", "auto"),
        ("recommended + MTCNN", "recommended", "auto"),
    ):
        settings = replace(where.settings, pack=pack, clear=ClearSettings(second_detector=second))
        loaded = load_pack(pack, settings)
        found.append(Way(name, settings, open_detector(loaded, settings), open_clearing(loaded, settings)))
    return found


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
    """False faces and false signs on photos without people."""
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        kinds = {row["file"]: row["kind"] for row in list(csv.DictReader(file))[1::2]}
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
    """Milliseconds of processor time per look, the best of some rounds."""
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
    print("\nMilliseconds of one core per look")
    print(table(["photo", *next(iter(result.values()))], rows))
    return result


def _best_ms(look: Callable[[Pixels], object], pixels: Pixels) -> float:
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()  # the rest of this machine may be busy
        look(pixels)
        times.append(time.process_time() - started)
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


def draw(missed: dict[str, Any], names: list[str], stem: Path) -> None:
    """Missed faces per 1,000 by height, finding beside clearing, as ``stem.png`` and ``stem.svg``.

    Args:
        missed: what ``report`` gives.
        names: of the ways, from left to right.
        stem: path without ending.
    """
    with mpl.rc_context({"svg.hashsalt": "countenance"}):  # the same rates give the same file
        figure = Figure(figsize=(11, 6), layout="constrained")
        grid = figure.subplots(2, len(names), sharey="row")
        for row, group in enumerate((" + ".join(GROUPS[:2]), GROUPS[2])):
            for column, name in enumerate(names):
                axes = grid[row][column]
                for shift, mode, colour in ((-0.2, "finding", "tab:grey"), (0.2, "clearing", "tab:blue")):
                    parts = list(missed[name]["groups"][f"{group}, {mode}"]["by_height"].values())
                    there = [at for at, part in enumerate(parts) if part["faces"]]
                    rates = [parts[at]["per_1000"] for at in there]
                    bars = axes.bar(np.array(there) + shift, rates, 0.38, label=mode, color=colour)
                    axes.bar_label(bars, fmt="%.1f", fontsize="x-small")
                counts = [part["faces"] for part in parts]
                labels = [f"{height}\n({n} faces)" for height, n in zip(heights(), counts, strict=True)]
                axes.set_xticks(range(len(labels)), labels, fontsize="small")
                axes.set_xlim(-0.6, len(labels) - 0.4)
                axes.grid(axis="y", linewidth=0.3, alpha=0.5)
                axes.set_title(f"{name}: {group}", fontsize="medium")
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
            found = {way.settings.pack: way.find(photo.pixels) for way in looks[1:]}
            for way in looks:
                tally.count_look(way.name, "finding", photo, bins, found[way.settings.pack])
                tally.count_look(way.name, "clearing", photo, bins, way.clear(photo.pixels)[0])
        missed, bars = report(tally, looks)
        results: dict[str, object] = {
            "missed": missed,
            "without_people": without_people(looks, where.shared / "photos" / "noface"),
            "signs": signs_found(looks, where.shared / "photos"),
            "ms": costs(looks, where.shared / "photos"),
        }
        where.results.mkdir(parents=True, exist_ok=True)
        draw(missed, [way.name for way in looks], where.results / "missed")
        return finish(where, "missed", results, bars)


if __name__ == "__main__":
    sys.exit(main())
