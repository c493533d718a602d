"""Clearing as a story, on photos that say who is in them (``tests.pretend``).

Ann and Bob said yes to the website, Cy to print.
"""

from __future__ import annotations

import os
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from countenance.core.clearance import Action, FaceState
from countenance.errors import ConflictError, UsageError
from countenance.flows import clear
from countenance.settings import Settings
from countenance.store import clearings
from tests.drawn import name_of
from tests.pretend import (
    POLICY,
    WEBSITE,
    Guest,
    Party,
    changed,
    face_of,
    outcome_of,
    photo,
    released,
    seats_on,
    state_of,
    verdicts,
)

ANN, BOB, CY, STRANGER = 0, 1, 2, 9


def rows(party: Party) -> dict[bytes, clearings.Clearing]:
    with party.archive._store.reading() as tx:
        return clearings.of_folder(tx, os.path.realpath(os.fsencode(party.out)))


# What goes where ------------------------------------------------------------------------------------------------------


def test_every_verdict_goes_where_it_belongs(party: Party) -> None:
    party.enrol(3)
    party.archive.must_not_appear(name_of(3), "a court order")
    party.put(
        ann=photo(ANN),
        both=photo(ANN, STRANGER),
        print_only=photo(CY, ANN),
        nobody=photo(),
        signs=photo(signs=True),
        doubt=photo(Guest(ANN, 0.95), BOB),
        poor=photo(Guest(ANN, quality=10)),
        hidden=photo(ANN, 3),
    )
    result = party.clear()
    assert verdicts(result) == {
        "ann.jpg": "clear",
        "both.jpg": "redact",
        "print_only.jpg": "redact",
        "nobody.jpg": "clear",
        "signs.jpg": "review",
        "doubt.jpg": "review",
        "poor.jpg": "redact",
        "hidden.jpg": "blocked",
    }
    assert dict(result.counts) == {"clear": 2, "redact": 3, "review": 2, "blocked": 1}
    seen = {name: seats_on(party.out / name) for name in released(party.out)}
    assert seen == {
        "clear/ann.jpg": [ANN],
        "clear/nobody.jpg": [],
        "redacted/both.jpg": [ANN],
        "redacted/print_only.jpg": [ANN],
        "redacted/poor.jpg": [],
    }
    assert face_of(result, "print_only.jpg", 0).state == FaceState.NOT_FOR_THIS_CHANNEL
    assert face_of(result, "both.jpg", 1).state == FaceState.UNKNOWN
    assert changed(result) == set(verdicts(result))
    assert {row.output.decode() for row in rows(party).values() if row.output} == set(seen)


def test_the_policy_decides(party: Party) -> None:
    party.put(both=photo(ANN, STRANGER))
    blocking = replace(POLICY, actions={**POLICY.actions, FaceState.UNKNOWN: Action.BLOCK})
    assert verdicts(party.clear(policy=blocking)) == {"both.jpg": "blocked"}
    assert released(party.out) == {}
    assert verdicts(party.clear()) == {"both.jpg": "redact"}


def test_names_and_structure_are_kept(party: Party) -> None:
    odd = os.fsdecode(b"gr\xfc\xdfe\xff \n.JPG")
    party.put_as({"a/b/ann.jpg": photo(ANN), "a/ann.jpg": photo(ANN, mark="2"), odd: photo(ANN, mark="3")})
    party.put_as({"scan.png": photo(ANN, mark="4"), "phone.HEIC": photo(ANN, mark="5"), "scan.jpg": photo(BOB)})
    party.clear()
    assert set(released(party.out)) == {
        "clear/a/b/ann.jpg",
        "clear/a/ann.jpg",
        f"clear/{odd}",
        "clear/scan.png.jpg",
        "clear/phone.HEIC.jpg",
        "clear/scan.jpg",
    }


def test_two_sources_with_the_same_names(party: Party) -> None:
    party.put_as({"one/x.jpg": photo(ANN), "two/x.jpg": photo(ANN, STRANGER), "two/sub/x.jpg": photo(BOB)})
    party.clear(party.photos / "one", party.photos / "two")
    assert {name: seats_on(party.out / name) for name in released(party.out)} == {
        "clear/x.jpg": [ANN],
        "clear/sub/x.jpg": [BOB],
        "redacted/again-x.jpg": [ANN],
    }


def test_members_of_a_zip(party: Party) -> None:
    album = party.folder / "album.zip"
    with zipfile.ZipFile(album, "w") as file:
        file.writestr("day 1/ann.jpg", photo(ANN))
        file.writestr("../../up.jpg", photo(BOB))
        file.writestr("n" * 300 + ".png", photo(ANN, BOB))
    result = party.clear(album)
    assert {str(each.verdict) for each in result.outcomes if not each.refused} == {"clear"}
    names = set(released(party.out))
    assert {"clear/album.zip/day 1/ann.jpg"} < names
    assert all(name.startswith("clear/album.zip/") and ".." not in name for name in names)
    assert len(names) == len([each for each in result.outcomes if not each.refused])
    assert any("nnn" in name for name in names)
    before = state_of(party.out)
    assert changed(party.clear(album)) == set()
    assert state_of(party.out) == before


