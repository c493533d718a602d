from __future__ import annotations

import numpy as np
import pytest

from countenance.errors import UsageError
from countenance.measure import searches
from countenance.measure.rates import NO_SCORE


def at(*degrees: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Templates in the plane, so that a score is the cosine of the angle between two."""
    angle = np.radians(degrees)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


GALLERY, PEOPLE = at(0, 90, 180), ["anna", "ben", "cem"]
COS_10, COS_30, COS_60, COS_80 = np.cos(np.radians([10, 30, 60, 80]))


def test_mate_rank_and_best_other_of_known_angles() -> None:
    found = searches.search(at(10, 60), ["anna", "anna"], GALLERY, PEOPLE)
    assert found.mate_scores == pytest.approx([COS_10, COS_60])
    assert found.mate_ranks.tolist() == [1, 2]
    assert found.best_non_mated == pytest.approx([COS_80, COS_30])


def test_several_references_of_a_person_are_one_candidate_with_their_best_score() -> None:
    found = searches.search(at(20), ["anna"], at(0, 10, 90, 85), ["anna", "anna", "ben", "ben"])
    assert found.mate_scores == pytest.approx([COS_10])
    assert found.mate_ranks.tolist() == [1]
    assert found.best_non_mated == pytest.approx([np.cos(np.radians(65))])


def test_another_person_with_the_same_score_comes_first() -> None:
    found = searches.search(at(45), ["anna"], at(0, 0), ["anna", "ben"])
    assert found.mate_ranks.tolist() == [2]


def test_rates_of_known_searches() -> None:
    found = searches.Searches(
        mate_scores=np.array([0.9, 0.8, 0.7, 0.6]),
        mate_ranks=np.array([1, 1, 2, 1]),
        best_non_mated=np.array([0.5, 0.65, 0.75, 0.1]),
    )
    assert searches.rank_rate(found) == 0.75
    assert searches.rank_rate(found, 2) == 1
    assert searches.fpir(found, 0.65) == 0.5
    assert searches.fnir(found, 0.65) == 0.5  # 0.7 is second, 0.6 is below
    assert searches.fnir(found, 0.65, rank=2) == 0.25
    assert searches.fnir_at_fpir(found, 0.25) == (0.5, np.nextafter(0.65, 1))


def test_a_face_that_was_not_found_is_a_search_that_found_nobody() -> None:
    found = searches.search(at(10), ["anna"], GALLERY, PEOPLE, n_failed=1)
    assert found.mate_scores[1] == NO_SCORE
    assert searches.rank_rate(found) == 0.5
    assert searches.rank_rate(found, rank=3) == 0.5
    assert searches.fnir(found, -1) == 0.5
    assert searches.fpir(found, -1) == 0.5


def test_probes_need_a_person_in_a_gallery_of_two_or_more() -> None:
    with pytest.raises(UsageError, match="dora"):
        searches.search(at(1), ["dora"], GALLERY, PEOPLE)
    with pytest.raises(UsageError, match="two"):
        searches.search(at(1), ["anna"], at(0, 5), ["anna", "anna"])
