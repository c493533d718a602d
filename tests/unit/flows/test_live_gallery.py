from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from countenance.core.arrays import Templates
from countenance.flows.gallery import LiveGallery
from countenance.flows.scope import Scope
from countenance.index.flat import Flat
from countenance.store import references
from tests.drawn import CLUB, Club, name_of


class Watched:
    """A live gallery, how often it was loaded, and templates that are surely found in it."""

    def __init__(self, club: Club, monkeypatch: pytest.MonkeyPatch, only: frozenset[str] | None = None) -> None:
        self.club = club
        self.loaded: list[set[str] | None] = []
        self.gallery = LiveGallery(self.scope, only)
        whole = references.references_of_collection

        def load(*arguments: object, **options: object) -> object:
            only = options.get("only")
            self.loaded.append(None if only is None else set(only))  # type: ignore[call-overload]
            return whole(*arguments, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(references, "references_of_collection", load)

    @property
    def scope(self) -> Scope:
        return self.club.archive._scope(CLUB)

    @property
    def loads(self) -> int:
        """How often references were opened."""
        return len(self.loaded)

    def of(self, *who: str) -> Templates:
        """One reference template of each of these people."""
        scope, rows = self.scope, []
        for name in who:
            subject = self.club.archive.subject(name).id
            everybody = LiveGallery(scope, frozenset({subject}))
            with scope.store.reading() as tx:
                everybody.refresh(tx, self.club.clock.now)
            assert everybody._gallery is not None
            assert isinstance(everybody._gallery.index, Flat)
            rows.append(everybody._gallery.index._matrix[0])
        self.loaded.clear()
        return np.stack(rows)

    def found(self, asked: Templates) -> list[str]:
        """Names of those who are found."""
        with self.scope.store.reading() as tx:
            self.gallery.refresh(tx, self.club.clock.now)
        names = {subject.id: subject.name for subject in self.club.archive.subjects(CLUB)}
        return [names[candidate.subject] for candidate in self.gallery.compare(asked)]


def test_before_the_first_refresh_nobody_is_found(club: Club) -> None:
    gallery = LiveGallery(club.archive._scope(CLUB))
    assert gallery.compare(np.ones((1, 128), dtype=np.float32)) == []


def test_it_is_loaded_once_however_long_it_runs(club: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(club, monkeypatch)
    asked = watched.of(name_of(0), name_of(1))
    for _ in range(5):
        assert watched.found(asked) == [name_of(0), name_of(1)]
        club.clock.advance(hours=1)
    assert watched.loads == 1


def test_it_is_loaded_again_when_the_clock_was_set_back(club: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(club, monkeypatch)
    asked = watched.of(name_of(0))
    for step in (timedelta(seconds=1), timedelta(seconds=-2), timedelta(0)):
        assert watched.found(asked) == [name_of(0)]
        club.clock.now += step
    assert watched.loads == 2


def test_a_consent_that_begins_and_ends_by_date_is_followed(club: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(club, monkeypatch)
    asked = watched.of(name_of(0), name_of(1))
    club.withdraw(1)
    tomorrow = club.clock.now + timedelta(days=1)
    club.archive.grant(
        name_of(1), replace(club.form(), from_at=tomorrow, until_at=tomorrow + timedelta(days=1)), "office"
    )
    assert watched.found(asked) == [name_of(0)]
    club.clock.now = tomorrow
    assert watched.found(asked) == [name_of(0), name_of(1)]
    club.clock.now = tomorrow + timedelta(days=1)
    assert watched.found(asked) == [name_of(0)]


def test_a_withdrawal_and_an_enrolment_are_seen_at_once(club: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(club, monkeypatch)
    club.enrol(4)
    asked = watched.of(name_of(0), name_of(1), name_of(4))
    assert watched.found(asked) == [name_of(0), name_of(1), name_of(4)]
    one = club.archive.subject(name_of(1)).id
    assert one in watched.gallery.consenting
    club.withdraw(1)
    assert watched.found(asked) == [name_of(0), name_of(4)]
    assert one not in watched.gallery.consenting
    club.archive.grant(name_of(1), club.form(), "office")
    assert watched.found(asked) == [name_of(0), name_of(1), name_of(4)]
    assert one in watched.gallery.consenting
    assert watched.loaded == [None, {one}], "only the one who changed is opened again"


def test_a_withdrawal_counts_at_once_whatever_the_clock_says(club: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever withdraws may have looked at the clock later than a job that waited for its turn to write."""
    watched = Watched(club, monkeypatch)
    asked = watched.of(name_of(0), name_of(1))
    assert watched.found(asked) == [name_of(0), name_of(1)]
    club.clock.now += timedelta(seconds=5)
    club.withdraw(1)
    club.clock.now -= timedelta(seconds=5)
    assert watched.found(asked) == [name_of(0)]
    fresh = Watched(club, monkeypatch)
    assert fresh.found(asked) == [name_of(0)]


def test_an_erasure_is_seen_at_once(club: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(club, monkeypatch)
    asked = watched.of(name_of(0), name_of(1))
    assert watched.found(asked) == [name_of(0), name_of(1)]
    club.archive.erase(name_of(1))
    assert watched.found(asked) == [name_of(0)]
    assert watched.loaded == [None, None], "whose changes are not noted any more is no longer there at all"


def test_when_too_much_was_removed_it_is_built_anew(club: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("countenance.index.gallery._WORN_ROWS", 0)
    watched = Watched(club, monkeypatch)
    asked = watched.of(name_of(0), name_of(1))
    watched.found(asked)
    club.withdraw(1)
    assert watched.found(asked) == [name_of(0)]
    assert watched.found(asked) == [name_of(0)]
    assert watched.loaded == [None, None]


def test_of_many_changes_nothing_is_followed(club: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("countenance.flows.gallery._MOST_CHANGES", 0)
    watched = Watched(club, monkeypatch)
    asked = watched.of(name_of(0), name_of(1))
    watched.found(asked)
    club.withdraw(1)
    assert watched.found(asked) == [name_of(0)]
    assert watched.loads == 2


def test_only_some_of_them(club: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    one = club.archive.subject(name_of(1)).id
    watched = Watched(club, monkeypatch, frozenset({one}))
    assert watched.found(watched.of(name_of(0), name_of(1))) == [name_of(1)]


def test_a_merge_and_its_undoing_are_seen_at_once(club: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(club, monkeypatch)
    asked = watched.of(name_of(0), name_of(1))
    assert watched.found(asked) == [name_of(0), name_of(1)]
    merged = club.archive.merge(name_of(0), name_of(1), "office")
    assert watched.found(asked) == [name_of(0), name_of(0)]
    assert watched.gallery.aliases == {merged.other: merged.subject}
    (first, second) = watched.gallery.compare(asked)
    assert (first.rival, second.rival) == (None, None), "nobody is a rival to themself"
    club.archive.undo(merged.id, "office")
    assert watched.found(asked) == [name_of(0), name_of(1)]


def test_references_of_both_ids_are_compared_while_one_consent_holds(
    club: Club, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(club, monkeypatch)
    asked = watched.of(name_of(0), name_of(1))
    for seat in (0, 1):
        club.withdraw(seat)
    club.archive.merge(name_of(0), name_of(1), "office")
    assert watched.found(asked) == []
    club.archive.grant(name_of(0), club.form(), "office")
    assert watched.found(asked) == [name_of(0), name_of(0)]
    assert watched.gallery.consenting == {*watched.gallery.aliases, *watched.gallery.aliases.values()}
