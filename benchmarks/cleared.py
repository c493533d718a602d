"""What the measurements of clearing share: photos with their truth, people who said yes, one run of ``clear``."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import DEVNULL, Popen
from time import perf_counter

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.places import SHARED
from benchmarks.speed.ours import COLLECTION, Ours
from countenance.core.arrays import Boxes, Pixels
from countenance.demo.cast import CAST
from countenance.demo.draw import draw_portrait
from countenance.demo.person import person
from countenance.demo.scene import draw_scene
from countenance.flows.enrol import ConsentForm

CHANNEL = "website"
COLOUR_TOLERANCE, OUR_GREY = 16, 128
"""Levels by which a pixel of a fill may differ from its grey, and the grey of ours."""
_CORE = 0.6
SCENE_SIDES, FIRST_SCENE, PORTRAIT_PX = (1600, 1067), 300, 512


@dataclass(frozen=True, slots=True)
class Truth:
    """What one photo shows.

    Attributes:
        boxes: (n, 4) of its faces, in pixels of the upright photo.
        who: identity of each face.
        visible: (n,) share of each face that nothing hides.
        size: width and height of the upright photo; (0, 0) when nobody asks.
        orientation: of EXIF.
    """

    boxes: Boxes
    who: tuple[str, ...]
    visible: NDArray[np.float32]
    size: tuple[int, int] = (0, 0)
    orientation: int = 1


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may be enrolled: name, and one portrait as a file."""

    name: str
    portrait: bytes


def album() -> dict[str, Truth]:
    """Truth of the album, by file name."""
    found = {}
    for photo in json.loads((SHARED / "photos/album/labels.json").read_text("utf-8"))["images"]:
        faces = photo["faces"]
        found[photo["file"]] = Truth(
            np.array([face["box"] for face in faces], dtype=np.float32).reshape(-1, 4),
            tuple(face["identity"] for face in faces),
            np.array([face["visible"] for face in faces], dtype=np.float32),
            (photo["upright_width"], photo["upright_height"]),
            photo["exif_orientation"],
        )
    return found


