"""``countenance erase``, ``receipt`` and ``collection destroy``: what they say and refuse before anything goes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.terminal import Here
from tests.unit.cli.people import People


@pytest.fixture
def gala(run: Here, archive: Path) -> People:
    return People(run, archive, "Ann Fern")


def test_a_person_is_erased_and_the_receipt_is_genuine(gala: People, tmp_path: Path) -> None:
    receipt = tmp_path / "ann.json"
    answer = gala.run("erase", "Ann Fern", "--receipt", receipt)
    assert answer.code == 0, answer.err
    first, *lines = answer.out.splitlines()
    assert first == "Ann Fern is erased"
    assert any("appearances" in line and "2 -> 0" in line for line in lines)
    assert any("0 found; positive control" in line for line in lines)
    assert gala.names() == {"Bob"}
    assert "Ann" not in receipt.read_text("utf-8")
    checked = gala.run("receipt", "verify", receipt)
    assert checked.code == 0
    assert checked.out.startswith(f"Genuine: subject {gala.people['Ann Fern']} was erased")
    again = gala.run("erase", "Ann Fern", "--receipt", tmp_path / "again.json")
    assert again.code == 1
    assert "Nobody called" in again.err


def test_json_holds_the_fields_that_others_rely_on(gala: People, tmp_path: Path) -> None:
    answer = gala.run("erase", "Ann Fern", "--receipt", tmp_path / "ann.json", "--json")
    said = json.loads(answer.out)
    assert (said["ok"], said["subject"]) == (True, gala.people["Ann Fern"])
    assert {"store", "before", "after", "method"} <= said["stores"][0].keys()
    assert said["sweep"]["needles"] > 0
    assert (said["sweep"]["found"], said["sweep"]["control_found"]) == (0, said["sweep"]["control"])
    assert said["receipt"] == str(tmp_path / "ann.json")
    shown = gala.run("receipt", "show", said["erasure"])
    assert shown.out == (tmp_path / "ann.json").read_text("utf-8")


def test_a_dry_run_says_what_would_go_and_changes_nothing(gala: People) -> None:
    answer = gala.run("erase", "Ann Fern", "--dry-run")
    assert answer.out.splitlines()[0] == "Erasing Ann Fern takes out:"
    assert gala.names() == {"Ann Fern", "Bob"}
    said = json.loads(gala.run("erase", "Ann Fern", "--dry-run", "--json").out)
    assert {row["store"]: row["before"] for row in said["stores"]}["appearances"] == 2


def test_a_changed_receipt_is_refused(gala: People, tmp_path: Path) -> None:
    receipt = tmp_path / "ann.json"
    gala.run("erase", "Ann Fern", "--receipt", receipt)
    receipt.write_text(receipt.read_text("utf-8").replace('"found":0', '"found":1'), "utf-8")
    answer = gala.run("receipt", "verify", receipt)
    assert answer.code == 1
    assert answer.err


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), 2, "Name one thing to erase"),
        (("Ann Fern", "--resume"), 2, "Name one thing to erase"),
        (("--resume", "--dry-run"), 2, "nothing to try out"),
        (("--resume", "--receipt", "there.json"), 1, "cannot be a folder"),
        (("Ann Fern",), 2, "--receipt FILE"),
        (("--photo", "x", "--receipt", "r.json"), 2, "--collection"),
        (("--where", "region", "--collection", "gala", "--receipt", "r"), 2, "NAME=VALUE"),
        (("Nobody", "--receipt", "r.json"), 1, "Nobody called"),
        (("Ann Fern", "--receipt", "no/such/folder/r.json"), 1, "no folder"),
        (("Ann Fern", "--receipt", "there.json"), 1, "exists already"),
        (("--photo", "x", "--collection", "gala", "--receipt", "r.json"), 1, "x"),
    ],
)
def test_what_cannot_be_erased_is_said_before_anything_goes(
    gala: People, tmp_path: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    (tmp_path / "there.json").touch()
    answer = gala.run("erase", *words)
    assert (answer.code, says in answer.err) == (code, True), answer.err
    assert gala.names() == {"Ann Fern", "Bob"}


def test_a_photo_is_erased_by_its_id_or_its_hash(gala: People, tmp_path: Path) -> None:
    answer = gala.run(
        "erase", "--photo", gala.photo, "--collection", "gala", "--receipt", tmp_path / "p.json", "--json"
    )
    assert json.loads(answer.out)["photo"] == gala.photo
    assert gala.names() == {"Ann Fern", "Bob"}


def test_people_with_an_attribute_are_erased_together(gala: People, tmp_path: Path) -> None:
    assert gala.run("subject", "set", "Ann Fern", "region=Bavaria").code == 0
    words = ("erase", "--where", "region=Bavaria", "--collection", "gala")
    assert gala.run(*words, "--dry-run").out.splitlines()[0] == "1 of the people of gala: region=Bavaria"
    answer = gala.run(*words, "--receipt", tmp_path / "receipts")
    assert answer.code == 0, answer.err
    assert gala.names() == {"Bob"}
    (receipt,) = (tmp_path / "receipts").iterdir()
    assert gala.run("receipt", "verify", receipt).code == 0
    again = gala.run(*words, "--receipt", tmp_path / "receipts")
    assert (again.code, "Nobody in gala has region=Bavaria" in again.err) == (1, True)


def test_a_collection_is_destroyed_when_its_name_is_given(gala: People, tmp_path: Path) -> None:
    assert gala.run("collection", "destroy", "gala", "--dry-run").code == 0
    answer = gala.run("collection", "destroy", "gala", "--receipt", tmp_path / "gala.json")
    assert answer.code == 0, answer.err
    assert json.loads(gala.run("collection", "list", "--json").out)["collections"] == []
    assert gala.run("receipt", "verify", tmp_path / "gala.json").code == 0


def test_nothing_interrupted_is_nothing_to_resume(gala: People) -> None:
    assert "nothing to finish" in gala.run("erase", "--resume").out
