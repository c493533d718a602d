"""P6: rows that somebody writes by hand open no case, approve nothing and uncount nothing; probes stay probes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from countenance.archive import DATABASE
from countenance.errors import CaseError, ConflictError, DamagedError
from countenance.flows import probe_search
from countenance.flows.probe_search import FaceCandidate
from countenance.store.moments import to_text
from tests.drawn import CLUB
from tests.pretend import photo
from tests.promises.raw_rows import put
from tests.searching import LEE, NUMBER, OKORO, OTHER, REED, SOUGHT, Bureau, probe

N_TRIES = 10_000


# Rows that somebody writes by hand -----------------------------------------------------------------------------------


def test_an_approval_that_is_written_by_hand_approves_nothing(bureau: Bureau) -> None:
    stored, at = bureau.open(), to_text(bureau.party.clock.now)
    row: dict[str, object] = {
        "id": "a1",
        "case_id": stored.case.id,
        "requester": REED,
        "approver": OKORO,
        "digest": "0" * 64,
        "approved_at": at,
        "mac": bytes(32),
    }
    with closing(sqlite3.connect(bureau.archive.folder / DATABASE)) as raw, raw:
        for approver in (REED, " ms reed", REED.upper()):
            with pytest.raises(sqlite3.IntegrityError):
                put(raw, "case_approvals", row | {"approver": approver})
            with pytest.raises(sqlite3.IntegrityError):
                put(raw, "case_approvals", row | {"approver": approver, "requester": "somebody else"})
        put(raw, "case_approvals", row)
    with pytest.raises(DamagedError, match="another program"):
        bureau.search()


def test_a_case_is_not_prolonged_reopened_or_widened_by_hand(bureau: Bureau) -> None:
    bureau.approved()
    bureau.acting(REED).close_case(NUMBER)
    there = bureau.archive.collection(OTHER).id
    with closing(sqlite3.connect(bureau.archive.folder / DATABASE)) as raw, raw:
        for change in (
            "UPDATE cases SET closed_at = NULL, closed_by = NULL",
            "UPDATE cases SET expires_at = '2999-01-01T00:00:00.000000Z'",
            "UPDATE cases SET requester = 'Mr Okoro'",
            "DELETE FROM cases",
            "UPDATE case_approvals SET approver = 'Ms Lee'",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="stands"):
                raw.execute(change)
        with pytest.raises(sqlite3.IntegrityError, match="stands"):
            raw.execute("UPDATE case_collections SET collection_id = ?", (there,))
        raw.execute("DROP TRIGGER cases_keep_their_terms")
        raw.execute("UPDATE cases SET expires_at = '2999-01-01T00:00:00.000000Z'")
    with pytest.raises(DamagedError, match="another program"):
        bureau.search()


def test_searches_cannot_be_uncounted_or_written_without_a_case(bureau: Bureau) -> None:
    stored = bureau.approved()
    bureau.search()
    (row,) = bureau.rows("SELECT id FROM case_searches")
    now = to_text(bureau.party.clock.now)
    new = {
        "id": "s1",
        "case_id": stored.case.id,
        "collection_id": bureau.archive.collection(OTHER).id,
        "actor": REED,
        "searched_at": now,
        "digest": "0" * 64,
        "n_probes": 1,
        "n_candidates": 0,
        "urgent": 0,
        "keep_until_at": now,
        "sealed": b"x",
    }
    with closing(sqlite3.connect(bureau.archive.folder / DATABASE)) as raw, raw:
        for change in ("DELETE FROM case_searches", "UPDATE case_searches SET n_probes = 1, actor = 'Ms Lee'"):
            with pytest.raises(sqlite3.IntegrityError, match="stands"):
                raw.execute(change)
        with pytest.raises(sqlite3.IntegrityError, match="stands"):
            put(raw, "case_searches", new)
    assert bureau.rows("SELECT id FROM case_searches") == [row]


# Probes --------------------------------------------------------------------------------------------------------------


def test_a_probe_is_never_enrolled(bureau: Bureau) -> None:
    before = bureau.rows("SELECT count(*) FROM subject_references, subjects")
    bureau.approved()
    bureau.search()
    bureau.acting(LEE).add_probes(NUMBER, [probe(SOUGHT, "more")])
    assert bureau.rows("SELECT count(*) FROM subject_references, subjects") == before
    bureau.party.put(new=photo(SOUGHT, mark="new"))
    assert bureau.archive.ingest(CLUB, [bureau.party.photos / "new.jpg"]).suggested == 0


def test_two_searches_at_once_do_not_spend_one_budget_twice(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one compares, the other spends the last probe: the first shows nothing."""
    bureau.approved()
    for _ in range(9):
        bureau.search(by=LEE)
    compare, inside = probe_search.search, list[bool]()

    def slowly(*args: Any, **more: Any) -> list[FaceCandidate]:  # noqa: ANN401 - as the original
        if not inside:
            inside.append(True)
            bureau.acting(REED).search_case(NUMBER)
        return compare(*args, **more)

    monkeypatch.setattr(probe_search, "search", slowly)
    with pytest.raises((CaseError, ConflictError)):
        bureau.search(by=REED)
    assert len(bureau.rows("SELECT id FROM case_searches")) == 10
