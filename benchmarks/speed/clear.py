"""``countenance clear`` against ``deface`` on the same folders and the same core, and against its own floor.

    python -m venv peers
    peers/bin/pip install deface onnx onnxruntime
    DEFACE_PYTHON=peers/bin/python python -m benchmarks.speed.clear [--rounds N] [--photos N] [--sets NAME...]

Both are whole programs, timed from start to end, and take turns; ratios are taken inside one round. ``deface`` finds
faces and covers all of them (``--replacewith solid``, everything else as it comes). Ours ingests into an archive in
which every second person said yes, recognises them, hides the others, reads every file back and checks it. Making the
archive and enrolling are not timed. Three ways: the default pack alone, the default pack with YuNet as its second
detector, the recommended pack with MTCNN as its second.

The floor is the sum of the kernels, each measured alone on pixels in memory in this process: what ingest has, then
decode at full size, fill, render, read back and check, once for every photo that was released. It is measured in the
first round and held against the whole program of that round.

Beside it: how many faces of the truth either program left to be seen although they should be hidden (for deface: any
face), and what was covered that is nobody.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks import cleared
from benchmarks.cleared import Cost, Truth
from benchmarks.places import CHECKOUT, RESULTS, SHARED
from benchmarks.speed.ours import COLLECTION, Ours, ready_pack
from benchmarks.speed.peers import turned_upright
from countenance.archive import DATABASE
from countenance.core.arrays import Boxes, Confidences, Landmarks, Pixels, Templates
from countenance.ingest.decode import decode_bytes
from countenance.measure.report import write_json
from countenance.redact.check import check
from countenance.redact.fill import fill
from countenance.redact.plan import plan_regions
from countenance.redact.render import Kept, render_jpeg
from countenance.settings import DecodeLimits, Settings
from countenance.store import collections, faces, photos
from countenance.store.connection import Store
from countenance.vision.align import align
from countenance.vision.clearing import open_clearing
from countenance.vision.detect import clearing_face_px
from countenance.vision.embed import open_embedder
from countenance.vision.pyramid import Pyramid
from countenance.vision.quality import rate

ROUNDS, N_SCENES, BAR = 3, 30, 1.0
WAYS = {
    "default alone": ("default", False),
    "default + YuNet": ("default", True),
    "recommended + MTCNN": ("recommended", True),
}
DEFACE_GREY = 0
SEEN_FROM, HIDDEN_FROM = 0.6, 0.5
"""Share of a face that must be visible for it to count, and share of its middle that must be filled to be hidden."""


@dataclass(frozen=True, slots=True)
class Set:
    """One folder of photos with its truth."""

    folder: Path
    truth: Mapping[str, Truth]


class Stand:
    """Archives with people in them, one for each way; every round works on a fresh copy."""

    def __init__(self, folder: Path) -> None:
        """Make and fill the archives."""
        self.folder = folder
        everybody = cleared.london_people() + cleared.drawn_people()
        self.consenting = {each.name for each in everybody[::2]}
        for way, (pack, second) in WAYS.items():
            settings = Settings(pack=pack, cache_dir=self.cache(second=second))
            if second:
                for each in ("default", "recommended"):
                    ready_pack(each, replace(settings, pack=each))
            with Ours(self.archive(way), pack, settings) as ours:
                said_yes = dict.fromkeys(everybody[::2], (cleared.CHANNEL,))
                cleared.enrol(ours, said_yes)

    def cache(self, *, second: bool) -> Path:
        """Folder of converted networks, with or without those of the second detector."""
        return self.folder / ("cache-both" if second else "cache-alone")

    def archive(self, way: str) -> Path:
        """Folder of the archive of one way."""
        return self.folder / "archives" / way.replace(" ", "-")

    def fresh(self, way: str) -> Path:
        """A copy of it in which nothing was ingested yet."""
        return Path(shutil.copytree(self.archive(way), Path(tempfile.mkdtemp(dir=self.folder)) / "copy"))

    def settings(self, way: str) -> Settings:
        """Settings of one way."""
        pack, second = WAYS[way]
        return Settings(pack=pack, cache_dir=self.cache(second=second))


def run_ours(stand: Stand, way: str, photos_in: Set, where: Path) -> tuple[Cost, dict[str, Any]]:
    """One clearing by the command line; gives its cost and its report."""
    command = cleared.command_line(where, where / "out", [photos_in.folder])
    environment = os.environ | {"COUNTENANCE_CACHE": str(stand.settings(way).cache_dir)}
    environment.pop("COUNTENANCE_PACK", None)
    cost = cleared.timed(command, where / "answer.json", environment)
    return cost, json.loads((where / "answer.json").read_text("utf-8"))


def run_deface(photos_in: Set, where: Path) -> tuple[Cost, dict[str, Boxes]]:
    """One run of deface over a copy of the folder; gives its cost and the boxes that it covered, by file name."""
    folder = Path(shutil.copytree(photos_in.folder, where / "photos"))
    script = Path(__file__).with_name("peer_deface.py")
    command = [os.environ["DEFACE_PYTHON"], str(script), "--replacewith", "solid", str(folder)]
    cost = cleared.timed(command, where / "answer.txt", os.environ)
    answer = json.loads((where / "answer.txt").read_text("utf-8").splitlines()[-1])
    return cost, {Path(path).name: np.array(rows, dtype=np.float32).reshape(-1, 4) for path, rows in answer.items()}


def quality_of_deface(photos_in: Set, where: Path, boxes: Mapping[str, Boxes]) -> dict[str, int]:
    """Faces that can still be seen, and covered boxes that are nobody."""
    seen: Counter[str] = Counter(photos=len(photos_in.truth))
    for name, truth in photos_in.truth.items():
        stem, dot, ending = name.rpartition(".")
        pixels = cleared.read(where / "photos" / f"{stem}_anonymized{dot}{ending}", truth.orientation)
        _count_seen(seen, cleared.is_filled(pixels, DEFACE_GREY), truth, np.ones(len(truth.who), dtype=bool))
        given = turned_upright(boxes.get(name, np.empty((0, 4), np.float32)), truth.size, truth.orientation)
        seen["false_fills"] += int((~cleared.holds_face(given.astype(np.float32), truth.boxes)).sum())
        seen["fills"] += len(given)
    return dict(seen)


def quality_of_ours(photos_in: Set, where: Path, report: Mapping[str, Any], consenting: set[str]) -> dict[str, int]:
    """The same for ours; photos that were held back show nobody, and are counted apart."""
    seen: Counter[str] = Counter(photos=len(photos_in.truth))
    for row in report["photos"]:
        truth = photos_in.truth[row["path"]]
        wanted = np.array([who not in consenting for who in truth.who], dtype=bool)
        if row["output"] is None:
            seen["photos_held_back"] += 1
            seen["faces_held_back"] += int((truth.visible >= SEEN_FROM).sum())
            continue
        pixels = cleared.read(where / "out" / row["output"])
        _count_seen(seen, cleared.is_filled(pixels, cleared.OUR_GREY), truth, wanted)
        given = (
            [face["box"] for face in row["faces"] if face["action"] == "redact"] if row["verdict"] == "redact" else []
        )
        held = cleared.holds_face(np.array(given, dtype=np.float32).reshape(-1, 4), truth.boxes)
        seen["false_fills"] += int((~held).sum())
        seen["fills"] += len(given)
    return dict(seen)


def _count_seen(seen: Counter[str], filled: Any, truth: Truth, wanted: Any) -> None:  # noqa: ANN401 - arrays of truth
    hidden = np.array([cleared.hidden_share(filled, box) >= HIDDEN_FROM for box in truth.boxes], dtype=bool)
    counts = truth.visible >= SEEN_FROM
    seen["to_hide"] += int((wanted & counts).sum())
    seen["left_visible"] += int((wanted & counts & ~hidden).sum())
    seen["left_visible_mostly_covered_by_others"] += int((wanted & ~counts & ~hidden).sum())
    seen["to_show"] += int((~wanted & counts).sum())
    seen["hidden_needlessly"] += int((~wanted & counts & hidden).sum())


class Judge:
    """Detection and recognition for the check, as the clearing has it."""

    def __init__(self, ours: Ours) -> None:
        """Open the networks."""
        self.match, self.smallest_px = ours.pack.match, 0.0
        self._pack = ours.pack
        self.eye, self.embedder = open_clearing(ours.pack, ours.settings), open_embedder(ours.pack, ours.settings)

    def faces(self, pixels: Pixels) -> tuple[Boxes, Landmarks, Confidences]:
        """Faces of a written picture."""
        sight = self.eye.look([Pyramid(pixels)], [self.smallest_px])[0]
        return sight.boxes, sight.landmarks, sight.confidences

    def templates(self, pixels: Pixels, landmarks: Landmarks) -> Templates:
        """Templates at these landmarks."""
        return self.embedder.embed(align(Pyramid(pixels), landmarks, self._pack.embedder))


class Clock:
    """Seconds by step."""

    def __init__(self) -> None:
        """Nothing was timed yet."""
        self.spent: dict[str, float] = {}

    def time(self, step: str, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the step gives
        """Do it, and add what it took."""
        since = perf_counter()
        done = work()
        self.spent[step] = self.spent.get(step, 0.0) + perf_counter() - since
        return done


def floor(where: Path, settings: Settings, photos_in: Set, report: Mapping[str, Any]) -> dict[str, float]:
    """Seconds of every kernel alone over the photos of one clearing that was done."""
    pack = ready_pack(settings.pack, settings)
    judge = Judge(_Opened(pack, settings))  # type: ignore[arg-type]
    full = replace(settings.decode, work_side_px=settings.clear.full_side_px)
    known = _faces_of(where)
    contents = {row["path"]: (photos_in.folder / row["path"]).read_bytes() for row in report["photos"]}
    first = next(iter(contents.values()))
    judge.eye.look([Pyramid(decode_bytes(first, settings.decode).pixels)], [20.0])  # networks warm up
    clock = Clock()
    for row in report["photos"]:
        _kernels(clock, contents[row["path"]], settings, judge, pack)
        if row["output"] is not None:
            boxes, marks = known[row["sha256"]]
            hidden = [at for at, face in enumerate(row["faces"]) if face["action"] == "redact"]
            hidden = hidden if row["verdict"] == "redact" else []
            _release(clock, contents[row["path"]], settings, full, judge, (boxes, marks, hidden))
    return clock.spent


@dataclass(frozen=True, slots=True)
class _Opened:
    pack: Any
    settings: Settings


def _kernels(clock: Clock, content: bytes, settings: Settings, judge: Judge, pack: Any) -> None:  # noqa: ANN401
    photo = clock.time("decode", lambda: decode_bytes(content, settings.decode))
    pyramid = Pyramid(photo.pixels)
    smallest = clearing_face_px(settings, photo.full_width, photo.full_height, photo.scale)
    sight = clock.time("look", lambda: judge.eye.look([pyramid], [smallest])[0])
    crops = clock.time("embed", lambda: align(pyramid, sight.landmarks, pack.embedder))
    clock.time("embed", lambda: rate(crops, sight.landmarks, sight.confidences))
    clock.time("embed", lambda: judge.embedder.embed(crops))


def _release(
    clock: Clock,
    content: bytes,
    settings: Settings,
    full: DecodeLimits,
    judge: Judge,
    known: tuple[Boxes, Landmarks, list[int]],
) -> None:
    photo = clock.time("decode again", lambda: decode_bytes(content, full))
    boxes, marks = known[0] * np.float32(photo.scale), known[1] * np.float32(photo.scale)
    judge.smallest_px = clearing_face_px(settings, photo.full_width, photo.full_height, photo.scale)
    regions = clock.time("fill", lambda: plan_regions(boxes, marks, known[2], settings.clear))
    filled = clock.time("fill", lambda: fill(photo.pixels, regions, settings.clear.style)) if regions else photo.pixels
    written = clock.time("render", lambda: render_jpeg(filled, settings.clear.jpeg_quality, Kept()))
    seen = clock.time("read back", lambda: decode_bytes(written, full).pixels)
    clock.time("check", lambda: check(photo.pixels, written, seen, boxes, marks, regions, settings.clear, judge))


def _faces_of(where: Path) -> dict[str, tuple[Boxes, Landmarks]]:
    """Boxes and landmarks of every photo of an archive, by hash of the photo."""
    found = {}
    with Store.open(where / "archive" / DATABASE) as store, store.reading() as tx:
        for photo in photos.each(tx, collections.by_name(tx, COLLECTION).id):
            rows = list(faces.of_photo(tx, photo.id))
            boxes = np.array([row.box for row in rows], dtype=np.float32).reshape(-1, 4)
            marks = np.array([row.landmarks for row in rows], dtype=np.float32).reshape(-1, 5, 2)
            found[photo.sha256.hex()] = (boxes, marks)
    return found


def sets(folder: Path, wanted: list[str], most: int | None) -> dict[str, Set]:
    """The folders to clear, cut to their first photos where that is asked."""
    truths: dict[str, Callable[[], dict[str, Truth]]] = {
        "album": cleared.album,
        "london": lambda: cleared.singles("london"),
        "drawn": lambda: cleared.draw_scenes(folder / "drawn-source", most or N_SCENES),
    }
    found = {}
    for name in wanted:
        truth = dict(sorted(truths[name]().items())[:most])
        source = folder / "drawn-source" if name == "drawn" else SHARED / "photos" / name
        (folder / "sets" / name).mkdir(parents=True)
        for file in truth:
            shutil.copyfile(source / file, folder / "sets" / name / file)
        found[name] = Set(folder / "sets" / name, truth)
    return found


def measure(stand: Stand, photos_in: Set, rounds: int) -> dict[str, Any]:
    """Everything about one folder."""
    costs: dict[str, list[Cost]] = {who: [] for who in ("deface", *WAYS)}
    steps: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    floors: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    result: dict[str, Any] = {"photos": len(photos_in.truth), "quality": {}, "verdicts": {}}
    for turn in range(rounds):
        with tempfile.TemporaryDirectory(dir=stand.folder) as name:
            cost, boxes = run_deface(photos_in, Path(name))
            costs["deface"].append(cost)
            result["quality"]["deface"] = quality_of_deface(photos_in, Path(name), boxes)
        for way in WAYS:
            where = stand.fresh(way)
            cost, report = run_ours(stand, way, photos_in, where)
            costs[way].append(cost)
            steps[way].append(report["seconds"])
            result["quality"][way] = quality_of_ours(photos_in, where, report, stand.consenting)
            result["verdicts"][way] = report["counts"]
            if not turn:
                floors[way].append(floor(where, stand.settings(way), photos_in, report))
            shutil.rmtree(where.parent)
    result["seconds"] = {who: [asdict(cost) for cost in rows] for who, rows in costs.items()}
    result["photos_per_second"] = {
        who: len(photos_in.truth) / median(cost.wall_s for cost in rows) for who, rows in costs.items()
    }
    for way in WAYS:
        pairs = list(zip(costs["deface"], costs[way], strict=True))
        result.setdefault("ratio", {})[way] = median(theirs.wall_s / ours.wall_s for theirs, ours in pairs)
        result.setdefault("processor_ratio", {})[way] = median(
            (theirs.user_s + theirs.system_s) / (ours.user_s + ours.system_s) for theirs, ours in pairs
        )
        result.setdefault("steps_s", {})[way] = _medians(steps[way])
        result.setdefault("floor_s", {})[way] = _medians(floors[way])
        result.setdefault("overhead", {})[way] = costs[way][0].wall_s / sum(floors[way][0].values())
    return result


def _medians(rows: list[dict[str, float]]) -> dict[str, float]:
    return {step: median(row.get(step, 0.0) for row in rows) for step in rows[0]}


def tell(name: str, row: Mapping[str, Any]) -> None:
    """Print one folder."""
    print(f"\n{name}: {row['photos']} photos")
    for who in ("deface", *WAYS):
        compared = (
            f"  {row['ratio'][who]:.2f} x deface (bar {BAR}; processor {row['processor_ratio'][who]:.2f})"
            if who in WAYS
            else ""
        )
        user = median(cost["user_s"] for cost in row["seconds"][who])
        print(f"  {who:20} {row['photos_per_second'][who]:6.2f} photos/s, user {user:.1f} s{compared}")
        print(f"  {'':20} {row['quality'][who]}")
        if who in WAYS:
            for what in ("steps_s", "floor_s"):
                print(
                    f"  {'':20} {what}: " + ", ".join(f"{step} {spent:.1f}" for step, spent in row[what][who].items())
                )
            print(f"  {'':20} overhead {row['overhead'][who]:.3f} over the floor; verdicts {row['verdicts'][who]}")


def main() -> int:
    """Measure, print, write; 1 when a bar is missed."""
    if "DEFACE_PYTHON" not in os.environ:
        print("clear: skipped, DEFACE_PYTHON is not set (see the head of this file)")
        return 0
    parser = argparse.ArgumentParser(description="clear against deface")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--photos", type=int, help="only so many of each folder; nothing is written then")
    parser.add_argument("--sets", nargs="+", choices=("album", "london", "drawn"), default=["album", "london", "drawn"])
    given = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as name:
        stand = Stand(Path(name))
        results = {}
        for each, photos_in in sets(Path(name), given.sets, given.photos).items():
            results[each] = measure(stand, photos_in, given.rounds)
            tell(each, results[each])
    missed = [
        f"{each}, {way}: {row['ratio'][way]:.2f}"
        for each, row in results.items()
        for way in WAYS
        if row["ratio"][way] < BAR
    ]
    print(f"missed: {missed or 'nothing'}")
    if given.photos is None:
        write_json(RESULTS / "clear.json", {"bar": BAR, "sets": results, "missed": missed}, seed=0, checkout=CHECKOUT)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
