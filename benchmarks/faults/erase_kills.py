"""An erasure is killed (SIGKILL) 20 times at each of its steps; it must end complete, with no receipt before.

    python -m benchmarks.faults.erase_kills

Runs ``test_twenty_kills_at_each_step``, which says what is looked at after each kill; keeps its tally.
"""

from __future__ import annotations

import sys
from typing import Any

from benchmarks.faults.tally import keep

TEST = "tests/faults/test_erase_killed.py::test_twenty_kills_at_each_step"
N_KILLS, N_STEPS = 20, 8


def main() -> int:
    """Run, print, write; 1 when an erasure was not completed, or a receipt came too early."""
    return keep("erase_kills", TEST, _judge, seed=1)


def _judge(tally: dict[str, int]) -> dict[str, Any] | None:
    kills = {word.removeprefix("at_"): n for word, n in tally.items() if word.startswith("at_")}
    return {"kills": kills, "incomplete": 0} if sorted(kills.values()) == [N_KILLS] * N_STEPS else None


if __name__ == "__main__":
    sys.exit(main())
