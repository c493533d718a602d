"""What the ledger holds of a clearing: one entry before anything is released, one when all of it is decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from countenance.core.clearance import FaceState
from countenance.core.consent import CHANNELS
from countenance.flows.acts import log
from countenance.flows.decisions import Decided
from countenance.flows.scope import Scope
from countenance.ledger.event import Act, Event, Fact

OTHER = "other"
"""Stands for a channel of the organisation's own, whose name might say anything."""


def log_clear(
    scope: Scope, channel: str, step: str, facts: Mapping[str, Fact], released: Iterable[Decided] = ()
) -> None:
    """Log a step of a clearing, durably, with everybody who was recognised on what is released.

    Args:
        scope: the collection, and who clears.
        channel: where the photos are to appear.
        step: ``begin`` or ``end``.
        facts: counts.
        released: photos that are out, with what was decided of each.

    Raises:
        StoreError: it cannot be logged, so nothing more may be released.
    """
    people = [face.subject for each in released for face in each.decision.faces if face.state != FaceState.UNCONFIRMED]
    named = tuple(sorted({subject for subject in people if subject is not None}))
    told = {"step": step, "channel": channel if channel in CHANNELS else OTHER, **facts}
    with scope.store.transaction() as tx:
        event = Event(Act.CLEAR, scope.actor, scope.collection.id, named, told)
        log(tx, scope.keys, event, at=scope.clock())
