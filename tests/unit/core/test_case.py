from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from countenance.core.case import (
    URGENT_WITHIN,
    Approval,
    Asked,
    Budget,
    Case,
    ProbeSet,
    Search,
    State,
    approval_refusal,
    fingerprint_of,
    is_among,
    search_refusal,
)
from countenance.core.consent import Consent
from countenance.core.permit import Act, permit_probes, permit_search, permit_search_enrolled
from countenance.errors import CaseError, ConsentError, PermitError

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
ROWS = np.eye(2, dtype=np.float32)
PROBES = ProbeSet("d" * 64, fingerprint_of(ROWS), 2)
BUDGET = Budget(10, 20)
BASIS: dict[str, datetime | str | None] = {
    "reference": "contract 12",
    "approver": "The board",
    "until_at": NOW + timedelta(days=1),
}
APPROVED = Approval("Mr Okoro", PROBES.digest, NOW - timedelta(hours=1))
CASE = Case(
    "c",
    "safeguarding",
    frozenset({"here", "there"}),
    "Ms Reed",
    NOW - timedelta(days=3),
    NOW + timedelta(days=3),
    handed_in_by=frozenset({"Ms Reed", "Ms Lee"}),
    approvals=(APPROVED,),
)
ASKED = Asked("here", "Ms Reed", PROBES)


def searched(**changes: object) -> Search:
    values: dict[str, object] = {
        "id": "s",
        "collection": "here",
        "actor": "Ms Reed",
        "at": NOW - timedelta(hours=2),
        "digest": PROBES.digest,
        "n_probes": 2,
        "n_candidates": 1,
        "urgent": False,
        "keep_until_at": NOW + timedelta(days=30),
    }
    return Search(**(values | changes))  # type: ignore[arg-type]


