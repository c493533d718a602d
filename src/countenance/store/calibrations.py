"""From which score a collection trusts a match: what was measured, on how many people, and when."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select

from countenance.store.connection import Tx
from countenance.store.ids import random_id
from countenance.store.schema import calibrations, subject_references, subjects


@dataclass(frozen=True, slots=True)
class Calibration:
    """One calibration; a newer one of the same collection takes its place.

    Attributes:
        pack: id of the model pack whose scores it is about; it says nothing about another.
        fpir: false-positive identification rate in (0, 1) from ``certain`` on, at most.
        suggest_fpir: the same from ``suggest`` on.
        meant_for: N, for how many enrolled people both are meant.
        enrolled: how many people new faces were compared with on that day.
        people: whose confirmed faces were used.
        searches: those faces.
        comparisons: of different people.
        threshold: cosine at which the FPIR is reached.
        threshold_low, threshold_high: 95 % interval of it, over people.
        certain: cosine from which nobody needs to look.
        suggest: cosine from which somebody is suggested.
        suggested: confirmed faces that the machine had suggested, with a comparison to their own person.
        suggested_below: how many of these score below ``certain``.
        named: the same for faces that a person named and no machine had suggested.
        named_below: how many of these score below ``suggest``.
        seed: of the interval.
        made_by: who asked for it.
        made_at: aware UTC moment.
    """

    pack: str
    fpir: float
    suggest_fpir: float
    meant_for: int
    enrolled: int
    people: int
    searches: int
    comparisons: int
    threshold: float
    threshold_low: float
    threshold_high: float
    certain: float
    suggest: float
    suggested: int
    suggested_below: int
    named: int
    named_below: int
    seed: int
    made_by: str
    made_at: datetime


def add(tx: Tx, collection: str, made: Calibration) -> None:
    """Keep a calibration; from now on it counts.

    Raises:
        ConflictError: it is of another model pack than the collection, or the collection is being destroyed.
    """
    row = asdict(made)
    row["pack_id"] = row.pop("pack")
    tx.execute(insert(calibrations).values({"id": random_id(), "collection_id": collection, **row}))


def current(tx: Tx, collection: str, pack: str) -> Calibration | None:
    """The newest calibration of a collection for a model pack (id); None when there is none."""
    query = select(calibrations).where(calibrations.c.collection_id == collection, calibrations.c.pack_id == pack)
    row = tx.execute(query.order_by(calibrations.c.made_at.desc(), calibrations.c.id.desc()).limit(1)).first()
    return _calibration(row) if row is not None else None


def count_enrolled(tx: Tx, collection: str, pack: str) -> int:
    """How many people a collection has references of, made with a model pack (id); merged ids are one person."""
    person = func.coalesce(subjects.c.merged_into, subjects.c.id)
    query = select(func.count(person.distinct())).join(
        subject_references, subject_references.c.subject_id == subjects.c.id
    )
    theirs = subjects.c.collection_id == collection, subject_references.c.pack_id == pack
    return tx.execute(query.where(*theirs)).scalar_one()


def _calibration(row: Row[Any]) -> Calibration:
    values = row._asdict()
    values["pack"] = values.pop("pack_id")
    del values["id"], values["collection_id"]
    return Calibration(**values)
