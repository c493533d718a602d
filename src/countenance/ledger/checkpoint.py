"""Checkpoints: what this archive's log says of itself, signed with its own key."""

from __future__ import annotations

import hashlib
from typing import Final

from countenance.core.merkle import EMPTY_ROOT
from countenance.core.notes import Checkpoint, Key, checkpoint_text
from countenance.ledger.log import root
from countenance.ledger.note import public_key, sign_bytes, sign_note
from countenance.store import entries
from countenance.store.connection import Tx
from countenance.store.keys import KeyStore

SECRET: Final = "ledger"  # noqa: S105 - the name of one
_ORIGIN_BYTES: Final = 8


def signing_key(keys: KeyStore) -> Key:
    """The public key that verifies everything this log signs; its name is the log's origin.

    The origin is made from the key: it needs no place of its own, and a database restored from elsewhere cannot bring
    another one along.
    """
    public = public_key(keys.secret(SECRET), "countenance").public
    return public_key(keys.secret(SECRET), f"countenance/{hashlib.sha256(public).digest()[:_ORIGIN_BYTES].hex()}")


def current(tx: Tx, keys: KeyStore, size: int | None = None) -> Checkpoint:
    """What the log says of itself now, or said when it had ``size`` entries."""
    n_entries = entries.size(tx) if size is None else size
    return Checkpoint(signing_key(keys).name, n_entries, root(tx, n_entries) if n_entries else EMPTY_ROOT)


def sign(tx: Tx, keys: KeyStore, size: int | None = None) -> str:
    """A signed checkpoint of the log as it is now, or was when it had ``size`` entries.

    Raises:
        DamagedError: entries or nodes are missing.
    """
    return sign_checkpoint(keys, current(tx, keys, size))


def sign_checkpoint(keys: KeyStore, checkpoint: Checkpoint) -> str:
    """A checkpoint as a note signed by the log's key."""
    return sign_note(keys.secret(SECRET), checkpoint.origin, checkpoint_text(checkpoint))


def sign_statement(keys: KeyStore, content: bytes) -> bytes:
    """64 bytes of signature, by the log's key, over bytes that begin as nothing else does that it signs."""
    return sign_bytes(keys.secret(SECRET), content)
