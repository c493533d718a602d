"""200 kills (SIGKILL) of an ingest at random moments; nothing acknowledged may be lost or doubled.

    python -m benchmarks.faults.kills

Runs ``test_two_hundred_kills_lose_and_double_nothing``, which says what is checked after each kill; keeps its tally.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time

from benchmarks.places import CHECKOUT, RESULTS
from countenance.measure.report import write_json

TEST = "tests/promises/test_p10_nothing_lost.py::test_two_hundred_kills_lose_and_double_nothing"
SEED = 200


def main() -> int:
    """Run, print, write; 1 when anything was lost or doubled."""
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-m", "long", "-p", "no:cacheprovider", TEST]
    started = time.monotonic()
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=CHECKOUT)  # noqa: S603
    tally = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", done.stdout)}
    passed = done.returncode == 0 and tally.get("kills", 0) >= SEED
    result = {"tally": tally, "lost_or_doubled": 0 if passed else None, "seconds": time.monotonic() - started}
    sys.stdout.write(f"{result}\n" if passed else done.stdout[-3000:])
    write_json(RESULTS / "kills.json", result, seed=SEED, checkout=CHECKOUT)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
