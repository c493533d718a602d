"""What calibrating needs: what was measured on a collection's own faces, and when.

Frozen once it is released: later changes are later migrations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from countenance.store.migrations.spelling import MOMENT, refuse, run

if TYPE_CHECKING:
    from sqlalchemy import Connection

_STATEMENTS = (
    f"""
    CREATE TABLE calibrations (
        id TEXT NOT NULL PRIMARY KEY,
        collection_id TEXT NOT NULL REFERENCES collections (id),
        pack_id TEXT NOT NULL CHECK (pack_id <> ''),
        fpir DOUBLE PRECISION NOT NULL CHECK (fpir > 0 AND fpir < 1),
        suggest_fpir DOUBLE PRECISION NOT NULL CHECK (suggest_fpir >= fpir AND suggest_fpir < 1),
        meant_for BIGINT NOT NULL CHECK (meant_for > 0),
        enrolled BIGINT NOT NULL CHECK (enrolled > 0),
        people BIGINT NOT NULL CHECK (people > 0),
        searches BIGINT NOT NULL CHECK (searches > 0),
        comparisons BIGINT NOT NULL CHECK (comparisons > 0),
        threshold DOUBLE PRECISION NOT NULL CHECK (threshold BETWEEN -1.001 AND 1.001),
        threshold_low DOUBLE PRECISION NOT NULL CHECK (threshold_low BETWEEN -1.001 AND threshold),
        threshold_high DOUBLE PRECISION NOT NULL CHECK (threshold_high BETWEEN threshold AND 1.001),
        certain DOUBLE PRECISION NOT NULL CHECK (certain BETWEEN -1.001 AND 1.001),
        suggest DOUBLE PRECISION NOT NULL CHECK (suggest BETWEEN -1.001 AND certain),
        suggested BIGINT NOT NULL CHECK (suggested >= 0),
        suggested_below BIGINT NOT NULL CHECK (suggested_below BETWEEN 0 AND suggested),
        named BIGINT NOT NULL CHECK (named >= 0),
        named_below BIGINT NOT NULL CHECK (named_below BETWEEN 0 AND named),
        seed BIGINT NOT NULL,
        made_by TEXT NOT NULL CHECK (made_by <> ''),
        made_at TEXT NOT NULL CHECK (made_at {MOMENT})
    )
    """,
    "CREATE INDEX calibrations_of_collection ON calibrations (collection_id, made_at)",
)

SQLITE_RULES = (
    refuse("calibrations_stand", "UPDATE ON calibrations", "TRUE", "stands: a calibration is not changed"),
    refuse(
        "calibrations_of_the_pack_of_their_collection",
        "INSERT ON calibrations",
        "NEW.pack_id IS NOT (SELECT pack_id FROM collections WHERE id = NEW.collection_id)",
        "stands: this calibration is of another model pack",
    ),
    refuse(
        "calibrations_of_nothing_being_destroyed",
        "INSERT ON calibrations",
        """EXISTS (
            SELECT 1 FROM erasures WHERE done_at IS NULL AND kind = 'collection' AND target = NEW.collection_id
        )""",
        "stands: this collection is being destroyed",
    ),
)


def apply(tx: Connection) -> None:
    """Bring the version before to this one."""
    run(tx, _STATEMENTS, SQLITE_RULES)
