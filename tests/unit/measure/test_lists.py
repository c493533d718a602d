from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from countenance.core.arrays import Templates
from countenance.errors import UsageError
from countenance.measure import lists
from countenance.measure.lists import PROBE, REFERENCE, Entry, read_list, score_list, search_list
from countenance.measure.rates import NO_SCORE
from countenance.measure.trials import Scored


def at(degrees: float) -> Templates:
    return np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))], dtype=np.float32)


LIST = [
    Entry("ann-0", "ann", REFERENCE),
    Entry("ann-1", "ann", REFERENCE),
    Entry("bob-0", "bob", REFERENCE),
    Entry("ann-2", "ann", PROBE),
    Entry("bob-1", "bob", PROBE),
    Entry("eve-0", "eve", PROBE),
]
TEMPLATES = {"ann-0": at(0), "ann-1": at(50), "bob-0": at(90), "ann-2": at(60), "bob-1": at(65), "eve-0": at(200)}


def test_a_search_takes_the_best_reference_of_each_person() -> None:
    done = search_list(LIST, TEMPLATES)
    assert done.found.mate_scores == pytest.approx([np.cos(np.deg2rad(10)), np.cos(np.deg2rad(25))])
    assert done.found.mate_ranks.tolist() == [1, 2], "bob's probe is nearer to ann's second reference"
    assert done.found.best_non_mated == pytest.approx([np.cos(np.deg2rad(110))])
    assert (done.n_people, done.left_out) == (2, False)
    assert done.mate_owners.tolist() == [[0], [1]]
    assert done.alarm_owners.tolist() == [[2]]


def test_without_strangers_each_probe_asks_again_with_its_own_person_left_out() -> None:
    done = search_list(LIST[:-1], TEMPLATES)
    assert done.left_out
    assert done.found.best_non_mated == pytest.approx([np.cos(np.deg2rad(30)), np.cos(np.deg2rad(15))])
    assert done.alarm_owners.tolist() == done.mate_owners.tolist()


@pytest.mark.parametrize("lost", ["ann-2", "bob-0"])
def test_a_probe_or_a_person_without_a_template_is_missed_and_raises_no_alarm(lost: str) -> None:
    done = search_list(LIST, {name: row for name, row in TEMPLATES.items() if name != lost})
    row = 0 if lost == "ann-2" else 1
    assert done.found.mate_scores[row] == NO_SCORE
    assert done.found.mate_ranks[row] == done.n_people == 2
    assert len(done.found.mate_scores) == 2, "who gave nothing still counts"


def test_no_template_at_all_is_no_crash() -> None:
    done = search_list(LIST, {})
    assert (done.found.mate_scores == NO_SCORE).all()
    assert (done.found.best_non_mated == NO_SCORE).all()
    assert (score_list(LIST, {}, seed=1).scores == NO_SCORE).all()


def test_a_list_is_compared_one_to_one_as_well() -> None:
    scored = score_list(LIST, TEMPLATES, seed=1)
    assert scored.mated.sum() == 3
    assert (~scored.mated).sum() == 6
    assert scored.scores[scored.mated] == pytest.approx(np.cos(np.deg2rad([60, 10, 25])))
    assert (scored.subjects[scored.mated, 0] == scored.subjects[scored.mated, 1]).all()
    assert (scored.subjects[~scored.mated, 0] != scored.subjects[~scored.mated, 1]).all()


def test_of_very_many_comparisons_a_part_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MOST_PAIRS", 300)
    chance = np.random.default_rng(1)
    people = [f"p{number}" for number in range(40)]
    entries = [Entry(f"{who}-{role}", who, role) for who in people for role in (REFERENCE, PROBE)]
    templates = {entry.photo: chance.normal(size=8).astype(np.float32) for entry in entries}
    scored, again = (score_list(entries, templates, seed=5) for _ in range(2))
    assert scored.mated.sum() == 40, "mated ones are few and all count"
    assert 200 < (~scored.mated).sum() <= 300
    assert (scored.scores == again.scores).all()
    left = np.array(
        [templates[f"{people[a]}-probe"] @ templates[f"{people[b]}-reference"] for a, b in _by_name(scored)]
    )
    assert scored.scores == pytest.approx(left, abs=1e-6)


def _by_name(scored: Scored) -> NDArray[np.intp]:
    order = sorted(range(40), key=lambda number: f"p{number}")
    return np.array([[order[a], order[b]] for a, b in scored.subjects])


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def test_a_list_is_read_as_spreadsheets_write_it(tmp_path: Path) -> None:
    text = "\ufeffphoto,subject,role,note\na.jpg,Ann,reference,x\n b.jpg , Ann,probe,\n"
    assert read_list(write(tmp_path / "list.csv", text)) == [
        Entry("a.jpg", "Ann", REFERENCE),
        Entry("b.jpg", "Ann", PROBE),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("photo,subject\na,b\n", "has no columns photo, subject, role"),
        ("photo,subject,role\na,Ann,reference\nb,,probe\n", "Line 3"),
        ("photo,subject,role\na,Ann,Reference\n", "Line 2"),
        ("photo,subject,role\na,Ann,reference\na,Ann,probe\n", "names a a second time"),
        ("photo,subject,role\na,Ann,reference\n", "needs references and probes"),
        ("photo,subject,role\n", "needs references and probes"),
    ],
)
def test_a_list_that_is_none_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read_list(write(tmp_path / "list.csv", text))


def test_a_list_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_list(tmp_path / "none.csv")


def test_a_list_needs_somebody_to_find_and_somebody_to_leave_out() -> None:
    with pytest.raises(UsageError, match="no probe whose person has a reference"):
        search_list([LIST[0], LIST[-1]], TEMPLATES)
    with pytest.raises(UsageError, match="has one person"):
        search_list([LIST[0], LIST[3]], TEMPLATES)
