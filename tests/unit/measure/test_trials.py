from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from countenance.core.arrays import unit_rows
from countenance.errors import UsageError
from countenance.measure.rates import NO_SCORE
from countenance.measure.trials import Trial, people_of, photos_of, read_trials, score, subjects_of

TRIALS = [Trial("a1", "a2", mated=True), Trial("a1", "b1", mated=False), Trial("b1", "b2", mated=True)]


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "pairs.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_pairs_are_read_in_order(tmp_path: Path) -> None:
    path = written(tmp_path, 'a,b,mated\na1,a2,1\na1, b1 ,0\n"b1",b2,1\n')
    assert read_trials(path) == TRIALS


def test_columns_may_stand_in_any_order_beside_others(tmp_path: Path) -> None:
    path = written(tmp_path, "set,mated,b,a\r\nx,1,a2,a1\r\n")
    assert read_trials(path) == [Trial("a1", "a2", mated=True)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no columns"),
        ("a,b\nx,y\n", "no columns"),
        ("a,b,mated\n", "no pairs"),
        ("a,b,mated\nx,y,1\nx,,0\n", "Line 3"),
        ("a,b,mated\nx,y,yes\n", "Line 2"),
        ("a,b,mated\nx,y\n", "Line 2"),
        (b"a,b,mated\n\xff\xfe,y,1\n", "cannot be read"),
        ("a,b,mated\n" + "x" * 200_000 + ",y,1\n", "cannot be read"),
    ],
)
def test_what_is_no_table_of_pairs_is_refused(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read_trials(written(tmp_path, text))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_trials(tmp_path / "none.csv")


def test_photos_joined_by_mated_pairs_show_one_person() -> None:
    chain = [*TRIALS, Trial("a2", "a3", mated=True), Trial("a3", "a4", mated=True), Trial("c1", "a1", mated=False)]
    people = people_of(chain)
    assert photos_of(chain) == ["a1", "a2", "a3", "a4", "b1", "b2", "c1"]
    assert len({people[name] for name in ("a1", "a2", "a3", "a4")}) == 1
    assert len(set(people.values())) == 3
    assert set(people.values()) == {0, 1, 2}


def test_trials_that_contradict_themselves_are_refused() -> None:
    with pytest.raises(UsageError, match="contradict"):
        people_of([*TRIALS, Trial("a2", "a1", mated=False)])


def test_scores_are_cosines_and_missing_templates_never_match() -> None:
    rows = unit_rows(np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]))
    scored = score(TRIALS, {"a1": rows[0], "a2": rows[1], "b1": rows[2]})
    assert scored.scores == pytest.approx([np.sqrt(0.5), 0.0, NO_SCORE])
    assert scored.mated.tolist() == [True, False, True]
    assert scored.subjects[0, 0] == scored.subjects[0, 1] != scored.subjects[1, 1]


def test_names_join_photos_that_no_mated_pair_joins(tmp_path: Path) -> None:
    path = written(tmp_path, "\ufeffa,b,mated,a_subject,b_subject\na1,b1,0,Ann, Bob\na2,b1,0,Ann,\n")
    trials = read_trials(path)
    assert trials[0] == Trial("a1", "b1", mated=False, a_subject="Ann", b_subject="Bob")
    assert subjects_of(trials) == {"a1": "Ann", "b1": "Bob", "a2": "Ann"}
    people = people_of(trials)
    assert people["a1"] == people["a2"] != people["b1"]


@pytest.mark.parametrize(
    "trials",
    [
        [Trial("a1", "a2", mated=True, a_subject="Ann", b_subject="Bob")],
        [Trial("a1", "b1", mated=False, a_subject="Ann"), Trial("a1", "c1", mated=False, a_subject="Cy")],
        [Trial("a1", "b1", mated=False, a_subject="Ann", b_subject="Ann")],
    ],
)
def test_names_that_contradict_the_pairs_are_refused(trials: list[Trial]) -> None:
    with pytest.raises(UsageError, match="contradict themselves"):
        people_of(trials)
