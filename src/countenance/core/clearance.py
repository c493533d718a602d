"""The clearance rules: what becomes of each face and each photo for one channel at one moment. Unknown is never clear.

Order of checks for a face, the first that applies decides:

1. a person said who it is: ``must-not-appear`` when that is one who must not; ``unconfirmed`` when people contradict
   each other; otherwise the name stands, and the consents decide (8);
2. somebody it may be must not appear: ``must-not-appear``, however weak the suggestion;
3. its quality is below what the policy calls usable: ``too-poor-to-tell``;
4. nobody enrolled is suggested: ``unknown``;
5. two people are too close to call, on this face or between two faces for one person: ``unconfirmed``;
6. another face of the photo is that person, better or by a person's word: ``unknown`` (nobody is in a photo twice);
7. the policy does not let the suggestion count unseen: ``unconfirmed``;
8. the consents: ``consented``, ``not-for-this-channel``, ``withdrawn``, ``consent-expired``, ``consent-missing``;
9. a face that only a machine names would be ``consented`` where nobody measured how often the machine is wrong:
   ``unconfirmed``. To hide somebody on a machine's word needs no measurement; to show somebody does.

For a photo the gravest action of any face counts: block, ask, redact, publish. What is no number (NaN) fails every
check it meets: a comparison is written so that it must hold before anything milder follows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from countenance.core.consent import PUBLICATION, Consent, Standing, standing


class FaceState(StrEnum):
    """What is known about one face for one channel at one moment."""

    CONSENTED = "consented"
    CONSENT_MISSING = "consent-missing"
    CONSENT_EXPIRED = "consent-expired"
    NOT_FOR_THIS_CHANNEL = "not-for-this-channel"
    WITHDRAWN = "withdrawn"
    MUST_NOT_APPEAR = "must-not-appear"
    UNCONFIRMED = "unconfirmed"
    UNKNOWN = "unknown"
    TOO_POOR_TO_TELL = "too-poor-to-tell"


class PhotoState(StrEnum):
    """What is odd about a whole photo."""

    SIGNS_OF_PEOPLE = "signs-of-people"
    DAMAGED = "damaged"


class Action(StrEnum):
    """What to do, from the mildest to the gravest."""

    PUBLISH = "publish"
    REDACT = "redact"
    ASK = "ask"
    BLOCK = "block"


class Verdict(StrEnum):
    """What becomes of a photo."""

    CLEAR = "clear"
    REDACT = "redact"
    REVIEW = "review"
    BLOCKED = "blocked"


_GRAVITY = tuple(Action)
_VERDICTS = dict(zip(Action, Verdict, strict=True))
_STATES = {
    Standing.HOLDS: FaceState.CONSENTED,
    Standing.OTHER_CHANNEL: FaceState.NOT_FOR_THIS_CHANNEL,
    Standing.WITHDRAWN: FaceState.WITHDRAWN,
    Standing.EXPIRED: FaceState.CONSENT_EXPIRED,
    Standing.MISSING: FaceState.CONSENT_MISSING,
}


class Counting(StrEnum):
    """From which score a suggestion that nobody confirmed counts."""

    CERTAIN = "certain"
    MATCH = "match"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Claim:
    """One "this face may be this person".

    Attributes:
        subject: id.
        score: cosine in [-1, 1].
        said: ``suggested`` by a machine, ``confirmed`` or ``rejected`` by a person.
        rival: id of the second-best subject for this face; None when there was none.
        rival_score: the rival's cosine in [-1, 1]; meaningless without a rival.
    """

    subject: str
    score: float
    said: str
    rival: str | None = None
    rival_score: float = -1.0


@dataclass(frozen=True, slots=True)
class Face:
    """One face as the rules see it: its id, its quality in [0, 100] and everything said about who it is."""

    id: str
    quality: float
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo as the rules see it.

    Attributes:
        faces: every face that was found.
        signs_of_people: no face was found, and yet somebody seems to be in it.
        damaged: only a part of the file could be decoded.
    """

    faces: tuple[Face, ...]
    signs_of_people: bool = False
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """One enrolled person: every consent, and whether this person must not appear whatever the consents say."""

    consents: tuple[Consent, ...]
    must_not_appear: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """What an organisation does with each state.

    Attributes:
        actions: for every ``FaceState`` and ``PhotoState``; only ``consented`` may be published.
        counting: which suggestions count unseen.
        usable_quality: in [0, 100]; a face below it is too poor to tell.
        lookalike_margin: cosine in [0, 2]; one person must lead another by more than this.
    """

    actions: Mapping[FaceState | PhotoState, Action]
    counting: Counting
    usable_quality: float
    lookalike_margin: float


@dataclass(frozen=True, slots=True)
class OperatingPoints:
    """From which scores a machine's word counts, and whether that was measured here.

    Attributes:
        match: cosine in [-1, 1] from which two templates match.
        certain: cosine in [-1, 1] from which nobody needs to look.
        calibrated: both were measured on the collection's own faces; else they are the model pack's, and nobody is
            shown on the machine's word alone.
    """

    match: float
    certain: float
    calibrated: bool


