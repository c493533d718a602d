"""The drawn people under the default pack: every face found, nobody mistaken for anybody else.

    python -m benchmarks.accuracy.drawn

24 people, 8 portraits each. The first portrait of each is the reference, the seven others are probes. Group scenes of
the same people show how many of the drawn faces are found among others.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.places import CHECKOUT, RESULTS
from countenance.core.arrays import Pixels
from countenance.core.geometry import overlap
from countenance.demo.cast import CAST
from countenance.demo.draw import draw_portrait
from countenance.demo.person import person
from countenance.demo.scene import draw_scene
from countenance.measure.report import write_json
from countenance.settings import Settings
from countenance.vision.align import align
from countenance.vision.detect import Detections, Detector, detect, open_detector, smallest_face_px
from countenance.vision.embed import open_embedder
from countenance.vision.packs import load_pack
from countenance.vision.pyramid import Pyramid

N_PEOPLE, N_PICTURES, N_SCENES, PER_SCENE = 24, 8, 12, 6
SIDE_PX = 512
SAME_FACE = 0.3
LEAST_HEIGHT_PX = 60
LEAST_RECALL = 0.98


def find(detector: Detector, settings: Settings, pixels: Pixels) -> tuple[Pyramid, Detections]:
    """Faces of one drawn picture."""
    photo = Pyramid(pixels)
    smallest = smallest_face_px(settings, pixels.shape[1], pixels.shape[0], 1.0)
    return photo, detect(detector, [photo], [smallest])[0]


def measure(settings: Settings) -> dict[str, object]:
    """Counts and scores; see the head of this file."""
    pack = load_pack("default", settings)
    detector, embedder = open_detector(pack, settings), open_embedder(pack, settings)
    crops, owners, misses = [], [], []
    for who, seed in enumerate(CAST[:N_PEOPLE]):
        for picture in range(N_PICTURES):
            photo, faces = find(detector, settings, draw_portrait(person(seed), picture, SIDE_PX).pixels)
            if len(faces) != 1:
                misses.append({"person": seed, "picture": picture, "faces": len(faces)})
                continue
            crops.append(align(photo, faces.landmarks, pack.embedder))
            owners.append(who)
    templates, owner = embedder.embed(np.concatenate(crops)), np.array(owners)
    first = [int(np.flatnonzero(owner == who)[0]) for who in range(N_PEOPLE)]
    probes = np.setdiff1d(np.arange(len(owner)), first)
    scores = templates[probes] @ templates[first].T
    right = scores.argmax(axis=1) == owner[probes]
    together = templates @ templates.T
    same = owner[:, None] == owner[None, :]
    upper = np.triu(np.ones_like(same), k=1).astype(bool)
    mated, non_mated = together[same & upper], together[~same & upper]
    drawn, found, false = scenes(detector, settings)
    return {
        "portraits": N_PEOPLE * N_PICTURES,
        "not_exactly_one_face": misses,
        "rank_1": float(right.mean()),
        "threshold": pack.match,
        "mated": quantiles(mated),
        "non_mated": quantiles(non_mated),
        "scene_faces": drawn,
        "scene_faces_found": found,
        "scene_false_faces": false,
    }


def scenes(detector: Detector, settings: Settings) -> tuple[int, int, int]:
    """Drawn faces of at least 60 px in group scenes, how many are found, and boxes that are nobody."""
    dice = np.random.default_rng(1)
    drawn = found = false = 0
    for number in range(N_SCENES):
        seats = dice.choice(N_PEOPLE, size=PER_SCENE, replace=False)
        scene = draw_scene([person(CAST[seat]) for seat in seats], number, 1600, 1067)
        boxes = np.array([face.box for face in scene.faces], dtype=np.float32)
        _, faces = find(detector, settings, scene.pixels)
        shared = overlap(boxes, faces.boxes) >= SAME_FACE
        large = boxes[:, 3] >= LEAST_HEIGHT_PX
        drawn += int(large.sum())
        found += int((shared.any(axis=1) & large).sum())
        false += int((~shared.any(axis=0)).sum())
    return drawn, found, false


def quantiles(scores: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> dict[str, float]:
    """Lowest, 1 %, middle, 99 % and highest."""
    names = ("lowest", "1 %", "middle", "99 %", "highest")
    return dict(zip(names, np.quantile(scores, [0, 0.01, 0.5, 0.99, 1]).round(4).tolist(), strict=True))


def missed(result: dict[str, object]) -> list[str]:
    """Bars that a result misses."""
    mated, non_mated = dict(result["mated"]), dict(result["non_mated"])  # type: ignore[call-overload]
    threshold = float(str(result["threshold"]))
    checks = {
        "every portrait shows exactly one face": not result["not_exactly_one_face"],
        "rank-1": result["rank_1"] == 1.0,
        "mated scores at or above the threshold": mated["lowest"] >= threshold,
        "non-mated scores below the threshold": non_mated["highest"] < threshold,
        "faces in scenes": int(str(result["scene_faces_found"])) >= LEAST_RECALL * int(str(result["scene_faces"])),
    }
    return [name for name, holds in checks.items() if not holds]


def main() -> int:
    """Measure, print, write; 1 when a bar is missed."""
    with tempfile.TemporaryDirectory() as name:
        result = measure(Settings(cache_dir=Path(name)))
    for key, value in result.items():
        sys.stdout.write(f"{key}: {value}\n")
    bars = missed(result)
    sys.stdout.write(f"missed: {bars or 'nothing'}\n")
    write_json(RESULTS / "drawn.json", {"result": result, "missed": bars}, seed=1, checkout=CHECKOUT)
    return 1 if bars else 0


if __name__ == "__main__":
    sys.exit(main())
