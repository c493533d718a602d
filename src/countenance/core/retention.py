"""The retention rules: when a person's data are due to be destroyed, and what holds that up.

Order of checks in ``term_of``:

1. the collection's purpose has ended;
2. the documented basis of a ``release`` collection has ended;
3. the last consent has ended: no consent holds, and none is yet to begin;
4. so many calendar years have passed since the last contact;
5. the collection's own last day has passed;
6. a legal hold stands: then what is due stays, and is listed as held.

The earliest of 1 to 5 counts; of two at the same moment, the one that comes first here. All of them are reckoned from
moments that are stored, never from the clock: a clock that is set back makes nothing come back and nothing go twice.
Order of checks in ``clock_refusal``: behind what is recorded, far ahead of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime, timedelta
from enum import StrEnum

MOST_YEARS = 100
"""Nobody waits longer for a sign of life."""

CLOCK_SLACK = timedelta(minutes=5)
"""Clocks of two machines that write one archive may differ by this; an hour too many or too few is a mistake."""

LONGEST_SILENCE = timedelta(days=366)
"""An archive in which nothing was done for longer may have been opened under a wrong clock."""

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class Reason(StrEnum):
    """Why data are due, in the order in which they are looked at."""

    PURPOSE_ENDED = "purpose-ended"
    BASIS_ENDED = "basis-ended"
    CONSENT_ENDED = "consent-ended"
    NO_CONTACT = "no-contact"
    KEEP_UNTIL = "keep-until"


class State(StrEnum):
    """Where a person stands: not due, due, or due and held."""

    KEPT = "kept"
    DUE = "due"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a collection says about keeping.

    Attributes:
        purpose_ends_at: aware moment from which the collection serves no purpose any more.
        keep_until_at: aware moment from which nothing of it is kept, for whatever reason of its own.
        contact_years: calendar years without contact after which a person is forgotten, 1 to ``MOST_YEARS``.
        basis_ends_at: aware moment at which the documented basis of a ``release`` collection ends.
    """

    purpose_ends_at: datetime | None = None
    keep_until_at: datetime | None = None
    contact_years: int | None = None
    basis_ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Yes:
    """What retention needs to know of one consent, all of it aware moments: its end, its withdrawal, its record."""

    until_at: datetime
    withdrawn_at: datetime | None
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """One person as a collection keeps them.

    Attributes:
        subject: id of the one that counts, where people were merged.
        members: every id of this person, that one included.
        collection: id.
        contacts: aware moments of enrolment and of the last contact noted, of every member; at least one.
        consents: of every member, ended and withdrawn ones included.
    """

    subject: str
    members: frozenset[str]
    collection: str
    contacts: tuple[datetime, ...]
    consents: tuple[Yes, ...] = ()


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold: what is due stays until it expires or is lifted.

    Attributes:
        id: random id.
        collection: id of the collection.
        subject: id of the person; None when it holds the whole collection.
        reference: where the order is found.
        approver: who approved it.
        until_at: aware moment at which it expires.
        placed_by: actor who placed it.
        placed_at: aware moment.
        lifted_by: actor who lifted it, if somebody did.
        lifted_at: aware moment at which it was lifted.
    """

    id: str
    collection: str
    subject: str | None
    reference: str
    approver: str
    until_at: datetime
    placed_by: str
    placed_at: datetime
    lifted_by: str | None = None
    lifted_at: datetime | None = None

    def stands_at(self, moment: datetime) -> bool:
        """True until it expires or is lifted; one that was lifted stays so, whatever the clock says."""
        return self.lifted_at is None and moment < self.until_at.astimezone(UTC)

    def covers(self, kept: Kept) -> bool:
        """Whether it is about this person, or about the whole collection."""
        return self.collection == kept.collection and (self.subject is None or self.subject in kept.members)


@dataclass(frozen=True, slots=True)
class Term:
    """What the rules say about one person.

    Attributes:
        subject: id.
        collection: id.
        dates: aware UTC moment of every reason that will come, or has come.
        reason: the one that comes first; None when nothing ever makes this person's data due.
        due_at: its aware UTC moment.
        state: where the person stands now.
        holds: holds that stand now, on the person or on the whole collection.
    """

    subject: str
    collection: str
    dates: dict[Reason, datetime]
    reason: Reason | None
    due_at: datetime | None
    state: State
    holds: tuple[Hold, ...] = ()


def years_after(moment: datetime, years: int) -> datetime:
    """Aware UTC moment so many calendar years later; 29 February counts as 1 March in other years.

    Args:
        moment: aware, of any zone; the year is that of UTC, where no hour is skipped and none comes twice.
        years: 1 or more. Beyond the year 9999 it is the end of time.

    Source:
        For leap days as ``core.consent.comes_of_age``: a year is complete when its last day has passed.
    """
    start = moment.astimezone(UTC)
    year = start.year + years
    if year > MAXYEAR:
        return _END_OF_TIME
    try:
        return start.replace(year=year)
    except ValueError:
        return start.replace(year=year, month=3, day=1)


def due_dates(kept: Kept, rule: Rule) -> dict[Reason, datetime]:
    """Aware UTC moment of every reason that applies, in their order; a person without a consent has no end of one."""
    ends = [
        min(moment.astimezone(UTC) for moment in (each.until_at, each.withdrawn_at) if moment is not None)
        for each in kept.consents
    ]
    contact = last_contact(kept)
    found = {
        Reason.PURPOSE_ENDED: rule.purpose_ends_at,
        Reason.BASIS_ENDED: rule.basis_ends_at,
        # Whatever holds or is yet to begin ends later than all that has ended, so the last end says it.
        Reason.CONSENT_ENDED: max(ends, default=None),
        Reason.NO_CONTACT: None if rule.contact_years is None else years_after(contact, rule.contact_years),
        Reason.KEEP_UNTIL: rule.keep_until_at,
    }
    return {reason: moment.astimezone(UTC) for reason, moment in found.items() if moment is not None}


def last_contact(kept: Kept) -> datetime:
    """Aware UTC moment of the last contact: noted, enrolled, or a consent recorded, whichever came last."""
    moments = [*kept.contacts, *(each.recorded_at for each in kept.consents)]
    return max(moment.astimezone(UTC) for moment in moments)


def term_of(kept: Kept, rule: Rule, holds: Iterable[Hold], now: datetime) -> Term:
    """What the rules say about one person; see the order above.

    Args:
        kept: the person.
        rule: of the person's collection.
        holds: of the archive; those on others, and expired and lifted ones, say nothing.
        now: aware, of any zone.
    """
    moment = now.astimezone(UTC)
    dates = due_dates(kept, rule)
    reason = min(dates, key=dates.__getitem__, default=None)  # of two at once the first in their order
    due_at = None if reason is None else dates[reason]
    standing = tuple(hold for hold in holds if hold.covers(kept) and hold.stands_at(moment))
    state = State.KEPT
    if due_at is not None and due_at <= moment:
        state = State.HELD if standing else State.DUE
    return Term(kept.subject, kept.collection, dates, reason, due_at, state, standing)


def is_due_within(term: Term, now: datetime, within: timedelta) -> bool:
    """Whether a person is due, held or not, or becomes so within the span; its last moment counts."""
    return term.due_at is not None and term.due_at - now.astimezone(UTC) <= within


def rule_refusal(rule: Rule) -> str | None:
    """Why this rule cannot be set, as one sentence; None when it can."""
    if rule.contact_years is not None and not 1 <= rule.contact_years <= MOST_YEARS:
        return f"Years since the last contact are between 1 and {MOST_YEARS}, not {rule.contact_years}."
    return None


def hold_refusal(hold: Hold, now: datetime) -> str | None:
    """Why this hold cannot be placed, as one sentence; None when it can."""
    checks = (
        (bool(hold.reference.strip()), "A legal hold needs a reference: where the order is found."),
        (bool(hold.approver.strip()), "A legal hold needs the name of who approved it."),
        (hold.stands_at(now.astimezone(UTC)), "This legal hold has already ended."),
    )
    return next((sentence for holds, sentence in checks if not holds), None)


def contact_refusal(at: datetime, enrolled_at: datetime, now: datetime) -> str | None:
    """Why no contact can have been at that aware moment, as one sentence; None when it can.

    Enrolment is itself a contact, so an earlier one would change nothing; on its day the hour does not matter.
    """
    if at.astimezone(UTC) > now.astimezone(UTC):
        return "A contact that is still to come cannot be noted."
    if at.astimezone(UTC).date() < enrolled_at.astimezone(UTC).date():
        return f"This person was enrolled on {enrolled_at.astimezone(UTC):%Y-%m-%d}, and that was a contact already."
    return None


def clock_refusal(now: datetime, newest_at: datetime | None) -> str | None:
    """Why nothing may be destroyed by this clock, as one sentence; None when it may.

    A clock that runs ahead destroys too early, and nothing inside the archive can prove it wrong: a long silence is
    the only sign. One that was set back would date receipts before the data that they are about.

    Args:
        now: aware moment that the clock shows.
        newest_at: aware moment of the newest record of the archive; None when it has none.
    """
    if newest_at is None:
        return None
    ahead = now.astimezone(UTC) - newest_at.astimezone(UTC)
    shown, newest = (f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" for moment in (now, newest_at))
    if ahead < -CLOCK_SLACK:
        return f"The clock shows {shown}, but the newest record of this archive is of {newest}."
    if ahead > LONGEST_SILENCE:
        return f"The clock shows {shown}, but nothing was recorded in this archive since {newest}."
    return None
