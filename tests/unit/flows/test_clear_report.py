"""The report of a clearing: what it says, whom it names, and what it never shows.

Ann and Bob said yes to the website, Cy to print; Dan must not appear.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest

from countenance.core.clearance import Action, FaceState, PhotoState, Verdict
from countenance.flows import clear_people, clear_report
from countenance.flows.clear import Request
from countenance.flows.clear_report import REPORT_HTML, REPORT_JSON, as_html
from countenance.flows.scope import Scope
from countenance.redact import check
from countenance.settings import ClearSettings
from tests.drawn import CLUB, name_of
from tests.pretend import POLICY, WEBSITE, Guest, Party, photo, released

ANN, BOB, CY, DAN, STRANGER = 0, 1, 2, 3, 9
WHY_HIDDEN = "a court order of the third of May"
HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)> & {{ 7 * 7 }}.jpg'.replace("/", "\u2215")
EMPTY = {"br", "circle", "img", "input", "link", "meta", "path", "use"}


class Page(HTMLParser):
    """What a page links to, shows and says, and whether its elements are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.pictures: list[str] = []
        self.attributes: set[str] = set()
        self.cards: list[dict[str, Any]] = []
        self.tiles: dict[str, int] = {}
        self.ids: list[str] = []
        self.words = ""
        self._open: list[str] = []
        self._tile = ""
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.attributes |= set(said)
        self.ids += [said["id"]] if "id" in said else []
        if tag not in EMPTY:
            self._open.append(tag)
        if tag == "a":
            self.links.append(said["href"])
        if tag == "img":
            self.pictures.append(said["src"])
        if tag == "li" and "card" in said.get("class", "").split():
            self.cards.append({"classes": set(said["class"].split()), "words": "", "pictures": [], "links": []})
        if self.cards and tag in {"a", "img"} and "main" in self._open:
            self.cards[-1]["links" if tag == "a" else "pictures"].append(said.get("href") or said["src"])
        if said.get("id", "").startswith("only-"):
            self._tile = said["id"].removeprefix("only-")

    def handle_endtag(self, tag: str) -> None:
        if tag not in EMPTY:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data
        if self._tile and self._open[-1] == "b":
            self.tiles[self._tile], self._tile = int(data.replace(",", "")), ""
        if self.cards and "style" not in self._open:
            self.cards[-1]["words"] += data

    def card(self, name: str) -> dict[str, Any]:
        """The card of the photo of that name."""
        (found,) = [card for card in self.cards if card["words"].split("\n")[0].strip().startswith(name)] or [
            card for card in self.cards if name in card["words"]
        ]
        return found


def told(party: Party, **changes: object) -> dict[str, Any]:
    """Clear and report, as the archive does."""
    values: dict[str, object] = {"channel": WEBSITE, "out": party.out, "policy": POLICY, "actor": "office"}
    request = Request(**(values | changes))  # type: ignore[arg-type]
    return clear_report.report(party.scope, request, party.clear(**changes))


def names_of(scope: Scope, report: dict[str, Any]) -> dict[str, str]:
    with scope.store.reading() as tx:
        return clear_people.names_of(tx, scope, report)


def page_of(party: Party) -> Page:
    return Page((party.out / REPORT_HTML).read_text("utf-8"))


@pytest.fixture
def mixed(party: Party) -> Party:
    """A photo of every verdict, a file that is none, and somebody who must not appear."""
    party.enrol(DAN)
    party.archive.must_not_appear(name_of(DAN), WHY_HIDDEN)
    party.put(
        ann=photo(ANN),
        both=photo(ANN, STRANGER),
        paper=photo(CY),
        signs=photo(signs=True),
        doubt=photo(Guest(ANN, 0.95), BOB),
        hidden=photo(ANN, DAN),
        broken=b"\xff\xd8\xffnothing",
    )
    return party


# What it says ---------------------------------------------------------------------------------------------------------


