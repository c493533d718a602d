from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.core.arrays import Templates, unit_rows
from countenance.core.consent import Consent
from countenance.core.permit import Permit, permit_compare, permit_reference, permit_show
from countenance.errors import PermitError
from countenance.index.gallery import Candidate, Gallery

NOW = datetime(2026, 5, 1, tzinfo=UTC)
HERE = "a collection"


def consent(subject: str) -> Consent:
    return Consent(subject, "find-my-photos", ("website",), NOW, NOW + timedelta(days=1), "a" * 64)


def permit(*subjects: str, collection: str = HERE) -> Permit:
    return permit_compare(collection, [consent(subject) for subject in subjects], NOW)


def at_degrees(*degrees: float) -> Templates:
    turns = np.deg2rad(np.array(degrees, dtype=np.float64))
    return unit_rows(np.stack([np.cos(turns), np.sin(turns)], axis=1))


def cosine(degrees: float) -> float:
    return float(np.cos(np.deg2rad(degrees)))


def expected(face: int, subject: str, score: float, rival: str | None = None, rival_score: float = -1) -> Candidate:
    return Candidate(face, subject, near(score), rival, near(rival_score))


def near(value: float) -> float:
    """Equal to every number that is this one but for rounding."""
    return pytest.approx(value, abs=1e-5)  # type: ignore[return-value]


def test_the_best_reference_of_the_best_subject_counts() -> None:
    gallery = Gallery(HERE, ["bob", "ann", "ann"], at_degrees(40, 90, 10))
    assert len(gallery) == 2
    found = gallery.compare(at_degrees(0, 85), permit("ann", "bob"), 0.5)
    assert found == [
        expected(0, "ann", cosine(10), "bob", cosine(40)),
        expected(1, "ann", cosine(5), "bob", cosine(45)),
    ]


def test_a_score_at_the_threshold_is_a_match_and_one_below_is_not() -> None:
    gallery = Gallery(HERE, ["ann"], at_degrees(0))
    (score,) = (found.score for found in gallery.compare(at_degrees(30), permit("ann"), -1.0))
    assert len(gallery.compare(at_degrees(30), permit("ann"), score)) == 1
    assert gallery.compare(at_degrees(30), permit("ann"), float(np.nextafter(np.float32(score), np.float32(2)))) == []


def test_a_second_subject_is_named_with_its_score() -> None:
    gallery = Gallery(HERE, ["ann", "bob"], at_degrees(10, 10))
    (found,) = gallery.compare(at_degrees(10), permit("ann", "bob"), 0.9)
    assert (found.subject, found.rival, found.rival_score) == ("ann", "bob", near(1))


def test_without_a_second_subject_there_is_no_rival() -> None:
    alone = Gallery(HERE, ["ann"], at_degrees(0))
    assert alone.compare(at_degrees(0), permit("ann"), 0.5) == [expected(0, "ann", 1.0)]


def test_whom_the_permit_does_not_cover_is_neither_found_nor_felt() -> None:
    gallery = Gallery(HERE, ["ann", "bob", "cem"], at_degrees(0, 5, 60))
    found = gallery.compare(at_degrees(0), permit("bob", "cem"), 0.3)
    assert found == [expected(0, "bob", cosine(5), "cem", cosine(60))]
    (only,) = gallery.compare(at_degrees(0), permit("bob"), 0.3)
    assert only == expected(0, "bob", cosine(5))
    assert gallery.compare(at_degrees(0), permit("cem"), 0.6) == []
    assert gallery.compare(at_degrees(0), permit(), -1.0) == []
    assert gallery.compare(at_degrees(0), permit("dana"), -1.0) == []


def test_whom_a_person_ruled_out_for_a_face_makes_room_for_the_next_best() -> None:
    gallery = Gallery(HERE, ["ann", "bob"], at_degrees(0, 20))
    both = permit("ann", "bob")
    found = gallery.compare(at_degrees(0, 0, 0), both, 0.5, {0: {"ann"}, 1: {"ann", "bob"}, 2: {"nobody"}})
    assert found == [expected(0, "bob", cosine(20)), expected(2, "ann", 1.0, "bob", cosine(20))]
    assert gallery.compare(at_degrees(0), both, 0.99, {0: {"ann"}}) == []


