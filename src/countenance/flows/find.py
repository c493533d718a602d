"""Find every photo of an enrolled person, under a permit to show them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from countenance.core.permit import Permit, permit_show
from countenance.errors import UsageError
from countenance.store import appearances, consents
from countenance.store.appearances import CONFIRMED, SUGGESTED, Appearance
from countenance.store.connection import Store
from countenance.store.keys import KeyStore
from countenance.store.subjects import Subject

STATES = {"any": (CONFIRMED, SUGGESTED), "confirmed": (CONFIRMED,), "suggested": (SUGGESTED,)}


def permit_to_show(store: Store, keys: KeyStore, subject: Subject, clock: Callable[[], datetime]) -> Permit:
    """The permit to list a subject's photos now.

    Raises:
        ConsentError: no consent allows finding this person's photos now.
    """
    with store.reading() as tx:
        given = [stored.consent for stored in consents.of_subject(tx, keys, subject.id)]
    return permit_show(subject.collection, subject.id, given, clock())


def find(
    store: Store, keys: KeyStore, subject: Subject, clock: Callable[[], datetime], *, state: str = "any"
) -> list[Appearance]:
    """Appearances of a subject, best first; rejected ones never come back (P9).

    Args:
        store: the database.
        keys: the key store.
        subject: who.
        clock: gives the aware UTC moment.
        state: ``any``, ``confirmed`` or ``suggested``.

    Raises:
        ConsentError: no consent allows finding this person's photos now.
        UsageError: unknown state.
    """
    if state not in STATES:
        msg = f"Unknown state {state!r}; choose from: {', '.join(STATES)}."
        raise UsageError(msg)
    permit = permit_to_show(store, keys, subject, clock)
    with store.reading() as tx:
        return appearances.of_subject(tx, permit, subject.collection, subject.id, states=STATES[state])
