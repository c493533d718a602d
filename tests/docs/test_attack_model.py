"""Numbers in the attack model are the measured ones, and it says what known pairs undo."""

from __future__ import annotations

import json

from benchmarks.attack_model import PAPER, lines
from benchmarks.places import RESULTS


def test_every_measured_line_is_what_the_results_say() -> None:
    text = PAPER.read_text("utf-8")
    wanted = lines()
    assert len(wanted) > 20
    for line in wanted:
        assert line in text, f"run python -m benchmarks.attack_model: the paper does not say {line}"


def test_the_table_of_known_pairs_is_whole() -> None:
    found = json.loads((RESULTS / "strangers.json").read_text("utf-8"))
    for pack, dim in (("default", 128), ("recommended", 256)):
        rows = {row["known_pairs"]: row for row in found[pack]["known_pairs"]}
        assert list(rows) == [16, 32, 64, 127, 128, 255, 511]
        assert found[pack]["dim"] == dim
        undone = [row["cosine"] for known, row in rows.items() if known >= dim]
        assert all(cosine > 0.999 for cosine in undone), "enough pairs undo everything, and the paper must say so"


def test_the_bars_are_met() -> None:
    found = json.loads((RESULTS / "strangers.json").read_text("utf-8"))
    assert all(bar["met"] for bar in found["bars"])
    assert all(found[pack]["across"]["comparisons_in_rates"] >= 1_000_000 for pack in ("default", "recommended"))
