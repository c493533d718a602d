"""The consent rules of enrolment: what a consent must say, and when it holds.

Order of checks in ``refusal``: who, purpose, channels, dates, evidence, guardian. A consent is a fact with a beginning
and an end; withdrawal is an end that was not planned.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

PURPOSES = ("find-my-photos", "internal-tagging", "publication", "case-search")
"""Closed list. Granting one does not grant another."""

CHANNELS = ("website", "social", "print", "press", "newsletter", "intranet", "exhibition", "internal")
"""Built-in channels; settings may add more."""

FINDING = frozenset({"find-my-photos", "internal-tagging"})
"""Purposes under which a person's photos may be listed."""

COMPARING = FINDING | {"publication"}
"""Purposes for which new photos are compared with a person. Search under a case has rules of its own."""

SHA256_HEX_LENGTH = 64


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
    withdrawn_at: datetime | None = None

    def holds_at(self, moment: datetime) -> bool:
        """True when ``moment`` (aware UTC) lies in [from_at, until_at) and before any withdrawal."""
        started = self.from_at <= moment < self.until_at
        return started and (self.withdrawn_at is None or moment < self.withdrawn_at)


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
    )
    return next((sentence for holds, sentence in checks if not holds), None)
