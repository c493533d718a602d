"""1,000 kills (SIGKILL) of a search at random moments around its answers; none may be given without its entry (P7).

    python -m benchmarks.faults.answer_kills

Runs ``test_a_thousand_kills_and_no_answer_without_an_entry``, which says what is checked; keeps its tally.
"""

from __future__ import annotations

import sys
from typing import Any

from benchmarks.faults.tally import keep

TEST = "tests/faults/test_answer_kills.py::test_a_thousand_kills_and_no_answer_without_an_entry"
SEED = 1_000


def main() -> int:
    """Run, print, write; 1 when an answer had no entry."""
    return keep("answer_kills", TEST, _judge, seed=SEED)


def _judge(tally: dict[str, int]) -> dict[str, Any] | None:
    if tally.get("kills", 0) < SEED:
        return None
    return {"tally": tally, "without_an_entry": tally.get("without_an_entry", 0)}


if __name__ == "__main__":
    sys.exit(main())