def singles(name: str) -> dict[str, Truth]:
    """Truth of ``london`` or ``caltech``, by file name; photos with several faces or a mural are left out."""
    found = {}
    with (SHARED / "photos" / name / "labels.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["n_faces"] == "1" and row["identity"] != "ART":
                box = np.array([[float(row[key]) for key in "xywh"]], dtype=np.float32)
                found[row["file"]] = Truth(box, (row["identity"],), np.ones(1, dtype=np.float32))
    return found


def draw_scenes(folder: Path, number: int) -> dict[str, Truth]:
    """Draw groups of 3 to 14 invented people into a folder; gives their truth by file name."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for seed in range(FIRST_SCENE, FIRST_SCENE + number):
        dice = np.random.default_rng(seed)
        seats = dice.choice(len(CAST), size=int(dice.integers(3, 15)), replace=False)
        scene = draw_scene([person(CAST[seat]) for seat in seats], seed, *SCENE_SIDES)
        (folder / f"{seed}.jpg").write_bytes(jpeg(scene.pixels, int(dice.choice((80, 88, 95)))))
        boxes = np.array([face.box for face in scene.faces], dtype=np.float32)
        who = tuple(f"drawn-{seats[face.person]:02}" for face in scene.faces)
        found[f"{seed}.jpg"] = Truth(boxes, who, np.ones(len(boxes), dtype=np.float32), SCENE_SIDES)
    return found


def london_people() -> list[Person]:
    """The people of london and of the album, with their reference photos."""
    return [Person(path.stem, path.read_bytes()) for path in sorted((SHARED / "photos/album-enrol").glob("*.jpg"))]


def drawn_people() -> list[Person]:
    """The invented people."""
    return [
        Person(f"drawn-{seat:02}", jpeg(draw_portrait(person(seed), 0, PORTRAIT_PX).pixels, 95))
        for seat, seed in enumerate(CAST)
    ]


def enrol(ours: Ours, people: Mapping[Person, tuple[str, ...]]) -> dict[str, str]:
    """Enrol people with a consent to publication for some channels; gives their names by id of the subject."""
    now, names = datetime.now(UTC), {}
    evidence = hashlib.sha256(b"a signed form").hexdigest()
    for each, channels in people.items():
        until = now + timedelta(days=365)
        form = ConsentForm(("publication", "find-my-photos"), channels, now, until, evidence, "form.pdf")
        done = ours.archive.enrol(COLLECTION, each.name, [(f"{each.name}.jpg", each.portrait)], form, "benchmark")
        names[done.subject] = each.name
    return names


def jpeg(pixels: Pixels, quality: int) -> bytes:
    """R, G, B pixels as a file."""
    return cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def read(path: Path, orientation: int = 1) -> Pixels:
    """Pixels of a file, B, G, R as OpenCV has them, turned as EXIF said of its source."""
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        sys.exit(f"{path} cannot be decoded")
    if orientation in (5, 6, 7, 8):
        pixels = cv2.transpose(pixels)
    flips = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}
    return np.asarray(cv2.flip(pixels, flips[orientation]) if orientation in flips else pixels, dtype=np.uint8)


def is_filled(pixels: Pixels, colour: int, tolerance: int = COLOUR_TOLERANCE) -> NDArray[np.bool_]:
    """(height, width) True where a pixel has the grey of a fill."""
    return np.asarray((np.abs(pixels.astype(np.int16) - colour) <= tolerance).all(axis=2))


def hidden_share(filled: NDArray[np.bool_], box: NDArray[np.float32]) -> float:
    """How much of the middle of a face is under a fill, in [0, 1]; 1 when it lies outside the photo."""
    middle, half = box[:2] + box[2:] / 2, box[2:] * _CORE / 2
    (left, top), (right, bottom) = np.rint(middle - half).astype(int), np.rint(middle + half).astype(int)
    part = filled[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    return float(part.mean()) if part.size else 1.0


def holds_face(boxes: Boxes, faces: Boxes) -> NDArray[np.bool_]:
    """(n,) True for boxes that hold the middle of a face, or whose middle lies in one."""
    if not len(boxes) or not len(faces):
        return np.zeros(len(boxes), dtype=np.bool_)
    middles, others = boxes[:, :2] + boxes[:, 2:] / 2, faces[:, :2] + faces[:, 2:] / 2
    held = np.abs(others[None] - middles[:, None]) <= boxes[:, None, 2:] / 2
    holding = np.abs(others[None] - middles[:, None]) <= faces[None, :, 2:] / 2
    return np.asarray(np.any(np.all(held, axis=2) | np.all(holding, axis=2), axis=1))


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of one whole program: by the clock, and of the processor for it and its children."""

    wall_s: float
    user_s: float
    system_s: float


def timed(command: list[str], answer: Path, environment: Mapping[str, str], codes: Iterable[int] = (0,)) -> Cost:
    """Run a program to its end; what it prints goes into a file.

    Raises:
        RuntimeError: it ended with another status than these.
    """
    with answer.open("wb") as out:
        since = perf_counter()
        program = Popen(command, stdout=out, stderr=DEVNULL, env=dict(environment))  # noqa: S603 - our own
        _, status, used = os.wait4(program.pid, 0)
        wall = perf_counter() - since
        program.returncode = os.waitstatus_to_exitcode(status)
    if program.returncode not in set(codes):
        msg = f"{command[:4]} ended with {program.returncode}"
        raise RuntimeError(msg)
    return Cost(wall, used.ru_utime, used.ru_stime)


def command_line(ours: Path, out: Path, sources: Iterable[Path]) -> list[str]:
    """``countenance clear`` of some sources, as users start it."""
    start = [sys.executable, "-c", "from countenance.cli.main import main; main()"]
    where = ["--archive", str(ours / "archive"), "--key-file", str(ours / "key"), "--json"]
    return [*start, "clear", *map(str, sources), "--channel", CHANNEL, "--out", str(out), *where]


def files_below(folder: Path) -> Iterator[Path]:
    """Every file below a folder."""
    return (Path(root) / name for root, _, names in os.walk(folder) for name in names)
