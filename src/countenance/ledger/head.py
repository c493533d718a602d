"""The head: size and root of the log, kept with the keys, for the day on which database and mirror are both older.

It is no secret; wrapped like one, it cannot be forged by who has no key. It is not written with every commit, but
before anything signed is handed out, after each erasure, and when the archive is closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from countenance.core.merkle import EMPTY_ROOT
from countenance.ledger.log import root
from countenance.store import entries
from countenance.store.connection import Tx
from countenance.store.keys import KeyStore

_SECRET: Final = "ledger-head"  # noqa: S105 - the name of one
_SIZE_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Head:
    """What the log was when it was last noted.

    Attributes:
        size: entries.
        root: 32 bytes, over them.
    """

    size: int
    root: bytes


def read(keys: KeyStore) -> Head | None:
    """The head that is kept; None when there is none yet."""
    content = keys.kept_secret(_SECRET)
    return None if content is None else Head(int.from_bytes(content[:_SIZE_BYTES], "big"), content[_SIZE_BYTES:])


def write(keys: KeyStore, head: Head) -> None:
    """Keep a head in the place of the one before."""
    keys.put_secret(_SECRET, head.size.to_bytes(_SIZE_BYTES, "big") + head.root)


def current(tx: Tx) -> Head:
    """What the log is now.

    Raises:
        DamagedError: entries or nodes are missing.
    """
    size = entries.size(tx)
    return Head(size, root(tx, size) if size else EMPTY_ROOT)
