"""Statements in the words both databases share, spelled for the one at hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

MOMENT = "LIKE '____-__-__T__:__:__.______Z'"
"""A format check that both SQLite and PostgreSQL know; the columns are compared as text."""

_WORDS = {
    "sqlite": {"SERIAL": "INTEGER", "BIGINT": "INTEGER", "BOOLEAN": "INTEGER", "DOUBLE PRECISION": "REAL"},
    "postgresql": {"BLOB": "BYTEA"},
}


def run(tx: Connection, statements: Iterable[str], sqlite_rules: Iterable[str]) -> None:
    """Carry out one migration's statements, then the triggers that SQLite needs."""
    words = _WORDS[tx.dialect.name]
    is_sqlite = tx.dialect.name == "sqlite"
    for statement in statements:
        spelled = statement
        for word, replacement in words.items():
            spelled = spelled.replace(f" {word} ", f" {replacement} ")
        if is_sqlite and spelled.lstrip().startswith("CREATE TABLE"):
            # Without it SQLite takes a text where a number or bytes belong.
            spelled += " STRICT"
        tx.exec_driver_sql(spelled)
    if is_sqlite:
        for rule in sqlite_rules:
            tx.exec_driver_sql(rule)


def refuse(name: str, event: str, when: str, words: str) -> str:
    """A trigger that refuses; ``words`` begin as ``store.connection`` knows them (``no consent:``, ``stands:`` ...)."""
    return f"CREATE TRIGGER {name} BEFORE {event} WHEN {when} BEGIN SELECT RAISE(ABORT, '{words}'); END"
