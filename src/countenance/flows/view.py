"""That somebody looked at what is held of one person: logged before it is shown.

Registers of the office (who is enrolled, whose consent ends soon, what was said of a collection) are about nobody in
particular, show no photo and no score, and are not logged.
"""

from __future__ import annotations

from countenance.flows.acts import log
from countenance.flows.consent import Desk
from countenance.ledger.event import Act, Event
from countenance.store import merges, subjects

CONSENTS, REASON, PUBLISHED, HISTORY = "consents", "reason", "published", "history"


def log_view(desk: Desk, subject: str, what: str) -> None:
    """Log that the desk's actor sees something of a person.

    Args:
        desk: where, and who looks.
        subject: id; whoever was merged with this one is the same person.
        what: ``consents``, ``reason`` (why somebody must not appear), ``published`` (copies), ``history`` (of labels).

    Raises:
        NotFoundError: there is no such subject.
        StoreError: it cannot be logged, so it must not be shown.
    """
    with desk.store.transaction() as tx:
        people = tuple(merges.members(tx, subject))
        place = subjects.by_id(tx, desk.keys, people[0]).collection
        log(tx, desk.keys, Event(Act.VIEW, desk.actor, place, people, {"what": what}), at=desk.clock())
