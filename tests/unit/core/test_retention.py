"""The retention rules under a frozen clock: every reason, every hold, leap days, summer time, and clocks gone wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from countenance.core.retention import (
    CLOCK_SLACK,
    LONGEST_SILENCE,
    MOST_YEARS,
    Hold,
    Kept,
    Reason,
    Rule,
    State,
    Yes,
    clock_refusal,
    contact_refusal,
    due_dates,
    hold_refusal,
    is_due_within,
    last_contact,
    rule_refusal,
    term_of,
    years_after,
)

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY, TICK = timedelta(days=1), timedelta(microseconds=1)
ENROLLED = datetime(2020, 3, 15, 9, tzinfo=UTC)


def at(year: int, month: int = 1, day: int = 1, hour: int = 0) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


def yes(until: datetime, withdrawn: datetime | None = None, recorded: datetime = ENROLLED) -> Yes:
    return Yes(until, withdrawn, recorded)


def ann(*consents: Yes, contacts: tuple[datetime, ...] = (ENROLLED,)) -> Kept:
    return Kept("ann", frozenset({"ann", "anna"}), "club", contacts, consents)


def held(subject: str | None = None, collection: str = "club", until: datetime | None = None) -> Hold:
    return Hold("h1", collection, subject, "case 7", "The board", until or at(2030), "Ms Reed", at(2026))


# Due dates ------------------------------------------------------------------------------------------------------------


def test_without_a_rule_and_a_consent_nothing_is_ever_due() -> None:
    term = term_of(ann(), Rule(), [], at(9999))
    assert (term.dates, term.reason, term.due_at, term.state) == ({}, None, None, State.KEPT)


def test_every_reason_has_its_date_in_the_order_of_the_checks() -> None:
    rule = Rule(purpose_ends_at=at(2031), keep_until_at=at(2032), contact_years=10, basis_ends_at=at(2033))
    assert list(due_dates(ann(yes(at(2034))), rule).items()) == [
        (Reason.PURPOSE_ENDED, at(2031)),
        (Reason.BASIS_ENDED, at(2033)),
        (Reason.CONSENT_ENDED, at(2034)),
        (Reason.NO_CONTACT, datetime(2030, 3, 15, 9, tzinfo=UTC)),
        (Reason.KEEP_UNTIL, at(2032)),
    ]


@pytest.mark.parametrize("first", list(Reason))
def test_the_earliest_counts(first: Reason) -> None:
    enrolled = {reason: at(2027 if reason is first else 2028) for reason in Reason}
    rule = Rule(
        purpose_ends_at=enrolled[Reason.PURPOSE_ENDED],
        keep_until_at=enrolled[Reason.KEEP_UNTIL],
        contact_years=1,
        basis_ends_at=enrolled[Reason.BASIS_ENDED],
    )
    contact = enrolled[Reason.NO_CONTACT].replace(year=enrolled[Reason.NO_CONTACT].year - 1)
    kept = ann(yes(enrolled[Reason.CONSENT_ENDED]), contacts=(contact,))
    term = term_of(kept, rule, [], NOW)
    assert (term.reason, term.due_at, term.state) == (first, at(2027), State.KEPT)
    assert term_of(kept, rule, [], at(2027) - TICK).state is State.KEPT
    assert term_of(kept, rule, [], at(2027)).state is State.DUE


def test_of_two_at_the_same_moment_the_first_in_order_is_told() -> None:
    rule = Rule(purpose_ends_at=at(2025), keep_until_at=at(2025))
    assert term_of(ann(yes(at(2025))), rule, [], NOW).reason is Reason.PURPOSE_ENDED
    assert term_of(ann(yes(at(2025))), Rule(keep_until_at=at(2025)), [], NOW).reason is Reason.CONSENT_ENDED


@pytest.mark.parametrize(
    ("consents", "ends"),
    [
        ((yes(at(2025)),), at(2025)),
        ((yes(at(2025)), yes(at(2028))), at(2028)),
        ((yes(at(2028)), yes(at(2025))), at(2028)),
        ((yes(at(2028), withdrawn=at(2024)),), at(2024)),
        ((yes(at(2025), withdrawn=at(2027)),), at(2025)),
        ((yes(at(2028), withdrawn=at(2024)), yes(at(2025))), at(2025)),
        ((yes(at(2025)), yes(at(2040), withdrawn=at(2026, 5))), at(2026, 5)),
    ],
)
def test_the_end_of_the_last_consent(consents: tuple[Yes, ...], ends: datetime) -> None:
    assert due_dates(ann(*consents), Rule()) == {Reason.CONSENT_ENDED: ends}


def test_a_consent_that_is_yet_to_begin_keeps_a_person_through_the_gap() -> None:
    """One ended in 2025; the next, recorded already, begins in 2027 and ends in 2028: in between nothing holds."""
    assert term_of(ann(yes(at(2025)), yes(at(2028))), Rule(), [], NOW).state is State.KEPT


def test_signing_and_enrolling_are_contacts() -> None:
    assert last_contact(ann()) == ENROLLED
    assert last_contact(ann(contacts=(ENROLLED, at(2023)))) == at(2023)
    assert last_contact(ann(yes(at(2030), recorded=at(2024)), contacts=(ENROLLED, at(2023)))) == at(2024)
    rule = Rule(contact_years=3)
    assert due_dates(ann(contacts=(ENROLLED, at(2023))), rule) == {Reason.NO_CONTACT: at(2026)}
    assert due_dates(ann(contacts=(ENROLLED,)), rule) == {Reason.NO_CONTACT: datetime(2023, 3, 15, 9, tzinfo=UTC)}


# Calendar -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "years", "end"),
    [
        (at(2024, 2, 29, 8), 1, at(2025, 3, 1, 8)),
        (at(2024, 2, 29, 8), 4, at(2028, 2, 29, 8)),
        (at(2096, 2, 29), 4, at(2100, 3, 1)),
        (at(1996, 2, 29), 4, at(2000, 2, 29)),
        (at(2023, 2, 28), 1, at(2024, 2, 28)),
        (at(2023, 3, 1), 1, at(2024, 3, 1)),
        (at(2023, 12, 31, 23), 2, at(2025, 12, 31, 23)),
        (at(9990), 9, at(9999)),
        (at(9990), 10, datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_calendar_years(start: datetime, years: int, end: datetime) -> None:
    assert years_after(start, years) == end


def test_a_leap_day_is_the_leap_day_of_utc() -> None:
    """Half past midnight on 1 March in Berlin is still 29 February in UTC."""
    start = datetime(2024, 3, 1, 0, 30, tzinfo=BERLIN)
    assert years_after(start, 1) == datetime(2025, 3, 1, 23, 30, tzinfo=UTC)
    assert years_after(start, 4) == datetime(2028, 2, 29, 23, 30, tzinfo=UTC)


def test_a_year_keeps_its_hour_across_summer_time() -> None:
    """Two years of Berlin have the clock changed on different days; in UTC nothing moves."""
    summer, winter = datetime(2024, 7, 1, 12, tzinfo=BERLIN), datetime(2024, 12, 1, 12, tzinfo=BERLIN)
    assert years_after(summer, 1) == datetime(2025, 7, 1, 10, tzinfo=UTC)
    assert years_after(winter, 1) == datetime(2025, 12, 1, 11, tzinfo=UTC)
    changed = datetime(2024, 3, 30, 12, tzinfo=BERLIN)  # winter still; on that day of 2025 summer time began
    assert years_after(changed, 1) == datetime(2025, 3, 30, 11, tzinfo=UTC)


def test_the_hour_that_comes_twice_is_two_moments() -> None:
    """On 25 October 2026 it is half past two twice in Berlin; what ends at the second is not due at the first."""
    first = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)
    second = first.replace(fold=1)
    assert first == second, "within one zone Python compares the faces of clocks"
    rule = Rule(keep_until_at=second)
    assert term_of(ann(), rule, [], first).state is State.KEPT
    assert term_of(ann(), rule, [], second).state is State.DUE
    hold = held(until=second)
    assert term_of(ann(), Rule(keep_until_at=at(2025)), [hold], first).state is State.HELD
    assert term_of(ann(), Rule(keep_until_at=at(2025)), [hold], second).state is State.DUE
    kept = ann(yes(at(2027), withdrawn=first), yes(second, recorded=ENROLLED))
    assert due_dates(kept, Rule()) == {Reason.CONSENT_ENDED: at(2026, 10, 25, 1) + timedelta(minutes=30)}


def test_the_hour_that_is_skipped_changes_nothing() -> None:
    """On 29 March 2026 there is no half past two in Berlin; it is half past three."""
    skipped = datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN)
    term = term_of(ann(), Rule(keep_until_at=skipped), [], NOW)
    assert term.due_at == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert term.due_at.tzinfo is UTC


# Holds ----------------------------------------------------------------------------------------------------------------

PAST = Rule(keep_until_at=at(2025))


@pytest.mark.parametrize("subject", [None, "ann", "anna"], ids=str)
def test_a_hold_keeps_what_is_due(subject: str | None) -> None:
    hold = held(subject)
    term = term_of(ann(), PAST, [hold], NOW)
    assert (term.state, term.due_at, term.holds) == (State.HELD, at(2025), (hold,))


@pytest.mark.parametrize(
    "hold",
    [
        held("bob"),
        held("ann", collection="choir"),
        held(collection="choir"),
        held(until=NOW),
        replace(held(), lifted_by="Ms Reed", lifted_at=NOW - DAY),
        replace(held(), lifted_by="Ms Reed", lifted_at=NOW + DAY),
    ],
    ids=["somebody else", "elsewhere", "another collection", "expired", "lifted", "lifted by a clock that was ahead"],
)
def test_other_holds_keep_nobody(hold: Hold) -> None:
    term = term_of(ann(), PAST, [hold], NOW)
    assert (term.state, term.holds) == (State.DUE, ())


def test_a_hold_expires_at_its_moment() -> None:
    hold = held(until=at(2027))
    assert term_of(ann(), PAST, [hold], at(2027) - TICK).state is State.HELD
    assert term_of(ann(), PAST, [hold], at(2027)).state is State.DUE


def test_who_is_not_due_is_kept_and_not_held() -> None:
    term = term_of(ann(), Rule(keep_until_at=at(2027)), [held(), held("ann")], NOW)
    assert (term.state, len(term.holds)) == (State.KEPT, 2)


def test_one_standing_hold_is_enough() -> None:
    expired, standing = held(until=at(2025)), held("ann")
    assert term_of(ann(), PAST, [expired, standing], NOW).holds == (standing,)


def test_a_hold_says_who_where_and_until_when() -> None:
    assert hold_refusal(held(), NOW) is None
    assert "reference" in str(hold_refusal(replace(held(), reference=" "), NOW))
    assert "approved" in str(hold_refusal(replace(held(), approver=""), NOW))
    assert "ended" in str(hold_refusal(held(until=NOW), NOW))


# Reminders and refusals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ends", "listed"),
    [
        (NOW - DAY, True),
        (NOW, True),
        (NOW + 30 * DAY, True),
        (NOW + 30 * DAY + TICK, False),
    ],
    ids=["long due", "due now", "the last moment", "later"],
)
def test_the_reminder_lists_what_is_due_or_soon(ends: datetime, *, listed: bool) -> None:
    term = term_of(ann(yes(ends)), Rule(), [], NOW)
    assert is_due_within(term, NOW, timedelta(days=30)) is listed
    assert is_due_within(term_of(ann(yes(ends)), Rule(), [held()], NOW), NOW, timedelta(days=30)) is listed


def test_the_reminder_does_not_list_who_is_never_due() -> None:
    assert not is_due_within(term_of(ann(), Rule(), [], NOW), NOW, timedelta(days=36_500))


@pytest.mark.parametrize("years", [1, MOST_YEARS, None])
def test_a_rule_that_can_be_set(years: int | None) -> None:
    assert rule_refusal(Rule(contact_years=years)) is None


@pytest.mark.parametrize("years", [-1, 0, MOST_YEARS + 1])
def test_a_rule_that_cannot(years: int) -> None:
    assert f"not {years}." in str(rule_refusal(Rule(contact_years=years)))


def test_contacts_lie_between_enrolment_and_now() -> None:
    assert contact_refusal(NOW, ENROLLED, NOW) is None
    assert contact_refusal(ENROLLED.replace(hour=0), ENROLLED, NOW) is None, "a bare day is its beginning"
    assert "still to come" in str(contact_refusal(NOW + TICK, ENROLLED, NOW))
    assert "enrolled on 2020-03-15" in str(contact_refusal(ENROLLED - DAY, ENROLLED, NOW))


# Clocks gone wrong ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [-CLOCK_SLACK, timedelta(0), DAY, LONGEST_SILENCE], ids=str)
def test_a_clock_that_may_be_right(ahead: timedelta) -> None:
    assert clock_refusal(NOW + ahead, NOW) is None
    assert clock_refusal(NOW, None) is None


def test_a_clock_that_was_set_back_destroys_nothing() -> None:
    why = clock_refusal(datetime(2026, 6, 1, 13, tzinfo=BERLIN), NOW)
    assert why == (
        "The clock shows 2026-06-01 11:00 UTC, but the newest record of this archive is of 2026-06-01 12:00 UTC."
    )
    assert clock_refusal(NOW - CLOCK_SLACK - TICK, NOW) is not None


def test_a_clock_far_ahead_is_asked_about() -> None:
    why = clock_refusal(NOW + LONGEST_SILENCE + TICK, NOW)
    assert why == (
        "The clock shows 2027-06-02 12:00 UTC, but nothing was recorded in this archive since 2026-06-01 12:00 UTC."
    )


def test_a_clock_set_back_moves_no_due_date() -> None:
    kept, rule = ann(yes(at(2026)), contacts=(ENROLLED, at(2023))), Rule(contact_years=4, purpose_ends_at=at(2028))
    terms = [term_of(kept, rule, [], now) for now in (at(2000), NOW, at(2500))]
    assert {(term.due_at, term.reason) for term in terms} == {(at(2026), Reason.CONSENT_ENDED)}
    assert [term.state for term in terms] == [State.KEPT, State.DUE, State.DUE]
