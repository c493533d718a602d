"""Searching under a case, and searching first when there is no time to ask."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from countenance.archive import DATABASE
from countenance.core.canonical import parse
from countenance.errors import (
    ConsentError,
    CountenanceError,
    UsageError,
)
from countenance.flows import case_search, probe_search
from countenance.flows.case import Wanted
from countenance.store.collections import Release
from countenance.store.filters import Within
from tests.drawn import CLUB, name_of
from tests.promises.logged import bodies_of
from tests.searching import LEE, NUMBER, OKORO, OTHER, REED, SOUGHT, STUDIO, Bureau, probe, reason_of


def test_candidates_come_best_first_with_where_they_are(bureau: Bureau) -> None:
    bureau.approved()
    found = bureau.search()
    assert bureau.names(found) == ["alone", "both", "third"]
    scores = [each.found.score for each in found.results.candidates]
    assert scores == sorted(scores, reverse=True)
    assert all(score == round(score, 3) for score in scores)
    assert [each.found.rank for each in found.results.candidates] == [1, 2, 3]
    assert found.results.candidates[0].found.box == (0.0, 0.0, 8.0, 8.0)
    assert "not calibrated" in found.results.statement
    assert "7 templates" in found.results.statement
    assert found.results.statement.endswith("A lead, not an identification.")
    assert bureau.acting(OKORO).case_results(NUMBER).results == found.results, "kept as it was shown"


@pytest.mark.parametrize("at_least", [-1.0, 0.0, 0.5, float("-inf")])
def test_no_score_below_the_floor_leaves(bureau: Bureau, at_least: float) -> None:
    bureau.approved()
    found = bureau.search(at_least=at_least, most=100)
    floor = probe_search.floor_of(bureau.archive._scope(STUDIO).pack)
    assert min(each.found.score for each in found.results.candidates) >= round(floor, 3)
    assert found.results.at_least == pytest.approx(floor)
    assert "nobody" not in bureau.names(found)


def test_a_higher_score_and_a_smaller_number_can_be_asked_for(bureau: Bureau) -> None:
    bureau.approved()
    assert bureau.names(bureau.search(at_least=0.965)) == ["alone", "both"]
    assert bureau.names(bureau.search(most=1)) == ["alone"]
    for wrong in ({"most": 0}, {"most": 101}, {"at_least": float("nan")}):
        with pytest.raises(UsageError):
            bureau.search(**wrong)


def test_only_photos_of_a_folder_or_of_some_days_can_be_asked_for(bureau: Bureau) -> None:
    bureau.approved()
    here = bytes(bureau.party.photos / STUDIO)
    taken = {"alone": "2026-03-01T10:00:00", "both": "2026-03-02T23:59:59", "third": None}
    with closing(sqlite3.connect(bureau.archive.folder / DATABASE)) as raw, raw:
        for name, moment in taken.items():
            path = here + f"/{name}.jpg".encode()
            raw.execute(
                "UPDATE photos SET taken_at = ? WHERE id = (SELECT photo_id FROM photo_paths WHERE path = ?)",
                (moment and f"{moment}.000000Z", path),
            )
    march = [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2, 3)]

    def names(within: Within) -> list[str]:
        return bureau.names(bureau.search(within=within))

    assert names(Within(march[0], march[1])) == ["alone"]
    assert names(Within(march[1])) == ["both"]
    assert names(Within(taken_until=march[2])) == ["alone", "both"]
    assert names(Within(folder=here + b"/")) == ["alone", "both", "third"]
    assert names(Within(folder=here[:-1])) == [], "the beginning of a folder's name is another folder"
    found = bureau.search(within=Within(march[0], march[1], here))
    assert "Compared with 1 template," in found.results.statement
    with pytest.raises(UsageError, match="end before they begin"):
        bureau.search(within=Within(march[2], march[0]))


def test_enrolled_people_have_no_days_and_no_folder(bureau: Bureau) -> None:
    bureau.party.enrol(SOUGHT, purpose="case-search", channels=("internal",))
    bureau.acting(REED).open_case(Wanted(NUMBER, "missing-person"), [CLUB], [probe()])
    bureau.approve()
    with pytest.raises(UsageError, match="no folder to choose from"):
        bureau.search(within=Within(folder=b"/photos"))


def test_a_case_about_two_collections_is_searched_one_by_one(bureau: Bureau) -> None:
    bureau.acting(REED).open_case(Wanted(NUMBER, "safeguarding"), [STUDIO, OTHER], [probe()])
    bureau.approve()
    with pytest.raises(UsageError, match="2 collections"):
        bureau.search()
    assert bureau.search(collection=OTHER).results.candidates == ()
    assert bureau.acting(REED).add_probes(NUMBER, [probe(SOUGHT, "more")]).n_probes == 2
    bureau.approve()
    assert len(bureau.search(collection=STUDIO).results.candidates) == 3


def test_a_collection_whose_basis_has_ended_is_not_searched(bureau: Bureau) -> None:
    basis = Release("short", "The board", bureau.party.clock.now + timedelta(days=1))
    bureau.archive.create_collection("short", basis)
    bureau.acting(REED).open_case(Wanted(NUMBER, "safeguarding"), ["short"], [probe()])
    bureau.approve()
    bureau.party.clock.advance(days=2)
    with pytest.raises(ConsentError, match="basis"):
        bureau.search()
    assert bureau.archive.case_usage(f"{bureau.party.clock.now:%Y-%m}").refusals == {case_search.NO_BASIS: 1}


def test_in_a_consent_collection_only_who_agreed_is_found(bureau: Bureau) -> None:
    archive = bureau.archive
    sought = bureau.party.enrol(SOUGHT, purpose="case-search", channels=("internal",))
    bureau.party.enrol(SOUGHT + 1, like=SOUGHT)  # very much alike, and did not agree to it
    bureau.acting(REED).open_case(Wanted(NUMBER, "missing-person"), [CLUB], [probe()])
    bureau.approve()
    (found,) = bureau.search().results.candidates
    assert (found.found.subject, found.found.face, found.found.photo) == (sought, None, None)
    assert found.found.reference_sha256 is not None
    archive.withdraw(name_of(SOUGHT), ["case-search"])
    with pytest.raises(ConsentError, match="Nobody"):
        bureau.search()


def test_an_urgent_search_is_approved_within_two_days_or_destroyed(bureau: Bureau) -> None:
    for number in ("kept", "lost"):
        bureau.open(number)
        found = bureau.search(number, urgent_reason="a child is missing since noon")
        assert (found.search.urgent, found.results.reason) == (True, "a child is missing since noon")
        assert len(found.results.candidates) == 3
    bureau.party.clock.advance(hours=47)
    bureau.approve("kept")
    bureau.party.clock.advance(hours=2)
    assert bureau.acting(REED).case_results("kept").results.candidates
    with pytest.raises(CountenanceError):
        bureau.archive.case_results("lost")
    assert bureau.rows("SELECT count(*) FROM case_candidates") == [(3,)]
    assert bureau.rows("SELECT count(*) FROM case_searches WHERE sealed IS NULL") == [(1,)]
    (purged,) = [parse(body) for body in bodies_of(bureau.archive) if b"case-purge" in body]
    assert purged["facts"]["unapproved"] is True
    assert purged["facts"]["candidates"] == 3


def test_late_results_are_not_shown_even_before_they_are_destroyed(bureau: Bureau) -> None:
    bureau.open()
    bureau.search(urgent_reason="a child is missing")
    bureau.party.clock.advance(hours=49)
    desk = bureau.archive._desk
    assert reason_of(lambda: case_search.results(desk, NUMBER)) == "urgent-lapsed"
    assert bureau.rows("SELECT count(*) FROM case_candidates") == [(3,)], "nothing has purged them yet"


def test_whoever_searched_without_waiting_does_not_approve_it(bureau: Bureau) -> None:
    bureau.open()
    bureau.search(by=OKORO, urgent_reason="a child is missing")
    assert reason_of(lambda: bureau.code(by=OKORO)) == "self-approval"
    bureau.approve(by=LEE)
