"""Measure from which score the machine may be believed."""

from __future__ import annotations

from collections.abc import Callable

from countenance.archive.opened import Opened
from countenance.flows import calibrate, points
from countenance.flows.calibrate import Wanted
from countenance.flows.scope import SERIAL, Engine
from countenance.store import calibrations
from countenance.store.calibrations import Calibration


class Calibrating(Opened):
    """Calibration of a collection on its own people."""

    def calibrate(
        self, collection: str, wanted: Wanted, engine: Engine = SERIAL, progress: Callable[[int], None] = lambda _: None
    ) -> Calibration:
        """Calibrate a collection; see ``flows.calibrate``."""
        return calibrate.calibrate(self._scope(collection), wanted, engine, progress)

    def calibration(self, collection: str) -> tuple[Calibration | None, str]:
        """(The calibration that counts, or None; a sentence when it is out of date, else nothing)."""
        scope = self._scope(collection)
        with self._store.reading() as tx:
            made = calibrations.current(tx, scope.collection.id, scope.pack.id)
            return made, points.stale_sentence(tx, scope, made) if made is not None else ""
