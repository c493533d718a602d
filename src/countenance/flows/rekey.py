"""Give a collection a new key: what was kept under the old one opens no more, and scores stay what they were."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from countenance.core.permit import permit_rekey
from countenance.errors import ConflictError, CountenanceError
from countenance.flows.acts import log
from countenance.ledger.event import Act, Event
from countenance.store import erasures, rekeying
from countenance.store.collections import Collection
from countenance.store.connection import Store, Tx
from countenance.store.keys import KeyStore
from countenance.store.rekeying import Rekeyed


def rekey(store: Store, keys: KeyStore, collection: Collection, clock: Callable[[], datetime], actor: str) -> Rekeyed:
    """Draw a new key and a new turn, seal every template anew, and destroy the old key.

    Raises:
        ConflictError: an erasure in this collection is not finished.
        DamagedError: a template or a key fails its authentication; nothing was changed.
        StoreError: another program writes, or reads for too long; the next opening of the archive finishes it.
    """
    rekeying.settle(store, keys)
    try:
        with store.transaction() as tx:
            now = clock()
            _require_no_erasure(tx, collection)
            done = rekeying.rewrite(tx, keys, permit_rekey(collection.id, now), collection.id)
            facts = {"references": done.n_references, "templates": done.n_templates}
            log(tx, keys, Event(Act.REKEY, actor, collection.id, facts=facts), at=now)
            rekeying.commit_to(keys, collection.id)
    except BaseException:
        with suppress(CountenanceError):  # what went wrong first is what the person must hear
            rekeying.settle(store, keys)
        raise
    rekeying.settle(store, keys)
    return done


def settle(store: Store, keys: KeyStore) -> None:
    """Finish or drop what a kill interrupted; where another program is in the way, the next opening does it."""
    with suppress(CountenanceError):  # whatever needs the collection says so itself
        rekeying.settle(store, keys)


def _require_no_erasure(tx: Tx, collection: Collection) -> None:
    if any(each.collection == collection.id for each in erasures.unfinished(tx)):
        msg = f"An erasure in {collection.name} is not finished, and what it looks for is turned by the key of today."
        raise ConflictError(msg, advice="Finish it with `countenance erase --resume`, then run this command again.")
