from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from countenance.archive import Archive
from countenance.settings import Settings
from countenance.store.keyfile import Master
from tests.drawn import CLUB, Clock
from tests.pretend import Party
from tests.terminal import Here
from tests.unit.flows.test_calibrate import PEOPLE, PHOTOS, fill

CALIBRATE = ("calibrate", CLUB, "--fpir", "0.05")


@pytest.fixture
def school(run: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Party]:
    """An archive of twelve people, each confirmed on ten photos."""
    key = tmp_path / "archive.key"
    assert run("init", "archive", "--key-file", key).code == 0
    monkeypatch.setenv("COUNTENANCE_ARCHIVE", str(tmp_path / "archive"))
    monkeypatch.setenv("COUNTENANCE_KEY_FILE", str(key))
    with Archive.open(tmp_path / "archive", Master.from_key_file(key), Settings()) as archive:
        archive.create_collection(CLUB)
        made = Party(archive, Clock(), tmp_path).pretend(monkeypatch)
        fill(made)
        yield made


def test_one_screen_for_people(run: Here, school: Party) -> None:
    answer = run(*CALIBRATE)
    pack = school.scope.pack
    first, unseen, interval, asked, on, below, missed = answer.out.splitlines()
    assert first.startswith(f"{CLUB}, calibrated on ")
    assert first.endswith(f"with the model pack {pack.id}:")
    assert unseen == (
        f"  from {pack.match:.4f} on nobody needs to look: set for at most 0.05 of all searches among 12 enrolled "
        "people to bring somebody falsely"
    )
    assert "threshold 0.1900, 95 % interval over people " in interval
    assert interval.endswith("the match score of the model pack is higher and counts")
    assert asked == f"  from {pack.agree:.4f} on somebody is suggested and a person is asked: set for at most 0.1"
    assert on == "Measured on 120 confirmed faces of 12 people: 1,386 comparisons of different people."
    assert below.startswith("0 of 120 faces that were suggested and confirmed score below")
    assert missed.endswith("cannot be known from those it did suggest, and none was named by hand.")
    assert run("calibrate", CLUB, "--show").out == answer.out


def test_the_answer_for_programs(run: Here, school: Party) -> None:
    told = run(*CALIBRATE, "--people", "20", "--seed", "5", "--json").done
    assert (told["fpir"], told["suggest_fpir"], told["meant_for"], told["seed"]) == (0.05, 0.1, 20, 5)
    assert (told["people"], told["searches"], told["stale"]) == (PEOPLE, PEOPLE * PHOTOS, False)
    assert told["pack"] == school.scope.pack.id
    assert run("calibrate", CLUB, "--show", "--json").done == told
    many = run("calibrate", CLUB, "--fpir", "0.3", "--json").done
    assert many["suggest_fpir"] == 0.3, "no suggestion is held to more than what nobody looks at"


def test_the_upper_end_counts_where_it_is_higher(run: Here, school: Party) -> None:
    school.enrol(30, like=3)
    answer = run(*CALIBRATE)
    assert "; its upper end counts" in answer.out.splitlines()[2]


def test_nothing_is_measured_by_showing(run: Here, school: Party) -> None:
    answer = run("calibrate", CLUB, "--show", "--json")
    assert (answer.code, answer.json["error"]["code"]) == (1, "not-found")
    assert "is not calibrated, so nobody is shown on the machine's word alone" in answer.json["error"]["message"]
    assert answer.json["error"]["advice"] == f"Measure it with `countenance calibrate {CLUB}`."
    assert school.archive.calibration(CLUB) == (None, "")


def test_too_little_is_refused_with_advice(run: Here, school: Party) -> None:
    answer = run("calibrate", CLUB)
    assert answer.code == 1
    assert answer.err.startswith("Error: There is too little to say: 120 confirmed faces of 12 people give 1,386")
    assert "--fpir 0.026" in answer.err
    assert school.archive.calibration(CLUB) == (None, "")
    assert run("calibrate", CLUB, "--fpir", "0.026").code == 0, "what is advised is accepted"


@pytest.mark.usefixtures("school")
def test_rates_that_are_none(run: Here) -> None:
    for words in (("--fpir", "0"), ("--fpir", "2"), ("--fpir", "0.2", "--suggest-fpir", "0.1"), ("--people", "0")):
        assert run("calibrate", CLUB, *words).code == 2
