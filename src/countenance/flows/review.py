"""People's word on the machine's suggestions: confirm or reject, with a history that says who and when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from countenance.errors import NotFoundError
from countenance.store import appearances, subjects
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
    """Confirm or reject appearances, all of them or none.

    Args:
        store: the database.
        keys: the key store.
        collection: the collection they belong to.
        decisions: ``confirmed`` or ``rejected`` by the id of an appearance, as ``find`` prints it.
        clock: gives the aware UTC moment.
        actor: who decides.

    Raises:
        NotFoundError: an id is unknown in this collection.
        ConflictError: a face is confirmed as somebody else.
    """
    with store.transaction() as tx:
        decided = []
        for wanted, state in decisions.items():
            row = appearances.by_id(tx, wanted)
            if subjects.by_id(tx, keys, row.subject).collection != collection.id:
                msg = f"There is no appearance with the id {wanted} in this collection."
                raise NotFoundError(msg, advice="List appearances with `countenance find`.")
            decided.append(appearances.decide(tx, wanted, state, actor=actor, at=clock()))
        return decided
