"""An archive of our own to measure: made in a folder, on one pack, models converted before the clock starts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.places import SHARED
from countenance.archive import DATABASE, Archive
from countenance.cli.ingest import as_json
from countenance.flows.scope import SERIAL, Engine
from countenance.settings import Settings
from countenance.store import calibrations, collections, faces, photos
from countenance.store.calibrations import Calibration
from countenance.store.connection import Store
from countenance.store.keyfile import Master, write_key_file
from countenance.vision.cache import networks
from countenance.vision.install import install
from countenance.vision.packs import Pack, load_pack

COLLECTION = "measured"


def ready_pack(name: str, settings: Settings) -> Pack:
    """A pack whose files are installed and converted."""
    pack = load_pack(name, settings)
    if name == "recommended":
        pack = install(name, settings, folder=SHARED / "weights")
    networks(pack, settings, "detector")
    networks(pack, settings, "embedder")
    return pack


class Ours:
    """One throw-away archive."""

    def __init__(self, folder: Path, pack: str, settings: Settings | None = None) -> None:
        """Make the archive and a collection in it."""
        self.folder = folder
        self.settings = settings or Settings(pack=pack, cache_dir=folder.parent / "cache")
        folder.mkdir(parents=True)
        write_key_file(folder / "key")
        self.pack = ready_pack(pack, self.settings)
        self.archive = Archive.create(folder / "archive", Master.from_key_file(folder / "key"), self.settings)
        collection = self.archive.create_collection(COLLECTION)
        self._believe(collection.id)

    def ingest(self, sources: Sequence[str | os.PathLike[str]], engine: Engine = SERIAL) -> dict[str, Any]:
        """One ingest; gives what ``--json`` prints."""
        return as_json(self.archive.ingest(COLLECTION, list(sources), engine))

    def boxes(self) -> dict[str, list[tuple[float, float, float, float]]]:
        """Boxes of every photo, by path."""
        with Store.open(self.folder / "archive" / DATABASE) as store, store.reading() as tx:
            where = collections.by_name(tx, COLLECTION).id
            return {
                os.fsdecode(photo.path): [face.box for face in faces.of_photo(tx, photo.id)]
                for photo in photos.each(tx, where)
            }

    def _believe(self, collection: str) -> None:
        """Let the pack's own points count, so that what the machine's word does is measured without a person's."""
        now = datetime.now(UTC)
        rates = {"fpir": 0.001, "suggest_fpir": 0.1, "meant_for": 1, "enrolled": 1, "people": 1}
        seen = {"searches": 1, "comparisons": 1, "suggested": 0, "suggested_below": 0, "named": 0, "named_below": 0}
        points = dict.fromkeys(("threshold", "threshold_low", "threshold_high", "certain"), self.pack.certain)
        who = {"pack": self.pack.id, "seed": 0, "made_by": "benchmark", "made_at": now, "suggest": self.pack.match}
        with Store.open(self.folder / "archive" / DATABASE) as store, store.transaction() as tx:
            calibrations.add(tx, collection, Calibration(**rates, **seen, **points, **who))  # type: ignore[arg-type]

    def __enter__(self) -> Self:
        """The archive."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it; the folder is the caller's."""
        self.archive.close()
