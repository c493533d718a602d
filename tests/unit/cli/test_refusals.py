"""Wrong input: one clear sentence, the exit code of the design, the one error shape, and nothing half-written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.terminal import Answer, Here

CONSENT = ("--purpose", "find-my-photos", "--channel", "website", "--until", "2999-12-31", "--evidence", "form.txt")
PHOTO = ("--photo", "face.jpg")
PERSON = ("enrol", "gala", "Ann", *PHOTO)


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    """Files that exist, and are not what the command wants."""
    (tmp_path / "form.txt").write_text("signed", encoding="utf-8")
    (tmp_path / "empty.txt").touch()
    (tmp_path / "face.jpg").write_text("no picture", encoding="utf-8")
    (tmp_path / "folder").mkdir()


def not_one_sentence(answer: Answer, code: int) -> list[str]:
    """What is wrong with the answer that people get: a sentence on stderr and, below it, what to do."""
    lines = answer.err.splitlines()
    good = len(lines) == 2 and lines[0].startswith("Error: ") and all(line.endswith((".", "FOLDER")) for line in lines)
    findings = [] if answer.code == code else [f"exit code {answer.code}, not {code}"]
    return findings + ([] if good and not answer.out else [f"said {answer.out!r} and {answer.err!r}"])


def not_the_shape(answer: Answer, code: int) -> list[str]:
    """What is wrong with the answer that programs get: one JSON object on stdout."""
    findings = [] if answer.code == code else [f"exit code {answer.code}, not {code}"]
    said = answer.json
    whole = said["ok"] is False and set(said) == {"ok", "error"} and set(said["error"]) == {"code", "message", "advice"}
    good = whole and all(said["error"].values()) and not answer.err
    return findings + ([] if good else [f"said {answer.out!r} and {answer.err!r}"])


def require_one_sentence(answer: Answer, code: int) -> None:
    assert not_one_sentence(answer, code) == []


def require_shape(answer: Answer, code: int) -> None:
    assert not_the_shape(answer, code) == []


USAGE = [
    ("nosuch",),
    ("--nosuch",),
    ("collection", "nosuch"),
    ("collection", "create"),
    ("collection", "create", "new\nline"),
    ("collection", "create", "bad\udcff"),
    ("collection", "create", "a" * 201),
    ("collection", "create", "x", "--basis", "nosuch"),
    ("collection", "create", "x", "--basis", "release"),
    ("collection", "create", "x", "--until", "2999-01-01"),
    ("collection", "create", "x", "--actor", "\x1b[31m"),
    ("collection", "create", "x", "--archive", ""),
    ("collection", "show", "bad\udcff"),
    ("ingest",),
    ("ingest", "gala"),
    ("ingest", "gala", "folder", "--engine", "nosuch"),
    ("ingest", "gala", "folder", "--workers", "0"),
    ("ingest", "gala", "folder", "--journal", "nosuch/journal"),
    ("ingest", "gala", "folder", "--journal", "folder"),
    ("enrol", "gala", "Ann", *CONSENT),
    PERSON,
    (*PERSON, *CONSENT[:6]),
    (*PERSON, *CONSENT, "--until", "2999-13-01"),
    (*PERSON, *CONSENT, "--until", "for ever"),
    (*PERSON, *CONSENT, "--evidence", "nosuch"),
    (*PERSON, *CONSENT, "--evidence", "folder"),
    (*PERSON, *CONSENT, "--evidence", "empty.txt"),
    (*PERSON, *CONSENT, "--evidence", "/dev/zero"),
    (*PERSON, *CONSENT, "--photo", "nosuch.jpg"),
    (*PERSON, *CONSENT, "--photo", "/dev/zero"),
    (*PERSON, *CONSENT, "--photo", "empty.txt"),
    (*PERSON, *CONSENT, *(f"--photo={n}.jpg" for n in range(20))),
    (*PERSON, *CONSENT, "--guardian", "two\nlines"),
    ("find",),
    ("find", "Ann", "--state", "rejected"),
    ("find", "Ann", "--out", "form.txt"),
    ("review", "gala", "--confirm", "one", "--reject", "one"),
    ("models", "install"),
    ("models", "install", "recommended", "--from", "form.txt"),
]

REFUSED = [
    ("collection", "create", "gala"),
    ("collection", "create", " "),
    ("collection", "create", "x", "--pack", "nosuch"),
    ("collection", "show", "nosuch"),
    ("collection", "list", "--archive", "folder"),
    ("collection", "list", "--key-file", "nosuch"),
    ("collection", "list", "--key-file", "form.txt"),
    ("collection", "list", "--key-file", "folder"),
    (
        *("collection", "create", "x", "--basis", "release", "--reference", "r"),
        *("--approver", "a", "--until", "2020-01-01"),
    ),
    ("init", "archive"),
    ("init", "other", "--key-file", "form.txt"),
    ("init", "other", "--key-file", "nosuch/key"),
    ("init", "other", "--pack", "nosuch"),
    ("ingest", "nosuch", "folder"),
    ("ingest", "gala", "nosuch"),
    ("ingest", "gala", ""),
    ("ingest", "gala", "nosuch*.jpg"),
    ("ingest", "gala", "http://photos.example/a.jpg"),
    ("ingest", "gala", "https://photos.example/a.jpg"),
    ("ingest", "gala", "ftp://photos.example/a.jpg"),
    ("ingest", "gala", "nosuch://photos"),
    ("ingest", "gala", "archive"),
    ("ingest", "gala", "archive/keys"),
    ("ingest", "gala", "archive/keys/epoch.key"),
    ("ingest", "gala", "archive/countenance.db"),
    ("enrol", "nosuch", "Ann", *PHOTO, *CONSENT),
    ("enrol", "gala", " ", *PHOTO, *CONSENT),
    (*PERSON, *CONSENT, "--purpose", "nosuch"),
    (*PERSON, *CONSENT, "--channel", "nosuch"),
    (*PERSON, *CONSENT, "--until", "2020-01-01"),
    (*PERSON, *CONSENT, "--from", "2998-01-01"),
    (*PERSON, *CONSENT, "--from", "3001-01-01"),
    (*PERSON, *CONSENT, "--guardian", " "),
    ("find", "Ann"),
    ("find", "bad\udcff"),
    ("find", "Ann", "--collection", "nosuch"),
    ("review", "nosuch"),
    ("review", "gala", "--confirm", "nosuch"),
    ("rescan", "nosuch"),
    ("models", "check", "nosuch"),
    ("models", "check", "recommended"),
    ("models", "install", "nosuch"),
    ("models", "install", "form.txt"),
    ("models", "install", "recommended", "--from", "folder"),
    ("models", "install", "https://models.example/pack.toml"),
    ("models", "install", "form.txt", "--sha256", "00"),
]


@pytest.mark.usefixtures("archive")
def test_nothing_wrong_is_written(run: Here, tmp_path: Path) -> None:
    """One walk over all of it, so that the archive can be compared before and after."""
    before, shown = files_of(tmp_path), run("collection", "show", "gala", "--json").json
    findings = [
        (*words, finding)
        for code, table in ((2, USAGE), (1, REFUSED))
        for words in table
        for finding in [
            *not_one_sentence(run(*words), code),
            *not_the_shape(run(*words, "--json"), code),
            *not_the_shape(run("--json", *words), code),
        ]
    ]
    assert findings == []
    assert run("collection", "show", "gala", "--json").json == shown
    assert files_of(tmp_path) == before
    assert [row["name"] for row in run("collection", "list", "--json").json["collections"]] == ["gala"]


def files_of(folder: Path) -> set[str]:
    """Names of all files but SQLite's own, which come and go."""
    found = (Path(at) / name for at, _, names in os.walk(folder) for name in names)
    return {str(path) for path in found if not path.name.endswith(("-wal", "-shm", "-journal"))}