def test_the_same_photo_twice_is_released_twice(party: Party) -> None:
    party.put(one=photo(ANN), two=photo(ANN))
    party.clear()
    assert set(released(party.out)) == {"clear/one.jpg", "clear/two.jpg"}


def test_the_source_is_never_changed(party: Party) -> None:
    party.put(ann=photo(ANN), both=photo(ANN, STRANGER))
    party.put_as({"notes.txt": b"remember the cake"})
    before = state_of(party.photos)
    party.clear()
    party.archive.withdraw(name_of(ANN))
    party.clear()
    assert state_of(party.photos) == before


def test_files_that_cannot_be_used_are_named(party: Party) -> None:
    party.put(ann=photo(ANN), broken=b"\xff\xd8\xffnothing")
    party.put_as({"notes.txt": b"remember the cake"})
    result = party.clear()
    assert dict(result.refused) == {"damaged": 1, "other-file": 1}
    assert verdicts(result) == {"ann.jpg": "clear"}
    broken = outcome_of(result, "broken.jpg")
    assert (broken.refused, broken.output) == (("damaged", "It cannot be read."), None)
    again = party.clear()
    assert dict(again.refused) == {"damaged": 1, "other-file": 1}


# Where it may go ------------------------------------------------------------------------------------------------------


def test_the_folder_and_the_source_may_not_lie_in_each_other(party: Party) -> None:
    party.put(ann=photo(ANN))
    party.put_as({"sub/bob.jpg": photo(BOB)})
    inside = party.photos / "out"
    link = party.folder / "link"
    link.symlink_to(party.photos)
    for source, out in [
        (party.photos, inside),
        (party.photos, party.photos),
        (party.photos, link / "out"),
        (party.photos / "sub", party.photos),
        (party.photos / "*", party.photos / "sub" / "out"),
    ]:
        with pytest.raises(UsageError, match="lie in each other"):
            party.clear(source, out=out)
    with pytest.raises(UsageError, match="lie in each other"):
        clear.clear(party.scope, [f"file://{party.photos}"], clear.Request(WEBSITE, inside, POLICY, "office"))
    assert not inside.exists()
    assert not (party.photos / "clear").exists()


def test_a_folder_of_somebody_else_is_refused(party: Party) -> None:
    party.put(ann=photo(ANN))
    party.out.mkdir()
    (party.out / "thesis.txt").write_text("mine", "utf-8")
    with pytest.raises(ConflictError, match="no clearing wrote"):
        party.clear()
    assert state_of(party.out).keys() == {"thesis.txt"}


def test_a_folder_of_another_channel_or_collection_is_refused(party: Party) -> None:
    party.put(ann=photo(ANN))
    party.clear()
    before = state_of(party.out)
    with pytest.raises(ConflictError, match="another collection or channel"):
        party.clear(channel="print")
    party.archive.create_collection("other")
    request = clear.Request(WEBSITE, party.out, POLICY, "office")
    with pytest.raises(ConflictError, match="another collection or channel"):
        party.archive.clear("other", [party.photos], request)
    assert state_of(party.out) == before


def test_a_folder_that_was_moved_is_refused(party: Party) -> None:
    """No row knows what lies in it, so a withdrawal would not reach it."""
    party.put(ann=photo(ANN))
    party.clear()
    moved = party.out.rename(party.folder / "moved")
    with pytest.raises(ConflictError, match=r"holds clear/ann\.jpg"):
        party.clear(out=moved)
    assert set(released(moved)) == {"clear/ann.jpg"}


def test_an_unknown_channel_and_one_of_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(extra_channels=("club-screen",))
    with Party.make(tmp_path, settings).pretend(monkeypatch) as party:
        party.enrol(ANN, channels=("club-screen",))
        party.put(ann=photo(ANN))
        with pytest.raises(UsageError, match=r"Unknown channel 'tv'.*club-screen"):
            party.clear(channel="tv")
        assert not party.out.exists()
        assert verdicts(party.clear(channel="club-screen")) == {"ann.jpg": "clear"}
        assert verdicts(party.clear(channel=WEBSITE, out=party.folder / "web")) == {"ann.jpg": "redact"}


def test_a_dry_run_writes_nothing(party: Party) -> None:
    party.put(ann=photo(ANN), both=photo(ANN, STRANGER))
    result = party.clear(dry_run=True)
    assert verdicts(result) == {"ann.jpg": "clear", "both.jpg": "redact"}
    assert [each.output for each in result.outcomes] == [None, None]
    assert not party.out.exists()
    assert rows(party) == {}
    party.clear()
    before = state_of(party.out)
    party.archive.withdraw(name_of(ANN))
    assert verdicts(party.clear(dry_run=True)) == {"ann.jpg": "redact", "both.jpg": "redact"}
    assert state_of(party.out) == before
