"""The measured lines of ``docs/attack-model.md``, written from ``benchmarks/results``.

python -m benchmarks.attack_model
"""

from __future__ import annotations

import json
import sys
from typing import Any

from benchmarks.places import CHECKOUT, RESULTS

PAPER = CHECKOUT / "docs" / "attack-model.md"
PACKS = ("default", "recommended")


def lines() -> list[str]:
    """Every line that the paper must hold, word for word."""
    found = json.loads((RESULTS / "strangers.json").read_text("utf-8"))
    return [*_across(found), *_known_pairs(found)]


def _across(found: dict[str, Any]) -> list[str]:
    across = [found[pack]["across"] for pack in PACKS]
    inside = [found[pack]["inside"] for pack in PACKS]
    one = "auc_of_pairs_one_mated_score_a_person"
    rows = [
        ("comparisons, of two collections each", [f"{each['comparisons']:,}" for each in across]),
        ("AUC across, over all of them", [f"{each['auc']:.4f}" for each in across]),
        (
            "the same, one mated score a person: mean over pairs of collections",
            [f"{each[one]['mean']:.4f}" for each in across],
        ),
        ("- standard deviation between pairs of collections", [f"{each[one]['sd']:.4f}" for each in across]),
        (
            "- as many independent scores would have",
            [f"{each['sd_of_as_many_independent_scores']:.4f}" for each in across],
        ),
        ("- the pair of collections furthest from 0.5", [f"{each[one]['worst']:.4f}" for each in across]),
        ("every mated score: the pair furthest from 0.5", [f"{each['auc_of_pairs']['worst']:.4f}" for each in across]),
        ("linkability D_sys, over all", [f"{each['d_sys']:.4f}" for each in across]),
        ("- of a pair of collections, mean", [f"{each['d_sys_of_pairs']['mean']:.4f}" for each in across]),
        ("- by chance alone", [f"{each['d_sys_of_pairs_by_chance']['mean']:.4f}" for each in across]),
        ("scores at or above the match score", [f"{each['above_match']:,}" for each in across]),
        ("highest score across", [f"{each['highest']:.3f}" for each in across]),
        ("AUC inside one collection, for comparison", [f"{each['auc']:.5f}" for each in inside]),
        ("D_sys inside one collection", [f"{each['d_sys']:.4f}" for each in inside]),
    ]
    return [f"| {what} | {' | '.join(cells)} |" for what, cells in rows]


def _known_pairs(found: dict[str, Any]) -> list[str]:
    tables = [found[pack]["known_pairs"] for pack in PACKS]
    rows = [
        (str(row[0]["known_pairs"]), [(each["cosine"], each["rank_1_link"]) for each in row])
        for row in zip(*tables, strict=True)
    ]
    fewest = [table[0] for table in tables]
    nothing = [(each["cosine_of_different_people"], each["rank_1_by_chance"]) for each in fewest]
    everything = [(1.0, each["rank_1_plain"]) for each in fewest]
    rows += [("none: two different people; chance", nothing), ("plain templates themselves", everything)]
    return [
        f"| {what} | {' | '.join(f'{cosine:.3f} | {link:.1%}' for cosine, link in cells)} |" for what, cells in rows
    ]


def main() -> int:
    """Print the lines; 1 when the paper does not hold one of them."""
    text = PAPER.read_text("utf-8") if PAPER.exists() else ""
    missing = [line for line in lines() if line not in text]
    print("\n".join(lines()))
    return int(bool(missing))


if __name__ == "__main__":
    sys.exit(main())
