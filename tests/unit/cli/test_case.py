"""``countenance case`` as people and programs use it, on pretended photos."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from countenance.archive import Archive
from countenance.cli.frame import Frame
from countenance.cli.main import main
from tests.pretend import SETTINGS, _master
from tests.searching import LEE, NUMBER, OKORO, REED, STUDIO, Bureau, probe

Case = Callable[..., "Said"]


@dataclass
class Said:
    """What a command gave: exit code, and its output as text or as JSON."""

    code: int
    text: str
    told: dict[str, Any]


@pytest.fixture
def case(bureau: Bureau, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Case]:
    """Run `countenance case`, as an actor; on an archive without a case."""
    monkeypatch.setattr(Frame, "master", lambda _: _master())
    home = str(bureau.archive.folder)
    bureau.archive.close()

    def run(*words: str | Path, by: str = REED, as_json: bool = True) -> Said:
        options = ["--actor", by, "--archive", home, *(["--json"] if as_json else [])]
        with pytest.raises(SystemExit) as done:
            main(["case", *map(str, words), *options])
        printed = capsys.readouterr()
        text = printed.out or printed.err
        return Said(int(str(done.value.code)), text, json.loads(text) if as_json else {})

    yield run
    bureau.party.archive = Archive.open(bureau.archive.folder, _master(), SETTINGS, bureau.party.clock)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A probe on disk."""
    path = tmp_path / "probe.jpg"
    path.write_bytes(probe()[1])
    return path


def approve(case: Case, folder: Path, number: str = NUMBER, by: str = OKORO) -> Said:
    """Look at the page, and give the code that stands on it."""
    page = Path(case("approve", number, "--out", folder, by=by).told["page"])
    (code,) = re.findall(r'id="code">([^<]+)<', page.read_text("utf-8"))
    return case("approve", number, "--code", code, by=by)


def opened(case: Case, photo: Path, number: str = NUMBER) -> Said:
    """A case that Ms Reed asks for."""
    return case("open", number, "--purpose", "missing-person", "--collection", STUDIO, "--probe", photo)


def test_the_whole_story_as_programs_get_it(case: Case, photo: Path, tmp_path: Path) -> None:
    made = opened(case, photo)
    assert (made.code, made.told["state"], made.told["probes"], made.told["requester"]) == (0, "open", 1, REED)
    refused = case("search", NUMBER)
    assert refused.code == 1
    assert refused.told["error"]["code"] == "case-refused"
    assert approve(case, tmp_path / "look").told == {"ok": True, "case": NUMBER, "approved": True, "page": None}
    found = case("search", NUMBER).told
    assert {"ok", "case", "candidates", "statement"} <= set(found)
    assert [set(each) >= {"rank", "score", "photo", "face", "box"} for each in found["candidates"]] == [True] * 3
    assert [Path(each["path"]).stem for each in found["candidates"]] == ["alone", "both", "third"]
    assert found["candidates"][0]["box"] == [0.0, 0.0, 8.0, 8.0]
    one = case("review", NUMBER, "--lead", "1", "2", "--not", "3").told
    assert (one["done"], one["differ"]) == (False, [])
    assert case("show", NUMBER, "--candidates", by=OKORO).told["candidates"][0]["marks"] == {}
    two = case("review", NUMBER, "--lead", "1", "--unsure", "2", "3", by=OKORO).told
    assert (two["done"], two["differ"]) == (True, [2, 3])
    shown = case("show", NUMBER, "--candidates").told
    assert shown["candidates"][1]["marks"] == {REED: "lead", OKORO: "unsure"}
    report = case("report", NUMBER, "--out", tmp_path / "report").told
    assert Path(report["report"]).is_file()
    assert case("close", NUMBER).told["state"] == "closed"
    (row,) = case("list").told["cases"]
    assert (row["state"], row["probes_gone_at"] is None, row["closed_by"]) == ("closed", False, REED)
    assert case("search", NUMBER).told["error"]["code"] == "case-refused"


