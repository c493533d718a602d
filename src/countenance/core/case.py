"""Cases: who asked to search one to many, what for, who else approved which probes, how often, and until when.

A case is the only place where a probe is compared with everybody. Order of checks in ``search_refusal``: the collection
is one of the case's; the case is not closed; it has not expired; there are probes; another person approved exactly
these probes, or the search is urgent with a reason of its own and no earlier urgent one was left without approval; the
case's budget; the actor's budget of the day.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import numpy as np

from countenance.core.arrays import Templates

PURPOSES: Final = (
    "missing-person",
    "safeguarding",
    "legal-claim",
    "journalistic-research",
    "archive-identification",
)
"""Closed list of what a case may be for."""

URGENT_WITHIN: Final = timedelta(hours=48)
"""An urgent search is approved by another person within this time, or its results are destroyed."""

LEAD_ONLY: Final = "A lead, not an identification."
"""Stands under every list of candidates."""


class State(StrEnum):
    """What has become of a case."""

    OPEN = "open"
    EXPIRED = "expired"
    CLOSED = "closed"


class Mark(StrEnum):
    """What a reviewer says of a candidate."""

    LEAD = "lead"
    NOT = "not"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class ProbeSet:
    """The probes of a case at one moment.

    Attributes:
        digest: hex; what an approval is bound to. Another probe, one more or one less gives another digest.
        fingerprint: of the templates, as ``fingerprint_of`` gives it.
        n_probes: how many there are.
    """

    digest: str
    fingerprint: str
    n_probes: int


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody's yes to one set of probes (by digest), at an aware UTC moment."""

    by: str
    digest: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Search:
    """One search that was made under a case.

    Attributes:
        id: random id.
        collection: id; None once the collection was destroyed.
        actor: who searched.
        at: aware UTC moment.
        digest: of the probes.
        n_probes: how many probes it cost.
        n_candidates: how many candidates it gave.
        urgent: True when nobody had approved it before.
        keep_until_at: aware UTC moment from which the candidates are not shown any more, and go.
        gone_at: aware UTC moment at which they went; None while they are kept.
    """

    id: str
    collection: str | None
    actor: str
    at: datetime
    digest: str
    n_probes: int
    n_candidates: int
    urgent: bool
    keep_until_at: datetime
    gone_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A case as the rules see it.

    Attributes:
        id: random id.
        purpose: one of ``PURPOSES``.
        collections: ids of the only collections that may be searched.
        requester: who asked for it.
        opened_at: aware UTC moment.
        expires_at: aware UTC moment from which nothing is searched any more.
        closed_at: aware UTC moment, once it is closed.
        handed_in_by: who handed in probes.
        approvals: who approved which probes.
        searches: made so far, oldest first.
    """

    id: str
    purpose: str
    collections: frozenset[str]
    requester: str
    opened_at: datetime
    expires_at: datetime
    closed_at: datetime | None = None
    handed_in_by: frozenset[str] = frozenset()
    approvals: tuple[Approval, ...] = ()
    searches: tuple[Search, ...] = ()

    def state_at(self, moment: datetime) -> State:
        """What has become of it at a moment (aware UTC)."""
        if self.closed_at is not None:
            return State.CLOSED
        return State.EXPIRED if self.expires_at <= moment else State.OPEN

    @property
    def spent(self) -> int:
        """How many probes were searched with under this case."""
        return sum(each.n_probes for each in self.searches)

    def asked_by(self, digest: str) -> frozenset[str]:
        """Whoever may not approve these probes: who asked, who handed them in, who searched without waiting."""
        hasty = {each.actor for each in self.searches if each.urgent and each.digest == digest}
        return frozenset({self.requester, *self.handed_in_by, *hasty})

    def approval_of(self, digest: str) -> Approval | None:
        """The first approval of these probes by somebody who did not ask for it."""
        asked = self.asked_by(digest)
        found = (each for each in self.approvals if each.digest == digest and not is_among(each.by, asked))
        return min(found, key=lambda each: each.at, default=None)

    def shows_at(self, search: Search, moment: datetime) -> bool:
        """Whether the candidates of a search may be shown at a moment (aware UTC)."""
        if search.gone_at is not None or search.keep_until_at <= moment:
            return False
        return not search.urgent or not self.lapsed(search, moment)

    def lapsed(self, search: Search, moment: datetime) -> bool:
        """Whether an urgent search was not approved in time, as known at a moment (aware UTC)."""
        last, approval = search.at + URGENT_WITHIN, self.approval_of(search.digest)
        return last < (moment if approval is None else approval.at)


@dataclass(frozen=True, slots=True)
class Asked:
    """A search that somebody asks for.

    Attributes:
        collection: id of the collection to be searched.
        actor: who asks.
        probes: what is searched with.
        urgent_reason: why nobody can be asked first; None when it is not urgent.
        spent_today: how many probes this actor has searched with today (UTC), under all cases.
    """

    collection: str
    actor: str
    probes: ProbeSet
    urgent_reason: str | None = None
    spent_today: int = 0


@dataclass(frozen=True, slots=True)
class Budget:
    """How many probes may be searched with: under one case, and by one actor on one day (UTC)."""

    of_case: int
    of_actor_and_day: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a search is refused: a word for counting, a sentence, and what to do."""

    reason: str
    message: str
    advice: str


