"""From a new archive to a photo taken down, as a new user does it: every command a process, real networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.pretend import released, state_of
from tests.terminal import Terminal

CONSENT = ("--purpose", "publication", "--channel", "website", "--until", "2999-12-31", "--evidence", "form.txt")
CLEAR = ("clear", "photos", "--channel", "website", "--out", "out", "--json")
VERDICTS = ("clear", "redact", "review", "blocked")


def rows_of(told: dict[str, Any], terminal: Terminal) -> dict[str, dict[str, Any]]:
    """Photos by path; everything that others rely on is there and true."""
    assert set(told) >= {"ok", "channel", "counts", "photos"}
    assert told["channel"] == "website"
    assert set(told["counts"]) == set(VERDICTS)
    assert sum(told["counts"].values()) == len(told["photos"])
    for row in told["photos"]:
        assert set(row) >= {"photo", "verdict", "reasons", "faces", "output"}
        assert row["verdict"] in VERDICTS
        assert (row["output"] is not None) == (row["verdict"] in {"clear", "redact"})
        if row["output"] is not None:
            assert Path(row["output"]).is_absolute()
            assert Path(row["output"]).is_file()
            row["output"] = str(Path(row["output"]).relative_to(terminal.folder / "out"))
        for face in row["faces"]:
            assert set(face) >= {"face", "box", "status", "subject"}
            assert len(face["box"]) == 4
            assert (face["subject"] is None) == (face["status"] in {"unknown", "too-poor-to-tell"})
    outputs = {row["output"] for row in told["photos"] if row["output"] is not None}
    assert set(released(terminal.folder / "out")) == outputs
    return {str(Path(row["photo"]).relative_to(terminal.folder / "photos")): row for row in told["photos"]}


def test_the_story(terminal: Terminal) -> None:
    assert terminal("init", "archive").code == 0
    assert terminal("collection", "create", "gala").code == 0
    photos = ["ann.jpg", "ann-again.jpg"]
    ann = terminal("enrol", "gala", "Ann Lee", "--photo", *photos, *CONSENT, "--json").done["subject"]
    source = state_of(terminal.folder / "photos")

    asked = terminal(*CLEAR)
    assert asked.code == 3, "one photo is broken"
    assert "not calibrated" in asked.json["notes"]["points"]
    rows = rows_of(asked.json, terminal)
    assert rows["ann-1.jpg"]["reasons"] == rows["ann-2.jpg"]["reasons"] == ["unconfirmed"]
    faces = [face for row in rows.values() for face in row["faces"]]
    assert not any(face["status"] == "consented" for face in faces), "nobody said who anybody is"
    of_ann = [face["appearance"] for face in faces if face["appearance"] is not None]
    assert terminal("review", "gala", "--confirm", *of_ann, "--actor", "Ms Reed", "--json").code == 0
    refused = terminal("calibrate", "gala", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (1, "too-little-to-say")
    assert "confirmed faces of 1 person, and 10 are needed" in refused.json["error"]["message"]

    first = terminal(*CLEAR, "--published-to", "https://example.org/gala")
    assert first.code == 3, "one photo is broken"
    rows = rows_of(first.json, terminal)
    assert set(rows) == {"ann-1.jpg", "ann-2.jpg", "bo-1.jpg", "cleo-1.jpg", "scenes/gala.jpg"}
    assert {name: row["output"] for name, row in rows.items() if "ann" in name} == {
        "ann-1.jpg": "clear/ann-1.jpg",
        "ann-2.jpg": "clear/ann-2.jpg",
    }
    assert [(face["status"], face["subject"]) for face in rows["ann-1.jpg"]["faces"]] == [("consented", ann)]
    for name in ("bo-1.jpg", "cleo-1.jpg"):
        assert rows[name]["output"] in {f"redacted/{name}", None}
        assert "unknown" in rows[name]["reasons"]
    assert rows["scenes/gala.jpg"]["verdict"] in {"redact", "review"}
    assert first.json["published"] == len(released(terminal.folder / "out"))
    assert sum(count for reason, count in first.json["refused"].items() if reason != "other-file") == 1

    before = state_of(terminal.folder / "out" / "clear") | state_of(terminal.folder / "out" / "redacted")
    again = terminal(*CLEAR, "--engine", "processes", "--workers", "2").json
    assert not any(row["changed"] for row in again["photos"])
    assert state_of(terminal.folder / "out" / "clear") | state_of(terminal.folder / "out" / "redacted") == before

    assert terminal("consent", "withdraw", "Ann Lee", "--json").code == 0
    after = terminal(*CLEAR).json
    turned = {name for name, row in rows.items() for face in row["faces"] if face["status"] == "consented"}
    rows = rows_of(after, terminal)
    assert {name for name, row in rows.items() if row["changed"]} == turned >= {"ann-1.jpg", "ann-2.jpg"}
    assert not any(face["status"] == "consented" for row in rows.values() for face in row["faces"])
    assert {row["path"] for row in after["published_affected"]} >= {"ann-1.jpg", "ann-2.jpg"}

    listed = terminal("take-down", "Ann Lee", "--json").done
    assert {row["id"] for row in listed["published"]} == {row["id"] for row in after["published_affected"]}
    done = terminal("take-down", "Ann Lee", "--done", *(row["id"] for row in listed["published"]), "--json").done
    assert done["left"] == 0
    assert terminal(*CLEAR).json["published_affected"] == []
    assert state_of(terminal.folder / "photos") == source