def test_counts_of_the_page_are_those_of_the_photos(mixed: Party) -> None:
    report = told(mixed)
    page = page_of(mixed)
    wanted = {"clear": 1, "redact": 2, "review": 2, "blocked": 1}
    assert report["counts"] == wanted
    assert page.tiles == {"all": 7, "unused": 1, **wanted}
    assert len(page.cards) == len(report["photos"]) == 6
    for verdict, count in wanted.items():
        assert sum(verdict in card["classes"] for card in page.cards) == count
    assert "3 of 6 photos may go out." in page.words
    assert "broken.jpg" in page.words
    assert "It cannot be read." in page.words


def test_a_line_says_who_a_face_is_and_what_becomes_of_it(mixed: Party) -> None:
    told(mixed)
    page = page_of(mixed)
    both, paper, doubt = (
        page.card("both.jpg")["words"],
        page.card("paper.jpg")["words"],
        page.card("doubt.jpg")["words"],
    )
    assert re.search(rf"{name_of(ANN)}\s+said yes\s+shown", both)
    assert re.search(r"Not recognised as anybody enrolled\s+hidden", both)
    assert re.search(rf"{name_of(CY)}\s+said yes, but not for this channel\s+hidden", paper)
    assert re.search(rf"{name_of(ANN)}\s+is suggested, and nobody has confirmed it", doubt)
    assert re.search(rf"{name_of(BOB)}\s+said yes\s+may be shown", doubt)
    assert "Nobody has confirmed who somebody is." in doubt
    assert "No face was found, and yet somebody may be in it." in page.card("signs.jpg")["words"]


def test_the_command_on_a_card_confirms_the_right_appearance(mixed: Party) -> None:
    told(mixed)
    words = page_of(mixed).card("doubt.jpg")["words"]
    (command,) = re.findall(r"countenance review .* --confirm [0-9a-f]+", words)
    *_, collection, option, appearance = shlex.split(command)
    assert (collection, option) == (CLUB, "--confirm")
    mixed.archive.decide(collection, [appearance], "confirmed", "Mr Smith")
    assert {each["path"]: each["verdict"] for each in told(mixed)["photos"]}["doubt.jpg"] == "clear"


def test_people_who_contradict_each_other_suggest_nothing(mixed: Party) -> None:
    report = told(mixed)
    (face,) = [face for each in report["photos"] for face in each["faces"] if face["status"] == "unconfirmed"]
    assert face["appearance"] is not None
    face["appearance"] = None  # a face that was named has none to confirm
    page = Page(as_html(report, names_of(mixed.scope, report)))
    assert re.search(rf"{name_of(ANN)}\s+was named, and people contradict each other", page.words)
    assert "--confirm" not in page.words


def test_every_state_and_problem_has_words() -> None:
    assert set(clear_report.FACES) == set(FaceState)
    problems = re.findall(r"``([a-z-]+)``", check.Finding.__doc__ or "")
    assert len(problems) >= 7
    wanted = {*FaceState, *PhotoState, *(f"check:{problem}" for problem in [*problems, "not-readable"])}
    assert set(clear_report.KEPT_BACK) == wanted
    assert set(clear_report.INTENDED) == set(Action)
    text = (Path(clear_report.__file__).parent / "templates" / "clear_report.html").read_text("utf-8")
    for state in {*FaceState, *PhotoState} - {FaceState.CONSENTED}:
        assert f'"{state}": (' in text, f"no advice for {state}"
    for verdict in Verdict:
        assert f'"{verdict}": (' in text


def test_what_changed_is_told_from_the_second_run_on(mixed: Party) -> None:
    told(mixed)
    assert "changed" not in page_of(mixed).tiles
    told(mixed)
    assert page_of(mixed).tiles["changed"] == 0
    mixed.put(late=photo(ANN, mark="late"))
    mixed.archive.withdraw(name_of(ANN))
    told(mixed)
    page = page_of(mixed)
    assert page.tiles["changed"] == sum("is-changed" in card["classes"] for card in page.cards) >= 2
    assert "is-changed" not in page.card("signs.jpg")["classes"]
    assert "Changed: it was clear." in page.card("ann.jpg")["words"]
    assert "New since the last run." in page.card("late.jpg")["words"]


