"""Two worker processes against one, on two cores.

    python -m benchmarks.speed.workers

Both runs use the engine ``processes`` on the same photos; start-up of the workers is inside the measured time.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.places import CHECKOUT, RESULTS, SHARED
from benchmarks.speed.ours import Ours
from countenance.flows.scope import Engine
from countenance.measure.report import write_json

ROUNDS = 2
BAR = 1.7
SETS = ("album", "london", "caltech", "congress")


def main() -> int:
    """Measure, print, write; 1 when the bar is missed."""
    if len(os.sched_getaffinity(0)) < 2:  # noqa: PLR2004
        sys.stdout.write("workers: skipped, this needs two cores\n")
        return 0
    paths = [path for name in SETS for path in sorted((SHARED / "photos" / name).glob("*.jpg"))]
    results = {}
    with tempfile.TemporaryDirectory() as name:
        for pack in ("default", "recommended"):
            seconds: dict[int, list[float]] = {1: [], 2: []}
            for turn in range(ROUNDS):
                for workers, spent in seconds.items():
                    with Ours(Path(name) / f"{pack}-{turn}-{workers}", pack) as ours:
                        spent.append(float(ours.ingest(paths, engine=Engine("processes", workers))["seconds"]["total"]))
            ratio = median(one / two for one, two in zip(seconds[1], seconds[2], strict=True))
            results[pack] = {"photos": len(paths), "seconds": seconds, "ratio": ratio}
            sys.stdout.write(f"{pack:12} 2 workers are {ratio:.2f} times one (bar {BAR}); {seconds}\n")
    missed = [pack for pack, row in results.items() if float(str(row["ratio"])) < BAR]
    write_json(RESULTS / "workers.json", {"results": results, "missed": missed}, seed=0, checkout=CHECKOUT)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
