"""One archive: opens the parts and joins them. No rules of its own."""

from __future__ import annotations

from countenance.archive.calibration import Calibrating
from countenance.archive.cases import Cases
from countenance.archive.labels import Labels
from countenance.archive.opened import DATABASE, KEYS, LEDGER, SETTINGS, require_archive, utc_now
from countenance.archive.people import People
from countenance.archive.photos import Photos
from countenance.archive.record import Recorded
from countenance.archive.rekeying import Rekeying
from countenance.archive.retention import Retention
from countenance.archive.rights import Rights

__all__ = ["DATABASE", "KEYS", "LEDGER", "SETTINGS", "Archive", "require_archive", "utc_now"]


class Archive(Photos, People, Labels, Rekeying, Retention, Rights, Recorded, Calibrating, Cases):
    """Everything one organisation's archive can do, one method per story."""
