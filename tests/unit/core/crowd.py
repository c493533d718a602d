"""Five people, one policy, and short words for what is said of a face: what the tests of clearance share."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from countenance.core.clearance import Claim, Decision, Face, OperatingPoints, Person, Photo, Policy, decide
from countenance.core.consent import Consent
from countenance.core.policy import parse_policy

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
YES = Consent("s", "publication", ("website",), NOW - timedelta(days=1), NOW + timedelta(days=1), "ab" * 32)
POINTS = OperatingPoints(match=0.5, certain=0.8, calibrated=True)
POLICY = replace(parse_policy(""), lookalike_margin=0.125)  # a margin that floats hold exactly
GOOD = 90.0

# Three people who said yes, one who did not, one who must not appear although there is a yes.
PEOPLE = {
    **{name: Person((YES,)) for name in ("ada", "bea", "cy")},
    "dan": Person(()),
    "zoe": Person((YES,), must_not_appear=True),
}


def fresh(text: str) -> str:
    """The same text as another object, as it comes from a database."""
    return "".join(list(text))


def suggested(subject: str, score: float, rival: str | None = None, rival_score: float = -1.0) -> Claim:
    return Claim(fresh(subject), score, fresh("suggested"), rival, rival_score)


def confirmed(subject: str, score: float = 0.0) -> Claim:
    return Claim(fresh(subject), score, fresh("confirmed"))


def rejected(subject: str, score: float = 0.9) -> Claim:
    return Claim(fresh(subject), score, fresh("rejected"))


def faces(*claims: tuple[Claim, ...], quality: float = GOOD) -> tuple[Face, ...]:
    return tuple(Face(fresh(f"f{number}"), quality, said) for number, said in enumerate(claims))


def decided(photo: Photo, policy: Policy = POLICY, channel: str = "website") -> Decision:
    return decide(photo, PEOPLE, policy, POINTS, channel, NOW)


def told(*claims: tuple[Claim, ...], quality: float = GOOD, policy: Policy = POLICY) -> list[tuple[str, str | None]]:
    """State and subject of each face, given what is said of each."""
    decision = decided(Photo(faces(*claims, quality=quality)), policy)
    return [(face.state, face.subject) for face in decision.faces]


def with_margin(margin: float) -> Policy:
    return replace(POLICY, lookalike_margin=margin)
