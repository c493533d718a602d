from __future__ import annotations

from pathlib import Path

import pytest

from countenance.errors import ConflictError, NotFoundError
from countenance.store import appearances
from countenance.store.appearances import CONFIRMED, REJECTED, SUGGESTED, Appearance
from tests.drawn import CLUB, SCENES, Club, name_of, portrait, scenes


def by_id(club: Club, appearance: str) -> Appearance:
    with club.archive._store.reading() as tx:
        return appearances.by_id(tx, appearance)


def test_a_decision_says_who_made_it_and_is_counted(club: Club) -> None:
    first, second, *rest = club.find(0)
    n_all = len(club.rows()["appearances"])
    assert club.archive.review_counts(CLUB) == {SUGGESTED: n_all, CONFIRMED: 0, REJECTED: 0}
    club.clock.advance(minutes=5)
    (confirmed,) = club.archive.decide(CLUB, [first.id], CONFIRMED, "Mr Smith")
    (rejected,) = club.archive.decide(CLUB, [second.id], REJECTED, "Ms Jones")
    assert (confirmed.state, confirmed.made_by, confirmed.made_at) == (CONFIRMED, "Mr Smith", club.clock.now)
    assert (rejected.state, rejected.made_by) == (REJECTED, "Ms Jones")
    assert club.archive.review_counts(CLUB) == {SUGGESTED: n_all - 2, CONFIRMED: 1, REJECTED: 1}
    assert rest == [row for row in club.find(0) if row.id != first.id]
    with club.archive._store.reading() as tx:
        history = appearances.history_of(tx, first.id)
    pack = club.archive.collection(CLUB).pack
    assert [(change.from_state, change.to_state, change.actor) for change in history] == [
        (None, SUGGESTED, f"machine:{pack}"),
        (SUGGESTED, CONFIRMED, "Mr Smith"),
    ]


def test_a_person_may_change_their_mind_and_may_repeat_themself(club: Club) -> None:
    (first, *_) = club.find(0)
    for state in (CONFIRMED, CONFIRMED, REJECTED, CONFIRMED):
        assert club.archive.decide(CLUB, [first.id], state, "Mr Smith")[0].state == state
    with club.archive._store.reading() as tx:
        assert [change.to_state for change in appearances.history_of(tx, first.id)] == [
            SUGGESTED,
            CONFIRMED,
            REJECTED,
            CONFIRMED,
        ]


def test_all_or_nothing(club: Club) -> None:
    (first, second, *_) = club.find(0)
    with pytest.raises(NotFoundError):
        club.archive.decide(CLUB, [first.id, "no such id", second.id], REJECTED, "Mr Smith")
    assert {by_id(club, row.id).state for row in (first, second)} == {SUGGESTED}


def test_ids_of_another_collection_are_unknown_here(club: Club) -> None:
    club.archive.create_collection("another")
    first, second, *_ = club.find(0)
    for ids in ([first.id], [first.id, second.id]):
        with pytest.raises(NotFoundError, match=r"no appearance with the id .* in this collection"):
            club.archive.decide("another", ids, CONFIRMED, "Mr Smith")
    with pytest.raises(NotFoundError):
        club.archive.decide("nowhere", [first.id], CONFIRMED, "Mr Smith")
    assert {by_id(club, row.id).state for row in (first, second)} == {SUGGESTED}
    assert club.archive.review_counts("another") == {SUGGESTED: 0, CONFIRMED: 0, REJECTED: 0}


def test_a_face_has_one_name_at_most(club: Club) -> None:
    first, *others = club.find(0)
    twin = club.archive.enrol(CLUB, "Twin", [("t.jpg", portrait(0, 102))], club.form(), "office").subject
    with club.archive._store.transaction() as tx:
        guess = appearances.Suggestion(first.face, twin, 0.99)
        appearances.suggest(tx, [guess], made_by="machine", pack=first.pack, at=club.clock.now)
    (other,) = club.archive.find(twin)
    club.archive.decide(CLUB, [first.id], CONFIRMED, "Mr Smith")
    with pytest.raises(ConflictError, match="confirmed as somebody else"):
        club.archive.decide(CLUB, [others[0].id, other.id], CONFIRMED, "Mr Smith")
    assert by_id(club, others[0].id).state == SUGGESTED
    club.archive.decide(CLUB, [first.id], REJECTED, "Mr Smith")
    assert club.archive.decide(CLUB, [other.id], CONFIRMED, "Mr Smith")[0].state == CONFIRMED


def test_a_rejected_pair_never_comes_back(club: Club, stock: Path) -> None:
    rejected = club.find(0)
    club.archive.decide(CLUB, [row.id for row in rejected], REJECTED, "Mr Smith")
    assert club.find(0) == []

    copies = club.put({f"copy of {name}": scenes()[name] for name in SCENES})
    assert club.archive.ingest(CLUB, copies).known == len(SCENES)
    assert club.archive.ingest(CLUB, [stock / "photos"]).known == len(SCENES)
    assert club.find(0) == []

    with club.archive._store.transaction() as tx:
        tx.exec_driver_sql("UPDATE subjects SET pending_rescan = 1")
    seen = club.archive.rescan(CLUB)
    assert (seen.subjects, seen.photos) == (2, 6)
    assert club.find(0) == []
    assert [by_id(club, row.id).state for row in rejected] == [REJECTED] * len(rejected)
    assert [by_id(club, row.id).subject for row in rejected] == [club.archive.subject(name_of(0)).id] * len(rejected)


def test_nothing_to_decide(club: Club) -> None:
    assert club.archive.decide(CLUB, [], CONFIRMED, "Mr Smith") == []
