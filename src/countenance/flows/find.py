"""Find every photo of an enrolled person, under a permit to show them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from countenance.core.permit import Permit, permit_show
from countenance.errors import UsageError
from countenance.flows.acts import PROGRAM, log
from countenance.ledger.event import Act, Event, Fact
from countenance.store import appearances, consents, merges
from countenance.store.appearances import CONFIRMED, SUGGESTED, Appearance
from countenance.store.connection import Store
from countenance.store.keys import KeyStore
from countenance.store.subjects import Subject

STATES = {"any": (CONFIRMED, SUGGESTED), "confirmed": (CONFIRMED,), "suggested": (SUGGESTED,)}


def permit_to_show(store: Store, keys: KeyStore, subject: Subject, clock: Callable[[], datetime]) -> Permit:
    """The permit to list a subject's photos now; consents that were given under a merged id count as well.

    Raises:
        ConsentError: no consent allows finding this person's photos now.
    """
    with store.reading() as tx:
        ids = merges.members(tx, subject.id)
        stored = [each.consent for member in ids for each in consents.of_subject(tx, keys, member)]
        given = merges.together(stored, merges.aliases(tx, subject.collection))
    return permit_show(subject.collection, subject.id, given, clock())


def find(
    store: Store,
    keys: KeyStore,
    subject: Subject,
    clock: Callable[[], datetime],
    *,
    state: str = "any",
    actor: str = PROGRAM,
) -> list[Appearance]:
    """Appearances of a subject, best first, one per face; rejected ones never come back (P9).

    That somebody looked is in the ledger, durably, before anything is given (P7).

    Args:
        store: the database.
        keys: the key store.
        subject: who; under the id that counts, where two were merged.
        clock: gives the aware UTC moment.
        state: ``any``, ``confirmed`` or ``suggested``.
        actor: who looks.

    Raises:
        ConsentError: no consent allows finding this person's photos now.
        UsageError: unknown state.
        StoreError: it cannot be logged.
    """
    if state not in STATES:
        msg = f"Unknown state {state!r}; choose from: {', '.join(STATES)}."
        raise UsageError(msg)
    permit = permit_to_show(store, keys, subject, clock)
    with store.reading() as tx:
        found = appearances.of_subject(tx, permit, subject.collection, subject.id, states=STATES[state])
    with store.transaction() as tx:
        ids = tuple(merges.members(tx, subject.id))
        facts: dict[str, Fact] = {"found": len(found), "state": state}
        log(tx, keys, Event(Act.FIND, actor, subject.collection, ids, facts), at=clock())
    return found
