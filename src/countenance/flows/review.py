"""People's word on the machine's suggestions: what waits for it, and confirm or reject."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from countenance.flows import labels
from countenance.store import appearances
from countenance.store.appearances import Appearance
from countenance.store.collections import Collection
from countenance.store.connection import Store
from countenance.store.keys import KeyStore


def counts(store: Store, collection: Collection) -> dict[str, int]:
    """Number of appearances of a collection by state."""
    with store.reading() as tx:
        return appearances.counts(tx, collection.id)


def decide(
    store: Store,
    keys: KeyStore,
    collection: Collection,
    decisions: Mapping[str, str],
    clock: Callable[[], datetime],
    actor: str,
) -> list[Appearance]:
    """Confirm or reject appearances, all of them or none; one operation, see ``flows.labels.decide``.

    Args:
        store: the database.
        keys: the key store.
        collection: the collection they belong to.
        decisions: ``confirmed`` or ``rejected`` by the id of an appearance, as ``find`` prints it.
        clock: gives the aware UTC moment.
        actor: who decides.

    Raises:
        ConsentError: no consent allows naming this person's faces now; rejecting is always possible.
        NotFoundError: an id is unknown in this collection.
        ConflictError: a face is confirmed as somebody else.
    """
    return labels.decide(labels.Reviewer(store, keys, clock, actor), collection.id, decisions)[1]
