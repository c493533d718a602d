from __future__ import annotations

import base64
import html
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from countenance.errors import ConsentError, CountenanceError, PermitError
from countenance.settings import Settings
from countenance.store.appearances import CONFIRMED
from tests.drawn import CLUB, Club, name_of, portrait
from tests.unit.flows.pictures import small

HOSTILE = "<script>alert('1')</script>\"><img src=x onerror=alert(2)> & {{ 7 * 7 }}"


class Page(HTMLParser):
    """Which elements a page has, and its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "action"}]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.words += data


def sheet_of(club: Club, who: str, folder: Path) -> str:
    return club.archive.contact_sheet(who, club.archive.find(who), folder).read_text("utf-8")


def pictures(text: str) -> list[np.ndarray]:
    found = [base64.b64decode(body) for body in re.findall(r'src="data:image/jpeg;base64,([^"]+)"', text)]
    return [np.asarray(cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_COLOR)) for one in found]


def test_one_picture_for_every_appearance(club: Club, tmp_path: Path) -> None:
    found = club.find(0)
    club.archive.decide(CLUB, [found[0].id], CONFIRMED, "Mr Smith")
    text = sheet_of(club, name_of(0), tmp_path / "new" / "folder")
    cut = pictures(text)
    assert len(cut) == len(found) >= 2
    assert all(40 <= max(one.shape[:2]) <= 220 and one.std() > 10 for one in cut)
    page = Page(text)
    assert page.tags.count("li") == len(found)
    assert not {"script", "link", "iframe", "form", "a"} & set(page.tags)
    assert all(address.startswith("data:image/jpeg;base64,") for address in page.addresses)
    for row in found:
        assert row.id in page.words
        assert f"{row.score:.3f}" in page.words
    assert "confirmed" in page.words
    assert "suggested" in page.words


def test_hostile_names_are_words(tmp_path: Path, story_settings: Settings) -> None:
    hostile_file = "<img src=x onerror=alert(3)>\n'\".jpg"
    with Club.make(tmp_path, story_settings, {hostile_file: small(0)}) as club:
        club.archive.enrol(CLUB, HOSTILE, [("a.jpg", portrait(0))], club.form(), "office")
        assert club.ingest().suggested == 1
        text = sheet_of(club, HOSTILE, tmp_path / "sheet")
    page = Page(text)
    assert "script" not in page.tags
    assert page.tags.count("img") == 1
    assert page.handlers == []
    assert HOSTILE in page.words
    assert "onerror=alert(3)" in page.words
    assert html.escape("<script>") in text
    assert "49" not in re.sub(r"base64,[^\"]+", "", text.split("<body>")[1].split("</h1>")[0])


def test_names_that_are_no_text_do_not_stop_it(tmp_path: Path, story_settings: Settings) -> None:
    with Club.make(tmp_path, story_settings, {}) as club:
        path = bytes(club.photos) + b"/\xff\xfe.jpg"
        Path(path.decode("utf-8", "surrogateescape")).write_bytes(small(0))
        club.archive.enrol(CLUB, "Ann \udcff", [("a.jpg", portrait(0))], club.form(), "office")
        assert club.archive.ingest(CLUB, [path]).suggested == 1
        text = sheet_of(club, "Ann \udcff", tmp_path / "sheet")
    assert len(pictures(text)) == 1
    assert "\\xff\\xfe.jpg" in text


def test_photos_that_are_gone_or_exchanged_have_no_picture_and_say_why(
    tmp_path: Path, story_settings: Settings
) -> None:
    names = {"gone.jpg": small(0, 1), "kept.jpg": small(0, 2), "other.jpg": small(0, 3)}
    with Club.make(tmp_path, story_settings, names) as club:
        club.enrol(0)
        n_found = club.ingest().suggested
        assert n_found >= 2
        (club.photos / "gone.jpg").unlink()
        (club.photos / "other.jpg").write_bytes(small(1))
        text = sheet_of(club, name_of(0), tmp_path / "sheet")
        found = club.found_in(0)
    assert len(pictures(text)) == len({"kept.jpg"} & set(found))
    assert text.count('class="none"') == n_found - len(pictures(text))
    if "other.jpg" in found:
        assert "Another file lies there now." in text


def test_nobody_found_is_a_page_too(club: Club, tmp_path: Path) -> None:
    club.archive.enrol(CLUB, "Ann", [("a.jpg", portrait(0, 102))], club.form(), "office")
    text = sheet_of(club, "Ann", tmp_path / "sheet")
    assert "No photo of this person was found." in text
    assert pictures(text) == []


def test_a_folder_that_cannot_be_written_is_one_sentence(club: Club, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(CountenanceError, match="cannot be written to"):
        sheet_of(club, name_of(0), tmp_path / "taken")


def test_writing_again_replaces_the_page_and_leaves_nothing_else(club: Club, tmp_path: Path) -> None:
    folder = tmp_path / "sheet"
    for _ in range(2):
        sheet_of(club, name_of(0), folder)
    assert [path.name for path in folder.iterdir()] == ["index.html"]


def test_the_page_is_for_one_person_with_a_consent_that_holds(club: Club, tmp_path: Path) -> None:
    found = club.find(0)
    with pytest.raises(PermitError):
        club.archive.contact_sheet(name_of(1), found, tmp_path / "other")
    club.withdraw(0)
    with pytest.raises(ConsentError):
        club.archive.contact_sheet(name_of(0), found, tmp_path / "late")
    assert not (tmp_path / "other").exists()
    assert not (tmp_path / "late").exists()


def test_a_photo_is_shown_from_where_it_was_seen_last(tmp_path: Path, story_settings: Settings) -> None:
    one = small(0, 1)
    with Club.make(tmp_path, story_settings, {"a/one.jpg": one}) as club:
        club.enrol(0)
        club.ingest()
        club.put({"b/two.jpg": one})
        club.clock.advance(minutes=1)
        club.ingest("b")
        assert club.found_in(0) == ["two.jpg"]
        (club.photos / "b/two.jpg").unlink()
        club.clock.advance(minutes=1)
        assert club.ingest("a").known == 1
        assert club.found_in(0) == ["one.jpg"]
        assert len(pictures(sheet_of(club, name_of(0), tmp_path / "sheet"))) == 1
