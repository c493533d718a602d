"""Bring a database to the version this code speaks, step by step."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection, func, insert, inspect, select

from countenance.errors import StoreError
from countenance.store import schema
from countenance.store.migrations import (
    m0001_start,
    m0002_clearing,
    m0003_erasure,
    m0004_cases,
    m0005_calibrations,
    m0006_index,
)

STEPS: tuple[tuple[int, Callable[[Connection], None]], ...] = (
    (1, m0001_start.apply),
    (2, m0002_clearing.apply),
    (3, m0003_erasure.apply),
    (4, m0004_cases.apply),
    (5, m0005_calibrations.apply),
    (6, m0006_index.apply),
)
"""(version, what leads to it) in order. A step is never edited once it is released."""


def version_of(tx: Connection) -> int:
    """Version of the database; 0 when it holds nothing yet.

    Raises:
        StoreError: it holds tables, but not ours.
    """
    names = set(inspect(tx).get_table_names())
    if schema.schema_version.name not in names:
        if names:
            msg = "This file is a database of another program."
            raise StoreError(msg, advice="Choose another folder for the archive.")
        return 0
    return tx.execute(select(func.max(schema.schema_version.c.version))).scalar() or 0


def check_version(tx: Connection) -> int:
    """Number of steps that are missing.

    Raises:
        StoreError: the database is newer than this code, or not ours.
    """
    version, newest = version_of(tx), STEPS[-1][0]
    if version > newest:
        msg = f"This archive was written by a newer Countenance (schema {version}; this one reads up to {newest})."
        raise StoreError(msg, advice="Update Countenance, then open the archive again; nothing was changed.")
    return sum(step > version for step, _ in STEPS)


def migrate(tx: Connection) -> None:
    """Apply every missing step, in order, in the caller's transaction.

    Raises:
        StoreError: the database is newer than this code, or not ours.
    """
    check_version(tx)
    version = version_of(tx)
    for step, apply in STEPS:
        if step > version:
            apply(tx)
            row = {"version": step, "applied_at": datetime.now(UTC)}
            tx.execute(insert(schema.schema_version).values(row))
