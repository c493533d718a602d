"""An old copy of the database was restored: bring back what the ledger beside it remembers, and erase again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Final

from countenance.core.canonical import parse
from countenance.core.merkle import completed, leaf_hash
from countenance.core.notes import Checkpoint
from countenance.errors import NotFoundError, ProofError
from countenance.flows.acts import log
from countenance.flows.audit import Record, examine_all
from countenance.flows.redone import LOST, drop_keys, redo, touched
from countenance.ledger import head, mac
from countenance.ledger.event import Act, Event
from countenance.ledger.mirror import Compared, Standing
from countenance.ledger.whole import Examined, entry_trouble, examine
from countenance.store import collections, entries, merges, photos, subjects
from countenance.store.connection import Tx

ERASING: Final = frozenset({Act.ERASE_BEGIN.value, Act.ERASE.value})
_GROUP: Final = 1_000
_KEEP: Final = "Keep both files as they are, and restore the database from another backup."
_ACCEPT: Final = (
    "Restore a newer backup of database or folder `ledger`. If there is none, go on from here with "
    "`countenance ledger replay --accept-loss`; the log will say so."
)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What was brought back.

    Attributes:
        standing: of database and mirror, as it was found.
        n_entries: entries that the database had lost.
        n_dropped: lines of the mirror that came after the last signed checkpoint and were left out.
        targets: ids of what the ledger says was erased and the database still had.
        n_withdrawn: people whose consents were withdrawn again, all of them.
        n_hidden: people who must not appear again.
        n_keys: erased people and collections whose keys were there again and are dropped.
        n_gone: entries that no copy has any more, and whose loss was accepted.
        lost: by act, how many were done after the copy was made and are lost with it.
    """

    standing: Standing
    n_entries: int = 0
    n_dropped: int = 0
    targets: tuple[str, ...] = ()
    n_withdrawn: int = 0
    n_hidden: int = 0
    n_keys: int = 0
    n_gone: int = 0
    lost: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Back:
    """What is to come back: numbers of entries, and where in the mirror."""

    standing: Standing
    first: int = 0
    end: int = 0
    n_dropped: int = 0
    n_gone: int = 0


def replay(record: Record, finish: Callable[[list[str]], object], *, accept_loss: bool = False) -> Replayed:
    """Settle how database and mirror stand, then do again what protects people: withdraw, hide, erase.

    Args:
        record: where.
        finish: erases subjects, photos and collections by their ids.
        accept_loss: go on although entries are lost that no copy has any more.

    Raises:
        ProofError: the mirror is not what was signed, the database tells another history or has entries that this
            archive did not write, or entries are lost for good; nothing was changed.
    """
    with record.mirror.looking(record.store, record.keys) as (tx, quick):
        mac.require_ours(tx, record.keys, 0)
        compared = record.mirror.compare(tx, quick)
    if quick.standing == Standing.FORKED:
        raise ProofError(quick.says, advice=_KEEP)
    done = Replayed(quick.standing)
    if quick.standing == Standing.DATABASE_BEHIND:
        done = _bring_back(record, _plan(record, quick, accept_loss=accept_loss), accept_loss=accept_loss)
    elif compared.standing in {Standing.MIRROR_DAMAGED, Standing.FORKED}:
        _mirror_again(record)
        done = Replayed(Standing.MIRROR_DAMAGED)
    with record.store.reading() as tx:
        erased = _erased(tx)
        targets = [each for each in erased if _is_there(tx, each)]
    n_keys = drop_keys(record.keys, [each for each, finished in erased.items() if finished])
    if targets:
        finish(targets)
    return replace(done, targets=tuple(targets), n_keys=n_keys)


def _plan(record: Record, compared: Compared, *, accept_loss: bool) -> _Back:
    """What of the mirror belongs behind the database, by what was signed, and how much no copy has."""
    kept = head.read(record.keys)
    n_known = kept.size if kept is not None else 0
    signed, trouble = None, "The mirror of the ledger has no signed checkpoint, so nothing in it can be trusted."
    try:
        signed = record.mirror.signed(record.keys)
    except ProofError as error:
        trouble = error.message
    if signed is not None:
        n_known = max(n_known, signed.size)
        trouble = _differs(record, compared, signed, kept) or ""
    if trouble and not accept_loss:
        raise ProofError(trouble, advice=_ACCEPT)
    n_signed = 0 if trouble or signed is None else signed.size
    end = max(n_signed, compared.n_database)
    n_gone = max(0, n_known - end)
    if n_gone and not accept_loss:
        msg = (
            f"The log had {n_known} entries, and database and mirror have only the first {end}: both are older copies."
        )
        raise ProofError(msg, advice=_ACCEPT)
    n_dropped = max(0, compared.n_mirror - end)
    return _Back(compared.standing, compared.n_database, end, n_dropped, n_gone)


