"""The MAC of an entry: that this archive wrote it. Whoever writes the database alone cannot make one."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import Final

from countenance.errors import ProofError
from countenance.store import entries
from countenance.store.connection import Tx
from countenance.store.keys import KeyStore

_SECRET: Final = "ledger-mac"  # noqa: S105 - the name of one
_NUMBER_BYTES: Final = 8
_ADVICE: Final = "Keep the database as it is, run `countenance ledger verify`, and restore it from a backup."


def of_all(keys: KeyStore, first: int, bodies: Sequence[bytes]) -> list[bytes]:
    """32 bytes for each entry: HMAC-SHA256 of its number (8 bytes, big endian) and itself.

    Args:
        keys: they hold the key of the MAC.
        first: number of the first entry.
        bodies: entries that follow each other.
    """
    key = keys.secret(_SECRET)
    return [_mac(key, n, body) for n, body in enumerate(bodies, start=first)]


def foreign(keys: KeyStore, sealed: Iterable[tuple[int, bytes, bytes]]) -> list[int]:
    """Numbers of those among (number, entry, MAC) that this archive did not write."""
    key = keys.secret(_SECRET)
    return [n for n, body, mac in sealed if not hmac.compare_digest(_mac(key, n, body), mac)]


def finding(n: int) -> str:
    """What is said of an entry that this archive did not write."""
    return f"Entry {n} was not written by this archive."


def require_ours(tx: Tx, keys: KeyStore, first: int) -> None:
    """Raise ProofError unless this archive wrote every entry from number ``first`` on."""
    found = foreign(keys, entries.sealed_bodies(tx, first))
    if found:
        raise ProofError(finding(found[0]), advice=_ADVICE)


def _mac(key: bytes, n: int, body: bytes) -> bytes:
    return hmac.new(key, n.to_bytes(_NUMBER_BYTES, "big") + body, hashlib.sha256).digest()
