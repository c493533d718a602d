"""``countenance show-me`` and ``countenance actor``: what a steward types and reads."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests.terminal import Here
from tests.unit.cli.test_consent import FORM, person

FIELDS = {
    "ok",
    "subject",
    "folder",
    "zip",
    "photos",
    "shown",
    "left_out",
    "consents",
    "publications",
    "entries",
}


@pytest.fixture
def ada(archive: Path, tmp_path: Path, run: Here) -> str:
    """Somebody with a consent and without photos, so that no network is needed."""
    (tmp_path / "form.txt").write_text("signed", encoding="utf-8")
    made = person(archive, "Ada Fern")
    given = ("--purpose", "publication", *FORM, "--actor", "Ms Reed")
    assert run("consent", "grant", "Ada Fern", *given).code == 0
    return made


def test_a_pack_for_ada(run: Here, ada: str, tmp_path: Path) -> None:
    done = run("show-me", "Ada Fern", "--out", "packs/ada", "--met-in-person", "--actor", "Ms Reed", "--json").done
    assert set(done) == FIELDS
    assert (done["subject"], done["photos"], done["shown"], done["left_out"]) == (ada, 0, 0, [])
    assert (done["consents"], done["publications"], done["entries"]) == (1, 0, 2)
    folder = Path(done["folder"])
    assert folder == tmp_path / "packs" / "ada"
    assert {path.name for path in folder.iterdir()} == {"index.html", "show-me.json", "consents", "ledger"}
    with zipfile.ZipFile(done["zip"]) as pressed:
        assert "ada/index.html" in pressed.namelist()
    assert "Ada Fern" in (folder / "index.html").read_text("utf-8")


def test_in_words(run: Here, ada: str) -> None:
    said = run("show-me", ada, "--out", "ada", "--account", "ada@example.org")
    assert said.code == 0, said
    lines = said.out.splitlines()
    assert lines[0].startswith("Pack for Ada Fern: ")
    assert lines[0].endswith("/ada")
    assert lines[1].endswith("/ada.zip")
    assert lines[2] == ("0 of 0 photos shown, everybody else hidden; 1 consent, 0 published, 2 entries of the ledger")
    assert "reaches this person alone" in lines[-1]


def test_what_the_account_is_called_goes_nowhere(run: Here, ada: str, archive: Path, tmp_path: Path) -> None:
    assert run("show-me", ada, "--out", "ada", "--account", "ada@example.org").code == 0
    for path in (*archive.rglob("*"), *(tmp_path / "ada").rglob("*"), tmp_path / "ada.zip"):
        assert path.is_dir() or b"ada@example.org" not in path.read_bytes(), path
    told = json.loads((tmp_path / "ada" / "show-me.json").read_bytes())
    assert told["identity_checked_by"] == "account"


@pytest.mark.parametrize(
    "check",
    [(), ("--account", "x", "--met-in-person"), ("--account", ""), ("--selfie", "form.txt", "--met-in-person")],
)
def test_who_asks_is_checked_in_exactly_one_way(run: Here, ada: str, tmp_path: Path, check: tuple[str, ...]) -> None:
    said = run("show-me", ada, "--out", "ada", *check, "--json")
    assert said.code == 2
    assert "exactly one way" in said.json["error"]["message"]
    assert "--met-in-person" in said.json["error"]["advice"]
    assert not (tmp_path / "ada").exists()


def test_a_selfie_needs_references(run: Here, ada: str) -> None:
    said = run("show-me", ada, "--out", "ada", "--selfie", "form.txt", "--json")
    assert said.code == 1
    assert said.json["error"]["code"] == "not-permitted"
    assert "No usable reference of this person is kept" in said.json["error"]["message"]
    assert run("show-me", ada, "--out", "ada", "--selfie", "nosuch.jpg").code == 2


@pytest.mark.usefixtures("ada")
def test_of_nobody_nothing_is_shown(run: Here) -> None:
    said = run("show-me", "Bo Lind", "--out", "bo", "--met-in-person", "--json")
    assert said.code == 1
    assert said.json["error"]["code"] == "not-found"
    assert "receipt" in said.json["error"]["advice"]
    unknown = run("show-me", "Ada Fern", "--collection", "nosuch", "--out", "a", "--met-in-person", "--json")
    assert "nosuch" in unknown.json["error"]["message"]


def test_the_settings_decide_whether_names_are_told(run: Here, ada: str, archive: Path, tmp_path: Path) -> None:
    assert run("actor", "Ms Reed", "--role", "steward").code == 0
    for setting, told in (("false", "steward"), ("true", "Ms Reed (steward)")):
        settings = archive / "countenance.toml"
        text = settings.read_text("utf-8").replace("show_actor_names = false", "show_actor_names = true")
        settings.write_text(text.replace("# show_actor_names", "show_actor_names") if setting == "true" else text)
        assert run("show-me", ada, "--out", f"ada-{setting}", "--met-in-person").code == 0
        page = (tmp_path / f"ada-{setting}" / "index.html").read_text("utf-8")
        assert f"by {told}." in page
        assert ("Ms Reed" in page) == (setting == "true")


@pytest.mark.usefixtures("ada")
def test_actors_and_their_roles(run: Here) -> None:
    rows = run("actor", "--json").done["actors"]
    assert {row["name"]: row["role"] for row in rows}["Ms Reed"] == "staff"
    done = run("actor", "Ms Reed", "--role", "steward", "--json").done["actors"]
    assert [(row["name"], row["role"]) for row in done] == [("Ms Reed", "steward")]
    assert run("actor", "Ms Reed").out == "Ms Reed  steward\n"
    for words, code in ((("Nobody",), 1), (("Nobody", "--role", "x"), 1), (("--role", "x"), 2)):
        said = run("actor", *words, "--json")
        assert (said.code, said.json["ok"]) == (code, False)
    assert run("actor", "Ms Reed", "--role", " ").code == 2
