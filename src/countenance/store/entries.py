"""Rows of the ledger: entries, nodes of its tree above the leaves, and whom an entry touches.

Entries and nodes are never changed; the database refuses it. Whom an entry touches is the archive's own memory of what
the entry's commitments say, and goes when that person is erased.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import delete, func, insert, select

from countenance.core.merkle import leaf_hash
from countenance.errors import DamagedError
from countenance.store.connection import NOTICE, Tx
from countenance.store.schema import ledger_entries, ledger_nodes, ledger_touches

_PAGE = 1_000


def size(tx: Tx) -> int:
    """Number of entries."""
    newest = tx.execute(select(func.max(ledger_entries.c.n))).scalar()
    return 0 if newest is None else newest + 1


def add(
    tx: Tx, first: int, bodies: Sequence[bytes], macs: Sequence[bytes], nodes: Iterable[tuple[int, int, bytes]]
) -> None:
    """Append entries, from number ``first`` on, each with its 32-byte MAC, and the nodes that they complete.

    Args:
        tx: transaction.
        first: number of the first of them.
        bodies: the entries.
        macs: by the archive's own key, which is not in the database.
        nodes: (level, n, hash).

    Raises:
        ConflictError: another entry has that number.
    """
    sealed = zip(bodies, macs, strict=True)
    rows = [{"n": n, "body": body, "mac": mac} for n, (body, mac) in enumerate(sealed, start=first)]
    tx.execute(insert(ledger_entries), rows)
    made = [{"level": level, "n": n, "hash": digest} for level, n, digest in nodes]
    if made:
        tx.execute(insert(ledger_nodes), made)
    tx.info[NOTICE] = True


def body(tx: Tx, n: int) -> bytes:
    """One entry.

    Raises:
        DamagedError: it is not there.
    """
    found = tx.execute(select(ledger_entries.c.body).where(ledger_entries.c.n == n)).scalar()
    if found is None:
        raise _missing(n)
    return bytes(found)


def bodies(tx: Tx, first: int = 0, end: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Entries with their numbers, in order, from ``first`` up to ``end`` (all when None)."""
    return ((n, body) for n, body, _ in sealed_bodies(tx, first, end))


def bodies_saying(tx: Tx, words: bytes) -> list[tuple[int, bytes]]:
    """Entries that hold these bytes, with their numbers, in order; reads the whole log once."""
    said = func.instr(ledger_entries.c.body, words) > 0
    query = select(ledger_entries.c.n, ledger_entries.c.body).where(said).order_by(ledger_entries.c.n)
    return [(row.n, bytes(row.body)) for row in tx.execute(query)]


def sealed_bodies(tx: Tx, first: int = 0, end: int | None = None) -> Iterator[tuple[int, bytes, bytes]]:
    """The same with the MAC of each."""
    while end is None or first < end:
        most = _PAGE if end is None else min(_PAGE, end - first)
        query = select(ledger_entries).where(ledger_entries.c.n >= first)
        rows = tx.execute(query.order_by(ledger_entries.c.n).limit(most)).all()
        if not rows:
            return
        for row in rows:
            if end is None or row.n < end:
                yield row.n, bytes(row.body), bytes(row.mac)
        first = rows[-1].n + 1


def node(tx: Tx, level: int, n: int) -> bytes:
    """Hash of a complete node of the tree; level 0 are the entries.

    Raises:
        DamagedError: it is not there.
    """
    if level == 0:
        return leaf_hash(body(tx, n))
    query = select(ledger_nodes.c.hash).where(ledger_nodes.c.level == level, ledger_nodes.c.n == n)
    found = tx.execute(query).scalar()
    if found is None:
        raise _missing(n << level)
    return bytes(found)


def nodes(tx: Tx, level: int) -> Iterator[tuple[int, bytes]]:
    """Every node of one level above the leaves with its number, in order."""
    after = -1
    while True:
        query = select(ledger_nodes.c.n, ledger_nodes.c.hash).where(ledger_nodes.c.level == level)
        rows = tx.execute(query.where(ledger_nodes.c.n > after).order_by(ledger_nodes.c.n).limit(_PAGE)).all()
        yield from ((row.n, bytes(row.hash)) for row in rows)
        if len(rows) < _PAGE:
            return
        after = rows[-1].n


def highest(tx: Tx) -> int:
    """The highest level of which there are nodes; 0 when there are none."""
    return tx.execute(select(func.max(ledger_nodes.c.level))).scalar() or 0


def touch(tx: Tx, n: int, subjects: Iterable[str]) -> None:
    """Remember whom an entry touches."""
    rows = [{"n": n, "subject_id": subject} for subject in dict.fromkeys(subjects)]
    if rows:
        tx.execute(insert(ledger_touches), rows)


def touching(tx: Tx, subject: str) -> list[int]:
    """Numbers of the entries that touch a subject, oldest first."""
    query = select(ledger_touches.c.n).where(ledger_touches.c.subject_id == subject)
    return list(tx.execute(query.order_by(ledger_touches.c.n)).scalars())


def forget(tx: Tx, subject: str) -> int:
    """Forget which entries touch a subject; gives how many those were. The entries stay."""
    return tx.execute(delete(ledger_touches).where(ledger_touches.c.subject_id == subject)).rowcount


def _missing(n: int) -> DamagedError:
    msg = f"Entry {n} of the ledger is missing."
    return DamagedError(msg, advice="Run `countenance ledger verify` to see what is left of it.")
