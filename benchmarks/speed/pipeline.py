"""Ingest against its floor: the sum of its kernels, each measured alone on the same photos on the same core.

    python -m benchmarks.speed.pipeline

The floor is decode (in this process, no child), detect, align, rate and embed over photos that are already in memory.
Ingest adds reading, hashing, the confined decoder process, batching, comparison, SQL and fsync. Kernels and ingest take
turns; the ratio is the median over the rounds. Start-up (models, decoder process) counts in full on every set; how long
it takes, and the ratio without it, are shown beside it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.places import CHECKOUT, RESULTS, SHARED
from benchmarks.speed.ours import Ours
from countenance.ingest.decode import decode_bytes
from countenance.measure.report import write_json
from countenance.settings import Settings
from countenance.vision.align import align
from countenance.vision.detect import Detector, detect, open_detector, smallest_face_px
from countenance.vision.embed import Embedder, open_embedder
from countenance.vision.packs import Pack
from countenance.vision.pyramid import Pyramid
from countenance.vision.quality import rate

ROUNDS = 3
SEED_RATE = 579.0
"""Photos per second of 1.5 billion photos a month."""
MOST_OVERHEAD, MOST_CORES, LEAST_OF_FLOOR = 1.15, 27.0, 0.87


def kernels(
    pack: Pack, settings: Settings, contents: list[bytes], parts: tuple[Detector, Embedder]
) -> dict[str, float]:
    """Seconds of each kernel over all photos, in the batches that ingest uses."""
    detector, embedder = parts
    spent = dict.fromkeys(("decode", "detect", "align", "rate", "embed"), 0.0)
    for start in range(0, len(contents), settings.batch_photos):
        clock = time.perf_counter()
        decoded = [
            decode_bytes(content, settings.decode) for content in contents[start : start + settings.batch_photos]
        ]
        spent["decode"] += time.perf_counter() - clock
        photos = [Pyramid(photo.pixels) for photo in decoded]
        smallest = [smallest_face_px(settings, photo.full_width, photo.full_height, photo.scale) for photo in decoded]
        clock = time.perf_counter()
        found = detect(detector, photos, smallest)
        spent["detect"] += time.perf_counter() - clock
        clock = time.perf_counter()
        crops = [align(photo, faces.landmarks, pack.embedder) for photo, faces in zip(photos, found, strict=True)]
        spent["align"] += time.perf_counter() - clock
        clock = time.perf_counter()
        for part, faces in zip(crops, found, strict=True):
            rate(part, faces.landmarks, faces.confidences)
        spent["rate"] += time.perf_counter() - clock
        clock = time.perf_counter()
        embedder.embed(np.concatenate(crops))
        spent["embed"] += time.perf_counter() - clock
    return spent


def measure(pack_name: str, sets: tuple[str, ...], folder: Path) -> dict[str, object]:
    """Rates, floor and overhead of one pack on some sets."""
    paths = [path for name in sets for path in sorted((SHARED / "photos" / name).glob("*.jpg"))]
    contents = [path.read_bytes() for path in paths]
    walls, floors, rows, starts = [], [], [], []
    for turn in range(ROUNDS):
        with Ours(folder / f"{pack_name}-{'-'.join(sets)}-{turn}", pack_name) as ours:
            parts = open_detector(ours.pack, ours.settings), open_embedder(ours.pack, ours.settings)
            kernels(ours.pack, ours.settings, contents[: ours.settings.batch_photos], parts)
            rows.append(kernels(ours.pack, ours.settings, contents, parts))
            del parts
            floors.append(sum(rows[-1].values()))
            # One photo alone: loading the models and starting the decoder process, which a long run pays once.
            starts.append(float(ours.ingest(paths[:1])["seconds"]["total"]) - floors[-1] / len(paths))
        with Ours(folder / f"{pack_name}-{'-'.join(sets)}-{turn}-whole", pack_name) as ours:
            walls.append(float(ours.ingest(paths)["seconds"]["total"]))
    overhead = median(wall / floor for wall, floor in zip(walls, floors, strict=True))
    rate_per_s = len(paths) / median(walls)
    return {
        "photos": len(paths),
        "photos_per_second": rate_per_s,
        "floor_photos_per_second": len(paths) / median(floors),
        "overhead": overhead,
        "start_s": median(starts),
        "overhead_without_start": median(
            (wall - start) / floor for wall, start, floor in zip(walls, starts, floors, strict=True)
        ),
        "cores_for_seed_rate": SEED_RATE / rate_per_s,
        "kernel_ms_per_photo": {name: 1e3 * median(row[name] for row in rows) / len(paths) for name in rows[0]},
        "wall_s": walls,
        "floor_s": floors,
    }


def main() -> int:
    """Measure, print, write; 1 when a bar is missed."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    results: dict[str, dict[str, object]] = {}
    missed = []
    with tempfile.TemporaryDirectory() as name:
        for pack in ("default", "recommended"):
            for sets in (("london",), ("album", "london")):
                row = measure(pack, sets, Path(name))
                results[f"{pack} {'+'.join(sets)}"] = row
                kernel_text = ", ".join(f"{key} {value:.1f}" for key, value in dict(row["kernel_ms_per_photo"]).items())  # type: ignore[call-overload]
                sys.stdout.write(
                    f"{pack:12} {'+'.join(sets):13} {row['photos_per_second']:6.1f} photos/s, floor "
                    f"{row['floor_photos_per_second']:.1f}, overhead {row['overhead']:.3f} (bar {MOST_OVERHEAD}; "
                    f"{row['overhead_without_start']:.3f} after a start of {row['start_s']:.2f} s), "
                    f"{row['cores_for_seed_rate']:.1f} cores for {SEED_RATE:.0f}/s; ms: {kernel_text}\n"
                )
                missed += [f"overhead {pack} {sets}"] if float(str(row["overhead"])) > MOST_OVERHEAD else []
    london = results["recommended london"]
    cores, share = float(str(london["cores_for_seed_rate"])), 1 / float(str(london["overhead"]))
    if cores > MOST_CORES and share < LEAST_OF_FLOOR:
        missed.append(f"recommended pack: {cores:.1f} cores and {share:.2f} of the floor")
    write_json(RESULTS / "pipeline.json", {"results": results, "missed": missed}, seed=0, checkout=CHECKOUT)
    sys.stdout.write(f"missed: {missed or 'nothing'}\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
