"""An old copy of the database was restored: bring back what the ledger beside it remembers, and erase again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Final

from countenance.core.canonical import parse
from countenance.core.merkle import completed, leaf_hash
from countenance.errors import NotFoundError, ProofError
from countenance.flows.acts import log
from countenance.flows.audit import Record, examine_all
from countenance.ledger.event import Act, Event, commitment
from countenance.ledger.mirror import Compared, Standing
from countenance.ledger.whole import entry_trouble, examine
from countenance.store import collections, entries, merges, photos, subjects
from countenance.store.connection import Tx
from countenance.store.keys import KeyStore

ERASING: Final = frozenset({Act.ERASE_BEGIN.value, Act.ERASE.value})
_GROUP: Final = 1_000
_KEEP: Final = "Keep both files as they are, and restore the database from another backup."


@dataclass(frozen=True, slots=True)
class Replayed:
    """What was brought back.

    Attributes:
        standing: of database and mirror, as it was found.
        n_entries: entries that the database had lost.
        n_dropped: lines of the mirror that came after the last signed checkpoint and were left out.
        targets: ids of what the ledger says was erased and the database still had.
    """

    standing: Standing
    n_entries: int
    n_dropped: int
    targets: tuple[str, ...]


def replay(record: Record, finish: Callable[[list[str]], object]) -> Replayed:
    """Settle how database and mirror stand, then erase again whatever came back.

    Args:
        record: where.
        finish: erases subjects, photos and collections by their ids.

    Raises:
        ProofError: the mirror is not what was signed, or the database tells another history; nothing was changed.
    """
    with record.mirror.looking(record.store, record.keys) as (_, compared):
        pass
    n_entries = n_dropped = 0
    if compared.standing == Standing.FORKED:
        raise ProofError(compared.says, advice=_KEEP)
    if compared.standing == Standing.DATABASE_BEHIND:
        n_entries, n_dropped = _bring_back(record, compared)
    elif compared.standing == Standing.MIRROR_DAMAGED:
        _mirror_again(record)
    with record.store.reading() as tx:
        targets = [each for each in _erased(tx) if _is_there(tx, each)]
    if targets:
        finish(targets)
    return Replayed(compared.standing, n_entries, n_dropped, tuple(targets))


def _bring_back(record: Record, compared: Compared) -> tuple[int, int]:
    """Append to the database what the signed mirror has more, in one transaction with the entry that says so."""
    signed = record.mirror.signed(record.keys)
    if signed is None:
        msg = "The mirror of the ledger has no signed checkpoint, so nothing in it can be trusted."
        raise ProofError(msg, advice=_KEEP)
    common = min(compared.n_database, signed.size)
    lines = examine(enumerate(islice(record.mirror.lines(), signed.size)), None, {common})
    with record.store.reading() as tx:
        database = examine_all(tx, {common})
    if lines.findings or database.findings:
        raise ProofError((lines.findings or database.findings)[0], advice=_KEEP)
    if (lines.size, lines.root) != (signed.size, signed.root):
        msg = "The mirror of the ledger is not what its checkpoint signed."
        raise ProofError(msg, advice=_KEEP)
    if database.roots[common] != lines.roots[common]:
        msg = "The database tells another history than its mirror."
        raise ProofError(msg, advice=_KEEP)
    lost = islice(record.mirror.lines(), compared.n_database, signed.size)
    n_lost = max(0, signed.size - compared.n_database)
    n_dropped = max(0, compared.n_mirror - signed.size)
    if n_dropped:
        record.mirror.cut(signed.size)
    record.mirror.forget()
    with record.store.transaction() as tx:
        everybody = subjects.ids(tx)
        while bodies := list(islice(lost, _GROUP)):
            _put_back(tx, record.keys, bodies, everybody)
        facts = {"n_entries": n_lost, "n_dropped": n_dropped}
        log(tx, record.keys, Event(Act.RESTORE, record.actor, facts=facts), at=record.clock())
    return n_lost, n_dropped


def _put_back(tx: Tx, keys: KeyStore, bodies: Sequence[bytes], everybody: Sequence[str]) -> None:
    first = entries.size(tx)
    leaves = [leaf_hash(body) for body in bodies]
    entries.add(tx, first, bodies, completed(first, leaves, partial(entries.node, tx)))
    for n, body in enumerate(bodies, start=first):
        entries.touch(tx, n, _touched(keys, body, everybody))


def _touched(keys: KeyStore, body: bytes, everybody: Sequence[str]) -> list[str]:
    """Who of those that have a key is meant by an entry; of the others nobody can tell."""
    fields = parse(body)
    if not fields["subjects"]:
        return []
    nonce, hidden, found = bytes.fromhex(fields["nonce"]), set(fields["subjects"]), []
    for subject in everybody:
        with suppress(NotFoundError):
            if commitment(keys.salt_of(subject, nonce), subject) in hidden:
                found.append(subject)
    return found


def _mirror_again(record: Record) -> None:
    """Write a damaged mirror again from a database that is sound and agrees with what is left, and say so."""
    signed = None
    with suppress(ProofError):
        signed = record.mirror.signed(record.keys)
    with record.store.reading() as tx:
        examined = examine_all(tx, {signed.size} if signed is not None else set())
    if any(entry_trouble(examined.size, line) is None for line in record.mirror.lines()):
        msg = "The mirror is damaged, and has entries that the database does not have."
        raise ProofError(msg, advice=_KEEP)
    if examined.findings:
        raise ProofError(examined.findings[0], advice=_KEEP)
    if signed is not None and examined.roots.get(signed.size) != signed.root:
        msg = "The database is not what the checkpoint in its mirror signed."
        raise ProofError(msg, advice=_KEEP)
    record.mirror.rewrite(record.store, record.keys)
    with record.store.transaction() as tx:
        log(tx, record.keys, Event(Act.RESTORE, record.actor, facts={"mirror": True}), at=record.clock())


def _erased(tx: Tx) -> list[str]:
    found = dict[str, None]()
    for _, body in entries.bodies(tx):
        if b'"target"' in body:
            fields = parse(body)
            target = fields["facts"].get("target")
            if fields["act"] in ERASING and isinstance(target, str):
                found[target] = None
    return list(found)


def _is_there(tx: Tx, target: str) -> bool:
    if target in merges.homes(tx, [target]):
        return True
    for table in (photos, collections):
        with suppress(NotFoundError):
            table.by_id(tx, target)
            return True
    return False
