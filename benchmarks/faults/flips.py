"""1,000 single bits flipped in every store of a finished archive: no wrong answer, and the scrub finds every one.

    python -m benchmarks.faults.flips

Runs ``test_a_thousand_flips``, which says what is asked after each flip; keeps its tally by store.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time

from benchmarks.places import CHECKOUT, RESULTS
from countenance.measure.report import write_json

TEST = "tests/faults/test_bit_flips.py::test_a_thousand_flips"
SEED = 21
N_FLIPS = 1_000
LINE = re.compile(r"^\.?store ([a-z -]+): (.*)$", re.MULTILINE)


def main() -> int:
    """Run, print, write; 1 when an answer was wrong or a flip was not found."""
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-m", "long", "-p", "no:cacheprovider", TEST]
    started = time.monotonic()
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=CHECKOUT)  # noqa: S603
    stores = {
        store: {name: int(value) for name, value in re.findall(r"\b(flips|right|refused|wrong|found)=(\d+)", counts)}
        for store, counts in LINE.findall(done.stdout)
    }
    total = {
        name: sum(tally.get(name, 0) for tally in stores.values())
        for name in ("flips", "right", "refused", "wrong", "found")
    }
    passed = done.returncode == 0 and total["flips"] == total["found"] == N_FLIPS and not total["wrong"]
    result = {"stores": stores, "total": total, "passed": passed, "seconds": time.monotonic() - started}
    sys.stdout.write(f"{result}\n" if passed else done.stdout[-5000:])
    write_json(RESULTS / "flips.json", result, seed=SEED, checkout=CHECKOUT)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
