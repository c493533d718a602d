"""The ledger before others: check all of it, sign checkpoints, prove entries."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from countenance.core.notes import Checkpoint
from countenance.errors import CountenanceError, ProofError
from countenance.ledger import mac
from countenance.ledger.checkpoint import sign, signing_key
from countenance.ledger.mirror import Mirror, Standing
from countenance.ledger.proof import checkpoint_since, proof_text
from countenance.ledger.verify import Verifier
from countenance.ledger.whole import MOST_FINDINGS, Examined, examine
from countenance.store import entries
from countenance.store.connection import Store, Tx
from countenance.store.keys import KeyStore


@dataclass(frozen=True, slots=True)
class Record:
    """What these stories work on.

    Attributes:
        store: the database.
        keys: the key store, which signs.
        mirror: of the ledger, outside the database.
        clock: gives the aware UTC moment.
        actor: who acts, for the record.
    """

    store: Store
    keys: KeyStore
    mirror: Mirror
    clock: Callable[[], datetime]
    actor: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What checking the whole log found.

    Attributes:
        size: entries that follow each other.
        root: 32 bytes, over them.
        standing: of the database and its mirror.
        covered: sizes of the older checkpoints that it agrees with.
        findings: what is wrong, one sentence each; empty when all is well.
    """

    size: int
    root: bytes
    standing: Standing
    covered: tuple[int, ...]
    findings: tuple[str, ...]


def verify(record: Record, older: Sequence[str] = (), key: str | None = None) -> Verdict:
    """Check every entry and node, the mirror, and that the log goes on from older checkpoints.

    Args:
        record: where.
        older: signed checkpoints that somebody kept.
        key: line of the key that signed them; None for the one that the archive has now.

    Raises:
        ProofError: an older checkpoint is not one of this log, or not signed by the key.
    """
    verifier = Verifier(key if key is not None else signing_key(record.keys).line)
    kept = [verifier.checkpoint(note) for note in older]
    with record.mirror.looking(record.store, record.keys) as (tx, quick):
        signed, findings = _signed(record)
        sizes = {each.size for each in [*kept, *([signed] if signed else [])]}
        examined = examine_all(tx, sizes)
        findings += examined.findings
        foreign = mac.foreign(record.keys, entries.sealed_bodies(tx))
        findings += [mac.finding(n) for n in foreign[:MOST_FINDINGS]]
        compared = record.mirror.compare(tx, quick)
    if compared.standing != Standing.SAME:
        findings.append(compared.says)
    if signed is not None:
        findings += _against(signed, examined, "the mirror's checkpoint")
    for each in kept:
        findings += _against(each, examined, "the older checkpoint")
    if record.mirror.trouble is not None:
        findings.append(record.mirror.trouble)
    covered = tuple(each.size for each in kept if examined.roots.get(each.size) == each.root)
    return Verdict(examined.size, examined.root, compared.standing, covered, tuple(dict.fromkeys(findings)))


def checkpoint(record: Record) -> str:
    """A signed checkpoint of the log as it is now.

    Raises:
        StoreError: the log is not what was signed before, so nothing more is signed.
    """
    record.mirror.require_appendable()
    with record.store.reading() as tx:
        text = sign(tx, record.keys)
    record.mirror.keep_head(record.store, record.keys)
    return text


def since(record: Record, older: str) -> str:
    """A signed checkpoint with the proof that an older one is its beginning: for a witness.

    Raises:
        ProofError: the older checkpoint is not this log's.
        NotFoundError: the log never had so many entries.
        StoreError: the log is not what was signed before, so nothing more is signed.
    """
    record.mirror.require_appendable()
    verifier = Verifier(signing_key(record.keys).line)
    begun = verifier.checkpoint(older)
    with record.store.reading() as tx:
        text = checkpoint_since(tx, record.keys, begun.size)
    verifier.advance(older, text)
    record.mirror.keep_head(record.store, record.keys)
    return text


def proof(record: Record, n: int) -> tuple[str, bytes]:
    """(inclusion proof, entry) of one entry, as the log is now.

    Raises:
        NotFoundError: there is no such entry.
        StoreError: the log is not what was signed before, so nothing more is signed.
    """
    record.mirror.require_appendable()
    with record.store.reading() as tx:
        text, body = proof_text(tx, record.keys, n), entries.body(tx, n)
    record.mirror.keep_head(record.store, record.keys)
    return text, body


def require_sound(verdict: Verdict) -> None:
    """Raise ProofError unless nothing is wrong."""
    if verdict.findings:
        n_more = len(verdict.findings) - 1
        msg = verdict.findings[0] + (f" {n_more} more finding{'s' * (n_more > 1)}." if n_more else "")
        raise ProofError(msg)


def _signed(record: Record) -> tuple[Checkpoint | None, list[str]]:
    try:
        return record.mirror.signed(record.keys), []
    except CountenanceError as error:
        return None, [f"The mirror's checkpoint: {error.message}"]


def examine_all(tx: Tx, sizes: Collection[int] = ()) -> Examined:
    """Every entry and node of the database, and the roots at some sizes."""
    levels = {level: entries.nodes(tx, level) for level in range(1, entries.highest(tx) + 1)}
    return examine(entries.bodies(tx), levels, sizes)


def _against(signed: Checkpoint, examined: Examined, what: str) -> list[str]:
    if signed.size > examined.size:
        return [f"The log has {examined.size} entries, and {what} signed {signed.size}: entries were taken out."]
    if examined.roots[signed.size] != signed.root:
        return [f"The first {signed.size} entries are not those that {what} signed: they were rewritten."]
    return []
