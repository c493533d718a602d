"""A calibration as it would stand in the database, for tests of what follows from one."""

from __future__ import annotations

from datetime import datetime

from countenance.archive import Archive
from countenance.store import calibrations
from countenance.store.calibrations import Calibration
from countenance.vision.packs import Pack


def calibration(pack: Pack, at: datetime, **changes: object) -> Calibration:
    """One whose bands are those of the model pack, or as told."""
    values: dict[str, object] = {
        "pack": pack.id,
        "fpir": 0.001,
        "suggest_fpir": 0.1,
        "meant_for": 40,
        "enrolled": 40,
        "people": 40,
        "searches": 400,
        "comparisons": 120_000,
        "threshold": pack.certain,
        "threshold_low": pack.match,
        "threshold_high": pack.certain,
        "certain": pack.certain,
        "suggest": pack.match,
        "suggested": 400,
        "suggested_below": 20,
        "named": 0,
        "named_below": 0,
        "seed": 0,
        "made_by": "Ms Reed",
        "made_at": at,
    }
    return Calibration(**(values | changes))  # type: ignore[arg-type]


def calibrate(archive: Archive, collection: str, **changes: object) -> Calibration:
    """Let a collection be calibrated from now on."""
    where = archive.collection(collection)
    made = calibration(archive.pack_of(where), archive._clock(), **changes)
    with archive._store.transaction() as tx:
        calibrations.add(tx, where.id, made)
    return made
