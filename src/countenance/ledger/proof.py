"""Inclusion and consistency proofs of this archive's log, each as one text file that verifies without the archive."""

from __future__ import annotations

from countenance.core.notes import Proof, consistency_text
from countenance.core.notes import proof_text as spelled
from countenance.errors import NotFoundError
from countenance.ledger.checkpoint import sign
from countenance.ledger.log import prove_consistency, prove_inclusion
from countenance.store import entries
from countenance.store.connection import Tx
from countenance.store.keys import KeyStore


def proof_text(tx: Tx, keys: KeyStore, n: int, *, extra: bytes = b"") -> str:
    """That entry ``n`` is in the log as it is now: a C2SP tlog-proof with a signed checkpoint.

    Args:
        tx: the transaction that appended the entry, or a later one.
        keys: they sign.
        n: number of the entry.
        extra: put into the file as it is; it proves nothing.

    Raises:
        NotFoundError: the log has no such entry.
    """
    size = entries.size(tx)
    if not 0 <= n < size:
        msg = f"The ledger has {size} {'entry' if size == 1 else 'entries'} and no entry {n}."
        raise NotFoundError(msg, advice="They are counted from 0; `countenance ledger verify` says how many there are.")
    return spelled(Proof(n, tuple(prove_inclusion(tx, n, size)), sign(tx, keys, size), extra))


def checkpoint_since(tx: Tx, keys: KeyStore, old: int) -> str:
    """A checkpoint of the log as it is now, and that the log of ``old`` entries is its beginning: for a witness.

    Raises:
        NotFoundError: the log never had so many entries.
    """
    size = entries.size(tx)
    if not 0 <= old <= size:
        msg = f"The ledger has {size} entries, so there is no checkpoint of {old}."
        raise NotFoundError(msg, advice="If the older checkpoint is this log's, entries are missing: keep it.")
    return consistency_text(old, prove_consistency(tx, old, size), sign(tx, keys, size))
