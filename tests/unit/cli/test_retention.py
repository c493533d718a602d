"""``countenance retention`` and ``countenance subject``: what a steward reads, and what programs get."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from countenance.archive import Archive
from countenance.cli.main import INTERRUPTED
from countenance.errors import ProofError
from tests.terminal import Here
from tests.unit.cli.test_consent import FORM, form, person

__all__ = ["form"]  # a fixture
HOLD = ("--reference", "case 7", "--approver", "The board", "--until", "2999-12-31")
TODAY = f"{datetime.now(UTC):%Y-%m-%d}"


@pytest.fixture
def ada(archive: Path) -> str:
    return person(archive, "Ada Fern")


@pytest.fixture
def due(run: Here, ada: str) -> str:
    """Ada said yes, and took it back."""
    assert run("consent", "grant", ada, "--purpose", "publication", *FORM).code == 0
    assert run("consent", "withdraw", ada).code == 0
    return ada


def people(run: Here, *options: str) -> dict[str, dict[str, object]]:
    return {row["name"]: row for row in run("retention", "list", *options, "--json").done["people"]}


# Rules ----------------------------------------------------------------------------------------------------------------


def test_set_show_and_take_away(run: Here, archive: Path) -> None:
    assert archive.is_dir()
    firsts = [
        "the last consent ends",
        "the purpose ends (2999-07-31)",
        "3 years without contact",
        "the collection's last day (2999-12-31)",
    ]
    said = run(
        *("retention", "set", "gala", "--purpose-ends", "2999-07-31", "--keep-until", "2999-12-31"),
        *("--years-since-contact", "3"),
    )
    assert (said.code, said.out.splitlines()) == (
        0,
        [
            f"gala keeps a person until the first of these: {', '.join(firsts)}.",
            "Nobody is due now.",
        ],
    )
    whole = {
        "ok": True,
        "collection": "gala",
        "purpose_ends": "2999-08-01T00:00:00+00:00",
        "keep_until": "3000-01-01T00:00:00+00:00",
        "years_since_contact": 3,
        "basis_ends": None,
        "due_now": 0,
    }
    assert run("retention", "set", "gala", "--json").done == whole, "without an option it is only shown"
    changed = run("retention", "set", "gala", "--purpose-ends", "never", "--years-since-contact", "4", "--json").done
    assert changed == {**whole, "purpose_ends": None, "years_since_contact": 4}
    (rule,) = run("retention", "list", "--json").done["rules"]
    assert rule == {name: value for name, value in changed.items() if name not in {"ok", "due_now"}}


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("set", "gala", "--keep-until", "soon"), 2, "not a date"),
        (("set", "gala", "--years-since-contact", "0"), 2, "not in the range 1<=x<=100"),
        (("set", "nosuch", "--keep-until", "2999-01-01"), 1, "no collection named 'nosuch'"),
        (("hold", "gala", "--reference", "r", "--until", "2999-01-01"), 2, "--approver"),
        (("hold", "gala", "--reference", " ", "--approver", "x", "--until", "2999-01-01"), 1, "needs a reference"),
        (("hold", "gala", "--reference", "r", "--approver", "x", "--until", "2020-01-01"), 1, "already ended"),
        (("hold", "nosuch", *HOLD), 1, "neither a collection nor a person called 'nosuch'"),
        (("hold", "nosuch", "--collection", "gala", *HOLD), 1, "Nobody called 'nosuch'"),
        (("lift", "nosuch"), 1, "no legal hold with the id nosuch"),
        (("list", "--within", "soon"), 2, "not a length of time"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("archive")
def test_refusals(run: Here, words: tuple[str, ...], code: int, says: str) -> None:
    answer = run("retention", *words, "--json")
    assert answer.code == code
    assert says in answer.json["error"]["message"]
    assert answer.json["error"]["advice"]


# Lists ----------------------------------------------------------------------------------------------------------------


def test_the_list_says_who_when_and_why(run: Here, archive: Path, ada: str) -> None:
    bo = person(archive, "Bo Lind")
    assert run("consent", "grant", ada, "--purpose", "publication", *FORM).code == 0
    rows = people(run)
    assert rows["Ada Fern"] == {
        "subject": ada,
        "name": "Ada Fern",
        "collection": "gala",
        "must_not_appear": False,
        "due": "3000-01-01T00:00:00+00:00",
        "last_day": "2999-12-31",
        "reason": "consent-ended",
        "state": "kept",
        "dates": {"consent-ended": "3000-01-01T00:00:00+00:00"},
        "holds": [],
    }
    assert (rows["Bo Lind"]["subject"], rows["Bo Lind"]["due"], rows["Bo Lind"]["reason"]) == (bo, None, None)
    shown = run("retention", "list").out.splitlines()
    assert shown[0].split() == ["LAST", "DAY", "STATE", "NAME", "COLLECTION", "WHY", "ID"]
    assert shown[1] == f"2999-12-31  kept   Ada Fern  gala        the last consent ends  {ada}"
    assert shown[2] == f"-           kept   Bo Lind   gala        no rule                {bo}"
    assert people(run, "--within", "30d") == {}
    assert run("retention", "list", "--within", "30d").out == "Nobody is due within that time.\n"


def test_the_reminder(run: Here, ada: str) -> None:
    soon = f"{datetime.now(UTC) + timedelta(days=10):%Y-%m-%d}"
    assert run("retention", "set", "gala", "--keep-until", soon).code == 0
    assert people(run, "--within", "1w") == {}
    assert people(run, "--within", "2w")["Ada Fern"]["subject"] == ada
    assert people(run, "--within", "2w", "--collection", "gala")["Ada Fern"]["reason"] == "keep-until"


def test_who_must_not_appear_is_marked(run: Here, ada: str) -> None:
    assert run("consent", "must-not-appear", ada, "--reason", "court order").code == 0
    shown = run("retention", "list").out
    assert "Ada Fern (must not appear)" in shown
    assert "court order" not in shown


@pytest.mark.usefixtures("archive")
def test_a_collection_whose_time_is_over_is_told(run: Here) -> None:
    run("retention", "set", "gala", "--purpose-ends", "2020-05-31")
    last = "The last day of the collection gala was 2020-05-31; what else it holds goes with"
    assert run("retention", "list").out.startswith(f"Nobody is enrolled.\n{last}")
    assert run("retention", "list", "--json").done["ended_collections"] == ["gala"]


# Holds ----------------------------------------------------------------------------------------------------------------


def test_hold_and_lift_a_person(run: Here, due: str) -> None:
    made = run("retention", "hold", "Ada Fern", *HOLD, "--actor", "Ms Reed", "--json").done["hold"]
    assert {name: value for name, value in made.items() if name not in {"id", "placed"}} == {
        "subject": due,
        "reference": "case 7",
        "approver": "The board",
        "until": "3000-01-01T00:00:00+00:00",
        "last_day": "2999-12-31",
        "placed_by": "Ms Reed",
        "lifted_by": None,
        "lifted": None,
    }
    assert people(run)["Ada Fern"]["state"] == "held"
    assert people(run)["Ada Fern"]["holds"] == [made["id"]]
    line = f"Hold {made['id']} on {due} until 2999-12-31: case 7, approved by The board"
    assert run("retention", "list").out.splitlines()[-1] == line
    assert run("retention", "run").out.splitlines() == ["0 destroyed, 0 failed, 1 held", f"  held      {due}: {line}"]
    lifted = run("retention", "lift", made["id"], "--actor", "Mr Oak")
    assert lifted.out == f"The hold {made['id']} (case 7) is lifted.\n"
    assert people(run)["Ada Fern"]["state"] == "due"
    assert run("retention", "lift", made["id"]).code == 1
    assert run("retention", "list", "--json").done["holds"] == []


def test_hold_a_whole_collection(run: Here, due: str) -> None:
    said = run("retention", "hold", "gala", *HOLD).out
    assert said.startswith("gala is held. Hold ")
    assert "on the whole collection until 2999-12-31" in said
    assert people(run)["Ada Fern"]["state"] == "held"
    (held,) = run("retention", "run", "--json").done["held"]
    assert (held["subject"], held["reason"]) == (due, "consent-ended")


def test_a_name_that_both_have_is_asked_about(run: Here, archive: Path) -> None:
    gala = person(archive, "gala")
    refused = run("retention", "hold", "gala", *HOLD, "--json").json["error"]
    assert gala in refused["message"]
    assert run("retention", "hold", gala, *HOLD, "--json").done["hold"]["subject"] == gala
    other = ("hold", "gala", "--collection", "gala", *HOLD, "--reference", "case 8")
    assert run("retention", *other, "--json").done["hold"]["subject"] == gala
    place = run("collection", "show", "gala", "--json").done["collection"]["id"]
    assert run("retention", "hold", place, *HOLD, "--json").done["hold"]["subject"] is None


def test_one_order_is_held_once(run: Here, ada: str) -> None:
    for words in (("Ada Fern",), ("gala",)):
        made = run("retention", "hold", *words, *HOLD, "--json").done["hold"]
        again = run("retention", "hold", *words, *HOLD, "--reference", " case 7 ", "--json")
        assert (again.code, again.json["error"]["code"]) == (1, "conflict")
        assert made["id"] in again.json["error"]["message"]
        assert f"`countenance retention lift {made['id']}`" in again.json["error"]["advice"]
        assert run("retention", "hold", *words, *HOLD, "--reference", "case 8").code == 0
    assert len(run("retention", "list", "--json").done["holds"]) == 4
    first = run("retention", "list", "--json").done["holds"][0]
    assert (first["subject"], first["reference"]) == (ada, "case 7")
    assert run("retention", "lift", first["id"]).code == 0
    assert run("retention", "hold", ada, *HOLD).code == 0, "what was lifted may be placed again"


# Run ------------------------------------------------------------------------------------------------------------------


def test_a_dry_run_changes_nothing(run: Here, due: str) -> None:
    shown = run("retention", "run", "--dry-run")
    assert shown.code == 0
    assert shown.out.splitlines()[1:] == [
        f"{TODAY}  due    Ada Fern  gala        the last consent ends  {due}",
        "1 would be destroyed, 0 held. Nothing was changed.",
    ]
    answer = run("retention", "run", "--dry-run", "--json").done
    assert [row["subject"] for row in answer["due"]] == [due]
    assert (answer["held"], answer["clock"], answer["dry_run"]) == ([], None, True)
    assert people(run)["Ada Fern"]["state"] == "due"
    assert "1 person is due now" in run("retention", "set", "gala").out


def test_a_run_destroys_with_a_receipt(run: Here, archive: Path, due: str, tmp_path: Path) -> None:
    person(archive, "Bo Lind")
    receipts = tmp_path / "receipts"
    done = run("retention", "run", "--receipts", receipts, "--json").done
    assert (done["destroyed"], done["failed"], done["held"]) == ([due], [], [])
    (receipt,) = receipts.iterdir()
    assert due in receipt.read_text("utf-8")
    assert "Ada Fern" not in receipt.read_text("utf-8")
    assert list(people(run)) == ["Bo Lind"]
    again = run("retention", "run")
    assert (again.code, again.out) == (0, "0 destroyed, 0 failed, 0 held\n")


def test_one_that_fails_is_partly_done(run: Here, due: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def remains(*_: object) -> None:
        msg = "Remains were found."
        raise ProofError(msg)

    monkeypatch.setattr(Archive, "erase_each", remains)
    answer = run("retention", "run", "--json")
    assert answer.code == 3
    assert answer.json["ok"] is False
    assert answer.json["failed"] == [{"subject": due, "code": "not-proven", "message": "Remains were found."}]
    said = run("retention", "run")
    assert said.code == 3
    assert said.out.splitlines() == [
        "0 destroyed, 1 failed, 0 held",
        f"  failed    {due}: Remains were found.",
    ]
    assert "Ada Fern" not in said.out


def test_an_erasure_that_was_interrupted_is_finished(run: Here, due: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("countenance.flows.erase.carry_out", stop)
        assert run("retention", "run").code == INTERRUPTED
    assert people(run)["Ada Fern"]["state"] == "due"
    done = run("retention", "run", "--receipts", "receipts", "--json").done
    assert (done["finished"], done["destroyed"], people(run)) == ([due], [], {})
    assert len(list(Path("receipts").iterdir())) == 1
    assert run("erase", "--resume", "--json").done["erased"] == []


def test_one_that_cannot_be_finished_is_told(run: Here, due: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def remains(*_: object) -> None:
        msg = "Remains were found."
        raise ProofError(msg)

    monkeypatch.setattr(Archive, "resume_erasures", remains)
    said = run("retention", "run")
    assert (said.code, said.out.splitlines()) == (
        3,
        [
            "1 destroyed, 1 failed, 0 held",
            f"  destroyed {due}",
            "  failed    what was interrupted before: Remains were found.",
        ],
    )


def test_a_wrong_clock_is_told(run: Here, due: str, monkeypatch: pytest.MonkeyPatch) -> None:
    later = datetime.now(UTC) + timedelta(days=4_000)
    monkeypatch.setattr(Archive.open.__func__, "__defaults__", (lambda: later, "countenance"))  # type: ignore[attr-defined]
    refused = run("retention", "run")
    assert refused.code == 1
    assert refused.err.startswith(f"Error: Nothing was destroyed. The clock shows {later:%Y-%m-%d}")
    assert "--clock-is-right" in refused.err
    assert "A run would refuse: The clock shows" in run("retention", "run", "--dry-run").out
    assert run("retention", "run", "--dry-run", "--clock-is-right", "--json").done["clock"] is None
    assert run("retention", "run", "--clock-is-right", "--json").done["destroyed"] == [due]


# One person -----------------------------------------------------------------------------------------------------------


def test_show_a_person(run: Here, ada: str) -> None:
    assert run("retention", "set", "gala", "--years-since-contact", "2").code == 0
    assert run("subject", "set", "Ada Fern", "region=Bavaria", "house= North ").out == (
        "Ada Fern: house=North, region=Bavaria\n"
    )
    made = run("retention", "hold", ada, *HOLD, "--json").done["hold"]
    answer = run("subject", "show", "Ada Fern", "--json").done
    assert {name: answer[name] for name in ("subject", "name", "collection", "attributes", "reason", "holds")} == {
        "subject": ada,
        "name": "Ada Fern",
        "collection": "gala",
        "attributes": {"house": "North", "region": "Bavaria"},
        "reason": "no-contact",
        "holds": [made["id"]],
    }
    lines = run("subject", "show", ada).out.splitlines()
    assert lines[0] == f"Ada Fern  {ada}  in gala"
    assert lines[1] == f"  enrolled {TODAY}, last contact {TODAY}"
    assert lines[2] == "  attributes: house=North, region=Bavaria"
    assert lines[3].startswith("  kept until ")
    assert lines[3].endswith("no contact for too long")
    assert lines[4].startswith(f"  Hold {made['id']}")
    changed = run("subject", "set", ada, "region=Hesse", "--unset", "house", "--collection", "gala", "--json").done
    assert changed["attributes"] == {"region": "Hesse"}


def test_a_person_who_is_due(run: Here, due: str) -> None:
    assert f"due, last day {TODAY}: the last consent ends" in run("subject", "show", due).out
    assert run("retention", "hold", due, *HOLD).code == 0
    assert f"due, and held, last day {TODAY}: the last consent ends" in run("subject", "show", due).out


def test_a_minor_who_must_not_appear(run: Here, archive: Path) -> None:
    bo = person(archive, "Bo Lind", minor=True)
    assert run("consent", "must-not-appear", bo, "--reason", "court order").code == 0
    lines = run("subject", "show", bo).out.splitlines()
    assert lines[1] == "  minor, must not appear"
    assert lines[-1] == "  kept until somebody says otherwise: no rule of the collection applies"
    assert "court order" not in "".join(lines)


def test_an_empty_value_is_not_the_way_to_take_one_away(run: Here, ada: str) -> None:
    advice = run("subject", "set", ada, "region=", "--json").json["error"]["advice"]
    assert "`--unset region`" in advice


def test_contacts(run: Here, ada: str) -> None:
    assert run("subject", "contact", "Ada Fern").out == f"Last contact with Ada Fern: {TODAY}\n"
    assert run("subject", "contact", ada, "--at", TODAY, "--json").done["last_contact"].startswith(TODAY)
    for wrong, says in (("2999-01-01", "still to come"), ("2001-01-01", "was a contact already")):
        answer = run("subject", "contact", ada, "--at", wrong, "--json")
        assert answer.code == 1
        assert says in answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("set", "Ada Fern"), 2, "nothing to note"),
        (("set", "Ada Fern", "Bavaria"), 2, "'Bavaria' is no attribute"),
        (("set", "Ada Fern", "region=x", "--unset", "region"), 2, "region is to be noted and taken away at once"),
        (("set", "Ada Fern", "Region=x"), 1, "'Region' cannot be the name"),
        (("set", "Ada Fern", "region="), 1, "region needs a value"),
        (("set", "Ada Fern", "--unset", "region"), 1, "No attribute region"),
        (("set", "Nobody", "region=x"), 1, "Nobody called 'Nobody'"),
        (("show", "Nobody"), 1, "Nobody called 'Nobody'"),
        (("contact", "Nobody"), 1, "Nobody called 'Nobody'"),
        (("contact", "Ada Fern", "--at", "soon"), 2, "not a date"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("ada")
def test_what_cannot_be_noted(run: Here, words: tuple[str, ...], code: int, says: str) -> None:
    answer = run("subject", *words, "--json")
    assert answer.code == code
    assert says in answer.json["error"]["message"]
    assert answer.json["error"]["advice"]
