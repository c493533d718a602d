"""The plan's arithmetic, and that the guide on scale says what was planned from the measured rates."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.places import RESULTS
from benchmarks.scale import say
from benchmarks.scale.plan import GUIDE, Assumed, machines_for, planned, render, shared_out
from benchmarks.scale.rates import DIM, Line, Rates, looked_at_again, read_results, vault_bytes
from benchmarks.scale.zipf import collection_of_a_face, median_collection, zipf_sizes

REST: dict[str, Any] = {
    "faces": 1_000,
    "faces_a_photo": 4,
    "page_bytes": 4_096,
    "sealed_template_bytes": 541,
    "face": {"database": 1_000.0, "checksums": 1.0, "keys": 0.0},
    "people": 1_000,
    "person": {"database": 2_000.0, "checksums": 2.0, "keys": 150.0},
}
PLAN = RESULTS / "plan.json"


def invented(n: int, dim: int) -> dict[str, Any]:
    """An index of round numbers: exact search 50 ns a face, codes a tenth of it and half a millisecond."""
    exact, codes = n * 5e-5, 0.5 + n * 5e-6
    return {
        "n": n,
        "dim": dim,
        "code_bytes": 16,
        "shortlist": 1_000,
        "build_s": n * 1e-5,
        "resident_bytes_per_template": 20.0 if n > 10**6 else 300.0,
        "read_bytes_per_s": 1e10,
        "ann_1_over_flat_1": codes / exact,
        "kept": 0.998,
        "ms": {"flat_1": exact, "ann_1": codes, "ann_64": codes / 2},
    }


@pytest.fixture
def results() -> dict[str, dict[str, Any]]:
    opened = {"archive_s": 0.5, "peak_bytes": 10**9}
    of_faces = {
        str(n): {
            "faces": {how: {**opened, "seconds": 0.5 + n * each} for how, each in (("cold", 2e-5), ("saved", 1e-6))}
        }
        for n in (100_000, 1_000_000)
    }
    rates = {
        f"{kind} {sets}": {"photos_per_second": 50.0}
        for kind in ("default", "recommended")
        for sets in ("london", "album+london")
    }
    return {
        "index": {
            "machine": {"cpu": "a processor"},
            "sizes": [*(invented(10**power, DIM) for power in (4, 5, 6, 7)), invented(10**6, 512)],
            "ingest_compare": {"ms_a_face": 2.0, "references": 10**6},
        },
        "opening": {"sizes": of_faces},
        "pipeline": {"results": rates},
        "workers": {"results": {kind: {"ratio": 1.8} for kind in ("default", "recommended")}},
        "ledger": {"appends_per_s": {"one by one": 170.0}},
        "erasure": {
            "machine": {"cores": 2},
            "sweep": {"bytes": 10**9},
            "begun_at_s": {"sweep": 1.0, "needles": 3.0},
        },
    }


@pytest.fixture
def plan(results: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return planned(results, REST, Assumed())


@pytest.mark.parametrize("exponent", [0.0, 0.8, 1.0, 1.2])
def test_collections_hold_all_faces_and_the_first_is_the_largest(exponent: float) -> None:
    sizes = zipf_sizes(10**11, 10**6, exponent)
    assert sizes.sum() == pytest.approx(1e11)
    assert sizes[0] / sizes[999] == pytest.approx(1_000**exponent)


def test_zipf_by_hand() -> None:
    sizes = zipf_sizes(11, 3, 1.0)
    assert sizes == pytest.approx([6, 3, 2])
    assert median_collection(sizes) == pytest.approx(3)
    assert collection_of_a_face(sizes) == pytest.approx(6), "the first alone holds more than half"
    assert collection_of_a_face(zipf_sizes(12, 12, 0.0)) == pytest.approx(1)
    assert collection_of_a_face(np.array([4.0, 3.0, 3.0])) == 3


def test_a_line_goes_through_what_was_measured_and_on() -> None:
    line = Line.through([(100, 30.0), (10, 3.0), (1, 2.0)])
    at = line.at(np.array([0.0, 1.0, 5.5, 100.0, 1_000.0]))
    assert at.tolist() == pytest.approx([2.0, 2.0, 2.5, 30.0, 300.0]), "below the smallest: too much, not too little"


@pytest.mark.parametrize("points", [[], [(1, 1.0)], [(1, 1.0), (1, 2.0)]])
def test_one_size_is_no_line(points: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="two sizes or more"):
        Line.through(points)


def test_searches_are_exact_when_small_and_linear_beyond_what_was_measured(results: dict[str, dict[str, Any]]) -> None:
    rates = Rates.of(results)
    assert rates.search_s(np.array([49_999.0]))[0] == pytest.approx(49_999 * 5e-8)
    assert rates.search_s(np.array([1e9]))[0] == pytest.approx((0.5 + 5_000) / 1e3)
    assert rates.cold_s.at(np.array([0.0, 1e9])).tolist() == pytest.approx([0.5, 20_000.5])


def test_memory_by_kind_of_index(results: dict[str, dict[str, Any]]) -> None:
    rates = Rates.of(results)
    small, middling, large = 1_000.0, 1e6, 1e8
    assert rates.memory_bytes(np.array([small, middling, large])).tolist() == [small * 526, middling * 314, large * 34]
    assert vault_bytes(np.array([middling, large])).tolist() == [0, 256 * large]
    assert (looked_at_again(middling), looked_at_again(1e7), looked_at_again(large)) == (0, 3_000, 8_000)


def test_disk_and_machines_add_up(plan: dict[str, Any]) -> None:
    row = plan["totals"][-1]
    people = 10**9
    assert row["database_bytes"] == 10**11 * 1_000 + people * 2_000
    assert row["keys_bytes"] == people * 150
    kept_twice = row["database_bytes"] + row["checksums_bytes"] + row["keys_bytes"]
    assert row["disk_bytes"] == pytest.approx(2 * kept_twice + row["vault_bytes"] + row["saved_bytes"])
    assert row["machines"]["needed"] == max(row["machines"]["disk"], row["machines"]["memory"])
    assert (machines_for(0, 10), machines_for(10, 10), machines_for(10.1, 10)) == (1, 1, 2)


def test_sharing_out_is_bound_by_cores_memory_and_the_smallest_search(plan: dict[str, Any]) -> None:
    assumed, row = Assumed(), plan["totals"][-1]
    largest = row["search"]["largest"]
    by_memory = 16 * largest["faces"] / assumed.memory_bytes_per_s
    by_cores = largest["core_s"] / assumed.cores
    assert largest["machine_s"] == pytest.approx(max(by_memory, by_cores))
    assert largest["machines_s"] == pytest.approx(largest["machine_s"] / row["machines"]["needed"])
    for total in plan["totals"]:
        for each in total["search"].values():
            assert 0 < each["machines_s"] <= each["machine_s"] <= each["core_s"]


def test_a_machine_reads_no_faster_than_its_memory(results: dict[str, dict[str, Any]]) -> None:
    slow = Assumed(memory_bytes_per_s=1e9)
    assert shared_out(10.0, 5e9, 1, Rates.of(results), slow) == 5.0
    assert shared_out(10.0, 5e9, 10, Rates.of(results), slow) == 0.5
    assert shared_out(640.0, 5e9, 1, Rates.of(results), slow) == 10.0


def test_sqlite_ends_where_an_erasure_takes_too_long(plan: dict[str, Any]) -> None:
    ends = plan["sqlite"]
    assert ends["faces"] == 600 * 5e8 / 1_000
    sizes = zipf_sizes(10**11, 10**6, 1.0)
    assert plan["totals"][-1]["beyond_sqlite"] == np.count_nonzero(sizes > ends["faces"]) > 0
    assert plan["totals"][0]["beyond_sqlite"] == 0


def test_an_index_that_was_not_measured_large_is_no_plan(results: dict[str, dict[str, Any]]) -> None:
    results["index"]["sizes"] = [size for size in results["index"]["sizes"] if size["n"] < 10**7]
    with pytest.raises(SystemExit, match=r"without --quick"):
        Rates.of(results)


def test_missing_results_are_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"index\.json is not there: run python -m benchmarks\.speed\.index first"):
        read_results(tmp_path)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (say.number(0), "0"),
        (say.number(13_896), "14,000"),
        (say.number(999_999), "1 million"),
        (say.number(6.95e9, 3), "6.95 billion"),
        (say.size(16), "16 B"),
        (say.size(2.56e9), "2.6 GB"),
        (say.size(9.999e11), "1 TB"),
        (say.span(0.00046), "0.46 ms"),
        (say.span(1.5), "1.5 s"),
        (say.span(119), "120 s"),
        (say.span(7_200), "2 h"),
    ],
)
def test_numbers_are_said_with_a_unit_that_fits(said: str, expected: str) -> None:
    assert said == expected


def test_the_guide_is_short_says_what_is_not_built_and_has_whole_tables(plan: dict[str, Any]) -> None:
    lines = render(plan).splitlines()
    assert len(lines) < 150
    assert any("not built yet" in line for line in lines)
    for above, line in pairwise(lines):
        if above.startswith("|") and line.startswith("|"):
            assert above.count("|") == line.count("|"), line


def test_the_guide_says_what_was_planned_from_what_was_measured() -> None:
    """Neither is there before the measurements were made: ``python -m benchmarks.scale.plan`` writes both."""
    assert PLAN.is_file() == GUIDE.is_file()
    if PLAN.is_file():
        found = json.loads(PLAN.read_text("utf-8"))
        assert GUIDE.read_text("utf-8") == render(found), "run python -m benchmarks.scale.plan"
        again = planned(read_results(RESULTS), found["bytes_at_rest"], Assumed(**found["assumed"]))
        assert GUIDE.read_text("utf-8") == render(again), "run python -m benchmarks.scale.plan"
