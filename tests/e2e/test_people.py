"""People, names and photos that change, through the command line in this process."""

from __future__ import annotations

import os
from pathlib import Path

from tests.e2e.conftest import ANN, BO
from tests.e2e.drawn import write_portrait
from tests.terminal import Here, Terminal

TERMS = ("--channel", "website", "--until", "2999-12-31", "--evidence", "form.txt")
CONSENT = ("--purpose", "find-my-photos", *TERMS)
ODD_NAMES = (
    b"new\nline.jpg",
    b"bad\xff\xfe.jpg",
    "\N{GRINNING FACE} Zoë.jpg".encode(),
    b"-rf --json.jpg",
    b"\x1b[31m.jpg",
)


def test_two_people_of_one_name(here: Here) -> None:
    words = ("enrol", "gala", "Sam", *CONSENT, "--json", "--photo")
    first = here(*words, "ann.jpg").done["subject"]
    twice = here(*words, "bo.jpg")
    assert (twice.code, twice.json["error"]["code"]) == (1, "conflict")
    assert "--namesake" in twice.json["error"]["advice"]
    second = here(*words, "bo.jpg", "--namesake").done["subject"]
    both = here("find", "Sam")
    assert both.code == 1
    assert f"{first} in gala" in both.err
    assert f"{second} in gala" in both.err
    assert here("find", second, "--json").done["subject"] == second


def test_the_same_name_in_two_collections(here: Here) -> None:
    assert here("collection", "create", "prom").code == 0
    words = ("Sam", *CONSENT, "--photo", "ann.jpg", "--json")
    ids = [here("enrol", where, *words).done["subject"] for where in ("gala", "prom")]
    assert here("find", "Sam").code == 1
    found = [here("find", "Sam", "--collection", where, "--json").done["subject"] for where in ("gala", "prom")]
    assert found == ids


def test_references_that_cannot_be_used_are_named(here: Here) -> None:
    partly = here("enrol", "gala", "Pat", *CONSENT, "--photo", "ann.jpg", "form.txt", "--json")
    assert partly.code == 3
    assert partly.json["ok"] is True
    assert [row["photo"] for row in partly.json["references"]] == ["ann.jpg"]
    assert [row["photo"] for row in partly.json["refused"]] == ["form.txt"]
    assert partly.json["refused"][0]["reason"]
    differing = here("enrol", "gala", "Kit", *CONSENT, "--photo", "ann.jpg", "bo.jpg", "--json")
    assert (differing.code, differing.json["error"]["code"]) == (1, "enrolment-refused")
    people = here("collection", "show", "gala", "--json").done["collection"]["subjects"]
    assert [person["name"] for person in people] == ["Pat"]


def test_a_purpose_that_is_not_finding_finds_nothing(here: Here) -> None:
    assert here("enrol", "gala", "Lou", "--purpose", "publication", *TERMS, "--photo", "ann.jpg").code == 0
    answer = here("find", "Lou", "--out", "lou", "--json")
    assert (answer.code, answer.json["error"]["code"]) == (1, "no-consent")
    assert not Path("lou").exists()


def test_names_are_bytes(here: Here, terminal: Terminal) -> None:
    content = (terminal.folder / "ann.jpg").read_bytes()
    Path("odd").mkdir()
    for number, name in enumerate(ODD_NAMES):
        Path("odd", os.fsdecode(name)).write_bytes(content + b"%d" % number)
    counts = here("ingest", "gala", "odd", "--json").done["photos"]
    assert counts["new"] + counts["partial"] == len(ODD_NAMES)
    assert here("enrol", "gala", "Noa", *CONSENT, "--photo", "ann.jpg").code == 0
    found = here("find", "Noa", "--out", "sheet\udcff")
    assert found.code == 0
    assert (terminal.folder / "sheet\udcff" / "index.html").is_file()
    assert len(found.out.splitlines()) == len(ODD_NAMES) + 2
    assert all(character.isprintable() or character == "\n" for character in found.out)
    for shown in (r"new\nline.jpg", r"bad\xff\xfe.jpg", "Zoë.jpg", "-rf --json.jpg", r"\x1b[31m.jpg", r"sheet\xff"):
        assert shown in found.out
    rows = here("find", "Noa", "--json").done["appearances"]
    assert {Path(row["photo"]).name for row in rows} >= {r"bad\xff\xfe.jpg", r"new\nline.jpg"}
    assert here("ingest", "gala", "odd/bad\udcff\udcfe.jpg", "--json").done["photos"]["known"] == 1


def test_a_photo_that_was_replaced_is_not_shown_as_somebody(here: Here, terminal: Terminal) -> None:
    photo = write_portrait(terminal.folder / "moved" / "a.jpg", ANN, 3)
    assert here("ingest", "gala", "moved").code == 0
    assert here("enrol", "gala", "Uma", *CONSENT, "--photo", "ann.jpg").code == 0
    page = terminal.folder / "uma" / "index.html"

    def shown() -> str:
        assert len(here("find", "Uma", "--out", "uma", "--json").done["appearances"]) == 1
        return page.read_text(encoding="utf-8")

    assert shown().count("data:image/jpeg") == 1
    assert oct(page.stat().st_mode)[-3:] == "600"
    write_portrait(photo, BO, 3)
    assert "Another file lies there now." in shown()
    assert "data:image/jpeg" not in shown()
    photo.unlink()
    assert "cannot be read" in shown()
    assert here("enrol", "gala", "Vic", *CONSENT, "--photo", "bo.jpg", "--no-rescan").code == 0
    late = here("rescan", "gala", "--json")
    assert (late.code, late.json["unreadable"]) == (3, 1)


def test_an_archive_that_is_the_current_folder_may_hold_the_photos(here: Here, terminal: Terminal) -> None:
    archive = terminal.folder / "archive"
    write_portrait(archive / "photos" / "a.jpg", ANN, 1)
    assert here("ingest", "gala", archive / "photos", "--json").done["photos"]["new"] == 1
    assert here("ingest", "gala", archive / "photos" / "..").code == 1
    assert here("ingest", "gala", archive / "*").code == 1
    # Another collection's photos may lie around an archive: the archive itself is left out.
    write_portrait(terminal.folder / "around" / "b.jpg", BO, 1)
    (terminal.folder / "around" / "inner").symlink_to(archive)
    counts = here("ingest", "gala", "around", "--json").json["photos"]
    assert (counts["new"], counts["refused"]) == (1, {"outside-source": 1})
