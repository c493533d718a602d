"""The consent rules: what a consent must say, when it holds, and where a person stands on one day for one channel.

A consent is a fact with a beginning and an end; withdrawal is an end that was not planned. Order of checks in
``refusal``: who, purpose, channels, dates, evidence, guardian. Order in ``standing``: one that holds for the channel;
then what became of those that were for the channel; then those for other channels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

PURPOSES = ("find-my-photos", "internal-tagging", "publication", "case-search")
"""Closed list. Granting one does not grant another."""

CHANNELS = ("website", "social", "print", "press", "newsletter", "intranet", "exhibition", "internal")
"""Built-in channels; settings may add more."""

FINDING = frozenset({"find-my-photos", "internal-tagging"})
"""Purposes under which a person's photos may be listed."""

PUBLICATION = "publication"

CASE_SEARCH = "case-search"
"""Purpose under which a probe may be compared with a person's references, under a case."""

COMPARING = FINDING | {PUBLICATION}
"""Purposes for which new photos are compared with a person. Search under a case has rules of its own."""

SHA256_HEX_LENGTH = 64

PARENTAL = "parental responsibility"
"""Authority of a guardian of whom nothing else was said."""


class Term(NamedTuple):
    """What of a consent says for whom and when it holds: enough to compare a million people with.

    Attributes:
        subject: id of the subject.
        purpose: one of ``PURPOSES``.
        from_at, until_at, withdrawn_at: as of the consent.
    """

    subject: str
    purpose: str
    from_at: datetime
    until_at: datetime
    withdrawn_at: datetime | None

    def holds_at(self, moment: datetime) -> bool:
        """True when ``moment`` (aware UTC) lies in [from_at, until_at) and before any withdrawal."""
        withdrawn = self.withdrawn_at is not None and self.withdrawn_at <= moment
        return self.from_at <= moment < self.until_at and not withdrawn

    def changes_after(self, moment: datetime) -> list[datetime]:
        """Moments after the given one at which it begins or ceases to hold by itself."""
        ends = self.until_at if self.withdrawn_at is None else min(self.until_at, self.withdrawn_at)
        return [at for at in (self.from_at, ends) if at > moment]


def not_taken_back(terms: Iterable[Term]) -> list[Term]:
    """Those of which no withdrawal is recorded: for comparing, one counts at once, whatever its moment is."""
    return [term for term in terms if term.withdrawn_at is None]


@dataclass(frozen=True, slots=True)
class Consent:
    """One subject's yes to one purpose.

    Attributes:
        subject: id of the subject.
        purpose: one of ``PURPOSES``.
        channels: where the result may appear; at least one.
        from_at: aware UTC moment from which it holds (inclusive).
        until_at: aware UTC moment at which it ends (exclusive).
        evidence_sha256: hex SHA-256 of the signed form or recording.
        minor: True when the subject cannot consent alone.
        guardian: name of the person with authority for a minor.
        authority: what gives the guardian the right to sign, such as parental responsibility or a court order.
        withdrawn_at: aware UTC moment of withdrawal, if any.
    """

    subject: str
    purpose: str
    channels: tuple[str, ...]
    from_at: datetime
    until_at: datetime
    evidence_sha256: str
    minor: bool = False
    guardian: str | None = None
    authority: str = PARENTAL
    withdrawn_at: datetime | None = None

    @property
    def term(self) -> Term:
        """Whose it is, for what, and when."""
        return Term(self.subject, self.purpose, self.from_at, self.until_at, self.withdrawn_at)

    def holds_at(self, moment: datetime) -> bool:
        """True when ``moment`` (aware UTC) lies in [from_at, until_at) and before any withdrawal."""
        return self.term.holds_at(moment)

    def withdrawn_by(self, moment: datetime) -> bool:
        """True from the moment (aware UTC) of withdrawal on."""
        return self.withdrawn_at is not None and self.withdrawn_at <= moment


def last_day(until_at: datetime) -> date:
    """The last day, in UTC, on which something that ends at this aware moment (exclusive) still holds."""
    return (until_at.astimezone(UTC) - timedelta(microseconds=1)).date()


class Standing(StrEnum):
    """Where a person stands for one purpose, channel and moment."""

    HOLDS = "holds"
    OTHER_CHANNEL = "other-channel"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    MISSING = "missing"