@given(
    seed=st.integers(0, 2**32 - 1),
    owners=st.lists(st.sampled_from("abcdef"), min_size=1, max_size=20),
    covered=st.sets(st.sampled_from("abcdefg")),
    ruled_out=st.dictionaries(st.integers(0, 4), st.sets(st.sampled_from("abcdefg"))),
    threshold=st.floats(-1, 1),
)
def test_uncovered_and_ruled_out_subjects_never_come_back(
    seed: int, owners: list[str], covered: set[str], ruled_out: dict[int, set[str]], threshold: float
) -> None:
    chance = np.random.default_rng(seed)
    references, probes = unit_rows(chance.normal(size=(len(owners), 3))), unit_rows(chance.normal(size=(5, 3)))
    found = Gallery(HERE, owners, references).compare(probes, permit(*covered), threshold, ruled_out)
    assert {candidate.subject for candidate in found} <= covered & set(owners)
    scores = {
        (face, owner): max(float(probes[face] @ references[row]) for row, name in enumerate(owners) if name == owner)
        for face in range(5)
        for owner in (covered & set(owners)) - ruled_out.get(face, set())
    }
    for face in range(5):
        best = max((score for (row, _), score in scores.items() if row == face), default=-2.0)
        mine = [candidate for candidate in found if candidate.face == face]
        if abs(best - threshold) > 1e-5:
            assert len(mine) == (best >= threshold)
        for candidate in mine:
            assert candidate.score == pytest.approx(best, abs=1e-5)
            assert candidate.score == pytest.approx(scores[face, candidate.subject], abs=1e-5)
            others = [score for (row, name), score in scores.items() if row == face and name != candidate.subject]
            assert candidate.rival_score == pytest.approx(max(others, default=-1.0), abs=1e-5)
            assert (candidate.rival is None) == (not others)


def test_nothing_to_compare() -> None:
    empty = np.empty((0, 2), dtype=np.float32)
    assert Gallery(HERE, ["ann"], at_degrees(0)).compare(empty, permit("ann"), 0.0) == []
    nobody = Gallery(HERE, [], empty)
    assert len(nobody) == 0
    assert nobody.compare(at_degrees(0), permit("ann"), 0.0) == []


def test_another_permit_does_not_do() -> None:
    gallery = Gallery(HERE, ["ann"], at_degrees(0))
    for wrong in (
        permit("ann", collection="another collection"),
        permit_reference(HERE, consent("ann"), NOW),
        permit_show(HERE, "ann", [consent("ann")], NOW),
    ):
        with pytest.raises(PermitError):
            gallery.compare(at_degrees(0), wrong, 0.0)
    with pytest.raises(TypeError):
        gallery.compare(at_degrees(0), threshold=0.0)  # type: ignore[call-arg]


def test_the_margin_is_the_lead_over_the_second() -> None:
    gallery = Gallery(HERE, ["ann", "bob"], at_degrees(0, 30))
    (found,) = gallery.compare(at_degrees(0), permit("ann", "bob"), 0.5)
    assert found.margin == near(1 - cosine(30))
    (alone,) = gallery.compare(at_degrees(0), permit("ann"), 0.5)
    assert alone.margin == 2.0


@pytest.mark.parametrize("threshold", [0.9, 0.0, -1.0])
def test_nothing_below_the_operating_floor_leaves(threshold: float) -> None:
    gallery = Gallery(HERE, ["ann", "bob"], at_degrees(10, 40), floor=0.9)
    both = permit("ann", "bob")
    assert gallery.compare(at_degrees(0), both, threshold) == [expected(0, "ann", cosine(10))]
    assert gallery.compare(at_degrees(90), both, threshold) == []
