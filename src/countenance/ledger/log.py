"""Append to the ledger, in the transaction of the act itself: an act that cannot be logged is not done (P7)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial

from countenance.core.merkle import completed, consistency_proof, inclusion_proof, leaf_hash, root_of
from countenance.errors import StoreError
from countenance.ledger import mac
from countenance.ledger.event import MOST_SUBJECTS, NONCE_BYTES, Event, commitment, entry
from countenance.store import actors, entries
from countenance.store.connection import Tx
from countenance.store.keys import KeyStore


def append(tx: Tx, keys: KeyStore, event: Event, *, at: datetime) -> int:
    """Log one act; gives the number of its (last) entry. It is durable when the transaction is.

    Raises:
        StoreError: the entry cannot be written; the transaction must not go on.
        NotFoundError: a subject has no key any more, so nothing may be logged about that person.
    """
    return append_all(tx, keys, [event], at=at)


def append_all(tx: Tx, keys: KeyStore, events: Sequence[Event], *, at: datetime) -> int:
    """Log several acts in order; gives the number of the last entry.

    Raises:
        ProofError: the entry before was not written by this archive.
    """
    parts = [part for event in events for part in _parts(event)]
    if not parts:
        msg = "There is nothing to log."
        raise StoreError(msg)
    first, bodies, touched = entries.size(tx), list[bytes](), list[tuple[int, Iterable[str]]]()
    mac.require_ours(tx, keys, max(0, first - 1))  # what somebody slipped in would become part of our history
    for n, event in enumerate(parts, start=first):
        nonce = secrets.token_bytes(NONCE_BYTES) if event.subjects else None
        hidden = [commitment(keys.salt_of(each, nonce), each) for each in event.subjects] if nonce else []
        actor = actors.id_of(tx, event.actor)
        bodies.append(entry(event, n=n, at=at.astimezone(UTC), actor=actor, commitments=hidden, nonce=nonce))
        touched.append((n, event.subjects))
    at_node = partial(entries.node, tx)
    nodes = completed(first, [leaf_hash(body) for body in bodies], at_node)
    entries.add(tx, first, bodies, mac.of_all(keys, first, bodies), nodes)
    for n, subjects in touched:
        entries.touch(tx, n, subjects)
    return first + len(bodies) - 1


def root(tx: Tx, size: int) -> bytes:
    """Root of the tree of the first ``size`` entries, from the nodes that are kept."""
    return root_of(size, partial(entries.node, tx))


def prove_inclusion(tx: Tx, n: int, size: int) -> list[bytes]:
    """Hashes that show entry ``n`` to be in the log of the first ``size`` entries, leaf first."""
    return inclusion_proof(n, size, partial(entries.node, tx))


def prove_consistency(tx: Tx, old: int, new: int) -> list[bytes]:
    """Hashes that show the log at size ``old`` to be the beginning of the log at size ``new``."""
    return consistency_proof(old, new, partial(entries.node, tx))


def _parts(event: Event) -> list[Event]:
    """The event, or several where it touches more people than one entry holds."""
    subjects = tuple(dict.fromkeys(event.subjects))
    groups = [subjects[start : start + MOST_SUBJECTS] for start in range(0, len(subjects), MOST_SUBJECTS)] or [()]
    return [Event(event.act, event.actor, event.collection, group, event.facts) for group in groups]