@dataclass(frozen=True, slots=True)
class FaceDecision:
    """What becomes of one face: its id, state, the subject it is taken for (None when nobody), and the action."""

    face: str
    state: FaceState
    subject: str | None
    action: Action


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one photo: the verdict, every reason (states, gravest action first), and each face."""

    verdict: Verdict
    reasons: tuple[str, ...]
    faces: tuple[FaceDecision, ...]


def decide(
    photo: Photo,
    people: Mapping[str, Person],
    policy: Policy,
    points: OperatingPoints,
    channel: str,
    moment: datetime,
) -> Decision:
    """What becomes of a photo.

    Args:
        photo: its faces and what is odd about it.
        people: every subject that a claim of the photo names, rivals included, by id.
        policy: what to do with each state.
        points: of the collection, or of its model pack while it is not calibrated.
        channel: where the photo is to appear.
        moment: aware UTC.
    """
    faces = []
    for face in photo.faces:
        state, subject = _identify(face, photo.faces, people, policy, points)
        if state is None:
            state = _STATES[standing(people[subject].consents, PUBLICATION, channel, moment)]
            if state == FaceState.CONSENTED and not points.calibrated and not _said(face, "confirmed"):
                state = FaceState.UNCONFIRMED
        faces.append(FaceDecision(face.id, state, subject or None, policy.actions[state]))
    found: set[tuple[str, Action]] = {(face.state, face.action) for face in faces}
    if photo.signs_of_people:
        found.add((PhotoState.SIGNS_OF_PEOPLE, policy.actions[PhotoState.SIGNS_OF_PEOPLE]))
    if photo.damaged:
        found.add((PhotoState.DAMAGED, policy.actions[PhotoState.DAMAGED]))
    gravest = max((action for _, action in found), key=_GRAVITY.index, default=Action.PUBLISH)
    ordered = sorted(found, key=lambda reason: (-_GRAVITY.index(reason[1]), reason[0]))
    return Decision(_VERDICTS[gravest], tuple(state for state, _ in ordered), tuple(faces))


def _identify(
    face: Face, faces: Sequence[Face], people: Mapping[str, Person], policy: Policy, points: OperatingPoints
) -> tuple[FaceState | None, str]:
    """Checks 1 to 7: a state and who is meant (empty: nobody); no state when only the consents are left to decide."""
    named = _said(face, "confirmed")
    if not named:
        return _suppose(face, faces, people, policy, points)
    hidden = [subject for subject in named if people[subject].must_not_appear]
    if hidden:
        return FaceState.MUST_NOT_APPEAR, min(hidden)
    contradicted = len(named) > 1 or bool(named & _said(face, "rejected"))
    return FaceState.UNCONFIRMED if contradicted else None, min(named)


def _suppose(
    face: Face, faces: Sequence[Face], people: Mapping[str, Person], policy: Policy, points: OperatingPoints
) -> tuple[FaceState | None, str]:
    """Checks 2 to 7, for a face that has no name."""
    guess = _guess(face)
    suspects = _suspects(face, guess, policy.lookalike_margin)
    anybody = [*suspects, *_next_in_line(face, points.match)]
    hidden = next((subject for subject in anybody if people[subject].must_not_appear), None)
    if hidden is not None:
        return FaceState.MUST_NOT_APPEAR, hidden
    if not face.quality >= policy.usable_quality:
        return FaceState.TOO_POOR_TO_TELL, ""
    if guess is None or not guess.score >= points.match:
        return FaceState.UNKNOWN, ""
    lead = _lead(face, guess, faces)
    doubtful = len(suspects) > 1 or not abs(lead) > policy.lookalike_margin
    if lead < 0 and not doubtful:
        return FaceState.UNKNOWN, ""
    counts = {Counting.MATCH: True, Counting.CERTAIN: guess.score >= points.certain, Counting.NEVER: False}
    return None if counts[policy.counting] and not doubtful else FaceState.UNCONFIRMED, guess.subject


def _said(face: Face, word: str) -> set[str]:
    return {claim.subject for claim in face.claims if claim.said == word}


def _guess(face: Face) -> Claim | None:
    """The best suggestion of a face that has no name; nobody is suggested against a person's word."""
    rejected = _said(face, "rejected")
    claims = [claim for claim in face.claims if claim.said == "suggested" and claim.subject not in rejected]
    return max(claims, key=lambda claim: (claim.score, claim.subject), default=None)


def _suspects(face: Face, guess: Claim | None, margin: float) -> list[str]:
    """Everybody whom this face may be: the guess, and whoever it does not lead by more than the margin."""
    if guess is None:
        return []
    ruled_out = _said(face, "rejected") | {guess.subject}
    close = {claim.subject for claim in face.claims if not guess.score - claim.score > margin}
    if guess.rival is not None and not guess.score - guess.rival_score > margin:
        close.add(guess.rival)
    return [guess.subject, *sorted(close - ruled_out)]


def _next_in_line(face: Face, match: float) -> list[str]:
    """Who matched next best where a person said that it is not the best one; no machine has suggested them since."""
    claims = [claim for claim in face.claims if claim.said == "rejected" and claim.rival_score >= match]
    return sorted({claim.rival for claim in claims if claim.rival is not None} - _said(face, "rejected"))


def _lead(face: Face, guess: Claim, faces: Sequence[Face]) -> float:
    """Cosine by which this face leads the photo's others for the same person; minus infinity behind a named one."""
    best = -math.inf
    for other in faces:
        if other.id == face.id:
            continue
        if guess.subject in _said(other, "confirmed"):
            return -math.inf
        rival = None if _said(other, "confirmed") else _guess(other)
        if rival is not None and rival.subject == guess.subject:
            best = max(best, rival.score)
    return guess.score - best
