"""Numbers in README and in the packs' manifests are the measured ones."""

from __future__ import annotations

from benchmarks.readme import README, better_sentence, rows

from countenance.settings import Settings
from countenance.vision.packs import load_pack


def test_the_table_of_readme_is_what_the_results_say() -> None:
    text = README.read_text("utf-8")
    table = rows()
    assert len(table) > 10
    for row in table:
        line = f"| {row['what']} | {row['default']} | {row['recommended']} | `python -m benchmarks.{row['command']}` |"
        assert line in text, f"run python -m benchmarks.readme: README does not say {line}"


def test_the_default_pack_says_what_was_measured_of_the_better_one() -> None:
    assert load_pack("default", Settings()).better == better_sentence()
