"""Files that are written while another process erases: none is left that shows the person, and none is unregistered.

The other process is a second ``Archive`` on the same folder; it acts between the note of a file and its name.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from countenance.archive import Archive
from countenance.errors import ConflictError, CountenanceError, NotFoundError
from countenance.flows import clear_report, contact_sheet, pages, redact_person
from countenance.flows.clear import Request
from countenance.flows.clear_report import REPORT_HTML, REPORT_JSON
from countenance.flows.layout import Folder
from countenance.flows.pages import Part
from countenance.flows.registering import Delivery
from countenance.store import written
from countenance.store.written import CONTACT_SHEET, UNFINISHED, WrittenFile, part_of
from tests.drawn import CLUB, Club, name_of
from tests.pretend import POLICY, SETTINGS, WEBSITE, Party, _master, outcome_of, photo, released, seats_on, verdicts
from tests.promises.logged import Scene

ANN, BOB, STRANGER = 0, 1, 9
Act = Callable[[], object]


class StoppedError(Exception):
    """The other process ends here."""


@pytest.fixture
def other(party: Party) -> Iterator[Archive]:
    with Archive.open(party.folder / "archive", _master(), SETTINGS, party.clock) as opened:
        yield opened


def begin_only(archive: Archive, who: str) -> None:
    """Begin to erase; the process dies before the first file goes."""

    def stop(_: str) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        archive.erase(who, stop)


def at_moment(patch: pytest.MonkeyPatch, moment: str, act: Act) -> None:
    """Act once: just before the first file is written beside its place, or just before it gets its name."""
    write, done = Delivery.write, list[object]()

    def acting(self: Delivery, path: bytes, content: bytes, *, mode: int) -> None:
        if moment == "noted" and not done:
            done.append(act())
        write(self, path, content, mode=mode)
        if moment == "written" and not done:
            done.append(act())

    patch.setattr(Delivery, "write", acting)


def register(party: Party) -> dict[bytes, WrittenFile]:
    with party.archive._store.reading() as tx:
        return {file.path: file for file in written.everything(tx)}


def check(party: Party, folder: Path) -> None:
    """Every file of the folder is registered as it is, and nothing there has no name."""
    noted = register(party)
    for path in (each for each in folder.rglob("*") if each.is_file()):
        assert noted[os.fsencode(path.resolve())].sha256 == hashlib.sha256(path.read_bytes()).digest()


def find(party: Party, archive: Archive) -> list[Any]:
    party.archive.grant(name_of(ANN), Scene(party).form("find-my-photos"), "office")
    return archive.find(name_of(ANN))


both_moments = pytest.mark.parametrize("moment", ["noted", "written"])


# Clearing -------------------------------------------------------------------------------------------------------------


@both_moments
def test_a_cleared_photo_of_somebody_erased_meanwhile_is_decided_anew(
    party: Party, other: Archive, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    party.put(ann=photo(ANN), both=photo(ANN, BOB), bob=photo(BOB))
    at_moment(monkeypatch, moment, lambda: other.erase(name_of(ANN)))
    result = party.clear()
    assert verdicts(result) == {"ann.jpg": "redact", "both.jpg": "redact", "bob.jpg": "clear"}
    assert outcome_of(result, "ann.jpg").output == b"redacted/ann.jpg"
    assert {name: seats_on(party.out / name) for name in released(party.out)} == {
        "redacted/ann.jpg": [],
        "redacted/both.jpg": [BOB],
        "clear/bob.jpg": [BOB],
    }
    assert len(list((party.out / "thumbnails").iterdir())) == 3
    check(party, party.out)


@both_moments
def test_an_erasure_under_way_keeps_what_it_will_remove_from_being_written(
    party: Party, other: Archive, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    party.put(ann=photo(ANN))
    with monkeypatch.context() as patch:
        at_moment(patch, moment, lambda: begin_only(other, name_of(ANN)))
        with pytest.raises(ConflictError, match="erasure under way") as refused:
            party.clear()
    assert "countenance erase --resume" in refused.value.advice
    assert released(party.out) == {}
    assert not [path for path in party.out.rglob("*") if path.name.startswith(".part-")]
    other.resume_erasures()
    assert verdicts(party.clear()) == {"ann.jpg": "redact"}
    check(party, party.out)


def test_a_file_that_is_being_replaced_is_ours_whatever_lies_there(
    party: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    party.put(ann=photo(ANN))
    found = (party.clear(), find(party, party.archive))[1]
    for number in range(2):
        party.clock.advance(minutes=1)
        if number:
            monkeypatch.setattr(Delivery, "finish", lambda *_: (_ for _ in ()).throw(StoppedError))
        try:
            party.archive.contact_sheet(name_of(ANN), found, party.folder / "sheet")
        except StoppedError:
            break
    page = party.folder / "sheet" / "index.html"
    assert page.exists()
    assert register(party)[os.fsencode(page)].sha256 == UNFINISHED
    party.archive.erase(name_of(ANN))
    assert not page.exists()


# Contact sheets -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [True, False], ids=["erased", "begun"])
@both_moments
def test_no_contact_sheet_of_somebody_erased_meanwhile(
    party: Party, other: Archive, monkeypatch: pytest.MonkeyPatch, moment: str, *, whole: bool
) -> None:
    party.put(ann=photo(ANN))
    party.clear()
    found, folder = find(party, other), party.folder / "sheet"
    erase = party.archive.erase if whole else lambda who: begin_only(party.archive, who)
    with monkeypatch.context() as patch:
        at_moment(patch, moment, lambda: erase(name_of(ANN)))
        with pytest.raises(ConflictError, match="was erased while it was made") as refused:
            other.contact_sheet(name_of(ANN), found, folder)
    assert "Run this again" in refused.value.advice
    assert not folder.exists() or not list(folder.iterdir())
    party.archive.resume_erasures()
    assert CONTACT_SHEET not in {file.kind for file in register(party).values()}


def test_no_contact_sheet_once_an_erasure_began(party: Party, other: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    party.put(ann=photo(ANN))
    party.clear()
    found, render = find(party, other), pages.render

    def late(*given: str, **shown: Any) -> str:  # noqa: ANN401 - whatever the template shows
        begin_only(party.archive, name_of(ANN))
        return render(*given, **shown)

    monkeypatch.setattr(contact_sheet, "render", late)
    with pytest.raises(ConflictError, match="erasure under way"):
        other.contact_sheet(name_of(ANN), found, party.folder / "sheet")
    party.archive.resume_erasures()
    with pytest.raises(NotFoundError):
        other.contact_sheet(name_of(ANN), found, party.folder / "sheet")
    assert not [path for path in (party.folder / "sheet").rglob("*") if path.is_file()]


def test_what_a_killed_writer_left_goes_with_the_erasure(party: Party) -> None:
    party.put(ann=photo(ANN))
    party.clear()
    found, folder = find(party, party.archive), party.folder / "sheet"
    child = os.fork()
    if child == 0:
        Part.give_name = lambda _: os._exit(9)  # type: ignore[method-assign, assignment]
        party.archive.contact_sheet(name_of(ANN), found, folder)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    (left,) = folder.iterdir()
    assert os.fsencode(left) == part_of(os.fsencode(folder / "index.html"))
    assert name_of(ANN).encode() in left.read_bytes()
    party.archive.erase(name_of(ANN))
    assert not folder.exists()


# Reports --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["before", "noted", "written"])
def test_a_report_names_nobody_who_was_erased_meanwhile(
    party: Party, other: Archive, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    ann = party.archive.subject(name_of(ANN)).id
    party.put(ann=photo(ANN), bob=photo(BOB))
    cleared = party.clear()
    if moment == "before":
        real = clear_report.as_json

        def late(*given: Any) -> dict[str, Any]:  # noqa: ANN401 - as the function itself takes it
            told = real(*given)
            other.erase(name_of(ANN))
            return told

        monkeypatch.setattr(clear_report, "as_json", late)
    else:
        at_moment(monkeypatch, moment, lambda: other.erase(name_of(ANN)))
    told = clear_report.report(party.scope, Request(WEBSITE, party.out, POLICY, "office"), cleared)
    for name in (REPORT_JSON, REPORT_HTML):
        content = (party.out / name).read_text("utf-8")
        assert name_of(ANN) not in content
        assert ann not in content
        bob = party.archive.subject(name_of(BOB)).id
        assert register(party)[os.fsencode(party.out / name)].subjects == (bob,)
    assert json.loads((party.out / REPORT_JSON).read_bytes())["photos"] == told["photos"]
    assert name_of(BOB) in (party.out / REPORT_HTML).read_text("utf-8")
    check(party, party.out)


def test_a_report_leaves_out_somebody_whose_erasure_began(party: Party, other: Archive) -> None:
    party.put(ann=photo(ANN), bob=photo(BOB))
    cleared = party.clear()
    begin_only(other, name_of(ANN))
    clear_report.report(party.scope, Request(WEBSITE, party.out, POLICY, "office"), cleared)
    assert name_of(ANN) not in (party.out / REPORT_HTML).read_text("utf-8")
    other.resume_erasures()
    assert (party.out / REPORT_HTML).exists()


# Copies without one person --------------------------------------------------------------------------------------------


@both_moments
def test_no_copy_that_shows_somebody_else_who_was_erased_meanwhile(
    club: Club, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    archive, out = club.archive, tmp_path / "without"
    together = {row.photo for row in club.find(0)} & {row.photo for row in club.find(1)}
    with Archive.open(archive.folder, _master(), archive.settings, club.clock) as elsewhere:
        at_moment(monkeypatch, moment, lambda: elsewhere.erase(name_of(1)))
        redacted = redact_person.redact_person(archive._scope(CLUB), archive.subject(name_of(0)).id, out)
    first = min(together | set(redacted.photos.values()))
    assert first in together, "the erasure came while a copy was made that shows both"
    assert first not in redacted.photos.values()
    assert [why for _, why in redacted.left_out] == [redact_person._ERASED]
    assert {Path(os.fsdecode(path)) for path in redacted.photos} == {
        path for path in out.iterdir() if path.suffix == ".jpg"
    }
    with archive._store.reading() as tx:
        noted = {file.path: file.photo for file in written.everything(tx) if file.photo}
    assert noted == redacted.photos


# Delivery -------------------------------------------------------------------------------------------------------------


def file_at(party: Party, path: Path) -> WrittenFile:
    return WrittenFile(CONTACT_SHEET, os.fsencode(path), UNFINISHED, 0, party.clock.now, party.scope.collection.id)


def test_all_files_get_their_names_or_none(party: Party) -> None:
    one, two, scope = party.folder / "one", party.folder / "two", party.scope
    for forgotten in (False, True):
        with Delivery(scope.keys) as delivery:
            with scope.store.transaction() as tx:
                for path in (one, two):
                    delivery.note(tx, file_at(party, path))
            for path in (one, two):
                delivery.write(os.fsencode(path), b"second" if forgotten else b"first", mode=0o640)
            with scope.store.transaction() as tx:
                if forgotten:
                    written.forget(tx, [os.fsencode(two)])
                assert delivery.finish(tx) is not forgotten
        assert (one.read_bytes(), two.read_bytes()) == (b"first", b"first")
        assert one.stat().st_mode & 0o777 == 0o640
        assert not list(party.folder.glob(".part-*"))
    assert register(party)[os.fsencode(one)].sha256 == UNFINISHED, "it was to be replaced"


def test_a_file_is_written_by_one_program_at_a_time(party: Party) -> None:
    path, scope = party.folder / "one", party.scope
    first, second = Delivery(scope.keys), Delivery(scope.keys)
    with scope.store.transaction() as tx:
        first.note(tx, file_at(party, path))
    first.write(os.fsencode(path), b"first", mode=0o600)
    with scope.store.transaction() as tx:
        second.note(tx, file_at(party, path))
    with pytest.raises(BlockingIOError):
        second.write(os.fsencode(path), b"second", mode=0o600)
    with scope.store.transaction() as tx:
        assert not first.finish(tx), "another note stands there by now"
    assert not path.exists()
    second.write(os.fsencode(path), b"second", mode=0o600)
    with scope.store.transaction() as tx:
        assert second.finish(tx)
    assert path.read_bytes() == b"second"


def test_sweeping_leaves_the_file_of_a_program_that_lives(party: Party) -> None:
    party.out.joinpath("clear").mkdir(parents=True)
    folder, delivery = Folder(party.out), Delivery(party.scope.keys)
    for name in (b"clear/a.jpg", b"clear/b.jpg"):
        folder.write(name, b"x", delivery=delivery)
    delivery._parts[0][0].discard()
    left = Path(os.fsdecode(part_of(folder.at(b"clear/a.jpg"))))
    left.write_bytes(b"half")
    named = party.out / "clear" / ".part-of-the-hall.jpg"
    named.write_bytes(b"a released photo")
    folder.sweep()
    assert {path.name for path in (party.out / "clear").iterdir()} == {
        named.name,
        os.fsdecode(part_of(folder.at(b"clear/b.jpg"))).rpartition("/")[2],
    }


def test_a_file_that_cannot_get_its_name_is_one_sentence(party: Party) -> None:
    folder, scope = Folder(party.out), party.scope
    (party.out / "clear" / "a.jpg").mkdir(parents=True)
    with Delivery(scope.keys) as delivery:
        folder.write(b"clear/a.jpg", b"x", delivery=delivery)
        delivery._notes[folder.at(b"clear/a.jpg")] = "none"
        with scope.store.transaction() as tx:
            note = written.put(tx, file_at(party, party.out / "clear" / "a.jpg"))
            delivery._notes[folder.at(b"clear/a.jpg")] = note
            with pytest.raises(CountenanceError, match="cannot be written"):
                folder.deliver(tx, delivery)
    assert not list(party.out.rglob(".part-*"))


def test_where_a_part_lies() -> None:
    assert part_of(b"/a/b.jpg").startswith(b"/a/.part-")
    assert len(part_of(b"/a/" + b"x" * 250)) == len(b"/a/.part-") + 32
    assert part_of(b"/a/b") != part_of(b"/a/c")
    assert part_of(b"/a/\xff") == part_of(b"/a/\xff")
