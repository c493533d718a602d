"""Erasures under way and done: one row each, so that an interrupted one is taken up again and never called done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from countenance.errors import NotFoundError
from countenance.store.connection import Tx
from countenance.store.ids import random_id
from countenance.store.schema import erasures

SUBJECT, PHOTO, COLLECTION = "subject", "photo", "collection"


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure.

    Attributes:
        id: random id.
        kind: ``subject``, ``photo`` or ``collection``.
        target: id of what is erased; of a person, the id that counts.
        collection: id of its collection.
        step: the step that comes next.
        state: what the steps to come need; sealed, except for the last one.
        actor: who asked.
        begun_at: aware UTC moment.
        done_at: aware UTC moment; None while it is under way.
        receipt: the signed receipt; None while it is under way.
    """

    id: str
    kind: str
    target: str
    collection: str
    step: str
    state: bytes
    actor: str
    begun_at: datetime
    done_at: datetime | None = None
    receipt: bytes | None = None


def new_id() -> str:
    """Id for an erasure about to begin."""
    return random_id()


def begin(tx: Tx, new: Erasure) -> None:
    """Note an erasure that begins.

    Raises:
        ConflictError: its id is known.
    """
    row = {
        "id": new.id,
        "kind": new.kind,
        "target": new.target,
        "collection_id": new.collection,
        "step": new.step,
        "state": new.state,
        "actor": new.actor,
        "begun_at": new.begun_at,
    }
    tx.execute(insert(erasures).values(row))


def set_step(tx: Tx, erasure: str, step: str, state: bytes | None = None) -> None:
    """Note which step comes next, and what it needs when that changed."""
    values: dict[str, Any] = {"step": step} | ({} if state is None else {"state": state})
    tx.execute(update(erasures).where(erasures.c.id == erasure).values(values))


def finish(tx: Tx, erasure: str, receipt: bytes, *, at: datetime) -> None:
    """Note that an erasure is done."""
    values = {"receipt": receipt, "done_at": at, "state": b""}
    tx.execute(update(erasures).where(erasures.c.id == erasure).values(values))


def by_id(tx: Tx, erasure: str) -> Erasure:
    """The erasure of that id.

    Raises:
        NotFoundError: there is none.
    """
    row = tx.execute(select(erasures).where(erasures.c.id == erasure)).first()
    if row is None:
        msg = f"There is no erasure with the id {erasure}."
        raise NotFoundError(msg, advice="List unfinished ones with `countenance doctor`.")
    return _erasure(row)


def unfinished(tx: Tx) -> list[Erasure]:
    """Erasures under way, oldest first."""
    query = select(erasures).where(erasures.c.done_at.is_(None)).order_by(erasures.c.begun_at, erasures.c.id)
    return [_erasure(row) for row in tx.execute(query)]


def of_target(tx: Tx, target: str) -> list[Erasure]:
    """Every erasure of one target, oldest first."""
    query = select(erasures).where(erasures.c.target == target).order_by(erasures.c.begun_at, erasures.c.id)
    return [_erasure(row) for row in tx.execute(query)]


def _erasure(row: Row[Any]) -> Erasure:
    return Erasure(
        id=row.id,
        kind=row.kind,
        target=row.target,
        collection=row.collection_id,
        step=row.step,
        state=bytes(row.state),
        actor=row.actor,
        begun_at=row.begun_at,
        done_at=row.done_at,
        receipt=bytes(row.receipt) if row.receipt is not None else None,
    )
