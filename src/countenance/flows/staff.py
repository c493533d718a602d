"""Who acts here, and what they are in the organisation: the ledger knows ids, people are told roles."""

from __future__ import annotations

from countenance.errors import UsageError
from countenance.flows.acts import log
from countenance.flows.consent import Desk
from countenance.ledger.event import Act, Event
from countenance.store import actors
from countenance.store.actors import Actor


def listing(desk: Desk) -> list[Actor]:
    """Everybody who ever did something here, by name."""
    with desk.store.reading() as tx:
        return sorted(actors.everybody(tx).values(), key=lambda actor: actor.name)


def set_role(desk: Desk, name: str, role: str) -> Actor:
    """Note what somebody is in the organisation; logged, without the words, when it changes something.

    Raises:
        UsageError: the role is empty.
        NotFoundError: nobody of that name ever did anything here.
    """
    if not role.strip():
        msg = "A role needs a word."
        raise UsageError(msg, advice="Say what this person is in your organisation, as in --role steward.")
    with desk.store.transaction() as tx:
        known = {each.name: each for each in actors.everybody(tx).values()}
        if name not in known or known[name].role != role:
            actors.set_role(tx, name, role)
            event = Event(Act.SET_ROLE, desk.actor, facts={"whose": known[name].id})
            log(tx, desk.keys, event, at=desk.clock())
        return Actor(known[name].id, name, role)