def test_published_copies_that_must_be_taken_down(mixed: Party) -> None:
    told(mixed, published_to="https://example.org/gala?a=1&b=<2>")
    mixed.archive.withdraw(name_of(ANN))
    report = told(mixed)
    assert {each["path"] for each in report["published_affected"]} == {"ann.jpg", "both.jpg"}
    words = page_of(mixed).words
    assert "Please act: 2 published copies show somebody who may no longer be shown" in words
    assert "https://example.org/gala?a=1&b=<2>" in words
    ann = mixed.archive.subject(name_of(ANN)).id
    commands = {f"countenance take-down {ann} --done {each['id']}" for each in report["published_affected"]}
    assert commands == set(re.findall(r"countenance take-down \S+ --done \S+", words))
    mixed.archive.take_down(ann, [each["id"] for each in report["published_affected"]])
    told(mixed)
    assert "Please act" not in page_of(mixed).words


def test_files_that_were_removed_are_named(mixed: Party) -> None:
    told(mixed)
    (mixed.photos / "ann.jpg").unlink()
    (mixed.photos / "paper.jpg").unlink()
    mixed.archive.withdraw(name_of(ANN))
    told(mixed)
    words = page_of(mixed).words
    assert re.search(r"1 released file removed\s.*\s*Which\s*ann\.jpg", words)
    assert re.search(r"no longer in the source\s.*\s*Which\s*paper\.jpg", words)


def test_a_style_that_can_be_undone_is_warned_of(mixed: Party) -> None:
    told(mixed)
    assert "can be undone" not in page_of(mixed).words
    scope = mixed.scope
    blurred = replace(scope, settings=replace(scope.settings, clear=ClearSettings(style="blur")))
    request = Request(WEBSITE, mixed.out, POLICY, "office")
    report = clear_report.report(blurred, request, mixed.clear())
    assert "'blur'" in report["notes"]["style"]
    assert report["notes"]["style"] in page_of(mixed).words


def test_a_dry_run_writes_no_report(mixed: Party) -> None:
    assert told(mixed, dry_run=True)["counts"]["blocked"] == 1
    assert not mixed.out.exists()


# Whom it names, what it shows -----------------------------------------------------------------------------------------


def test_nobody_who_must_not_appear_is_named_and_no_reason_is_told(mixed: Party) -> None:
    report = told(mixed, published_to="the wall")
    for name in (REPORT_HTML, REPORT_JSON):
        text = (mixed.out / name).read_text("utf-8")
        assert "must-not-appear" in text
        assert WHY_HIDDEN not in text
        assert name_of(DAN) not in text
    assert re.search(r"Must not appear\s+blocked", page_of(mixed).card("hidden.jpg")["words"])
    named = set(names_of(mixed.scope, report).values())
    assert named == {name_of(ANN), name_of(BOB), name_of(CY)}


def test_a_copy_that_is_out_does_not_name_who_must_not_appear(mixed: Party) -> None:
    told(mixed, published_to="the wall")
    mixed.archive.must_not_appear(name_of(ANN), WHY_HIDDEN)
    report = told(mixed)
    assert len(report["published_affected"]) == 2
    text = (mixed.out / REPORT_HTML).read_text("utf-8")
    assert "Somebody must not appear" in text
    assert name_of(ANN) not in text
    assert name_of(ANN) not in names_of(mixed.scope, report).values()


def test_only_released_photos_are_shown(mixed: Party) -> None:
    report = told(mixed)
    page = page_of(mixed)
    by_path = {each["path"]: each for each in report["photos"]}
    shown = {path for path, each in by_path.items() if each["thumbnail"] is not None}
    assert shown == {"ann.jpg", "both.jpg", "paper.jpg"} == {path for path, each in by_path.items() if each["output"]}
    for path in by_path:
        card = page.card(path)
        assert card["pictures"] == ([by_path[path]["thumbnail"]] if path in shown else [])
        assert len([link for link in card["links"] if not link.startswith("#")]) == (path in shown)
    on_disk = {f"thumbnails/{file.name}" for file in (mixed.out / "thumbnails").iterdir()}
    assert on_disk == set(page.pictures) == {by_path[path]["thumbnail"] for path in shown}
    assert all((mixed.out / name).read_bytes() == b"small" for name in page.pictures)


