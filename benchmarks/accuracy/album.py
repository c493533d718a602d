"""Group photos: faces found by height, false faces, and identification against one reference photo per person.

Run it with ``python -m benchmarks.accuracy.album [--shared DIR] [--cache DIR]``.

The album is measured as it is, with the settings that users get, and shrunk to 0.4, 0.25 and 0.15 with the smallest
face set to 12 px, so that small faces are measured too. Every labelled face is a mated search (one that was not found
is a search that found nobody) and, with its own person left out of the gallery, a non-mated one.
"""

from __future__ import annotations

import csv
import itertools
import json
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.recogniser import PACKS, SEED, Bar, Place, Recogniser, finish, place, read_photo, table
from countenance.core.arrays import Templates
from countenance.core.geometry import overlap
from countenance.measure import searches
from countenance.measure.intervals import rate_by_subject
from countenance.measure.rates import NO_SCORE
from countenance.vision.pyramid import Pyramid

SCALES = (1.0, 0.4, 0.25, 0.15)
SMALLEST_WHEN_SHRUNK_PX = 12
HEIGHTS = (0, 16, 24, 32, 40, 64, 96, 160, 10_000)
SAME_FACE = 0.35
"""Overlap from which a detection is the labelled face; detectors differ in how much forehead a box holds."""
VISIBLE, HEIGHT_PX = 0.6, 40
FPIR = 0.01
THRESHOLDS = {"default": (0.93, 0.94, 0.945, 0.95, 0.955, 0.96), "recommended": (0.4, 0.45, 0.5, 0.55, 0.6)}


@dataclass(slots=True)
class Faces:
    """What one pass over the album gives; lists run over labelled faces unless said."""

    heights: list[float] = field(default_factory=list)
    visible: list[float] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    templates: list[Templates | None] = field(default_factory=list)
    false_heights: list[float] = field(default_factory=list)
    """Of detections that are no labelled face."""
    false_templates: list[Templates] = field(default_factory=list)

    @property
    def found(self) -> NDArray[np.bool_]:
        """(n,) was the labelled face found?"""
        return np.array([row is not None for row in self.templates])

    @property
    def counted(self) -> NDArray[np.bool_]:
        """(n,) labelled faces that the bar counts."""
        return (np.array(self.visible) >= VISIBLE) & (np.array(self.heights) >= HEIGHT_PX)


