"""``countenance policy``: what people are told, and what they were told then."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from countenance.archive import DATABASE
from countenance.flows import policy
from countenance.settings import Settings
from countenance.store import pages
from tests.terminal import Here

OPEN_PLACES = len(policy.gaps(policy.draft(Settings())))
BRACKETS = "places in [[double brackets]] still to be filled in:"


def forget_pages(archive: Path) -> None:
    """As in an archive of the first version, which had no policy pages."""
    with closing(sqlite3.connect(archive / DATABASE)) as raw, raw:
        raw.execute("DROP TRIGGER policy_pages_are_kept")
        raw.execute("DELETE FROM policy_pages")
    pages.path_of(archive / DATABASE).unlink()


def test_init_writes_and_publishes_a_page(run: Here, archive: Path) -> None:
    page = (archive / "policy.html").read_text("utf-8")
    shown = run("policy", "show", "--json").done
    assert shown["page"] == page == policy.draft(Settings())
    assert shown["sha256"] == hashlib.sha256(page.encode()).hexdigest()
    assert (shown["version"], shown["versions"], shown["published_by"]) == (1, 1, "countenance init")
    assert len(shown["to_fill_in"]) == OPEN_PLACES
    said = run("policy", "show").out.splitlines()
    assert said[0] == "Policy page, version 1 (in force)"
    assert said[2] == f"{archive / 'policy.html'}: as published"
    assert said[3] == f"{OPEN_PLACES} {BRACKETS}"
    assert len(said) == 4 + OPEN_PLACES
    assert run("policy", "show", "--page").out == page + "\n"


def test_an_edited_page_is_published_as_the_next_version(run: Here, archive: Path) -> None:
    first = (archive / "policy.html").read_text("utf-8")
    (archive / "policy.html").write_text("We are the [[name]] club.\r\n", encoding="utf-8", newline="")
    assert "differs from what is in force" in run("policy", "show").out
    said = run("policy", "publish", "--actor", "Ms Reed").out.splitlines()
    assert said == [
        "Version 2 of the policy page is published",
        "1 place in [[double brackets]] still to be filled in:",
        "  name",
        "Consents recorded from now on name this version; people who agreed before were shown theirs.",
    ]
    assert (
        run("policy", "publish").out.splitlines()[0]
        == "Version 2 of the policy page is in force already; nothing changed"
    )
    shown = run("policy", "show", "--json").done
    assert (shown["version"], shown["versions"], shown["published_by"]) == (2, 2, "Ms Reed")
    assert shown["page"] == "We are the [[name]] club.\r\n"
    old = run("policy", "show", "1", "--json").done
    assert (old["version"], old["page"]) == (1, first)
    assert run("policy", "show", "1").out.splitlines()[0] == "Policy page, version 1"


def test_a_page_from_elsewhere_takes_the_place_of_a_published_one(run: Here, archive: Path, tmp_path: Path) -> None:
    (tmp_path / "new.html").write_text("Whole and final.", encoding="utf-8")
    said = run("policy", "publish", "new.html")
    assert said.out.splitlines()[1] == f"{archive / 'policy.html'} now holds this page."
    assert (archive / "policy.html").read_text("utf-8") == "Whole and final."
    published = run("policy", "publish", "new.html", "--json").done
    assert (published["version"], published["new"], published["to_fill_in"]) == (2, False, [])


def test_a_page_from_elsewhere_never_swallows_unpublished_changes(run: Here, archive: Path, tmp_path: Path) -> None:
    (archive / "policy.html").write_text("Half written", encoding="utf-8")
    (tmp_path / "new.html").write_text("Whole and final.", encoding="utf-8")
    said = run("policy", "publish", "new.html").out
    assert f"{archive / 'policy.html'} holds changes that were never published, so it was left as it is." in said
    assert (archive / "policy.html").read_text("utf-8") == "Half written"
    assert run("policy", "show", "--json").done["page"] == "Whole and final."


def test_a_draft_from_the_settings(run: Here, archive: Path) -> None:
    (archive / "countenance.toml").write_text('extra_channels = ["yearbook"]', encoding="utf-8")
    said = run("policy", "draft", "new page.html").out
    assert said.startswith(f"Draft: new page.html\n{OPEN_PLACES} {BRACKETS}\n")
    assert said.endswith("Next: countenance policy publish 'new page.html'\n")
    assert "yearbook" in Path("new page.html").read_text("utf-8")
    again = run("policy", "draft", "new page.html", "--json")
    assert (again.code, again.json["error"]["code"]) == (1, "conflict")
    assert run("policy", "draft").code == 1
    (archive / "policy.html").unlink()
    assert "not there" in run("policy", "show").out
    drafted = run("policy", "draft", "--json").done
    assert drafted["file"] == str(archive / "policy.html")
    assert run("policy", "publish", "--json").done["version"] == 2


def test_an_archive_from_before_there_were_pages(run: Here, archive: Path) -> None:
    forget_pages(archive)
    refused = run("policy", "show")
    assert refused.code == 1
    assert refused.err.splitlines()[0] == "Error: No policy page has been published yet."
    assert "countenance policy publish" in refused.err
    assert run("policy", "publish", "--json").done["version"] == 1


REFUSED = [
    (1, ("show", "7")),
    (2, ("show", "0")),
    (2, ("show", "first")),
    (2, ("publish", "nosuch.html")),
    (2, ("publish", "folder")),
    (2, ("publish", "latin.html")),
    (2, ("publish", "large.html")),
    (2, ("publish", "binary.html")),
    (1, ("publish", "empty.html")),
    (1, ("draft", "empty.html")),
    (1, ("draft", "nosuch/draft.html")),
    (2, ("nosuch",)),
]


@pytest.mark.usefixtures("archive")
def test_what_is_no_page_is_not_published(run: Here, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "latin.html").write_bytes("Grüße".encode("latin-1"))
    (tmp_path / "large.html").write_bytes(b"a" * (1024 * 1024 + 1))
    (tmp_path / "binary.html").write_bytes(b"a\0b")
    (tmp_path / "empty.html").write_bytes(b" \n")
    wrong = []
    for code, words in REFUSED:
        answer = run("policy", *words)
        lines = answer.err.splitlines()
        whole = len(lines) == 2 and lines[0].startswith("Error: ") and all(line.endswith(".") for line in lines)
        if answer.code != code or answer.out or not whole:
            wrong.append((words, answer))
    assert wrong == []
    assert run("policy", "show", "--json").done["versions"] == 1
