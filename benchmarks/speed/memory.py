"""Peak memory of one worker, its decoder process included, on the two photos that need most.

    python -m benchmarks.speed.memory

A 200-megapixel JPEG, and 100 faces in one photo (a grid of portraits, made here). A worker is a process of the engine
``serial`` with its decoder child; the figure is the sum of both peaks as the kernel counted them (``ru_maxrss``).
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.places import CHECKOUT, RESULTS, SHARED
from benchmarks.speed.ours import Ours
from countenance.ingest.decode import decode_bytes
from countenance.measure.report import write_json
from countenance.redact.render import encode_jpeg
from countenance.settings import DecodeLimits
from countenance.vision.pyramid import Pyramid

BAR_BYTES = 1024**3
SIDE_PX = 220


def crowd(path: Path) -> Path:
    """100 portraits in one photo."""
    tiles = []
    for portrait in sorted((SHARED / "photos/london").glob("*.jpg"))[:100]:
        pixels = decode_bytes(portrait.read_bytes(), DecodeLimits()).pixels
        tiles.append(Pyramid(pixels).resized(SIDE_PX / pixels.shape[0]))
    rows = [np.concatenate(tiles[start : start + 10], axis=1) for start in range(0, 100, 10)]
    path.write_bytes(encode_jpeg(np.concatenate(rows).astype(np.uint8)))
    return path


def child(photo: str, pack: str, folder: str) -> None:
    """Ingest one photo and print what it took."""
    with Ours(Path(folder), pack) as ours:
        summary = ours.ingest([photo])
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    decoder = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    json.dump({"summary": summary, "worker_bytes": own, "decoder_bytes": decoder}, sys.stdout)


def main() -> int:
    """Measure, print, write; 1 when the bar is missed."""
    results, missed = {}, []
    with tempfile.TemporaryDirectory() as name:
        photos = {
            "200 megapixels": SHARED / "badimages/generated/jpeg_200MP_phone",
            "100 faces": crowd(Path(name) / "crowd.jpg"),
        }
        for pack in ("default", "recommended"):
            for label, photo in photos.items():
                folder = Path(name) / f"{pack}-{label.replace(' ', '-')}"
                command = [sys.executable, "-m", "benchmarks.speed.memory", str(photo), pack, str(folder)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
                row = json.loads(done.stdout)
                peak = row["worker_bytes"] + row["decoder_bytes"]
                results[f"{pack} {label}"] = {"peak_bytes": peak, **row}
                missed += [f"{pack} {label}"] if peak > BAR_BYTES else []
                sys.stdout.write(
                    f"{pack:12} {label:15} {peak / 2**20:6.0f} MiB (worker {row['worker_bytes'] / 2**20:.0f}, decoder "
                    f"{row['decoder_bytes'] / 2**20:.0f}; bar 1024), {row['summary']['faces']} faces, "
                    f"{row['summary']['photos']}\n"
                )
    write_json(RESULTS / "memory.json", {"results": results, "missed": missed}, seed=0, checkout=CHECKOUT)
    return 1 if missed else 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(*sys.argv[1:])
    else:
        sys.exit(main())
