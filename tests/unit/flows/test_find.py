from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from countenance.errors import ConflictError, ConsentError, NotFoundError, UsageError
from countenance.store.appearances import CONFIRMED, REJECTED
from tests.drawn import CLUB, Club, name_of, portrait


def test_photos_are_listed_best_first_with_where_they_are(club: Club, stock: Path) -> None:
    found = club.find(0)
    assert len(found) >= 2
    assert [row.score for row in found] == sorted((row.score for row in found), reverse=True)
    match = club.archive.pack_of(club.archive.collection(CLUB)).match
    for row in found:
        assert match <= row.score <= 1
        assert (row.state, row.subject, row.member) == ("suggested", club.archive.subject(name_of(0)).id, b"")
        assert row.path.startswith(bytes(stock))
        x, y, width, height = row.box
        assert 0 <= x < x + width <= row.width
        assert 0 <= y < y + height <= row.height


def test_states_are_told_apart_and_rejected_ones_are_gone(club: Club) -> None:
    confirmed, rejected, *rest = club.find(0)
    club.archive.decide(CLUB, [confirmed.id], CONFIRMED, "Mr Smith")
    club.archive.decide(CLUB, [rejected.id], REJECTED, "Mr Smith")
    kept = {row.id for row in rest}
    assert {row.id for row in club.find(0)} == kept | {confirmed.id}
    assert {row.id for row in club.find(0, "suggested")} == kept
    assert [row.id for row in club.find(0, "confirmed")] == [confirmed.id]
    for unknown in ("rejected", "", "ANY"):
        with pytest.raises(UsageError, match="choose from: any, confirmed, suggested"):
            club.find(0, unknown)


@pytest.mark.parametrize(
    ("purposes", "may"),
    [
        (("find-my-photos",), True),
        (("internal-tagging",), True),
        (("publication", "internal-tagging"), True),
        (("publication",), False),
        (("case-search",), False),
        (("publication", "case-search"), False),
    ],
)
def test_only_a_consent_to_be_found_finds(club: Club, purposes: tuple[str, ...], may: bool) -> None:  # noqa: FBT001
    club.archive.enrol(CLUB, "Ann", [("a.jpg", portrait(0, 102))], club.form(purposes=purposes), "office")
    if may:
        assert club.archive.find("Ann") == []
    else:
        with pytest.raises(ConsentError, match="find-my-photos or internal-tagging"):
            club.archive.find("Ann")


def test_after_the_consent_nothing_is_shown(club: Club) -> None:
    assert club.find(0)
    club.withdraw(0)
    with pytest.raises(ConsentError):
        club.find(0)
    assert club.find(1)
    club.clock.advance(days=31)
    with pytest.raises(ConsentError):
        club.find(1)


def test_one_consent_that_holds_is_enough(club: Club) -> None:
    both = club.form(purposes=("find-my-photos", "internal-tagging"), until_at=club.clock.now + timedelta(days=2))
    club.archive.enrol(CLUB, "Ann", [("a.jpg", portrait(0, 102))], both, "office")
    club.clock.advance(days=1)
    assert club.archive.find("Ann") == []


def test_nobody_of_that_name(club: Club) -> None:
    for unknown in ("Nobody", "", name_of(0).lower(), name_of(0)[:-1]):
        with pytest.raises(NotFoundError):
            club.archive.find(unknown)


def test_two_of_one_name_are_told_apart_by_id(club: Club) -> None:
    again = club.archive.enrol(CLUB, name_of(0), [("a.jpg", portrait(0, 102))], club.form(), "office").subject
    with pytest.raises(ConflictError, match=again):
        club.find(0)
    assert club.archive.find(again) == []


def test_a_person_is_found_in_the_own_collection_only(club: Club, stock: Path) -> None:
    club.archive.create_collection("another")
    club.archive.ingest("another", [stock / "photos"])
    found = club.find(0)
    ours = club.archive.collection(CLUB).id
    with club.archive._store.reading() as tx:
        homes = {
            tx.exec_driver_sql("SELECT collection_id FROM photos WHERE id = ?", (row.photo,)).scalar() for row in found
        }
    assert homes == {ours}
    assert club.archive.subjects("another") == []
