"""Who may sign a consent: a minor's guardian until the minor comes of age, and from then on nobody but the person.

Order of checks in ``signer_refusal``: date of birth, guardian missing, guardian too late, beginning too late.
"""

from __future__ import annotations

from datetime import date, datetime

from countenance.core.consent import Consent, comes_of_age

ADULT_AGE_YEARS = 18
"""Where nothing else is set."""

OLDEST_YEARS = 120
"""A date of birth longer ago is a slip of the pen."""


def birth_refusal(born_on: date, today: date) -> str | None:
    """Why this cannot be somebody's date of birth, as one sentence; None when it can."""
    if born_on > today:
        return f"{born_on} is still to come, so it is nobody's date of birth."
    if born_on.year + OLDEST_YEARS < today.year:
        return f"{born_on} is more than {OLDEST_YEARS} years ago; check the date of birth."
    return None


def coming_of_age(born_on: date | None, adult_age_years: int) -> datetime | None:
    """Aware UTC moment from which this person signs alone; None when the date of birth is not known."""
    return None if born_on is None else comes_of_age(born_on, adult_age_years)


def is_minor(recorded: bool, adult_at: datetime | None, now: datetime) -> bool:  # noqa: FBT001 - a fact, not a switch
    """True while a guardian has to sign: by the date of birth where it is known, else as it was recorded."""
    return recorded if adult_at is None else now < adult_at


def signer_refusal(consent: Consent, *, minor: bool, adult_at: datetime | None) -> str | None:
    """Why this signature does not count, as one sentence; None when it does.

    Args:
        consent: as it was signed; ``consent.minor`` says that a guardian signed.
        minor: whether the subject is a minor now.
        adult_at: aware UTC moment of coming of age; None when the date of birth is not known.
    """
    if minor and not consent.minor:
        until = f" until {adult_at:%Y-%m-%d}" if adult_at is not None else ""
        return f"This subject is a minor{until}, so the consent needs the name of a guardian."
    if consent.minor and not minor:
        why = "is recorded as an adult" if adult_at is None else f"came of age on {adult_at:%Y-%m-%d}"
        return f"This subject {why}, so nobody else can sign."
    if consent.minor and adult_at is not None and consent.from_at >= adult_at:
        return f"This consent begins when its subject has come of age ({adult_at:%Y-%m-%d}), so a guardian cannot sign."
    return None
