"""From which scores a machine's word counts in one collection, and the sentence about it that reports print."""

from __future__ import annotations

from countenance.core.calibration import is_stale
from countenance.core.clearance import OperatingPoints
from countenance.flows.scope import Scope
from countenance.store import calibrations
from countenance.store.calibrations import Calibration
from countenance.store.connection import Tx
from countenance.vision.packs import Pack


def points_of(tx: Tx, collection: str, pack: Pack) -> OperatingPoints:
    """The collection's own points, or its model pack's while it is not calibrated with that pack."""
    made = calibrations.current(tx, collection, pack.id)
    if made is None:
        return OperatingPoints(pack.match, pack.certain, calibrated=False)
    return OperatingPoints(made.suggest, made.certain, calibrated=True)


def sentence_of(tx: Tx, scope: Scope) -> str:
    """What a report says about it: what was calibrated and when, or that nothing was and what follows."""
    made = calibrations.current(tx, scope.collection.id, scope.pack.id)
    if made is None:
        return (
            "This collection is not calibrated, so nobody is shown on the machine's word alone: a person confirms each "
            "suggestion first. `countenance calibrate` measures from which score the machine may be believed."
        )
    said = (
        f"A suggestion counts from a cosine of {made.certain:.4f} on: calibrated on {made.made_at.day} "
        f"{made.made_at:%B %Y} with {made.searches:,} confirmed faces of {made.people:,} people, for an FPIR of at "
        f"most {made.fpir:g} among {made.meant_for:,} enrolled people."
    )
    return f"{said} {stale}" if (stale := stale_sentence(tx, scope, made)) else said


def stale_sentence(tx: Tx, scope: Scope, made: Calibration) -> str:
    """That there are twice as many people now as a calibration was meant for; empty when there are not."""
    now = calibrations.count_enrolled(tx, scope.collection.id, scope.pack.id)
    if not is_stale(made.meant_for, now):
        return ""
    times = now / made.meant_for
    return f"{now:,} people are enrolled now, so it happens about {times:.1f} times as often: calibrate again."
