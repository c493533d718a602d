"""What is suggested does not depend on who came first: people or photos, one person or another."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from countenance.store import appearances, photos
from countenance.store.appearances import Appearance
from tests.drawn import CLUB, name_of
from tests.pretend import Guest, Party, photo

STEPS = ("one", "other", "photos")
SEAT, TWIN, NOBODY = 10, 11, 20
PICTURES = {
    "plain": photo(SEAT),
    "nearer": photo(Guest(SEAT, 0.955, TWIN, 0.2)),
    "stranger": photo(NOBODY),
    "unlike": photo(Guest(SEAT, 0.9)),
}


def labels(party: Party) -> dict[str, list[Appearance]]:
    with party.archive._store.reading() as tx:
        rows = photos.page(tx, party.scope.collection.id, most=99)
        return {Path(photos.paths_of(tx, row.id)[0][0].decode()).stem: appearances.of_photo(tx, row.id) for row in rows}


def told(party: Party) -> dict[str, list[tuple[str, str | None, float, float | None]]]:
    """Who is suggested and who comes second, by name, with both cosines."""
    people = {subject.id: subject.name for subject in party.archive.subjects(CLUB)}
    return {
        name: [
            (
                people[row.subject],
                people[row.rival] if row.rival else None,
                round(row.score, 3),
                round(row.rival_score, 3) if row.rival_score is not None else None,
            )
            for row in rows
        ]
        for name, rows in labels(party).items()
    }


@pytest.mark.parametrize("order", list(permutations(STEPS)), ids="-".join)
def test_the_order_says_nothing(party: Party, order: tuple[str, ...]) -> None:
    for step in order:
        if step == "one":
            party.enrol(SEAT)
        elif step == "other":
            party.enrol(TWIN, like=SEAT)
        else:
            party.put(**PICTURES)
            party.archive.ingest(CLUB, [party.photos])
        party.archive.rescan(CLUB)
    found = told(party)
    assert found["plain"] == [(name_of(SEAT), name_of(TWIN), 0.98, 0.965)]
    assert found["nearer"] == [(name_of(TWIN), name_of(SEAT), 0.975, 0.955)]
    assert found["stranger"] == found["unlike"] == []


def test_a_persons_word_stands(party: Party) -> None:
    party.enrol(SEAT)
    party.put(named=photo(SEAT), ruled_out=photo(Guest(SEAT, 0.979)))
    party.archive.ingest(CLUB, [party.photos])
    (named,), (ruled_out,) = labels(party)["named"], labels(party)["ruled_out"]
    party.archive.decide(CLUB, [named.id], "confirmed", "Mr Smith")
    party.archive.decide(CLUB, [ruled_out.id], "rejected", "Mr Smith")
    party.enrol(TWIN, like=SEAT)
    party.archive.rescan(CLUB)
    after = labels(party)
    assert [(row.id, row.state, row.made_by) for row in after["named"]] == [(named.id, "confirmed", "Mr Smith")]
    twin = party.archive.subject(name_of(TWIN)).id
    assert {(row.subject, row.state) for row in after["ruled_out"]} == {
        (ruled_out.subject, "rejected"),
        (twin, "suggested"),
    }


def test_whoever_withdrew_neither_wins_nor_comes_second(party: Party) -> None:
    party.enrol(TWIN, like=SEAT)
    party.enrol(SEAT)
    party.archive.withdraw(name_of(TWIN))
    party.put(**PICTURES)
    party.archive.ingest(CLUB, [party.photos])
    found = told(party)
    assert [(row[0], row[1] == name_of(TWIN)) for row in found["plain"]] == [(name_of(SEAT), False)]
    assert [(row[0], row[1] == name_of(TWIN)) for row in found["nearer"]] == [(name_of(SEAT), False)]