LATE = searched(urgent=True, at=NOW - timedelta(hours=49), digest="e" * 64)
REFUSED: dict[str, tuple[dict[str, object], dict[str, object], str]] = {
    "another collection": ({}, {"collection": "elsewhere"}, "other-collection"),
    "closed": ({"closed_at": NOW}, {}, "closed"),
    "closed and expired": ({"closed_at": NOW, "expires_at": NOW}, {}, "closed"),
    "expired at this moment": ({"expires_at": NOW}, {}, "expired"),
    "no probe": ({}, {"probes": ProbeSet("", "", 0)}, "no-probe"),
    "nobody approved": ({"approvals": ()}, {}, "not-approved"),
    "other probes were approved": ({}, {"probes": replace(PROBES, digest="f" * 64)}, "not-approved"),
    "the requester approved": ({"approvals": (replace(APPROVED, by="  ms REED"),)}, {}, "not-approved"),
    "who handed in a probe approved": ({"approvals": (replace(APPROVED, by="Ms Lee"),)}, {}, "not-approved"),
    "who searched without waiting approved": (
        {"searches": (searched(urgent=True, actor="Mr Okoro"),)},
        {},
        "not-approved",
    ),
    "urgent without a reason": ({"approvals": ()}, {"urgent_reason": "  "}, "no-reason"),
    "an earlier urgent one was left": (
        {"approvals": (), "searches": (LATE,)},
        {"urgent_reason": "a child is missing"},
        "urgent-lapsed",
    ),
    "the case has spent its probes": ({"searches": (searched(n_probes=9),)}, {}, "budget-of-case"),
    "the actor has spent the day's": ({}, {"spent_today": 19}, "budget-of-day"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_search_is_refused(why: str) -> None:
    of_case, of_asked, reason = REFUSED[why]
    case, asked = replace(CASE, **of_case), replace(ASKED, **of_asked)  # type: ignore[arg-type]
    refusal = search_refusal(case, asked, BUDGET, NOW)
    assert refusal is not None
    assert refusal.reason == reason
    assert refusal.message.endswith(".")
    assert refusal.advice.endswith(".")
    with pytest.raises(CaseError) as caught:
        permit_search(case, asked, BUDGET, "release", BASIS, NOW)
    assert caught.value.reason == reason
    with pytest.raises(CaseError) as caught:
        permit_search_enrolled(case, asked, BUDGET, [consent()], NOW)
    assert caught.value.reason == reason


def consent(**changes: object) -> Consent:
    values: dict[str, object] = {
        "subject": "ann",
        "purpose": "case-search",
        "channels": ("internal",),
        "from_at": NOW - timedelta(days=1),
        "until_at": NOW + timedelta(days=1),
        "evidence_sha256": "0" * 64,
    }
    return Consent(**(values | changes))  # type: ignore[arg-type]


def test_an_approved_search_gets_a_permit_for_these_probes_there() -> None:
    permit = permit_search(CASE, ASKED, BUDGET, "release", BASIS, NOW)
    permit.require_probes("here", PROBES.fingerprint)
    assert permit.subjects == frozenset()
    for place, fingerprint in (("there", PROBES.fingerprint), ("here", fingerprint_of(ROWS[:1])), ("here", "")):
        with pytest.raises(PermitError):
            permit.require_probes(place, fingerprint)


def test_the_last_probe_of_a_budget_may_be_spent() -> None:
    case, asked = replace(CASE, searches=(searched(n_probes=8),)), replace(ASKED, spent_today=18)
    assert search_refusal(case, asked, BUDGET, NOW) is None


def test_other_permits_search_nothing() -> None:
    permit = permit_probes(CASE, NOW)
    permit.require(Act.HANDLE_PROBES, "c")
    with pytest.raises(PermitError):
        permit.require_probes("c", "")


@pytest.mark.parametrize(
    ("basis", "release"),
    [
        ("consent", BASIS),
        ("release", {}),
        ("release", {**BASIS, "until_at": NOW}),
        ("release", {**BASIS, "approver": ""}),
    ],
)
def test_a_collection_without_a_basis_that_holds_is_not_searched(
    basis: str, release: dict[str, datetime | str | None]
) -> None:
    with pytest.raises(ConsentError):
        permit_search(CASE, ASKED, BUDGET, basis, release, NOW)


def test_only_who_agreed_to_be_searched_for_is_covered() -> None:
    given = [
        consent(),
        consent(subject="bob", purpose="find-my-photos"),
        consent(subject="cem", withdrawn_at=NOW),
        consent(subject="dee", until_at=NOW),
    ]
    assert permit_search_enrolled(CASE, ASKED, BUDGET, given, NOW).subjects == {"ann"}
    with pytest.raises(ConsentError, match="Nobody"):
        permit_search_enrolled(CASE, ASKED, BUDGET, given[1:], NOW)


@pytest.mark.parametrize(
    ("changes", "state"),
    [({}, State.OPEN), ({"expires_at": NOW}, State.EXPIRED), ({"closed_at": NOW, "expires_at": NOW}, State.CLOSED)],
)
def test_probes_are_handled_while_the_case_is_open(changes: dict[str, object], state: State) -> None:
    case = replace(CASE, **changes)  # type: ignore[arg-type]
    assert case.state_at(NOW) is state
    if state is State.OPEN:
        permit_probes(case, NOW)
        return
    with pytest.raises(CaseError) as caught:
        permit_probes(case, NOW)
    assert caught.value.reason == state.value


@pytest.mark.parametrize(
    ("changes", "actor", "n_probes", "reason"),
    [
        ({"closed_at": NOW}, "Mr Okoro", 2, "not-open"),
        ({}, "Mr Okoro", 0, "no-probe"),
        ({}, "MS  REED", 2, "self-approval"),
        ({}, "Ms Lee", 2, "self-approval"),
        ({"searches": (searched(urgent=True, actor="Mr Okoro"),)}, "Mr Okoro", 2, "self-approval"),
        ({"searches": (searched(actor="Mr Okoro"),)}, "Mr Okoro", 2, None),
        ({}, "Mr Okoro", 2, None),
    ],
)
def test_who_may_approve(changes: dict[str, object], actor: str, n_probes: int, reason: str | None) -> None:
    case = replace(CASE, **changes)  # type: ignore[arg-type]
    refusal = approval_refusal(case, actor, replace(PROBES, n_probes=n_probes), NOW)
    assert (None if refusal is None else refusal.reason) == reason


def test_an_urgent_search_may_go_first_once() -> None:
    case, asked = replace(CASE, approvals=()), replace(ASKED, urgent_reason="a child is missing")
    assert search_refusal(case, asked, BUDGET, NOW) is None
    pending = replace(case, searches=(searched(urgent=True),))
    assert search_refusal(pending, asked, BUDGET, NOW) is None
    assert search_refusal(replace(CASE, searches=(LATE,)), asked, BUDGET, NOW) is None, "approved by now"


@pytest.mark.parametrize(
    ("approved_h", "now_h", "shown"),
    [(None, 47.9, True), (None, 48, True), (None, 48.1, False), (48, 60, True), (48.1, 60, False), (1, 200, True)],
)
def test_what_an_urgent_search_found_is_shown_as_long_as_approval_can_come_or_came_in_time(
    approved_h: float | None,
    now_h: float,
    shown: bool,  # noqa: FBT001 - a row of the table
) -> None:
    at = NOW
    found = searched(urgent=True, at=at)
    approvals = () if approved_h is None else (replace(APPROVED, at=at + timedelta(hours=approved_h)),)
    case = replace(CASE, approvals=approvals, searches=(found,))
    assert case.shows_at(found, at + timedelta(hours=now_h)) is shown
    assert timedelta(hours=48) == URGENT_WITHIN


def test_candidates_are_shown_until_their_time_is_over() -> None:
    found = searched()
    assert CASE.shows_at(found, found.keep_until_at - timedelta(seconds=1))
    assert not CASE.shows_at(found, found.keep_until_at)
    assert not CASE.shows_at(replace(found, gone_at=NOW), NOW)


def test_names_are_one_however_they_are_spelled() -> None:
    assert is_among(" ms reed ", ["Ms  Reed"])
    assert is_among("Zo\u0308e", ["Z\u00f6e"])
    assert not is_among("Ms Reed-Lee", ["Ms Reed"])


def test_a_fingerprint_knows_rows_from_numbers() -> None:
    flat = np.arange(6, dtype=np.float32)
    assert fingerprint_of(flat.reshape(2, 3)) != fingerprint_of(flat.reshape(3, 2))
    assert fingerprint_of(flat.reshape(2, 3)) == fingerprint_of(flat.reshape(2, 3).copy(order="F"))
