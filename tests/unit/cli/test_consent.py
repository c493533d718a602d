"""``countenance consent``: every message a steward reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from countenance.archive import Archive
from countenance.settings import Settings
from countenance.store import collections, subjects
from countenance.store.keyfile import Master
from tests.terminal import Answer, Here

NOT_LOOKED_FOR = "no consent lets the machine look for Ada Fern"
FORM = ("--channel", "website", "--until", "2999-12-31", "--evidence", "form.txt")


@pytest.fixture(autouse=True)
def form(tmp_path: Path) -> None:
    (tmp_path / "form.txt").write_text("signed", encoding="utf-8")
    (tmp_path / "Ada's form.pdf").write_text("signed", encoding="utf-8")


def person(archive: Path, name: str, *, minor: bool = False, collection: str = "gala") -> str:
    """Somebody enrolled, without the photos that these commands never look at."""
    master = Master.from_key_file(archive.parent / "archive.key")
    with Archive.open(archive, master, Settings()) as opened, opened._store.transaction() as tx:
        where = collections.by_name(tx, collection).id
        made = subjects.add(tx, opened._keys, collection=where, name=name, minor=minor, at=opened._clock())
        return made.id


@pytest.fixture
def ada(archive: Path) -> str:
    return person(archive, "Ada Fern")


@pytest.fixture
def bo(archive: Path) -> str:
    return person(archive, "Bo Lind", minor=True)


def states(run: Here) -> list[tuple[str, str, str]]:
    rows = run("consent", "list", "--json").done["consents"]
    return [(row["name"], row["purpose"], row["state"]) for row in rows]


def test_grant_list_and_withdraw(run: Here, ada: str) -> None:
    said = run("consent", "grant", "Ada Fern", "--purpose", "publication", "find my photos", *FORM)
    assert said.code == 0, said
    lines = said.out.splitlines()
    assert lines[0] == "2 consents of Ada Fern recorded"
    assert lines[1].startswith("  publication: website; 20")
    assert lines[1].endswith(" to 2999-12-31; policy page 1")
    assert lines[3].startswith("The next `countenance clear` goes by them.")
    assert lines[3].endswith("countenance rescan gala")
    shown = run("consent", "list").out.splitlines()
    assert shown[0].split() == [
        "NAME",
        "COLLECTION",
        "PURPOSE",
        "CHANNELS",
        "FROM",
        "LAST",
        "DAY",
        "STATE",
        "SIGNED",
        "BY",
    ]
    assert [line.split()[3] for line in shown[1:]] == ["find-my-photos", "publication"]
    assert all(line.endswith("2999-12-31  holds  self") for line in shown[1:])
    ended = run("consent", "withdraw", "Ada Fern", "--purpose", "publication").out
    assert ended.splitlines() == [
        "1 consent of Ada Fern ended now: publication.",
        "Running jobs follow within 60 s; the next `countenance clear` hides Ada Fern in what it released before.",
        f"Copies that are published already: countenance take-down {ada}",
    ]
    assert states(run) == [("Ada Fern", "find-my-photos", "holds"), ("Ada Fern", "publication", "withdrawn")]
    assert run("consent", "withdraw", ada).out.splitlines() == [
        "1 consent of Ada Fern ended now: find-my-photos.",
        "Running jobs follow within 60 s; what was cleared stays as it is.",
        "New photos are no longer compared with Ada Fern; the references stay sealed and unused.",
    ]
    again = run("consent", "withdraw", "Ada Fern")
    assert (again.code, again.out) == (
        0,
        "Nothing to withdraw: no such consent of Ada Fern holds or is yet to begin.\n",
    )
    assert " withdrawn 20" in run("consent", "list").out


def test_what_programs_get(run: Here, bo: str) -> None:
    options = ("--guardian", "Cleo Lind", "--authority", "court order", "--purpose", "publication")
    made = run(
        *("consent", "grant", bo, *options, "--channel", "website", "print", "--actor", "Ms Reed"),
        *("--from", "2026-01-02", "--until", "2999-12-31", "--evidence", "Ada's form.pdf", "--json"),
    ).done
    (row,) = made["consents"]
    assert made["subject"] == bo
    assert made["shortened"] == []
    assert {name: row[name] for name in row if name not in {"consent", "recorded", "evidence"}} == {
        "purpose": "publication",
        "channels": ["website", "print"],
        "from": "2026-01-02T00:00:00+00:00",
        "until": "3000-01-01T00:00:00+00:00",
        "last_day": "2999-12-31",
        "withdrawn": None,
        "minor": True,
        "guardian": "Cleo Lind",
        "authority": "court order",
        "evidence_name": "Ada's form.pdf",
        "notice": "1",
        "recorded_by": "Ms Reed",
    }
    (listed,) = run("consent", "list", "--json").done["consents"]
    assert listed == {**row, "subject": bo, "name": "Bo Lind", "collection": "gala", "state": "holds"}
    assert "Cleo Lind (court order)" in run("consent", "list").out
    ended = run("consent", "withdraw", bo, "--json").done
    assert [each["consent"] for each in ended["consents"]] == [row["consent"]]
    assert ended["consents"][0]["withdrawn"] is not None
    assert run("consent", "withdraw", bo, "--json").done == {"ok": True, "subject": bo, "consents": []}


def test_a_guardians_consent_says_when_it_lapses(run: Here, bo: str) -> None:
    year = datetime.now(UTC).year - 10
    said = run(
        *(
            "consent",
            "grant",
            bo,
            "--purpose",
            "publication",
            "--guardian",
            "Cleo Lind",
            "--born",
            f"{year}-05-01",
            *FORM,
        )
    ).out
    assert f"It ends on {year + 18}-04-30, because this person then comes of age and signs alone." in said
    assert run("consent", "list").out.count(f"{year + 18}-04-30") == 1


def test_a_date_of_birth_that_came_later_is_said_to_shorten(run: Here, bo: str) -> None:
    year = datetime.now(UTC).year - 10
    signed = ("consent", "grant", bo, "--purpose", "publication", "--guardian", "Cleo Lind", *FORM)
    said = run(*signed).out
    assert "No date of birth is known, so it does not end by itself when this person comes of age" in said
    assert "It ends on" not in said
    said = run(*signed, "--born", f"{year}-05-01").out
    assert "A guardian's consent now ends with coming of age: publication" in said


def test_what_ends_soon(run: Here, ada: str, bo: str) -> None:
    assert run("consent", "list").out == "No consent.\n"
    assert run("consent", "list", "--expiring", "30d").out == "No consent ends in that time without being renewed.\n"
    run("consent", "grant", ada, "--purpose", "publication", *FORM)
    run("consent", "grant", bo, "--purpose", "publication", "--guardian", "Cleo Lind", *FORM)
    assert run("consent", "list", "--expiring", "30d", "--json").done["consents"] == []
    assert [row["subject"] for row in run("consent", "list", "--subject", "Ada Fern", "--json").done["consents"]] == [
        ada
    ]
    assert run("consent", "list", "--collection", "gala", "--json").done["consents"][1]["subject"] == bo
    soon = ("--channel", "website", "--evidence", "form.txt", "--until")
    run("consent", "grant", ada, "--purpose", "case-search", *soon, (datetime.now(UTC) + timedelta(days=1)).isoformat())
    found = run("consent", "list", "--expiring", "2w", "--json").done["consents"]
    assert [(row["purpose"], row["state"]) for row in found] == [("case-search", "holds")]


def test_why_somebody_must_not_appear_is_said_to_the_steward_alone(run: Here, ada: str) -> None:
    assert run("consent", "must-not-appear", "Ada Fern").out == "Ada Fern may appear where the consents say so.\n"
    set_by = run("consent", "must-not-appear", "Ada Fern", "--reason", "hides from a stalker")
    assert set_by.out.splitlines() == [
        "Ada Fern must not appear: the next `countenance clear` blocks every photo of Ada Fern.",
        f"Note: {NOT_LOOKED_FOR}: new photos are blocked only where a person says who it is.",
    ]
    run("consent", "grant", ada, "--purpose", "internal-tagging", *FORM)
    asked = run("consent", "must-not-appear", "Ada Fern")
    assert asked.out == "Ada Fern must not appear: hides from a stalker\n"
    assert run("consent", "must-not-appear", ada, "--json").done == {
        "ok": True,
        "subject": ada,
        "must_not_appear": True,
        "compared": True,
        "reason": "hides from a stalker",
    }
    others: list[Answer] = [
        run(*words, *as_json)
        for words in (
            ("collection", "show", "gala"),
            ("collection", "list"),
            ("consent", "list"),
            ("consent", "withdraw", ada),
            ("consent", "must-not-appear", ada, "--reason", "hides from a stalker"),
            ("review", "gala"),
            ("consent", "must-not-appear", ada, "--lift"),
        )
        for as_json in ((), ("--json",))
    ]
    assert {answer.code for answer in others} == {0}
    assert [answer for answer in others if "stalker" in answer.out + answer.err] == []
    assert run("consent", "must-not-appear", ada, "--json").done["reason"] is None


def test_a_withdrawal_of_somebody_hidden_says_what_it_costs(run: Here, ada: str) -> None:
    run("consent", "grant", ada, "--purpose", "publication", *FORM)
    run("consent", "must-not-appear", ada, "--reason", "x")
    assert NOT_LOOKED_FOR in run("consent", "withdraw", ada).out


@pytest.mark.usefixtures("bo")
def test_the_collection_says_who_is_a_minor_and_who_is_hidden(run: Here, ada: str) -> None:
    run("consent", "must-not-appear", ada, "--reason", "hides from a stalker")
    shown = run("collection", "show", "gala").out
    assert f"{ada}  Ada Fern  (must not appear)\n" in shown
    assert "Bo Lind  (minor)\n" in shown
    rows = run("collection", "show", "gala", "--json").done["collection"]["subjects"]
    assert {row["name"]: (row["minor"], row["must_not_appear"], row["merged_into"]) for row in rows} == {
        "Ada Fern": (False, True, None),
        "Bo Lind": (True, False, None),
    }


def test_namesakes_are_told_apart(run: Here, archive: Path, ada: str) -> None:
    run("collection", "create", "other")
    elsewhere = person(archive, "Ada Fern", collection="other")
    refused = run("consent", "withdraw", "Ada Fern")
    assert refused.code == 1
    assert ada in refused.err
    assert elsewhere in refused.err
    made = run("consent", "grant", "Ada Fern", "--collection", "other", "--purpose", "publication", *FORM, "--json")
    assert made.done["subject"] == elsewhere


def test_odd_names_stay_on_their_line(run: Here, archive: Path) -> None:
    odd = person(archive, "A\n\x1b[31m" + "a" * 60)
    run("consent", "grant", odd, "--purpose", "publication", *FORM)
    shown = run("consent", "list").out
    assert len(shown.splitlines()) == 2
    assert "\x1b" not in shown
    assert len({len(line.split("gala")[0]) for line in shown.splitlines()[1:]}) == 1


REFUSED = [
    (2, ("consent", "list", "--expiring", "soon")),
    (2, ("consent", "list", "--expiring", "999999w")),
    (2, ("consent", "grant", "Ada Fern", *FORM)),
    (2, ("consent", "grant", "Ada Fern", "--purpose", "publication", *FORM, "--born", "May")),
    (2, ("consent", "grant", "Ada Fern", "--purpose", "publication", *FORM, "--authority", "x")),
    (2, ("consent", "grant", "Ada Fern", "--purpose", "publication", *FORM[:4], "--evidence", "nosuch")),
    (2, ("consent", "withdraw", "Ada Fern", "--purpose", "marketing")),
    (2, ("consent", "must-not-appear", "Ada Fern", "--reason", "x", "--lift")),
    (2, ("consent", "nosuch")),
    (1, ("consent", "list", "--collection", "nosuch")),
    (1, ("consent", "list", "--subject", "nosuch")),
    (1, ("consent", "grant", "nosuch", "--purpose", "publication", *FORM)),
    (1, ("consent", "grant", "Ada Fern", "--purpose", "marketing", *FORM)),
    (1, ("consent", "grant", "Ada Fern", "--purpose", "publication", *FORM, "--until", "2001-01-01")),
    (1, ("consent", "grant", "Ada Fern", "--purpose", "publication", *FORM, "--guardian", "Cleo Lind")),
    (1, ("consent", "grant", "Ada Fern", "--purpose", "publication", *FORM, "--born", "2999-01-01")),
    (1, ("consent", "grant", "Bo Lind", "--purpose", "publication", *FORM)),
    (1, ("consent", "grant", "Bo Lind", "--purpose", "publication", *FORM, "--guardian", "C", "--authority", " ")),
    (1, ("consent", "withdraw", "nosuch")),
    (1, ("consent", "must-not-appear", "nosuch")),
    (1, ("consent", "must-not-appear", "Ada Fern", "--reason", " ")),
]


@pytest.mark.usefixtures("ada", "bo")
def test_what_is_refused_changes_nothing_and_says_why(run: Here) -> None:
    before = run("collection", "show", "gala", "--json").json
    wrong = []
    for code, words in REFUSED:
        answer = run(*words)
        lines = answer.err.splitlines()
        whole = len(lines) == 2 and lines[0].startswith("Error: ") and all(line.endswith(".") for line in lines)
        if answer.code != code or answer.out or not whole:
            wrong.append((words, answer))
    assert wrong == []
    assert states(run) == []
    assert run("collection", "show", "gala", "--json").json == before
