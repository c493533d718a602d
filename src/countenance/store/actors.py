"""Actors: who did something, under a random id, so that the ledger needs no names."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import insert, select, update

from countenance.errors import NotFoundError
from countenance.store.connection import Tx
from countenance.store.ids import random_id
from countenance.store.schema import actors

STAFF = "staff"
"""Role of everybody of whom nothing else was said."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who did something: random id, name as given, role in the organisation."""

    id: str
    name: str
    role: str


def id_of(tx: Tx, name: str) -> str:
    """Id of the actor of that name, who is noted when the name comes for the first time."""
    found = tx.execute(select(actors.c.id).where(actors.c.name == name)).scalar()
    if found is None:
        found = random_id()
        tx.execute(insert(actors).values(id=found, name=name, role=STAFF))
    return found


def everybody(tx: Tx) -> dict[str, Actor]:
    """Every actor by id."""
    return {row.id: Actor(row.id, row.name, row.role) for row in tx.execute(select(actors))}


def set_role(tx: Tx, name: str, role: str) -> None:
    """Note what somebody is in the organisation.

    Raises:
        NotFoundError: nobody of that name ever did anything here.
    """
    if tx.execute(update(actors).where(actors.c.name == name).values(role=role)).rowcount != 1:
        msg = f"Nobody called {name!r} has done anything in this archive."
        raise NotFoundError(msg, advice="List them with `countenance actor`.")
