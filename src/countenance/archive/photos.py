"""Bring photos in, look back, find and clear."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from countenance.archive.opened import Opened
from countenance.flows import (
    clear,
    clear_report,
    contact_sheet,
    find,
    ingest,
    publish,
    rescan,
    view,
)
from countenance.flows.ingest import IngestSummary
from countenance.flows.rescan import RescanSummary
from countenance.flows.scope import SERIAL, Engine
from countenance.ingest.source import open_sources
from countenance.store import collections
from countenance.store.appearances import Appearance
from countenance.store.publications import Publication


class Photos(Opened):
    """Ingest, rescan, find, clear, and what was published."""

    def ingest(
        self,
        collection: str,
        sources: Sequence[str | bytes | os.PathLike[str]],
        engine: Engine = SERIAL,
        saved: Callable[[IngestSummary, Sequence[bytes]], None] | None = None,
    ) -> IngestSummary:
        """Bring photos into a collection; see ``flows.ingest``."""
        source = open_sources(sources, max_bytes=self.settings.decode.max_bytes)
        return ingest.ingest(self._scope(collection), source, engine, saved)

    def rescan(
        self, collection: str, engine: Engine = SERIAL, saved: Callable[[RescanSummary], None] | None = None
    ) -> RescanSummary:
        """Compare photos already there with people enrolled since; see ``flows.rescan``."""
        return rescan.rescan(self._scope(collection), engine, saved)

    def find(self, who: str, *, state: str = "any") -> list[Appearance]:
        """A person's appearances, best first; see ``flows.find``."""
        return find.find(self._store, self._keys, self.subject(who), self._clock, state=state, actor=self.actor)

    def contact_sheet(self, who: str, found: Sequence[Appearance], folder: Path) -> Path:
        """Write what ``find`` gave as a page; see ``flows.contact_sheet``."""
        subject = self.subject(who)
        with self._store.reading() as tx:
            where = collections.by_id(tx, subject.collection)
        permit = find.permit_to_show(self._store, self._keys, subject, self._clock)
        sheet = contact_sheet.Sheet(folder, subject.name, self.pack_of(where))
        return contact_sheet.write_contact_sheet(self._desk, permit, sheet, found)

    def clear(
        self,
        collection: str,
        sources: Sequence[str | bytes | os.PathLike[str]],
        request: clear.Request,
        engine: Engine = SERIAL,
        progress: clear.Progress = clear.silent,
    ) -> dict[str, Any]:
        """Clear photos for a channel and write the report; see ``flows.clear`` and ``flows.clear_report``."""
        scope = self._scope(collection)
        return clear_report.report(scope, request, clear.clear(scope, sources, request, engine, progress))

    def published_showing(self, who: str) -> list[Publication]:
        """Published copies on which a person can be seen; see ``flows.publish``."""
        subject = self.subject(who)
        found = publish.showing(self._store, subject.collection, subject.id)
        view.log_view(self._desk, subject.id, view.PUBLISHED)
        return found

    def take_down(self, who: str, ids: Sequence[str]) -> None:
        """Note that published copies are gone; see ``flows.publish``."""
        subject = self.subject(who)
        publish.take_down(self._desk, subject.collection, subject.id, ids)
