"""What the accuracy benchmarks share: the packs under test, reading of photos, templates of one photo, tables."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from countenance.core.arrays import Pixels, Templates
from countenance.measure.report import write_json
from countenance.settings import Settings
from countenance.vision.align import align
from countenance.vision.detect import Detections, Detector, detect, open_detector, smallest_face_px
from countenance.vision.embed import Embedder, open_embedder
from countenance.vision.install import install
from countenance.vision.packs import Pack, load_pack
from countenance.vision.pyramid import Pyramid

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results"
PACKS = ("default", "recommended")
SEED = 20_260


@dataclass(frozen=True, slots=True)
class Place:
    """Where a benchmark reads and writes.

    Attributes:
        shared: folder with ``photos`` and ``weights``.
        results: folder for JSON and plots.
        settings: with the cache of converted networks.
    """

    shared: Path
    results: Path
    settings: Settings


@contextlib.contextmanager
def place(description: str) -> Iterator[Place]:
    """Read the command line; without ``--cache`` networks are converted into a folder that is removed afterwards."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="folder with photos and weights")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the results")
    parser.add_argument("--cache", type=Path, help="folder for converted networks, kept between runs")
    given = parser.parse_args()
    if not (given.shared / "photos").is_dir():
        parser.error(f"there are no test photos in {given.shared}")
    with contextlib.ExitStack() as stack:
        cache = given.cache or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        yield Place(given.shared, given.results, Settings(cache_dir=cache, device="cpu"))


class Recogniser:
    """A pack's detector, alignment and embedder on one photo."""

    def __init__(self, name: str, where: Place) -> None:
        """Open pack ``name``; ``recommended`` is installed from the weights beside the photos."""
        self.settings = where.settings
        if name == "recommended":
            self.pack: Pack = install(name, where.settings, folder=where.shared / "weights")
        else:
            self.pack = load_pack(name, where.settings)
        self.detector: Detector = open_detector(self.pack, where.settings)
        self.embedder: Embedder = open_embedder(self.pack, where.settings)

    def look_for(self, *, smallest_face_px: int) -> None:
        """Look for faces from this height on, in pixels of the photo, whatever the photo's size."""
        self.settings = replace(self.settings, smallest_face_px=smallest_face_px, smallest_face_share=0.0001)

    def detect(self, photo: Pyramid) -> Detections:
        """Faces of one photo, strongest first."""
        height, width = photo.pixels.shape[:2]
        return detect(self.detector, [photo], [smallest_face_px(self.settings, width, height, 1.0)])[0]

    def faces(self, photo: Pyramid) -> tuple[Detections, Templates]:
        """Faces of one photo and their templates."""
        found = self.detect(photo)
        return found, self.embedder.embed(align(photo, found.landmarks, self.pack.embedder))

    def largest(self, photo: Pyramid) -> Templates | None:
        """Template (d,) of the largest face of a portrait; None when there is no face."""
        found, templates = self.faces(photo)
        if not len(found):
            return None
        row: Templates = templates[int(np.argmax(found.boxes[:, 2] * found.boxes[:, 3]))]
        return row


def read_photo(path: Path) -> Pyramid:
    """One photo, upright, R, G, B."""
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        sys.exit(f"{path} cannot be decoded")
    upright: Pixels = np.ascontiguousarray(pixels[:, :, ::-1], dtype=np.uint8)
    return Pyramid(upright)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows as aligned text; floats with four digits."""
    cells = [[f"{cell:.4f}" if isinstance(cell, float) else str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[at]) for row in cells) for at in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


@dataclass(frozen=True, slots=True)
class Bar:
    """One number that must be met."""

    what: str
    measured: float
    limit: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Is it?"""
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    def as_json(self) -> dict[str, object]:
        """All of it."""
        return {
            "what": self.what,
            "measured": self.measured,
            "bar": f"{'>=' if self.at_least else '<='} {self.limit}",
            "met": self.met,
        }


def finish(where: Place, name: str, results: dict[str, object], bars: Sequence[Bar] = ()) -> int:
    """Write ``name.json``, print the bars, and give the exit status: 1 when one is missed."""
    whole = {**results, "bars": [bar.as_json() for bar in bars]} if bars else results
    write_json(where.results / f"{name}.json", whole, seed=SEED, checkout=ROOT)
    for bar in bars:
        sign = ">=" if bar.at_least else "<="
        print(f"{'met   ' if bar.met else 'MISSED'} {bar.what}: {bar.measured:.6g} (bar {sign} {bar.limit})")
    print(f"written: {where.results.name}/{name}.json")
    return 0 if all(bar.met for bar in bars) else 1
