"""Scores with known error rates give the threshold that is known."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from countenance.core.calibration import fmr_for
from countenance.errors import UsageError
from countenance.measure.calibration import Comparisons, NonMated, kept_for, threshold_for

PEOPLE, FACES, SPREAD = 40, 30, 0.1


def drawn(seed: int, *, people: int = PEOPLE, faces: int = FACES, n_kept: int = 3_000) -> NonMated:
    """Searches of people whose non-mated scores are normal with mean 0; their own columns would spoil everything."""
    chance = np.random.default_rng(seed)
    taken = Comparisons(people, n_kept)
    for _ in range(faces):
        scores = chance.normal(0, SPREAD, (people, people)).astype(np.float32)
        np.fill_diagonal(scores, 1.0)
        taken.add_searches(scores, np.arange(people))
    return taken.finish()


def true_threshold(fpir: float, enrolled: int) -> float:
    return NormalDist(0, SPREAD).inv_cdf(1 - fmr_for(fpir, enrolled))


@pytest.mark.parametrize(("fpir", "enrolled"), [(0.05, 39), (0.3, 39), (0.3, 200), (0.01, 1)])
def test_the_known_threshold_lies_in_its_interval(fpir: float, enrolled: int) -> None:
    inside = []
    for seed in range(12):
        found = threshold_for(drawn(seed), fpir, enrolled, seed=seed)
        assert found.low <= found.value <= found.high
        inside.append(found.low <= true_threshold(fpir, enrolled) <= found.high)
    assert sum(inside) >= 9, "of 12 intervals of 95 %, whatever the seed"


def test_more_people_need_a_higher_threshold() -> None:
    found = drawn(0)
    few, many = (threshold_for(found, 0.05, enrolled, seed=0).value for enrolled in (10, 100))
    assert few < many


def test_the_share_of_searches_that_go_wrong_is_as_asked() -> None:
    threshold = threshold_for(drawn(1), 0.05, PEOPLE - 1, seed=0)
    again = np.random.default_rng(99).normal(0, SPREAD, (20_000, PEOPLE - 1))
    wrong = float((again.max(axis=1) >= threshold.value).mean())
    assert wrong == pytest.approx(0.05, abs=0.02)


def test_only_the_highest_scores_are_kept_and_say_the_same() -> None:
    n_kept = kept_for(0.05, 39, PEOPLE * FACES * (PEOPLE - 1))
    whole, part = drawn(2, n_kept=10**9), drawn(2, n_kept=n_kept)
    assert len(part.scores) == n_kept < len(whole.scores) == whole.total == part.total
    assert threshold_for(part, 0.05, 39, seed=3) == threshold_for(whole, 0.05, 39, seed=3)


def test_a_score_that_must_not_match_does_not() -> None:
    taken = Comparisons(4, 100)
    scores = np.full((4, 4), 0.2, dtype=np.float32)
    scores[0, 1] = 0.7
    taken.add_searches(scores, np.arange(4))
    found = threshold_for(taken.finish(), 1e-9, 1, seed=0)
    assert found.value == np.nextafter(np.float64(np.float32(0.7)), 1)


def test_a_single_face_is_one_comparison_with_one_person() -> None:
    taken = Comparisons(3, 100)
    taken.add_searches(np.zeros((3, 3), dtype=np.float32), np.arange(3))
    taken.add_pairs(np.array([0.9, 0.8], dtype=np.float32), np.array([1, 1]))
    found = taken.finish()
    assert found.total == 6 + 2
    assert found.scores[:2].tolist() == pytest.approx([0.9, 0.8])
    assert found.weight(np.array([1.0, 0.0, 2.0])) == 2 * (1 * 2), "who was not drawn has no comparison"


def test_hard_people_widen_the_interval() -> None:
    chance = np.random.default_rng(5)
    easy, hard = Comparisons(PEOPLE, 3_000), Comparisons(PEOPLE, 3_000)
    for _ in range(FACES):
        scores = chance.normal(0, SPREAD, (PEOPLE, PEOPLE)).astype(np.float32)
        easy.add_searches(scores, np.arange(PEOPLE))
        scores[:2, :] += 0.4
        hard.add_searches(scores, np.arange(PEOPLE))
    narrow, wide = (threshold_for(each.finish(), 0.3, 39, seed=0) for each in (easy, hard))
    assert wide.high - wide.low > 5 * (narrow.high - narrow.low)


def test_without_comparisons_there_is_no_threshold() -> None:
    with pytest.raises(UsageError, match="comparisons of different people"):
        threshold_for(Comparisons(3, 10).finish(), 0.1, 3, seed=0)
