"""What an archive is not done with, and what a restored one lacks: what a steward is told, and what still works."""

from __future__ import annotations

from pathlib import Path

import pytest

from countenance.cli import doctor
from countenance.ledger.mirror import Mirror
from countenance.store import erasures
from countenance.store.erasures import Erasure
from tests.terminal import Here
from tests.unit.cli.people import People
from tests.unit.cli.test_commands import Confined

ANN, BOB = "Ann", "Bob"


@pytest.fixture(autouse=True)
def no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoder has its own tests; here it only costs time."""
    monkeypatch.setattr(doctor, "Decoder", Confined)


@pytest.fixture
def people(run: Here, archive: Path) -> People:
    return People(run, archive)


def checks(run: Here) -> dict[str, dict[str, object]]:
    return {check["name"]: check for check in run("doctor", "--json").json["checks"]}


def test_doctor_names_erasures_that_are_not_finished(run: Here, people: People) -> None:
    assert checks(run)["erasures"] == {"name": "erasures", "good": True, "what": "none is unfinished"}
    new = [erasures.new_id(), erasures.new_id()]
    with people.open() as archive:
        for each, who in zip(new, people.people.values(), strict=True):
            place, at = archive.collection("gala").id, archive._clock()
            with archive._store.transaction() as tx:
                erasures.begin(tx, Erasure(each, "subject", who, place, "files", b"", "office", at))
    said = checks(run)["erasures"]
    assert said["good"] is False
    assert str(said["what"]).startswith("2 erasures begun and not finished")
    assert all(each in str(said["what"]) for each in new)
    assert "`countenance erase --resume`" in str(said["what"])
    assert "problem erasures: 2 erasures begun" in run("doctor").out


def test_doctor_tells_what_is_wrong_with_the_ledger(run: Here, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks(run)["ledger"]["good"] is True
    text = (people.folder / "ledger" / "checkpoint").read_text("utf-8")
    (people.folder / "ledger" / "checkpoint").write_text(text.replace("countenance", "countenancf", 1), "utf-8")
    damaged = checks(run)["ledger"]
    assert damaged["good"] is False
    assert "mirror is damaged" in str(damaged["what"])
    assert "`countenance ledger " in str(damaged["what"])
    (people.folder / "ledger" / "checkpoint").write_text(text, "utf-8")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Mirror, "follow", full)
    assert "No space left on device" in str(checks(run)["ledger"]["what"])


def test_a_person_whose_key_is_gone_does_not_stand_in_the_way_of_others(run: Here, people: People) -> None:
    with people.open() as archive:
        archive._keys.drop_subject_key(people.people[BOB])
    assert len(run("find", ANN, "--json").done["appearances"]) == 2
    assert run("find", people.people[ANN]).code == 0
    for words in (
        ("find", "Carl"),
        ("find", people.people[BOB]),
        ("subject", "show", BOB),
        ("consent", "withdraw", BOB),
    ):
        refused = run(*words, "--json")
        assert (refused.code, refused.json["error"]["code"]) == (1, "not-found")
        message = refused.json["error"]["message"]
        assert message.startswith(
            "1 person of this archive has no key any more, because an older database was restored"
        )
        assert "`countenance ledger replay`" in refused.json["error"]["advice"]
    hold = ("--reference", "r", "--approver", "x", "--until", "2999-12-31", "--json")
    shown = run("show-me", BOB, "--out", "bob", "--met-in-person", "--json")
    for answer in (shown, run("retention", "hold", BOB, *hold)):
        assert "`countenance ledger replay`" in answer.json["error"]["advice"]
    assert run("retention", "hold", "gala", *hold).code == 0, "a collection is found all the same"
    with people.open() as archive:
        archive._keys.drop_subject_key(people.people[ANN])
    assert (
        run("find", ANN, "--json").json["error"]["message"].startswith("2 people of this archive have no key any more")
    )


def test_an_unknown_photo_is_told_where_photos_are_named(run: Here, people: People) -> None:
    assert people.photo
    for words in (
        ("erase", "--photo", "nosuch", "--collection", "gala", "--dry-run"),
        ("review", "gala", "--nobody", "nosuch"),
    ):
        refused = run(*words, "--json").json["error"]
        assert "There is no photo" in refused["message"], words
        assert "`countenance find WHO --json`" in refused["advice"]
