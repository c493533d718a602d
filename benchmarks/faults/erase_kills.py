"""An erasure is killed (SIGKILL) 20 times at each of its steps; it must end complete, with no receipt before.

    python -m benchmarks.faults.erase_kills

Runs ``test_twenty_kills_at_each_step``, which says what is looked at after each kill; keeps its tally.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time

from benchmarks.places import CHECKOUT, RESULTS
from countenance.measure.report import write_json

TEST = "tests/faults/test_erase_killed.py::test_twenty_kills_at_each_step"
N_KILLS, N_STEPS = 20, 8


def main() -> int:
    """Run, print, write; 1 when an erasure was not completed, or a receipt came too early."""
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-m", "long", "-p", "no:cacheprovider", TEST]
    started = time.monotonic()
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=CHECKOUT)  # noqa: S603
    tally = {name: int(value) for name, value in re.findall(r"kills at (\w+)=(\d+)", done.stdout)}
    passed = done.returncode == 0 and sorted(tally.values()) == [N_KILLS] * N_STEPS
    result = {"kills": tally, "incomplete": 0 if passed else None, "seconds": time.monotonic() - started}
    sys.stdout.write(f"{result}\n" if passed else done.stdout[-3000:])
    write_json(RESULTS / "erase_kills.json", result, seed=1, checkout=CHECKOUT)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
