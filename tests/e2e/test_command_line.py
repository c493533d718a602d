"""The main line as a new user runs it: every command a process of its own, on people who do not exist."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.terminal import PATIENCE_S, Here, Terminal, finish

N_MANY = 96
CONSENT = ("--purpose", "find-my-photos", "--channel", "website", "--until", "2999-12-31", "--evidence", "form.txt")


def enrol(terminal: Terminal, name: str, file: str, *more: str) -> dict[str, Any]:
    photos = [f"{file}.jpg", f"{file}-again.jpg"]
    answer = terminal("enrol", "gala", name, *more, "--photo", *photos, *CONSENT, "--json").done
    assert [row["photo"] for row in answer["references"]] == photos
    return answer


def names_of(found: dict[str, Any]) -> list[str]:
    return sorted(Path(row["photo"]).name for row in found["appearances"])


def test_the_story(terminal: Terminal) -> None:
    """Ingest, enrol, find, review, and again: nothing is lost, nothing doubled, decisions stay."""
    assert terminal("init", "archive").code == 0
    assert terminal("collection", "create", "gala").code == 0

    ingested = terminal("ingest", "gala", "photos", "--json")
    assert ingested.code == 3, "one photo is broken"
    counts = ingested.json["photos"]
    assert set(counts) >= {"given", "new", "known", "partial", "refused"}
    assert (counts["given"], counts["new"], counts["known"], counts["partial"]) == (7, 5, 0, 0)
    assert counts["refused"].pop("other-file") == 1
    assert list(counts["refused"].values()) == [1]
    assert ingested.json["faces"] >= 4
    assert {"decode", "detect", "embed", "save", "total"} <= set(ingested.json["seconds"])
    assert ingested.json["photos_per_second"] > 0

    ann = enrol(terminal, "Ann Lee", "ann")
    assert ann["refused"] == []
    assert all(set(row) >= {"photo", "face", "quality"} and 0 < row["quality"] <= 100 for row in ann["references"])

    found = terminal("find", "Ann Lee", "--out", "sheet", "--json").done
    assert found["subject"] == ann["subject"]
    assert {"ann-1.jpg", "ann-2.jpg"} <= set(names_of(found)) <= {"ann-1.jpg", "ann-2.jpg", "gala.jpg"}
    for row in found["appearances"]:
        require_appearance(row)
    scores = [row["score"] for row in found["appearances"]]
    assert scores == sorted(scores, reverse=True)
    page = (terminal.folder / "sheet" / "index.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == len(scores)
    assert "Ann Lee" in page

    rejected, confirmed, *others = (row["id"] for row in found["appearances"])
    said = terminal("review", "gala", "--reject", rejected, "--confirm", confirmed, "--json").done
    assert said["counts"] == {"suggested": len(others), "confirmed": 1, "rejected": 1}
    states = {confirmed: "confirmed", **dict.fromkeys(others, "suggested")}
    after = terminal("find", "Ann Lee", "--json").done
    assert {row["id"]: row["state"] for row in after["appearances"]} == states

    again = terminal("ingest", "gala", "photos", "--json").json
    assert (again["photos"]["new"], again["photos"]["known"], again["faces"]) == (0, 5, 0)
    late = enrol(terminal, "Cleo", "cleo", "--no-rescan")
    assert late["rescan"]["photos"] == 0
    rescanned = terminal("rescan", "gala", "--engine", "processes", "--workers", "2", "--json").done
    assert (rescanned["subjects"], rescanned["suggested"]) == (1, 1)
    assert names_of(terminal("find", "Cleo", "--json").done) == ["cleo-1.jpg"]
    after = terminal("find", "Ann Lee", "--json").done
    assert {row["id"]: row["state"] for row in after["appearances"]} == states, "decisions outlive both"


def require_appearance(row: dict[str, Any]) -> None:
    assert set(row) >= {"photo", "sha256", "face", "box", "score", "state", "id"}
    assert row["sha256"] == hashlib.sha256(Path(row["photo"]).read_bytes()).hexdigest()
    assert row["state"] == "suggested"
    assert 0.5 < row["score"] <= 1
    assert len(row["box"]) == 4
    assert all(value >= 0 for value in row["box"])


def test_ctrl_c_keeps_what_was_saved(terminal: Terminal, here: Here) -> None:
    folder, journal = terminal.folder / "many", terminal.folder / "journal"
    folder.mkdir()
    content = (terminal.folder / "ann.jpg").read_bytes()
    for number in range(N_MANY):
        (folder / f"{number:02}.jpg").write_bytes(content + b"%d" % number)
    process = terminal.start("ingest", "gala", "many", "--engine", "serial", "--journal", "journal", "--json")
    wait_for_lines(journal, process)
    process.send_signal(signal.SIGINT)
    answer = finish(process)
    assert answer.code == 130
    assert answer.json["error"]["message"] == "Stopped."
    assert answer.err.strip() == ""
    saved = set(journal.read_text(encoding="ascii").split())
    assert 0 < len(saved) < N_MANY
    again = here("ingest", "gala", "many", "--json").json["photos"]
    assert again["known"] >= len(saved)
    assert again["new"] + again["partial"] + again["known"] == N_MANY
    assert here("collection", "show", "gala", "--json").done["collection"]["photos"] == N_MANY


def wait_for_lines(path: Path, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not (path.is_file() and path.stat().st_size):
        assert process.poll() is None, finish(process)
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def full() -> Iterator[int]:
    handle = os.open("/dev/full", os.O_WRONLY)
    yield handle
    os.close(handle)


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_full_disk_behind_stdout(terminal: Terminal, full: int, form: tuple[str, ...]) -> None:
    answer = finish(terminal.start("models", "check", *form, out=full))
    assert answer.code == 1
    assert answer.err.splitlines()[0] == "Error: The system refused: No space left on device."
    assert "Traceback" not in answer.err


def test_a_reader_that_goes_away(terminal: Terminal) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    answer = finish(terminal.start("models", "check", out=writer))
    os.close(writer)
    assert (answer.code, answer.err) == (1, "")
