"""1,000 kills (SIGKILL) of a search at random moments around its answers; none may be given without its entry (P7).

    python -m benchmarks.faults.answer_kills

Runs ``test_a_thousand_kills_and_no_answer_without_an_entry``, which says what is checked; keeps its tally.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time

from benchmarks.places import CHECKOUT, RESULTS
from countenance.measure.report import write_json

TEST = "tests/faults/test_answer_kills.py::test_a_thousand_kills_and_no_answer_without_an_entry"
SEED = 1_000


def main() -> int:
    """Run, print, write; 1 when an answer had no entry."""
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-m", "long", "-p", "no:cacheprovider", TEST]
    started = time.monotonic()
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=CHECKOUT)  # noqa: S603
    tally = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", done.stdout)}
    passed = done.returncode == 0 and tally.get("kills", 0) >= SEED
    missing = tally.get("without_an_entry", 0) if passed else None
    result = {"tally": tally, "without_an_entry": missing, "seconds": time.monotonic() - started}
    sys.stdout.write(f"{result}\n" if passed else done.stdout[-3000:])
    write_json(RESULTS / "answer_kills.json", result, seed=SEED, checkout=CHECKOUT)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
