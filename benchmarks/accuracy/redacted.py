"""Can anybody be found or recognised under what was hidden? A second opinion on files that were released.

    python -m benchmarks.accuracy.redacted [--every N] [--packs NAME...] [--cache DIR]

Clears ``album``, ``london``, ``caltech``, ``congress``, ``noface``, drawn scenes and the photos of the demo, all in one
archive, with both detectors. Of every three people one said yes to the channel, one to another channel only, one is
not enrolled. What was released is then looked at without ``redact/check.py``: OpenCV decodes the written bytes, and

- each detector alone, at its settings for finding and at those for clearing, looks for faces. One is found again when
  its middle lies under a fill (pixels in the grey of a fill that touch a hidden face, and the ellipse in the box of
  each of those). A face that is rightly shown beside a fill is counted apart. UltraFace, of a third family, looks too,
  at whole photos and at each hidden face with what is around it; it counts for nobody's bar;
- the templates at the landmarks of every hidden face, of both packs, are compared with everybody who is enrolled;
- every face that is found in a released file is compared in the same way: whose best score, at or above the threshold,
  is with somebody who did not say yes, is listed.

Beside it: faces of the truth that can still be seen although they should be hidden, and why files were held back.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks import cleared
from benchmarks.accuracy.second_opinion import Opinion, Released, look
from benchmarks.cleared import CHANNEL, Person, Truth
from benchmarks.places import CHECKOUT, RESULTS, SHARED
from benchmarks.speed.ours import COLLECTION, Ours, ready_pack
from countenance.archive import DATABASE
from countenance.core.policy import DEFAULT_POLICY, parse_policy
from countenance.demo import gala
from countenance.errors import EnrolmentError
from countenance.flows.clear import Request
from countenance.flows.scope import Engine
from countenance.measure.report import write_json
from countenance.redact.render import encode_jpeg
from countenance.settings import Settings
from countenance.store import collections, faces, photos
from countenance.store.connection import Store

SETS = ("album", "london", "caltech", "congress", "noface")
N_SCENES, ELSEWHERE, WORKERS = 40, "print", 2
SEEN_FROM, HIDDEN_FROM = 0.6, 0.5
BARRED = ("mtcnn finding", "mtcnn clearing", "yunet finding", "yunet clearing")


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that is cleared, and who is in it."""

    folder: Path
    truth: Mapping[str, Truth]
    people: tuple[Person, ...]