def test_marks_lie_where_the_faces_are(mixed: Party) -> None:
    report = told(mixed)
    text = (mixed.out / REPORT_HTML).read_text("utf-8")
    both = next(each for each in report["photos"] if each["path"] == "both.jpg")
    assert (both["width"], both["height"]) == (1_000, 100)
    assert [face["box"] for face in both["faces"]] == [[0, 0, 8, 8], [10, 0, 8, 8]]
    second = 'class="mark s-unknown" style="left:1.0%;top:0.0%;width:0.8%;height:8.0%"'
    assert second in text
    assert text.count('class="mark ') == 4  # ann 1, both 2, paper 1: none of a photo that stays in


def test_nothing_is_asked_of_a_network_and_no_script_runs(mixed: Party) -> None:
    told(mixed, published_to="https://example.org/gala")
    text = (mixed.out / REPORT_HTML).read_text("utf-8")
    page = Page(text)
    assert text.startswith("<!doctype html>")
    assert not {"script", "link", "iframe", "object", "form", "base"} & set(page.tags)
    assert not [name for name in page.attributes if name.startswith("on")]
    assert not [link for link in page.links + page.pictures if re.match(r"[a-z]+:|//|/", link)]
    assert "default-src 'none'" in text
    assert not re.search(r"url\(|@import|javascript:", text)
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert str(mixed.folder) not in text


@pytest.mark.parametrize(
    "name",
    [
        b"gr\xc3\xbc\xc3\x9fe an alle.jpg",
        b"day #1? 100%25.jpg",
        b"c\xf4t\xe9 \xff.jpg",
        b"a\nb\tc.jpg",
        HOSTILE.encode(),
        b"javascript:alert(1).jpg",
        b"deep/er & down/x.jpg",
    ],
    ids=["umlauts", "reserved", "not UTF-8", "control", "hostile", "scheme", "folders"],
)
def test_links_lead_to_the_released_file_whatever_its_name(party: Party, name: bytes) -> None:
    party.put_as({os.fsdecode(name): photo(ANN)})
    report = told(party)
    text = (party.out / REPORT_HTML).read_text("utf-8")
    page = Page(text)
    (link,) = [each for each in page.links if not each.startswith("#")]
    target = os.fsencode(party.out) + b"/" + unquote_to_bytes(link)
    with open(target, "rb") as file:  # noqa: PTH123 - names are bytes here
        assert file.read() == released(party.out)["clear/" + os.fsdecode(name)]
    (listed,) = json.loads((party.out / REPORT_JSON).read_text("utf-8"))["photos"]
    assert os.fsencode(listed["output"]) == b"clear/" + name == os.fsencode(report["photos"][0]["output"])
    assert "script" not in page.tags
    assert page.tags.count("img") == 1
    assert not [each for each in page.attributes if each.startswith("on")]
    assert report["photos"][0]["path"].rpartition("/")[2] in page.words


def test_a_name_with_markup_stays_a_name(party: Party) -> None:
    party.put(ann=photo(ANN))
    report = told(party)
    (subject,) = names_of(party.scope, report)
    page = Page(as_html(report, {subject: HOSTILE}))
    assert HOSTILE in page.words
    assert not {"script"} & set(page.tags)
    assert len(page.pictures) == 1


def test_a_crowd_is_told_in_one_line_without_marks(party: Party) -> None:
    party.put(crowd=photo(*range(9, 52), ANN))
    told(party)
    text = (party.out / REPORT_HTML).read_text("utf-8")
    words = Page(text).card("crowd.jpg")["words"]
    assert re.search(r"43 faces:\s*Not recognised as anybody enrolled\s+hidden", words)
    assert 'class="mark ' not in text
    assert text.count('class="no"') == clear_report.MOST_NUMBERS + 1


def test_reports_name_people_so_only_their_owner_reads_them(mixed: Party) -> None:
    told(mixed)
    assert [(mixed.out / name).stat().st_mode & 0o777 for name in (REPORT_HTML, "report.json")] == [0o600, 0o600]
    assert (mixed.out / "clear" / "ann.jpg").stat().st_mode & 0o777 == 0o644
