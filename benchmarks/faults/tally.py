"""Run one long test that kills and counts, and keep what it counted."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.places import CHECKOUT, RESULTS
from countenance.measure.report import write_json


def keep(name: str, test: str, judge: Callable[[dict[str, int]], dict[str, Any] | None], *, seed: int) -> int:
    """Run the test, print, write; 1 when it failed or its counts do not do.

    Args:
        name: of the file of results.
        test: as pytest names it; it prints ``word=number`` for everything that it counted.
        judge: makes the result of these numbers; None when they do not do.
        seed: for the record.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-m", "long", "-p", "no:cacheprovider", test]
    started = time.monotonic()
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=CHECKOUT)  # noqa: S603
    tally = {word: int(value) for word, value in re.findall(r"(\w+)=(\d+)", done.stdout)}
    judged = judge(tally) if done.returncode == 0 else None
    result = (judged or {"tally": tally, "passed": False}) | {"seconds": time.monotonic() - started}
    sys.stdout.write(f"{result}\n" if judged is not None else done.stdout[-3000:])
    write_json(RESULTS / f"{name}.json", result, seed=seed, checkout=CHECKOUT)
    return int(judged is None)