@pytest.mark.parametrize("words", [("collection",), ("models",)])
def test_a_group_without_a_command(run: Here, words: tuple[str, ...]) -> None:
    answer = run(*words)
    assert answer.code == 2
    assert answer.err.startswith("Usage: countenance")
    require_shape(run(*words, "--json"), 2)


def test_no_words_at_all_show_the_help(run: Here) -> None:
    answer = run()
    assert answer.code == 2
    assert "ingest" in answer.err
    require_shape(run("--json"), 2)


def test_without_an_archive_it_says_where_it_looked(run: Here, tmp_path: Path) -> None:
    answer = run("collection", "list")
    require_one_sentence(answer, 1)
    assert str(tmp_path) in answer.err
    assert "countenance init" in answer.err


def test_without_a_key_and_without_a_terminal(run: Here, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COUNTENANCE_KEY_FILE")
    require_one_sentence(run("collection", "list"), 1)
    assert "no terminal" in run("collection", "list", "--archive", archive).err
    monkeypatch.setattr("sys.stdin", None)  # as after `<&-`
    assert "no terminal" in run("collection", "list").err


def test_another_archives_key_does_not_open_it(run: Here, archive: Path) -> None:
    assert run("init", "other", "--key-file", "other.key").code == 0
    answer = run("collection", "list", "--archive", archive, "--key-file", "other.key", "--json")
    require_shape(answer, 1)
    assert answer.json["error"]["code"] == "key-refused"


def test_usage_errors_name_the_command_that_explains(run: Here) -> None:
    assert "`countenance review --help`" in run("review", "gala", "--confirm").err
    assert "`countenance collection create --help`" in run("collection", "create").err
    assert "`countenance --help`" in run("nosuch").err


@pytest.mark.usefixtures("archive")
def test_an_actor_from_the_environment_is_checked(run: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTENANCE_ACTOR", "\x1b[31mred")
    answer = run("review", "gala", "--confirm", "x")
    require_one_sentence(answer, 2)
    assert "COUNTENANCE_ACTOR" in answer.err
