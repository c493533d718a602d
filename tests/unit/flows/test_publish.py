from __future__ import annotations

import pytest

from countenance.core.clearance import FaceState
from countenance.errors import NotFoundError
from countenance.flows import publish
from countenance.store import publications
from countenance.store.publications import Publication
from tests.drawn import CLUB, name_of
from tests.pretend import Party, photo, released

ANN, BOB, CY, STRANGER = 0, 1, 2, 9
PLACE = "https://example.org/gala"


def everything(party: Party) -> list[Publication]:
    with party.archive._store.reading() as tx:
        return publications.of_collection(tx, party.scope.collection.id)


def paths(copies: list[Publication]) -> list[bytes]:
    return sorted(copy.path for copy in copies)


@pytest.fixture
def out(party: Party) -> Party:
    """Four photos of which three were released and published."""
    party.put(ann=photo(ANN), both=photo(ANN, BOB, STRANGER), bob=photo(BOB), signs=photo(signs=True))
    assert party.clear(published_to=PLACE).published == 3
    return party


def test_what_was_released_is_noted_with_whoever_can_be_seen(out: Party) -> None:
    noted = {copy.path: copy for copy in everything(out)}
    assert paths(list(noted.values())) == [b"ann.jpg", b"bob.jpg", b"both.jpg"]
    both, ids = noted[b"both.jpg"], [out.archive.subject(name_of(seat)).id for seat in (ANN, BOB)]
    assert sorted(subject or "" for subject in both.shown.values()) == sorted(ids), "the stranger is hidden"
    assert (both.place, both.channel, both.published_by, both.taken_down_at) == (PLACE, "website", "office", None)
    assert both.published_at == out.clock.now


def test_nothing_is_noted_twice(out: Party) -> None:
    assert out.clear(published_to=PLACE).published == 0
    assert out.clear(published_to="the school paper").published == 3
    assert len(everything(out)) == 6


def test_a_withdrawal_names_exactly_the_copies_that_show_the_person(out: Party) -> None:
    assert out.clear().affected == []
    out.archive.withdraw(name_of(ANN))
    affected = out.clear().affected
    assert paths([each.publication for each in affected]) == [b"ann.jpg", b"both.jpg"]
    assert {state for each in affected for state in each.faces.values()} == {FaceState.WITHDRAWN}
    assert [len(each.faces) for each in affected] == [1, 1]
    out.archive.take_down(name_of(ANN), [affected[0].publication.id])
    assert [each.publication.id for each in out.clear().affected] == [affected[1].publication.id]
    out.grant(ANN)
    assert out.clear().affected == []


def test_a_copy_for_another_channel_is_judged_for_that_channel(out: Party) -> None:
    out.enrol(4, channels=("website", "print"))
    out.put(four=photo(4))
    out.clear(published_to=PLACE)
    printed = out.folder / "print"
    assert out.clear(channel="print", out=printed, published_to="poster").published == 4
    shown = {copy.path for copy in everything(out) if copy.place == "poster" and copy.shown}
    assert shown == {b"four.jpg"}
    assert out.clear().affected == []
    out.archive.withdraw(name_of(4))
    affected = out.clear().affected
    assert sorted((each.publication.place, each.publication.path) for each in affected) == [
        (PLACE, b"four.jpg"),
        ("poster", b"four.jpg"),
    ]


def test_copies_that_show_a_person_are_listed_merged_or_not(out: Party) -> None:
    subject = out.archive.subject(name_of(ANN))
    where = out.scope.collection.id
    assert paths(publish.showing(out.archive._store, where, subject.id)) == [b"ann.jpg", b"both.jpg"]
    assert paths(out.archive.published_showing(name_of(CY))) == []
    out.enrol(5)
    out.archive.merge(name_of(5), name_of(ANN), "Mr Smith")
    assert paths(out.archive.published_showing(name_of(5))) == [b"ann.jpg", b"both.jpg"]
    assert paths(publish.showing(out.archive._store, where, subject.id)) == [b"ann.jpg", b"both.jpg"]


def test_taking_down_is_all_or_nothing_and_once(out: Party) -> None:
    ids = [copy.id for copy in out.archive.published_showing(name_of(ANN))]
    with pytest.raises(NotFoundError):
        out.archive.take_down(name_of(ANN), [*ids, "no such copy"])
    assert all(copy.taken_down_at is None for copy in everything(out))
    out.archive.take_down(name_of(ANN), ids)
    first = out.clock.now
    out.clock.advance(days=1)
    out.archive.take_down(name_of(ANN), ids)
    assert [copy.taken_down_at for copy in out.archive.published_showing(name_of(ANN))] == [first, first]


def test_copies_of_another_collection_are_strangers(out: Party) -> None:
    other, ann = out.archive.create_collection("other"), out.archive.subject(name_of(ANN), CLUB).id
    ids = [copy.id for copy in everything(out)]
    with pytest.raises(NotFoundError):
        publish.take_down(out.archive._desk, other.id, ann, ids)
    assert publish.showing(out.archive._store, other.id, ann) == []


def test_a_copy_on_which_somebody_else_is_seen_is_not_taken_down_under_this_name(out: Party) -> None:
    ann, bob = ({copy.id for copy in out.archive.published_showing(name_of(seat))} for seat in (ANN, BOB))
    for stranger in bob - ann:
        with pytest.raises(NotFoundError):
            out.archive.take_down(name_of(ANN), [stranger])
    assert bob - ann, "there is such a copy"


def test_what_was_not_released_is_not_published(party: Party) -> None:
    party.put(signs=photo(signs=True))
    assert party.clear(published_to=PLACE).published == 0
    assert released(party.out) == {}
    assert everything(party) == []