def shrunk(photo: Pyramid, scale: float) -> Pyramid:
    """The photo at ``scale``, by area averaging."""
    if scale == 1:
        return photo
    height, width = photo.pixels.shape[:2]
    size = (round(width * scale), round(height * scale))
    return Pyramid(np.asarray(cv2.resize(photo.pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8))


def walk(pack: Recogniser, folder: Path, scale: float) -> Faces:
    """Detect and embed the whole album."""
    seen = Faces()
    for image in json.loads((folder / "labels.json").read_text("utf-8"))["images"]:
        found, templates = pack.faces(shrunk(read_photo(folder / image["file"]), scale))
        labelled = np.array([face["box"] for face in image["faces"]], dtype=np.float32) * scale
        shared = overlap(labelled, found.boxes)
        taken: set[int] = set()
        owner = dict.fromkeys(range(len(labelled)), -1)
        for flat in np.argsort(-shared, axis=None, kind="stable"):
            face, detection = divmod(int(flat), shared.shape[1])
            if shared[face, detection] < SAME_FACE:
                break
            if owner[face] < 0 and detection not in taken:
                owner[face] = detection
                taken.add(detection)
        for row, face in enumerate(image["faces"]):
            seen.heights.append(float(labelled[row, 3]))
            seen.visible.append(face["visible"])
            seen.people.append(face["identity"])
            seen.templates.append(templates[owner[row]] if owner[row] >= 0 else None)
        for row in set(range(len(found))) - taken:
            seen.false_heights.append(float(found.boxes[row, 3]))
            seen.false_templates.append(templates[row])
    return seen


def by_height(seen: Faces) -> list[dict[str, object]]:
    """Recall of labelled faces with at least 0.6 visible, and false faces, by height in pixels."""
    heights, false = np.array(seen.heights), np.array(seen.false_heights)
    clear = np.array(seen.visible) >= VISIBLE
    rows: list[dict[str, object]] = []
    for low, high in itertools.pairwise(HEIGHTS):
        here = clear & (heights >= low) & (heights < high)
        n_false = int(np.count_nonzero((false >= low) & (false < high)))
        if here.any() or n_false:
            rows.append(
                {"from_px": low, "faces": int(here.sum()), "found": int(seen.found[here].sum()), "false_faces": n_false}
            )
    return rows


def identify(seen: Faces, gallery: Templates, people: list[str]) -> searches.Searches:
    """Mated and non-mated searches of every labelled face."""
    rows = [(row, person) for row, person in zip(seen.templates, seen.people, strict=True) if row is not None]
    probes = np.array([row for row, _ in rows])
    failed = len(seen.templates) - len(rows)
    return searches.search(probes, [person for _, person in rows], gallery, people, n_failed=failed)


def identification(seen: Faces, gallery: Templates, people: list[str], pack: Recogniser) -> dict[str, object]:
    """Rank-1, FNIR at FPIR, and what the manifest's thresholds would do."""
    found = identify(seen, gallery, people)
    number = {person: at for at, person in enumerate(people)}
    listed = [person for row, person in zip(seen.templates, seen.people, strict=True) if row is not None]
    listed += [person for row, person in zip(seen.templates, seen.people, strict=True) if row is None]
    owners = [number[person] for person in listed]
    first = (found.mate_ranks <= 1) & (found.mate_scores > NO_SCORE)
    fnir, threshold = searches.fnir_at_fpir(found, FPIR)
    missed = (found.mate_scores < threshold) | (found.mate_ranks > 1)
    false = np.array(seen.false_templates).reshape(-1, gallery.shape[1]) @ gallery.T
    return {
        "searches": len(first),
        "rank_1": rate_by_subject(first, owners, len(people), seed=SEED).as_json(),
        "fnir_at_fpir_0.01": {
            **rate_by_subject(missed, owners, len(people), seed=SEED).as_json(),
            "value": fnir,
            "threshold": threshold,
        },
        "thresholds": [
            {
                "threshold": at,
                "fpir": searches.fpir(found, at),
                "fnir": searches.fnir(found, at),
                "false_faces_suggested": int((false >= at).any(axis=1).sum()),
            }
            for at in sorted({*THRESHOLDS[pack.pack.name], pack.pack.match, pack.pack.certain})
        ],
    }


def no_faces(pack: Recogniser, folder: Path) -> dict[str, dict[str, int]]:
    """False faces on photos without people, by kind of photo."""
    photos: Counter[str] = Counter()
    faces: Counter[str] = Counter()
    hit: Counter[str] = Counter()
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            n = len(pack.detect(read_photo(folder / row["file"])))
            photos[row["kind"]] += 1
            faces[row["kind"]] += n
            hit[row["kind"]] += n > 0
    return {
        kind: {"photos": photos[kind], "false_faces": faces[kind], "photos_with_any": hit[kind]}
        for kind in sorted(photos)
    }


def measure(name: str, where: Place) -> tuple[dict[str, object], list[Bar]]:
    """Everything about one pack."""
    photos = where.shared / "photos"
    pack = Recogniser(name, where)
    enrolled = {path.stem: pack.largest(read_photo(path)) for path in sorted((photos / "album-enrol").glob("*.jpg"))}
    people = [person for person, row in enrolled.items() if row is not None]
    gallery = np.array([row for row in enrolled.values() if row is not None])
    bars: list[Bar] = []
    result: dict[str, object] = defaultdict(dict)
    result["pack"], result["enrolled"] = pack.pack.id, len(people)
    result["noface"] = no_faces(pack, photos / "noface")
    result["album"] = album = {}
    for scale in SCALES:
        if scale < 1:
            pack.look_for(smallest_face_px=SMALLEST_WHEN_SHRUNK_PX)
        seen = walk(pack, photos / "album", scale)
        counted = seen.counted
        recall = float(seen.found[counted].mean())
        people_found = identification(seen, gallery, people, pack)
        album[f"{scale:g}"] = {
            "labelled": len(seen.heights),
            "found": int(seen.found.sum()),
            "false_faces": len(seen.false_heights),
            "recall_of_counted": recall,
            "counted": int(counted.sum()),
            "by_height": by_height(seen),
            "identification": people_found,
        }
        print(f"\n{name}, album at {scale:g}: {seen.found.sum()} of {len(seen.heights)} faces found")
        print(table(["from px", "faces", "found", "false"], [list(row.values()) for row in by_height(seen)]))
        thresholds = people_found["thresholds"]
        print("rank 1", people_found["rank_1"], "FNIR at FPIR 0.01", people_found["fnir_at_fpir_0.01"])
        print(table(["threshold", "FPIR", "FNIR", "false faces suggested"], [list(row.values()) for row in thresholds]))  # type: ignore[attr-defined]
        if scale == 1:
            rank_1 = people_found["rank_1"]["value"]  # type: ignore[index]
            bars = [
                Bar(f"{name} recall (visible >= {VISIBLE}, height >= {HEIGHT_PX} px)", recall, 0.98, at_least=True),
                Bar(f"{name} rank-1", rank_1, 0.99, at_least=True),
            ]
    print(f"\n{name}, photos without people: {result['noface']}")
    return dict(result), bars


def main() -> int:
    """Measure, print, write; 1 when a bar is missed."""
    with place(__doc__ or "") as where:
        results: dict[str, object] = {}
        bars: list[Bar] = []
        for name in PACKS:
            results[name], more = measure(name, where)
            bars += more
        return finish(where, "album", results, bars)


if __name__ == "__main__":
    sys.exit(main())