def test_the_whole_story_as_people_read_it(case: Case, photo: Path, tmp_path: Path) -> None:
    assert case("list", as_json=False).text == "No case was opened.\n"
    opened(case, photo)
    assert (
        "run this again with --code" in case("approve", NUMBER, "--out", tmp_path / "look", by=LEE, as_json=False).text
    )
    approve(case, tmp_path / "look")
    text = case("search", NUMBER, as_json=False).text
    assert re.search(r"(?m)^  1  0\.980  .*/alone\.jpg  \[0, 0, 8, 8\]$", text)
    assert text.rstrip().endswith("A lead, not an identification.")
    assert "Look at" in case("review", NUMBER, "--out", tmp_path / "look", as_json=False).text
    assert "shown to nobody" in case("review", NUMBER, "--lead", "1", "2", "3", as_json=False).text
    assert "they agree" in case("review", NUMBER, "--lead", "1", "2", "3", by=OKORO, as_json=False).text
    shown = case("show", NUMBER, as_json=False).text
    assert all(word in shown for word in (f"asked for by {REED}", f"approved by {OKORO}", "3 candidates"))
    assert "No candidate reached" in case("search", NUMBER, "--at-least", "0.999", as_json=False).text
    assert "its probes are gone" in case("close", NUMBER, as_json=False).text
    assert "closed by Ms Reed" in case("show", NUMBER, as_json=False).text


def test_an_urgent_search_says_until_when(case: Case, photo: Path) -> None:
    opened(case, photo)
    text = case("search", NUMBER, "--urgent", "--reason", "a child is missing", as_json=False).text
    assert re.search(r"Urgent: somebody else has to approve by \d{4}-\d\d-\d\d \d\d:\d\d UTC, or", text)
    assert ", urgent" in case("show", NUMBER, as_json=False).text


def test_more_probes_are_handed_in(case: Case, photo: Path, tmp_path: Path) -> None:
    opened(case, photo)
    other = tmp_path / "other.jpg"
    other.write_bytes(probe(mark="other")[1])
    assert case("add", NUMBER, "--probe", other, by=LEE).told["probes"] == 2


@pytest.mark.parametrize(
    "words",
    [
        ("approve", NUMBER),
        ("approve", NUMBER, "--out", "x", "--code", "y"),
        ("search", NUMBER, "--urgent"),
        ("search", NUMBER, "--reason", "why"),
        ("search", NUMBER, "--most", "101"),
        ("search", NUMBER, "--at-least", "nan"),
        ("review", NUMBER),
        ("review", NUMBER, "--out", "x", "--lead", "1"),
        ("review", NUMBER, "--lead", "1", "--not", "1"),
        ("open", "x", "--purpose", "curiosity", "--collection", STUDIO, "--probe", "x"),
        ("open", "x", "--purpose", "safeguarding", "--collection", STUDIO, "--probe", "missing.jpg"),
        ("usage", "--month", "2026"),
    ],
)
def test_what_is_not_well_formed_is_a_usage_error(case: Case, photo: Path, words: tuple[str, ...]) -> None:
    opened(case, photo)
    said = case(*words)
    assert (said.code, said.told["ok"]) == (2, False)
    assert said.told["error"]["advice"].endswith(".")


def test_a_probe_that_is_too_large_is_not_read(case: Case, photo: Path, bureau: Bureau) -> None:
    (bureau.archive.folder / "countenance.toml").write_text("[decode]\nmax_bytes = 10\n", "utf-8")
    said = opened(case, photo)
    assert said.code == 2
    assert "larger than 10 bytes" in said.told["error"]["message"]
    (bureau.archive.folder / "countenance.toml").unlink()


def test_a_month_in_numbers(case: Case, photo: Path, bureau: Bureau) -> None:
    opened(case, photo)
    case("search", NUMBER)
    month = f"{bureau.party.clock.now:%Y-%m}"
    told = case("usage", "--month", month).told
    assert (told["searches"], told["refusals"]) == (0, {"not-approved": 1})
    assert told["cases"]["missing-person"]["open"] == 1
    text = case("usage", "--month", month, as_json=False).text
    assert "refused not-approved: 1" in text
    assert "staff: 1 opened, 1 refused" in text
    assert not any(name in text for name in (REED, NUMBER, STUDIO))