def refusal(consent: Consent, *, now: datetime, channels: tuple[str, ...] = CHANNELS) -> str | None:
    """Why this consent cannot be recorded, as one sentence; None when it can."""
    unknown = next((name for name in consent.channels if name not in channels), None)
    evidence = consent.evidence_sha256
    hexadecimal = len(evidence) == SHA256_HEX_LENGTH and set(evidence) <= set("0123456789abcdef")
    checks = (
        (bool(consent.subject), "A consent must name its subject."),
        (
            consent.purpose in PURPOSES,
            f"Unknown purpose {consent.purpose!r}; choose from: {', '.join(PURPOSES)}.",
        ),
        (bool(consent.channels), "A consent must name at least one channel."),
        (unknown is None, f"Unknown channel {unknown!r}; choose from: {', '.join(channels)}."),
        (consent.from_at < consent.until_at, "A consent must end after it begins."),
        (consent.until_at > now, "This consent has already ended."),
        (hexadecimal, "A consent needs evidence: the SHA-256 of the signed form or recording."),
        (
            not consent.minor or bool((consent.guardian or "").strip()),
            "A minor's consent needs the name of a guardian.",
        ),
        (
            not consent.minor or bool(consent.authority.strip()),
            "A guardian's consent must say what gives the guardian the right to sign.",
        ),
    )
    return next((sentence for holds, sentence in checks if not holds), None)


def standing(consents: Iterable[Consent], purpose: str, channel: str, moment: datetime) -> Standing:
    """Where one person stands.

    Args:
        consents: all of this person's, ended and withdrawn ones included; others' are not looked at by this rule.
        purpose: one of ``PURPOSES``; consents to another purpose say nothing.
        channel: where something is to appear.
        moment: aware UTC; a consent that begins later is none yet.
    """
    begun = [consent for consent in consents if consent.purpose == purpose and consent.from_at <= moment]
    here = [consent for consent in begun if channel in consent.channels]
    if any(consent.holds_at(moment) for consent in here):
        return Standing.HOLDS
    if not here and any(consent.holds_at(moment) for consent in begun):
        return Standing.OTHER_CHANNEL
    ended = here or begun
    if any(consent.withdrawn_by(moment) for consent in ended):
        return Standing.WITHDRAWN
    return Standing.EXPIRED if ended else Standing.MISSING


def comes_of_age(born_on: date, adult_age_years: int) -> datetime:
    """Aware UTC moment at which a person born that day may sign alone; 29 February counts as 1 March in other years.

    Source:
        The rule for leap days is that of most civil codes: the year of age is complete when the day has passed.
    """
    year = born_on.year + adult_age_years
    try:
        birthday = born_on.replace(year=year)
    except ValueError:
        birthday = date(year, 3, 1)
    return datetime(birthday.year, birthday.month, birthday.day, tzinfo=UTC)


def lapsing(consent: Consent, adult_at: datetime | None) -> Consent:
    """The consent as it may be recorded: one that a guardian signs ends when the minor comes of age.

    Args:
        consent: as it was signed.
        adult_at: aware UTC moment of coming of age; None when the date of birth is not known.
    """
    if not consent.minor or adult_at is None or consent.until_at <= adult_at:
        return consent
    return replace(consent, until_at=adult_at)


def expiring(consents: Iterable[Consent], now: datetime, within: timedelta) -> list[Consent]:
    """Consents that hold now, end within the span, and are not renewed for every one of their channels.

    Args:
        consents: of any number of people.
        now: aware UTC.
        within: length of time from now; the last moment counts.

    Returns:
        The consents to renew, soonest first.
    """
    everyone = list(consents)
    ending = [each for each in everyone if each.holds_at(now) and each.until_at <= now + within]
    due = [each for each in ending if not set(each.channels) <= _renewed(each, everyone)]
    return sorted(due, key=lambda each: (each.until_at, each.subject, each.purpose))


def _renewed(ending: Consent, consents: Iterable[Consent]) -> set[str]:
    """Channels for which a consent of the same person and purpose takes over when this one ends."""
    later = (
        other
        for other in consents
        if (other.subject, other.purpose) == (ending.subject, ending.purpose) and other.holds_at(ending.until_at)
    )
    return {channel for other in later for channel in other.channels}