def gather(folder: Path, every: int) -> Scene:
    """Copy every n-th photo of each set, draw scenes, and choose a portrait of everybody."""
    truth = {f"drawn/{name}": each for name, each in cleared.draw_scenes(folder / "drawn", N_SCENES // every).items()}
    for photo in list(gala.photos())[::every]:
        path = folder / "demo" / photo.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_jpeg(photo.draw()[0]))
    for name in SETS:
        files = sorted(path.name for path in (SHARED / "photos" / name).glob("*.jpg"))[::every]
        (folder / name).mkdir()
        for file in files:
            shutil.copyfile(SHARED / "photos" / name / file, folder / name / file)
        known = cleared.album() if name == "album" else cleared.singles(name) if name in ("london", "caltech") else {}
        truth |= {f"{name}/{file}": known[file] for file in files if file in known}
    people = cleared.london_people() + cleared.drawn_people() + caltech_people() + congress_people()
    return Scene(folder, truth, tuple(people[::every] if every > 1 else people))


def caltech_people() -> list[Person]:
    """The first photo of everybody in caltech."""
    first: dict[str, str] = {}
    for name, each in cleared.singles("caltech").items():
        first.setdefault(each.who[0], name)
    return [Person(who, (SHARED / "photos/caltech" / name).read_bytes()) for who, name in sorted(first.items())]


def congress_people() -> list[Person]:
    """The first photo of everybody in congress."""
    with (SHARED / "photos/congress/labels.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["file"].endswith("_0.jpg")]
    return [Person(row["identity_bioguide"], (SHARED / "photos/congress" / row["file"]).read_bytes()) for row in rows]


def enrol(ours: Ours, people: tuple[Person, ...]) -> tuple[set[str], set[str], int]:
    """Enrol two of three; gives who said yes, who did not say yes to this channel, and how many were refused."""
    yes, no, refused = set[str](), set[str](), 0
    for number, each in enumerate(people):
        if number % 3 == 2:  # noqa: PLR2004 - one of three stays a stranger
            continue
        channel, group = (CHANNEL, yes) if number % 3 == 0 else (ELSEWHERE, no)
        try:
            cleared.enrol(ours, {each: (channel,)})
        except EnrolmentError:
            refused += 1
        else:
            group.add(each.name)
    return yes, no, refused


def released(ours: Ours, out: Path, report: Mapping[str, Any]) -> Iterator[Released]:
    """What was released, with the faces that were hidden in it and those that were not."""
    with Store.open(ours.folder / "archive" / DATABASE) as store, store.reading() as tx:
        by_hash = {each.sha256.hex(): each.id for each in photos.each(tx, collections.by_name(tx, COLLECTION).id)}
        for row in report["photos"]:
            if row["output"] is None:
                continue
            boxes = np.array([face["box"] for face in row["faces"]], dtype=np.float32).reshape(-1, 4)
            marks = [each.landmarks for each in faces.of_photo(tx, by_hash[row["sha256"]])]
            hidden = np.array(
                [row["verdict"] == "redact" and face["action"] == "redact" for face in row["faces"]], dtype=np.bool_
            )
            landmarks = np.array(marks, dtype=np.float32).reshape(-1, 5, 2)
            yield Released(row["path"], out / row["output"], boxes, landmarks, hidden)


def seen_of_truth(scene: Scene, out: Path, report: Mapping[str, Any], yes: set[str]) -> dict[str, Any]:
    """Faces of the truth that can be seen although they should not, by whether they were found at all."""
    counts: Counter[str] = Counter()
    listed = []
    for row in report["photos"]:
        truth = scene.truth.get(row["path"])
        if truth is None or row["output"] is None:
            continue
        filled = cleared.is_filled(cleared.read(out / row["output"]), cleared.OUR_GREY)
        shown = {at: face for at, face in enumerate(row["faces"]) if face["action"] == "publish"}
        boxes = np.array([face["box"] for face in shown.values()], dtype=np.float32).reshape(-1, 4)
        for box, who, visible in zip(truth.boxes, truth.who, truth.visible, strict=True):
            if visible < SEEN_FROM:
                continue
            may, is_hidden = who in yes, cleared.hidden_share(filled, box) >= HIDDEN_FROM
            counts[f"{'may' if may else 'may not'} be seen, {'hidden' if is_hidden else 'shown'}"] += 1
            if not may and not is_hidden:
                mistaken = bool(cleared.holds_face(box[None], boxes)[0])
                counts["taken for somebody who said yes" if mistaken else "not found"] += 1
                listed.append({"photo": row["path"], "who": who, "height_px": float(box[3]), "mistaken": mistaken})
    return {"counts": dict(counts), "left_visible": listed}


def opinions(given: list[Released], settings: Settings, people: Mapping[str, bytes], no: set[str]) -> Opinion:
    """The second opinion on all of them, over some processes."""
    together = Opinion()
    parts = [given[start::WORKERS] for start in range(WORKERS)]
    with ProcessPoolExecutor(WORKERS) as pool:
        for part in pool.map(look, parts, [settings] * WORKERS, [people] * WORKERS, [no] * WORKERS):
            together.add(part)
    return together


def measure(pack: str, scene: Scene, folder: Path, cache: Path) -> dict[str, Any]:
    """Clear with one pack, and look at what came out."""
    settings = Settings(pack=pack, cache_dir=cache)
    for each in ("default", "recommended"):
        ready_pack(each, replace(settings, pack=each))
    out = folder / f"out-{pack}"
    with Ours(folder / f"archive-{pack}", pack, settings) as ours:
        yes, no, refused = enrol(ours, scene.people)
        request = Request(CHANNEL, out, parse_policy(DEFAULT_POLICY), "benchmark")
        report = ours.archive.clear(COLLECTION, [str(scene.folder)], request, Engine("processes", WORKERS))
        given = list(released(ours, out, report))
    counts, refusals = dict(report["counts"]), dict(report["refused"])
    print(
        f"\n{pack}: {len(yes)} said yes, {len(no)} to another channel, {refused} refused; {counts} {refusals}",
        flush=True,
    )
    portraits = {each.name: each.portrait for each in scene.people if each.name in yes | no}
    opinion = opinions(given, settings, portraits, no)
    problems = Counter(
        reason.removeprefix("check:")
        for row in report["photos"]
        for reason in row["reasons"]
        if reason.startswith("check:")
    )
    held = [row["path"] for row in report["photos"] if any(reason.startswith("check:") for reason in row["reasons"])]
    by_set = Counter(f"{row['path'].split('/')[0]}: {row['verdict']}" for row in report["photos"])
    return {
        "enrolled": {"said_yes": len(yes), "other_channel": len(no), "refused": refused},
        "verdicts": counts,
        "verdicts_by_set": dict(sorted(by_set.items())),
        "not_used": refusals,
        "check_failed": {"photos": len(held), "problems": dict(problems), "paths": held},
        "released": len(given),
        "redacted": sum(bool(each.hidden.any()) for each in given),
        "hidden_faces": sum(int(each.hidden.sum()) for each in given),
        "found_again": {name: opinion.found[name] for name in opinion.eyes},
        "found_again_at": opinion.found_at,
        "beside_fills": dict(opinion.beside),
        "beside_fills_at": opinion.beside_at,
        "highest_score_of_hidden": opinion.highest,
        "recognised_where_hidden": opinion.recognised,
        "recognised_elsewhere": opinion.elsewhere,
        "truth": seen_of_truth(scene, out, report, yes),
        "seconds": report["seconds"],
    }


def tell(pack: str, row: Mapping[str, Any]) -> list[str]:
    """Print one pack; gives what it misses."""
    for key in (
        "verdicts_by_set",
        "check_failed",
        "released",
        "redacted",
        "hidden_faces",
        "found_again",
        "beside_fills",
    ):
        print(f"  {key}: {row[key]}")
    for each in row["found_again_at"][:30]:
        print(f"    {each}")
    print(f"  hidden faces recognised: {len(row['recognised_where_hidden'])}; highest {row['highest_score_of_hidden']}")
    for each in row["recognised_where_hidden"][:10] + row["recognised_elsewhere"][:20]:
        print(f"    {each}")
    print(f"  recognised elsewhere in released files though they did not say yes: {len(row['recognised_elsewhere'])}")
    print(f"  truth: {row['truth']['counts']}")
    missed = [f"{pack}: {row['found_again'][eye]} found again by {eye}" for eye in BARRED if row["found_again"][eye]]
    missed += [f"{pack}: recognised where hidden"] if row["recognised_where_hidden"] else []
    missed += [f"{pack}: nothing was hidden"] if not row["hidden_faces"] else []
    return missed


def main() -> int:
    """Measure, print, write; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description="a second opinion on redacted files")
    parser.add_argument("--every", type=int, default=1, help="only every n-th photo; nothing is written then")
    parser.add_argument("--packs", nargs="+", choices=("default", "recommended"), default=["default", "recommended"])
    parser.add_argument("--cache", type=Path, help="folder for converted networks, kept between runs")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scene = gather(folder / "photos", given.every)
        results, missed = {}, list[str]()
        for pack in given.packs:
            results[pack] = measure(pack, scene, folder, given.cache or folder / "cache")
            missed += tell(pack, results[pack])
    print(f"missed: {missed or 'nothing'}")
    if given.every == 1:
        write_json(RESULTS / "redacted.json", {"results": results, "missed": missed}, seed=0, checkout=CHECKOUT)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
