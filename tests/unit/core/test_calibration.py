from __future__ import annotations

import pytest

from countenance.core.calibration import (
    FEWEST_PEOPLE,
    Sample,
    bands,
    fmr_for,
    fpir_for,
    is_stale,
    least_score,
    refusal,
)


def sample(people: int = 40, searches: int = 400, comparisons: int = 15_600, enrolled: int = 40) -> Sample:
    return Sample(people, searches, comparisons, enrolled)


@pytest.mark.parametrize(("fmr", "enrolled", "fpir"), [(0.001, 1, 0.001), (0.001, 1_000, 0.632305), (0.5, 2, 0.75)])
def test_what_one_comparison_makes_of_a_search(fmr: float, enrolled: int, fpir: float) -> None:
    assert fpir_for(fmr, enrolled) == pytest.approx(fpir, abs=1e-6)
    assert fmr_for(fpir, enrolled) == pytest.approx(fmr, rel=1e-4)


def test_tiny_rates_do_not_round_to_nothing() -> None:
    assert fmr_for(1e-6, 1_000_000) == pytest.approx(1e-12, rel=1e-6)
    assert fpir_for(1e-18, 1_000) == pytest.approx(1e-15, rel=1e-6)


def test_enough_is_enough() -> None:
    assert refusal(sample(people=FEWEST_PEOPLE), 0.01) is None


def test_too_few_people_whatever_the_comparisons() -> None:
    message, advice = refusal(sample(people=9, comparisons=10**9), 0.5) or ("", "")
    assert message == "There is too little to say: confirmed faces of 9 people, and 10 are needed."
    assert "countenance review" in advice
    assert "1 person," in (refusal(sample(people=1), 0.5) or ("", ""))[0]


def test_too_few_comparisons_say_how_many_and_what_would_do() -> None:
    message, advice = refusal(sample(), 0.001) or ("", "")
    assert message == (
        "There is too little to say: 400 confirmed faces of 40 people give 15,600 comparisons of different people, and "
        "119,942 are needed for an FPIR of 0.001 among 40 enrolled people."
    )
    assert advice.endswith("--fpir 0.0077.")
    assert refusal(sample(), 0.0077) is None, "what is printed must do"
    assert refusal(sample(), 0.0076) is not None


@pytest.mark.parametrize("comparisons", [1, 7, 99, 1_234, 40_001])
def test_the_rate_that_is_advised_is_accepted(comparisons: int) -> None:
    few = sample(comparisons=comparisons, enrolled=1)
    _, advice = refusal(few, 1e-6) or ("", "")
    advised = float(advice.rpartition(" ")[2].rstrip("."))
    assert 0 < advised <= 0.99
    assert comparisons < 4 or refusal(few, advised) is None


def test_one_of_each_is_written_in_the_singular() -> None:
    message, _ = refusal(sample(searches=1, enrolled=1), 1e-6) or ("", "")
    assert "1 confirmed face of" in message
    assert message.endswith("among 1 enrolled person.")


@pytest.mark.parametrize(
    ("certain", "suggest", "expected"),
    [(0.9, 0.7, (0.7, 0.9)), (0.9, 0.95, (0.9, 0.9)), (0.9, 0.2, (0.5, 0.9)), (0.3, 0.2, (0.5, 0.6))],
)
def test_bands_keep_their_order_and_their_floors(certain: float, suggest: float, expected: tuple[float, float]) -> None:
    found = bands(certain, suggest, floor_suggest=0.5, floor_certain=0.6)
    assert (found.suggest, found.certain) == expected


@pytest.mark.parametrize(
    ("subject", "suggest", "expected"), [("ann", 0.8, 0.8), ("zoe", 0.8, 0.6), ("zoe", 0.5, 0.5), ("ann", 0.5, 0.5)]
)
def test_calibrating_lets_nobody_through_who_must_not_appear(subject: str, suggest: float, expected: float) -> None:
    assert least_score(subject, {"zoe"}, suggest, 0.6) == expected


@pytest.mark.parametrize(("now", "stale"), [(10, False), (19, False), (20, True), (3, False)])
def test_twice_as_many_people_need_another_one(now: int, stale: bool) -> None:  # noqa: FBT001 - what is expected
    assert is_stale(10, now) is stale
