"""Which key a collection's rows were written under, so that rows of one key are never read with another.

An old copy of the database from before a re-key holds references that are turned as the old key said. Their seals still
open, because those are under the keys of people; turned back by the new key they would be vectors of nobody, and
nobody would be found any more without a word.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from countenance.errors import DamagedError
from countenance.store import facts
from countenance.store.connection import Tx
from countenance.store.keys import KeyStore

_FACT: Final = "key-check:"
_LABEL: Final = b"countenance key check 1"


def note(tx: Tx, collection: str, key: bytes) -> None:
    """Note the key (32 bytes) that rows of a collection are under from this transaction on."""
    facts.put(tx, _FACT + collection, _check_of(key))


def require(tx: Tx, keys: KeyStore, collection: str) -> None:
    """Raise DamagedError when the rows of a collection were written under another key than the one in force."""
    noted = facts.get(tx, _FACT + collection)
    if noted is not None and not hmac.compare_digest(noted, _check_of(keys.collection_key(collection))):
        msg = "The key of this collection was renewed after this copy of the database was made; templates fit no more."
        raise DamagedError(msg, advice="Restore a newer copy of the database, or enrol its people again.")


def _check_of(key: bytes) -> str:
    return hmac.new(key, _LABEL, hashlib.sha256).hexdigest()[:16]
