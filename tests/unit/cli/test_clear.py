"""``countenance clear`` and ``countenance take-down``, on photos that say who is in them (``tests.pretend``)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from countenance.archive import SETTINGS, Archive
from countenance.settings import Settings
from countenance.store.keyfile import Master
from tests.calibrated import calibrate
from tests.drawn import CLUB, Clock, name_of
from tests.pretend import Party, photo, released
from tests.terminal import Here

ANN, STRANGER = 0, 9
CLEAR = ("clear", "photos", "--channel", "website", "--out", "out")


@pytest.fixture
def club(run: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Party]:
    """An archive with one collection, Ann enrolled, and three files in ``photos``; the command line opens it too."""
    key = tmp_path / "archive.key"
    assert run("init", "archive", "--key-file", key).code == 0
    monkeypatch.setenv("COUNTENANCE_ARCHIVE", str(tmp_path / "archive"))
    monkeypatch.setenv("COUNTENANCE_KEY_FILE", str(key))
    with Archive.open(tmp_path / "archive", Master.from_key_file(key), Settings()) as archive:
        archive.create_collection(CLUB)
        calibrate(archive, CLUB)
        made = Party(archive, Clock(), tmp_path).pretend(monkeypatch)
        made.enrol(ANN)
        made.put(ann=photo(ANN), both=photo(ANN, STRANGER), signs=photo(signs=True))
        yield made


def test_the_answer_for_programs(run: Here, club: Party) -> None:
    told = run(*CLEAR, "--json").done
    assert told["channel"] == "website"
    assert told["counts"] == {"clear": 1, "redact": 1, "review": 1, "blocked": 0}
    rows = {Path(row["photo"]).name: row for row in told["photos"]}
    assert set(rows) == {"ann.jpg", "both.jpg", "signs.jpg"}
    both = rows["both.jpg"]
    assert (both["verdict"], both["output"]) == ("redact", str(club.out.absolute() / "redacted" / "both.jpg"))
    assert both["reasons"] == ["unknown", "consented"]
    assert [(face["status"], face["box"]) for face in both["faces"]] == [
        ("consented", [0, 0, 8, 8]),
        ("unknown", [10, 0, 8, 8]),
    ]
    assert [face["subject"] for face in both["faces"]] == [club.archive.subject(name_of(ANN)).id, None]
    assert all(face["face"] for face in both["faces"])
    assert (rows["signs.jpg"]["reasons"], rows["signs.jpg"]["output"]) == (["signs-of-people"], None)
    assert {"report.json", "report.html"} <= {path.name for path in club.out.iterdir()}
    assert json.loads((club.out / "report.json").read_text("utf-8"))["counts"] == told["counts"]


@pytest.mark.usefixtures("club")
def test_one_screen_for_people(run: Here) -> None:
    lines = run(*CLEAR).out.splitlines()
    assert lines[0].strip() == "1 clear: everybody in it said yes, or nobody is in it"
    assert len(lines) <= 24
    assert lines[-1].endswith("out/report.html")
    assert "0 of 3 photos changed since the last run." in run(*CLEAR).out


def test_files_that_are_no_photos_make_it_partly_done(run: Here, club: Party) -> None:
    club.put_as({"notes.txt": b"remember the cake"})
    assert run(*CLEAR).code == 0, "nobody meant that as a photo"
    club.put(broken=b"\xff\xd8\xffnothing")
    answer = run(*CLEAR, "--json")
    assert answer.code == 3
    assert answer.json["refused"] == {"damaged": 1, "other-file": 1}
    assert {row["reason"] for row in answer.json["not_photos"]} == {"damaged", "other-file"}
    assert "2 not used: 1 damaged, 1 other-file" in run(*CLEAR).out


def test_a_dry_run(run: Here, club: Party) -> None:
    told = run(*CLEAR, "--dry-run", "--json").done
    assert told["dry_run"] is True
    assert told["counts"]["clear"] == 1
    assert not club.out.exists()
    assert "Nothing was written (--dry-run)." in run(*CLEAR, "--dry-run").out
    refused = run(*CLEAR, "--dry-run", "--published-to", "x", "--json")
    assert (refused.code, refused.json["ok"]) == (2, False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[actions", "it is not TOML"),
        ("[actions]\nunknown = 'publish'", "unknown must not be published"),
        ("[actions]\nunknown = 'blur'", "unknown = 'blur' is none of"),
        ("[actions]\nsomebody = 'ask'", "has no 'somebody'"),
        ("[recognition]\nusable_quality = 101", "between 0 and 100"),
    ],
)
def test_a_policy_that_cannot_be_used(run: Here, club: Party, text: str, said: str) -> None:
    (club.folder / "own.toml").write_text(text, "utf-8")
    answer = run(*CLEAR, "--policy", "own.toml", "--json")
    assert answer.code == 2
    assert said in answer.json["error"]["message"]
    assert not club.out.exists()


def test_which_policy_counts(run: Here, club: Party) -> None:
    missing = run(*CLEAR, "--policy", "none.toml")
    assert (missing.code, "cannot be read" in missing.err) == (2, True)
    (club.folder / "latin.toml").write_bytes(b"# \xff")
    assert "not UTF-8" in run(*CLEAR, "--policy", "latin.toml").err
    (club.folder / "archive" / "clearance.toml").write_text("[actions]\nunknown = 'block'", "utf-8")
    assert run(*CLEAR, "--json").done["counts"]["blocked"] == 1
    (club.folder / "own.toml").write_text("[actions]\nunknown = 'ask'", "utf-8")
    assert run(*CLEAR, "--policy", "own.toml", "--json").done["counts"]["review"] == 2


def test_channels(run: Here, club: Party) -> None:
    words = ("clear", "photos", "--channel", "club-screen", "--out", "screen", "--json")
    unknown = run(*words)
    assert (unknown.code, unknown.json["error"]["code"]) == (2, "usage")
    assert "Unknown channel 'club-screen'" in unknown.json["error"]["message"]
    (club.folder / "archive" / SETTINGS).write_text('extra_channels = ["club-screen"]\n', "utf-8")
    assert run(*words).done["counts"] == {"clear": 0, "redact": 2, "review": 1, "blocked": 0}


def test_whose_people_count(run: Here, club: Party) -> None:
    assert run("collection", "create", "other").code == 0
    several = run(*CLEAR, "--json")
    assert (several.code, "There are 2 collections" in several.json["error"]["message"]) == (2, True)
    assert run(*CLEAR, "--collection", CLUB, "--json").done["counts"]["clear"] == 1
    assert run(*CLEAR, "--collection", "nobody's", "--json").code == 1
    assert set(released(club.out)) == {"clear/ann.jpg", "redacted/both.jpg"}


@pytest.mark.usefixtures("archive")
def test_without_a_source_or_a_collection(run: Here, tmp_path: Path) -> None:
    assert run("clear", "nowhere", "--channel", "website", "--out", "out").code != 0
    run("init", "new", "--key-file", "new.key")
    (tmp_path / "photos").mkdir()
    answer = run(*CLEAR, "--archive", "new", "--key-file", "new.key", "--json")
    assert (answer.code, answer.json["error"]["code"]) == (1, "not-found")


def test_styles_that_can_be_undone_are_warned_of(run: Here, club: Party) -> None:
    (club.folder / "archive" / SETTINGS).write_text('[clear]\nstyle = "blur"\n', "utf-8")
    answer = run(*CLEAR)
    assert "can be undone" in answer.err
    assert run(*CLEAR, "--json").err == ""


def test_publishing_and_taking_down(run: Here, club: Party) -> None:
    assert run(*CLEAR, "--published-to", "https://example.org", "--json").done["published"] == 2
    listed = run("take-down", name_of(ANN), "--json").done
    assert listed["left"] == 2
    assert listed["subject"] == club.archive.subject(name_of(ANN)).id
    for row in listed["published"]:
        assert set(row) >= {"id", "place", "channel", "path", "sha256", "published_at", "taken_down_at"}
        assert (row["place"], row["channel"], row["taken_down_at"]) == ("https://example.org", "website", None)
    ids = [row["id"] for row in listed["published"]]
    done = run("take-down", name_of(ANN), "--done", *ids, "--json").done
    assert (done["left"], len(done["published"])) == (0, 2)
    assert all(row["taken_down_at"] for row in done["published"])
    assert run("take-down", name_of(ANN), "--done", "nothing").code == 1
    assert run("take-down", "Nobody").code == 1
    club.archive.withdraw(name_of(ANN))
    assert run(*CLEAR, "--json").done["published_affected"] == []


def test_a_withdrawal_names_published_copies(run: Here, club: Party) -> None:
    run(*CLEAR, "--published-to", "the paper")
    club.archive.withdraw(name_of(ANN))
    answer = run(*CLEAR, "--json").done
    assert {row["path"] for row in answer["published_affected"]} == {"ann.jpg", "both.jpg"}
    assert {face["status"] for row in answer["published_affected"] for face in row["faces"]} == {"withdrawn"}
    said = run(*CLEAR).out
    assert "2 published copies show somebody who may no longer be shown:" in said
    assert "2 published copies on which Person 0 can be seen" in run("take-down", name_of(ANN)).out
