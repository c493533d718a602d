"""P3. Unknown is not clear: the word of a machine that nobody measured shows nobody; a person's word does."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from countenance.archive import DATABASE
from countenance.store import appearances, photos
from countenance.store.appearances import Appearance
from tests.calibrated import calibrate
from tests.drawn import CLUB, name_of
from tests.pretend import Guest, Party, photo, seats_on, verdicts

ANN, BOB, STRANGER = 0, 1, 9


def test_a_first_clear_asks_a_person_and_the_next_one_goes_by_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Party.make(tmp_path, calibrated=False).pretend(monkeypatch) as party:
        for seat in (ANN, BOB):
            party.enrol(seat)
        party.put(ann=photo(ANN), both=photo(ANN, BOB), stranger=photo(STRANGER), bob=photo(BOB))
        first = party.clear()
        expected = {"ann.jpg": "review", "bob.jpg": "review", "both.jpg": "review", "stranger.jpg": "redact"}
        assert verdicts(first) == expected
        assert seats_shown(party) == {}
        confirm(party, ANN)
        assert verdicts(party.clear()) == expected | {"ann.jpg": "clear"}
        assert seats_shown(party) == {"ann.jpg": [ANN]}
        party.archive.withdraw(name_of(BOB))
        assert verdicts(party.clear()) == expected | {"ann.jpg": "clear", "bob.jpg": "redact", "both.jpg": "redact"}
        assert seats_shown(party) == {"ann.jpg": [ANN], "both.jpg": [ANN]}, "nobody measures before hiding"
        calibrate(party.archive, CLUB)
        party.grant(BOB)
        assert verdicts(party.clear()) == expected | dict.fromkeys(("ann.jpg", "bob.jpg", "both.jpg"), "clear")


def test_a_calibration_of_another_collection_or_pack_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Party.make(tmp_path, calibrated=False).pretend(monkeypatch) as party:
        party.archive.create_collection("other")
        calibrate(party.archive, "other")
        party.enrol(ANN)
        party.put(ann=photo(ANN))
        assert verdicts(party.clear()) == {"ann.jpg": "review"}
        with closing(sqlite3.connect(party.archive.folder / DATABASE)) as raw, raw:
            raw.execute("DROP TRIGGER calibrations_of_the_pack_of_their_collection")
            raw.execute("DROP TRIGGER calibrations_stand")
            raw.execute(
                "UPDATE calibrations SET collection_id = ?, pack_id = 'another@1'", (party.scope.collection.id,)
            )
        assert verdicts(party.clear()) == {"ann.jpg": "review"}


def confirm(party: Party, seat: int) -> None:
    waiting = [row for row in appearances_of(party) if row.state == "suggested"]
    theirs = party.archive.subject(name_of(seat)).id
    party.archive.decide_each(CLUB, {row.id: "confirmed" for row in waiting if row.subject == theirs}, "Ms Reed")


def appearances_of(party: Party) -> list[Appearance]:
    with party.archive._store.reading() as tx:
        rows = photos.page(tx, party.scope.collection.id, most=99)
        return [said for row in rows for said in appearances.of_photo(tx, row.id)]


def seats_shown(party: Party) -> dict[str, list[int]]:
    """Who can be seen on released files, by name; files on which nobody can be seen are left out."""
    files = {path.name: seats_on(path) for part in ("clear", "redacted") for path in (party.out / part).glob("*.jpg")}
    return {name: seats for name, seats in files.items() if seats}


def test_calibrating_lets_nobody_through_who_must_not_appear(party: Party) -> None:
    """A collection in which suggestions begin above the pack's match score, and somebody scores between the two."""
    points = party.scope.pack
    party.clock.advance(seconds=1)
    calibrate(party.archive, CLUB, suggest=0.97, threshold=0.975, threshold_high=0.975, certain=0.975)
    party.archive.must_not_appear(name_of(BOB), "A court order.")
    between = (points.match + 0.97) / 2
    party.put(ann=photo(Guest(ANN, between)), bob=photo(Guest(BOB, between)))
    assert verdicts(party.clear()) == {"ann.jpg": "redact", "bob.jpg": "blocked"}


@pytest.mark.parametrize(("at", "verdict"), [(0.951, "clear"), (0.949, "review"), (0.929, "redact")])
def test_the_collections_own_scores_count(party: Party, at: float, verdict: str) -> None:
    party.clock.advance(seconds=1)
    calibrate(party.archive, CLUB, suggest=0.93, threshold=0.95, threshold_low=0.94, threshold_high=0.95, certain=0.95)
    party.put(ann=photo(Guest(ANN, at)))
    assert verdicts(party.clear()) == {"ann.jpg": verdict}


def test_a_calibration_that_comes_in_between_counts_at_once(party: Party) -> None:
    party.put(ann=photo(Guest(ANN, 0.955)))
    assert verdicts(party.clear()) == {"ann.jpg": "review"}
    party.clock.advance(seconds=1)
    calibrate(party.archive, CLUB, threshold=0.95, threshold_high=0.95, certain=0.95)
    assert verdicts(party.clear()) == {"ann.jpg": "clear"}
