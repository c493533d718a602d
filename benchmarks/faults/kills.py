"""200 kills (SIGKILL) of an ingest at random moments; nothing acknowledged may be lost or doubled.

    python -m benchmarks.faults.kills

Runs ``test_two_hundred_kills_lose_and_double_nothing``, which says what is checked after each kill; keeps its tally.
"""

from __future__ import annotations

import sys
from typing import Any

from benchmarks.faults.tally import keep

TEST = "tests/promises/test_p10_nothing_lost.py::test_two_hundred_kills_lose_and_double_nothing"
SEED = 200


def main() -> int:
    """Run, print, write; 1 when anything was lost or doubled."""
    return keep("kills", TEST, _judge, seed=SEED)


def _judge(tally: dict[str, int]) -> dict[str, Any] | None:
    return {"tally": tally, "lost_or_doubled": 0} if tally.get("kills", 0) >= SEED else None


if __name__ == "__main__":
    sys.exit(main())
