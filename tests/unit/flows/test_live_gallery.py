from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from countenance.core.arrays import Templates
from countenance.flows.gallery import OLDEST, LiveGallery
from countenance.flows.scope import Scope
from countenance.store import templates
from tests.drawn import CLUB, Club, name_of


class Watched:
    """A live gallery, how often it was loaded, and templates that are surely found in it."""

    def __init__(self, club: Club, monkeypatch: pytest.MonkeyPatch, only: frozenset[str] | None = None) -> None:
        self.club, self.loads = club, 0
        self.gallery = LiveGallery(self.scope, only)
        whole = templates.references_of_collection

        def load(*arguments: object, **options: object) -> object:
            self.loads += 1
            return whole(*arguments, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(templates, "references_of_collection", load)

    @property
    def scope(self) -> Scope:
        return self.club.archive._scope(CLUB)

    def of(self, *who: str) -> Templates:
        """One reference template of each of these people."""
        scope, rows = self.scope, []
        for name in who:
            subject = self.club.archive.subject(name).id
            everybody = LiveGallery(scope, frozenset({subject}))
            with scope.store.reading() as tx:
                everybody.refresh(tx, self.club.clock.now)
            assert everybody._gallery is not None
            rows.append(everybody._gallery._references[0])
        self.loads = 0
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


def test_it_is_loaded_once_while_nothing_changes(club: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(club, monkeypatch)
    asked = watched.of(name_of(0), name_of(1))
    for _ in range(5):
        assert watched.found(asked) == [name_of(0), name_of(1)]
        club.clock.now += OLDEST / 10
    assert watched.loads == 1


def test_it_is_loaded_again_when_it_is_old_or_the_clock_was_set_back(
    club: Club, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(club, monkeypatch)
    asked = watched.of(name_of(0))
    for step in (OLDEST, OLDEST - timedelta(seconds=1), -2 * OLDEST):
        assert watched.found(asked) == [name_of(0)]
        club.clock.now += step
    assert watched.found(asked) == [name_of(0)]
    assert watched.loads == 3


def test_a_withdrawal_and_an_enrolment_are_seen_at_once(club: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(club, monkeypatch)
    club.enrol(4)
    asked = watched.of(name_of(0), name_of(1), name_of(4))
    assert watched.found(asked) == [name_of(0), name_of(1), name_of(4)]
    club.withdraw(1)
    assert watched.found(asked) == [name_of(0), name_of(4)]
    club.enrol(5)
    assert watched.loads == 2
    assert watched.found(asked) == [name_of(0), name_of(4)]
    assert watched.loads == 3


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