def _differs(record: Record, compared: Compared, signed: Checkpoint, kept: head.Head | None) -> str | None:
    """Why the lines of the mirror are not to be believed; None when they are what was signed.

    Raises:
        ProofError: they are, and the database tells another history: no loss that is accepted changes that.
    """
    common = min(compared.n_database, signed.size)
    sizes = {common, kept.size if kept is not None else 0}
    lines = examine(enumerate(islice(record.mirror.lines(), signed.size)), None, sizes)
    with record.store.reading() as tx:
        database = examine_all(tx, sizes)
    if database.findings:
        raise ProofError(database.findings[0], advice=_KEEP)
    if lines.findings:
        return lines.findings[0]
    if (lines.size, lines.root) != (signed.size, signed.root):
        return "The mirror of the ledger is not what its checkpoint signed."
    if database.roots[common] != lines.roots[common] or _is_other(kept, lines) or _is_other(kept, database):
        msg = "The database tells another history than its mirror."
        raise ProofError(msg, advice=_KEEP)
    return None


def _is_other(kept: head.Head | None, examined: Examined) -> bool:
    """Whether a log that reaches the head is another one there."""
    return kept is not None and examined.roots.get(kept.size, kept.root) != kept.root


def _bring_back(record: Record, back: _Back, *, accept_loss: bool) -> Replayed:
    """Append to the database what the signed mirror has more, in one transaction with the entry that says so."""
    lost = islice(record.mirror.lines(), back.first, back.end)
    if back.n_dropped and not accept_loss:
        record.mirror.cut(back.end)
    record.mirror.forget()
    again, acts = (set[str](), set[str]()), Counter[str]()
    with record.store.transaction() as tx:
        everybody = subjects.ids(tx)
        while bodies := list(islice(lost, _GROUP)):
            _put_back(tx, record, bodies, everybody, again, acts)
        now = record.clock()
        n_withdrawn, n_hidden = redo(tx, record.keys, again[0], again[1], at=now)
        facts = {"n_entries": back.end - back.first, "n_dropped": back.n_dropped, "n_gone": back.n_gone}
        facts |= {"n_withdrawn": n_withdrawn, "n_hidden": n_hidden}
        log(tx, record.keys, Event(Act.RESTORE, record.actor, facts=facts), at=now)
    if accept_loss:
        record.mirror.rewrite(record.store, record.keys)
    return Replayed(
        back.standing,
        back.end - back.first,
        back.n_dropped,
        n_withdrawn=n_withdrawn,
        n_hidden=n_hidden,
        n_gone=back.n_gone,
        lost={act.value: acts[act.value] for act in Act if acts[act.value] and act in LOST},
    )


def _put_back(
    tx: Tx,
    record: Record,
    bodies: Sequence[bytes],
    everybody: Sequence[str],
    again: tuple[set[str], set[str]],
    acts: Counter[str],
) -> None:
    """Append entries, and note who withdrew, who is to be hidden, and how often what was done."""
    first = entries.size(tx)
    nodes = completed(first, [leaf_hash(body) for body in bodies], partial(entries.node, tx))
    entries.add(tx, first, bodies, mac.of_all(record.keys, first, bodies), nodes)
    for n, body in enumerate(bodies, start=first):
        fields = parse(body)
        whom = touched(record.keys, fields, everybody)
        entries.touch(tx, n, whom)
        acts[fields["act"]] += 1
        for act, people in zip((Act.WITHDRAW, Act.HIDE), again, strict=True):
            if fields["act"] == act:
                people.update(whom)


def _mirror_again(record: Record) -> None:
    """Write a damaged mirror again from a database that is sound and agrees with what is left, and say so."""
    signed = None
    with suppress(ProofError):
        signed = record.mirror.signed(record.keys)
    kept = head.read(record.keys)
    with record.store.reading() as tx:
        examined = examine_all(tx, {each.size for each in (signed, kept) if each is not None})
    if any(entry_trouble(examined.size, line) is None for line in record.mirror.lines()):
        msg = "The mirror is damaged, and has entries that the database does not have."
        raise ProofError(msg, advice=_KEEP)
    if examined.findings:
        raise ProofError(examined.findings[0], advice=_KEEP)
    if signed is not None and examined.roots.get(signed.size) != signed.root:
        msg = "The database is not what the checkpoint in its mirror signed."
        raise ProofError(msg, advice=_KEEP)
    if _is_other(kept, examined):
        msg = "The database is not what was noted with the keys."
        raise ProofError(msg, advice=_KEEP)
    record.mirror.rewrite(record.store, record.keys)
    with record.store.transaction() as tx:
        log(tx, record.keys, Event(Act.RESTORE, record.actor, facts={"mirror": True}), at=record.clock())


def _erased(tx: Tx) -> dict[str, bool]:
    """Ids of what was erased or began to be, and whether it was finished."""
    found = dict[str, bool]()
    for _, body in entries.bodies(tx):
        if b'"target"' in body:
            fields = parse(body)
            target = fields["facts"].get("target")
            if fields["act"] in ERASING and isinstance(target, str):
                found[target] = found.get(target, False) or fields["act"] == Act.ERASE
    return found


def _is_there(tx: Tx, target: str) -> bool:
    if target in merges.homes(tx, [target]):
        return True
    for table in (photos, collections):
        with suppress(NotFoundError):
            table.by_id(tx, target)
            return True
    return False
