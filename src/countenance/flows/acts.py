"""Log an act in its own transaction: what cannot be logged is not done (P7)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from countenance.ledger.event import Event
from countenance.ledger.log import append
from countenance.store.connection import Tx
from countenance.store.keys import KeyStore

PROGRAM = "countenance"
"""Who acts where nobody was named."""


def log(tx: Tx, keys: KeyStore, event: Event, *, at: datetime) -> None:
    """Append an act to the ledger, without whoever of its subjects was erased meanwhile.

    Args:
        tx: the transaction of the act; for an act that only shows, one that is committed before anything is shown.
        keys: the key store.
        event: the act.
        at: aware UTC moment.

    Raises:
        StoreError: it cannot be logged, so the act must not be done either.
    """
    # Of somebody whose key is gone nothing may be written any more, not even whom an entry touches.
    known = tuple(subject for subject in dict.fromkeys(event.subjects) if keys.has_subject_key(subject))
    append(tx, keys, replace(event, subjects=known), at=at)
