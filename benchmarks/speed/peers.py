"""Ingest of ``album`` and ``london`` on one core, with both packs, against face_recognition and deepface.

The peers live in an environment of their own, named by PEERS_PYTHON:

    python -m venv peers
    peers/bin/pip install dlib-bin face-recognition-models "setuptools<81" deepface tf-keras flask numpy pillow click
    peers/bin/pip install --no-deps face_recognition
    PEERS_PYTHON=peers/bin/python python -m benchmarks.speed.peers

Every program is bound to one core and runs twice, in turn; ratios are taken inside this one run. Our time is the whole
ingest, model loading, database and fsync included; the peers' time begins after their models are loaded.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.places import CHECKOUT, RESULTS, SHARED
from benchmarks.speed.ours import Ours
from countenance.core.geometry import overlap
from countenance.measure.report import write_json

SETS = ("album", "london")
ROUNDS = 2
SAME_FACE = 0.3
HEIGHTS_PX = (40, 120, 160, 200, 300, 1000)
BARS = {"default": {"face_recognition": 8.0}, "recommended": {"face_recognition": 12.0, "deepface": 4.0}}


def labels() -> dict[str, tuple[np.ndarray[Any, Any], tuple[int, int], int]]:
    """Boxes (n, 4), upright size and EXIF orientation of every photo, by path."""
    found = {}
    album = json.loads((SHARED / "photos/album/labels.json").read_text("utf-8"))
    for photo in album["images"]:
        boxes = np.array([face["box"] for face in photo["faces"]], dtype=np.float32)
        size = (photo["upright_width"], photo["upright_height"])
        found[str(SHARED / "photos/album" / photo["file"])] = (boxes, size, photo["exif_orientation"])
    with (SHARED / "photos/london/labels.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            box = np.array([[float(row[side]) for side in "xywh"]], dtype=np.float32)
            found[str(SHARED / "photos/london" / row["file"])] = (box, (900, 900), 1)
    return found


def turned_upright(boxes: np.ndarray[Any, Any], size: tuple[int, int], orientation: int) -> np.ndarray[Any, Any]:
    """Boxes of a program that ignores EXIF, moved into the upright photo."""
    if not len(boxes) or orientation == 1:
        return boxes
    width, height = size
    x, y, w, h = boxes.T
    if orientation in (5, 6, 7, 8):
        x, y, w, h = y, x, h, w
    if orientation in (2, 3, 6, 7):
        x = width - x - w
    if orientation in (3, 4, 7, 8):
        y = height - y - h
    return np.stack([x, y, w, h], axis=1)


def found_faces(boxes: dict[str, Any], *, upright: bool) -> dict[str, Any]:
    """Labelled faces found, by height, and boxes that are nobody."""
    truth, by_height, false = labels(), [[0, 0] for _ in HEIGHTS_PX[1:]], 0
    for path, (wanted, size, orientation) in truth.items():
        given = np.array(boxes.get(path, []), dtype=np.float32).reshape(-1, 4)
        given = given if upright else turned_upright(given, size, orientation).astype(np.float32)
        shared = overlap(wanted, given) >= SAME_FACE
        false += int((~shared.any(axis=0)).sum()) if len(given) else 0
        for height, hit in zip(wanted[:, 3].tolist(), np.any(shared, axis=1).tolist(), strict=True):
            row = by_height[int(np.searchsorted(HEIGHTS_PX, height, side="right")) - 1]
            row[0] += int(hit)
            row[1] += 1
    return {
        "found": sum(row[0] for row in by_height),
        "labelled": sum(row[1] for row in by_height),
        "false": false,
        "by_height_px": {
            f"{low}-{high}": {"found": hit, "of": of}
            for low, high, (hit, of) in zip(HEIGHTS_PX[:-1], HEIGHTS_PX[1:], by_height, strict=True)
        },
    }


def run_peer(script: str, paths: list[str], home: Path) -> dict[str, Any]:
    """One peer over all photos on one core."""
    environment = os.environ | {"DEEPFACE_HOME": str(home), "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(  # noqa: S603 - our own scripts
        [os.environ["PEERS_PYTHON"], str(Path(__file__).parent / script), *paths],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def deepface_home(folder: Path) -> Path:
    """Weights where deepface looks for them: the same YuNet file, and dlib's."""
    weights = folder / ".deepface" / "weights"
    weights.mkdir(parents=True)
    shutil.copy(SHARED / "weights/yunet/yunet_n_640_640.onnx", weights / "face_detection_yunet_2023mar.onnx")
    listing = "import face_recognition_models, os; print(os.path.dirname(face_recognition_models.__file__))"
    answer = subprocess.run(  # noqa: S603
        [os.environ["PEERS_PYTHON"], "-W", "ignore", "-c", listing], check=True, capture_output=True, text=True
    )
    models = Path(answer.stdout.strip()) / "models"
    for name in ("dlib_face_recognition_resnet_model_v1.dat", "shape_predictor_5_face_landmarks.dat"):
        shutil.copy(models / name, weights / name)
    return folder


def main() -> int:
    """Measure, print, write; 1 when a bar is missed."""
    if "PEERS_PYTHON" not in os.environ:
        sys.stdout.write("peers: skipped, PEERS_PYTHON is not set (see the head of this file)\n")
        return 0
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    paths = sorted(labels())
    seconds: dict[str, list[float]] = {}
    faces: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as name:
        home = deepface_home(Path(name) / "deepface")
        for turn in range(ROUNDS):
            for pack in ("default", "recommended"):
                with Ours(Path(name) / f"{pack}-{turn}", pack) as ours:
                    summary = ours.ingest(paths)
                    seconds.setdefault(pack, []).append(summary["seconds"]["total"])
                    faces[pack] = found_faces(ours.boxes(), upright=True)
            for peer in ("face_recognition", "deepface"):
                answer = run_peer(f"peer_{peer}.py", paths, home)
                seconds.setdefault(peer, []).append(answer["seconds"])
                faces[peer] = found_faces(answer["boxes"], upright=answer["upright"])
    rate = {who: len(paths) / float(np.mean(spent)) for who, spent in seconds.items()}
    ratios = {pack: {peer: rate[pack] / rate[peer] for peer in bars} for pack, bars in BARS.items()}
    for who, spent in seconds.items():
        hits = faces[who]
        sys.stdout.write(
            f"{who:17} {rate[who]:7.2f} photos/s  {hits['found']}/{hits['labelled']} faces, {hits['false']} false  "
            f"{[round(value, 1) for value in spent]} s\n"
        )
    missed = []
    for pack, bars in BARS.items():
        for peer, bar in bars.items():
            sys.stdout.write(f"{pack} / {peer}: {ratios[pack][peer]:.2f} (bar {bar})\n")
            missed += [f"{pack}/{peer}"] if ratios[pack][peer] < bar else []
        missed += [f"{pack} faces"] if faces[pack]["found"] <= faces["face_recognition"]["found"] else []
    results = {"photos": len(paths), "seconds": seconds, "photos_per_second": rate, "ratios": ratios, "bars": BARS}
    write_json(RESULTS / "peers.json", {**results, "faces": faces, "missed": missed}, seed=0, checkout=CHECKOUT)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