_OPEN_ANOTHER = "Open a new case, and have it approved."


def search_refusal(case: Case, asked: Asked, budget: Budget, now: datetime) -> Refusal | None:
    """Why this search is refused; None when the case allows it.

    Args:
        case: under which it is asked for.
        asked: what is asked for.
        budget: of probes.
        now: aware UTC moment.
    """
    state, n_probes = case.state_at(now), asked.probes.n_probes
    checks = (
        (
            asked.collection in case.collections,
            Refusal("other-collection", "This case is not about that collection.", _OPEN_ANOTHER),
        ),
        (state is not State.CLOSED, Refusal("closed", "This case is closed.", _OPEN_ANOTHER)),
        (state is not State.EXPIRED, Refusal("expired", "This case has expired.", _OPEN_ANOTHER)),
        (
            n_probes > 0,
            Refusal("no-probe", "This case has no probe.", "Hand one in with `countenance case add`."),
        ),
        (
            case.approval_of(asked.probes.digest) is not None or asked.urgent_reason is not None,
            Refusal(
                "not-approved",
                "Nobody but those who asked has approved these probes.",
                "Have somebody else run `countenance case approve`; if nobody can be asked in time, use --urgent.",
            ),
        ),
        (
            asked.urgent_reason is None or bool(asked.urgent_reason.strip()),
            Refusal("no-reason", "An urgent search needs a reason of its own.", "Say it with --reason."),
        ),
        (
            case.approval_of(asked.probes.digest) is not None
            or not any(each.urgent and case.lapsed(each, now) for each in case.searches),
            Refusal(
                "urgent-lapsed",
                "An urgent search of this case was not approved within 48 hours, so no other one goes before approval.",
                "Have somebody else run `countenance case approve` first.",
            ),
        ),
        (
            case.spent + n_probes <= budget.of_case,
            Refusal(
                "budget-of-case",
                f"This case has searched with {case.spent} of {budget.of_case} probes.",
                _OPEN_ANOTHER,
            ),
        ),
        (
            asked.spent_today + n_probes <= budget.of_actor_and_day,
            Refusal(
                "budget-of-day",
                f"You have searched with {asked.spent_today} of {budget.of_actor_and_day} probes today.",
                "Go on tomorrow; the day ends at midnight UTC.",
            ),
        ),
    )
    return next((refusal for holds, refusal in checks if not holds), None)


def approval_refusal(case: Case, actor: str, probes: ProbeSet, now: datetime) -> Refusal | None:
    """Why this actor cannot approve these probes of this case now; None when the actor can."""
    checks = (
        (
            case.state_at(now) is State.OPEN,
            Refusal("not-open", "This case is not open any more, so there is nothing to approve.", _OPEN_ANOTHER),
        ),
        (
            probes.n_probes > 0,
            Refusal("no-probe", "This case has no probe.", "Hand one in with `countenance case add`."),
        ),
        (
            not is_among(actor, case.asked_by(probes.digest)),
            Refusal(
                "self-approval",
                "Whoever asks for a search, hands in its probes or made it without waiting does not approve it.",
                "Have somebody else look at it.",
            ),
        ),
    )
    return next((refusal for holds, refusal in checks if not holds), None)


def is_among(actor: str, others: Iterable[str]) -> bool:
    """Whether an actor is one of the others, however the name is spelled."""
    return _folded(actor) in {_folded(each) for each in others}


def fingerprint_of(probes: Templates) -> str:
    """What a permit to search is bound to: hex SHA-256 of (n, d) float32 templates and their shape."""
    held = np.ascontiguousarray(probes, dtype="<f4")
    return hashlib.sha256(repr(held.shape).encode("ascii") + held.tobytes()).hexdigest()


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
