from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from countenance.errors import UsageError
from countenance.measure.groups import People, compare_groups, place_people, ratio_of, read_people
from countenance.measure.trials import Scored


def table(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def test_a_table_says_of_each_person_what_the_organisation_says(tmp_path: Path) -> None:
    path = table(tmp_path / "p.csv", "\ufeffsubject,house,year\n001,red,1\n002,,1\n001,red,1\n")
    people = read_people(path, ("house",))
    assert people == People("subject", ("house",), {"001": {"house": "red"}, "002": {"house": ""}})
    assert read_people(table(tmp_path / "q.csv", "photo,house\na.jpg,red\n"), ()).key == "photo"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("subject,house\n001,red\n", "no column 'town'; its columns are: subject, house"),
        ("name,town\n001,red\n", "neither a column subject nor photo"),
        ("subject,town\n001,red\n001,blue\n", "says different things of 001"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read_people(table(tmp_path / "p.csv", text), ("town",))


def test_a_table_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_people(tmp_path / "none.csv", ("town",))


PHOTOS = {"a0": 0, "a1": 0, "b0": 1, "c0": 2}


def test_people_are_placed_by_name_or_by_photo() -> None:
    rows = {"ann": {"house": "red"}, "bob": {"house": "blue"}, "cy": {"house": ""}}
    names = {"a0": "ann", "a1": "ann", "b0": "bob", "c0": "cy"}
    assert place_people(People("subject", ("house",), rows), "house", PHOTOS, names) == {0: "red", 1: "blue"}
    by_photo = People("photo", ("house",), {"a1": {"house": "red"}, "b0": {"house": "blue"}})
    assert place_people(by_photo, "house", PHOTOS, {}) == {0: "red", 1: "blue"}, "one photo speaks for the person"


def test_people_who_cannot_be_placed_are_an_error() -> None:
    with pytest.raises(UsageError, match="do not say whom a photo shows"):
        place_people(People("subject", ("house",), {}), "house", PHOTOS, {})
    with pytest.raises(UsageError, match="says nothing about anybody"):
        place_people(People("photo", ("house",), {"z": {"house": "red"}}), "house", PHOTOS, {})
    both = People("photo", ("house",), {"a0": {"house": "red"}, "a1": {"house": "blue"}})
    with pytest.raises(UsageError, match="different groups of house"):
        place_people(both, "house", PHOTOS, {})


def crowd(missed: dict[str, int], matched: dict[str, int], *, n_people: int = 40) -> tuple[Scored, dict[int, str]]:
    """Groups of 40 people, 4 mated pairs each, 400 non-mated pairs within each group and 400 across.

    A mated pair scores 0.9, or 0.1 where it is missed; a non-mated one 0.2, or 0.8 where it is alike.
    """
    scores: list[float] = []
    mated: list[bool] = []
    subjects: list[tuple[int, int]] = []
    placed: dict[int, str] = {}
    for place, name in enumerate(missed):
        first = place * n_people
        placed |= {first + number: name for number in range(n_people)}
        for pair in range(4 * n_people):
            scores.append(0.1 if pair < missed[name] else 0.9)
            mated.append(True)
            subjects.append((first + pair % n_people,) * 2)
        for pair in range(400):
            scores.append(0.8 if pair < matched[name] else 0.2)
            mated.append(False)
            subjects.append((first + pair % n_people, first + (pair + 1 + pair // n_people) % n_people))
    for pair in range(400):
        scores.append(0.2)
        mated.append(False)
        subjects.append((pair % n_people, n_people + pair % n_people))
    return Scored(np.array(scores), np.array(mated), np.array(subjects)), placed


def test_rates_of_groups_are_counted_within_each_at_one_threshold() -> None:
    scored, placed = crowd({"red": 16, "blue": 4}, {"red": 9, "blue": 3})
    found = compare_groups(scored, placed, seed=1)
    assert found["fmr_limit"] == 0.01, "400 pairs a group show 1 in 100, not 1 in 1,000"
    assert 0.2 < found["threshold"] < 0.9
    red, blue = found["groups"]["red"], found["groups"]["blue"]
    assert (red["people"], red["mated"], red["non_mated"]) == (40, 160, 400)
    assert (red["fnmr"]["value"], blue["fnmr"]["value"]) == pytest.approx((0.1, 0.025))
    assert (red["fmr"]["value"], blue["fmr"]["value"]) == pytest.approx((9 / 400, 3 / 400))
    assert found["ratios"]["fnmr"] == {"highest": "red", "lowest": "blue", "value": pytest.approx(4), "overlap": False}
    assert found["ratios"]["fmr"]["value"] == pytest.approx(3)
    assert found["not_stated"] == 0
    for group in (red, blue):
        for rate in ("fnmr", "fmr"):
            assert group[rate]["low"] <= group[rate]["value"] <= group[rate]["high"]


def test_a_group_that_is_too_small_is_not_compared() -> None:
    scored, placed = crowd({"red": 16, "blue": 4}, {"red": 9, "blue": 3})
    few = {person: ("rare" if person < 9 else group) for person, group in placed.items()}
    found = compare_groups(scored, few, seed=1)
    assert found["groups"]["rare"]["fnmr"] is None
    assert found["groups"]["rare"]["fmr"] is None
    assert found["groups"]["rare"]["people"] == 9
    assert {found["ratios"]["fnmr"][side] for side in ("highest", "lowest")} == {"red", "blue"}


def test_people_of_whom_nothing_is_stated_are_no_group() -> None:
    scored, placed = crowd({"red": 16, "blue": 4}, {"red": 9, "blue": 3})
    stated = {person: group for person, group in placed.items() if person != 0}
    found = compare_groups(scored, stated, seed=1)
    assert set(found["groups"]) == {"red", "blue"}
    assert found["not_stated"] == 1
    assert found["groups"]["red"]["people"] == 39


def cells(**values: float | None) -> dict[str, Any]:
    return {
        name: {"fmr": None if value is None else {"value": value, "low": value * 0.9, "high": value * 1.1 + 0.001}}
        for name, value in values.items()
    }


def test_a_ratio_has_two_sides_and_is_never_divided_by_nothing() -> None:
    assert ratio_of(cells(a=0.1, b=None), "fmr") is None
    assert ratio_of(cells(), "fmr") is None
    found = ratio_of(cells(a=0.1, b=0.02, c=0.05), "fmr")
    assert found == {"highest": "a", "lowest": "b", "value": pytest.approx(5), "overlap": False}
    assert ratio_of(cells(a=0.1, b=0.0), "fmr") == {"highest": "a", "lowest": "b", "value": None, "overlap": False}
    alike = ratio_of(cells(a=0.0, b=0.0), "fmr")
    assert alike is not None
    assert alike["value"] == 1.0
