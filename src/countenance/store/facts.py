"""Facts about the whole archive, by name."""

from __future__ import annotations

from sqlalchemy import delete, insert, select

from countenance.store.connection import Tx
from countenance.store.schema import archive_facts


def get(tx: Tx, name: str) -> str | None:
    """The fact's value; None when it was never put."""
    return tx.execute(select(archive_facts.c.value).where(archive_facts.c.name == name)).scalar()


def put(tx: Tx, name: str, value: str) -> None:
    """Set a fact, replacing its former value."""
    tx.execute(delete(archive_facts).where(archive_facts.c.name == name))
    tx.execute(insert(archive_facts), {"name": name, "value": value})


def drop(tx: Tx, name: str) -> None:
    """Forget a fact."""
    tx.execute(delete(archive_facts).where(archive_facts.c.name == name))


def names(tx: Tx, beginning: str) -> list[str]:
    """Names of the facts that begin so, sorted."""
    query = select(archive_facts.c.name).order_by(archive_facts.c.name)
    return [name for name in tx.execute(query).scalars() if name.startswith(beginning)]
