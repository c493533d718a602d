"""The gallery of a running job: loaded under a permit, and loaded again as soon as consents or references change."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from countenance.core.arrays import Templates
from countenance.core.permit import Permit, permit_compare
from countenance.flows.scope import Scope
from countenance.index.gallery import Candidate, Gallery
from countenance.store import consents, stamps, templates
from countenance.store.connection import Tx

OLDEST = timedelta(seconds=30)
"""A consent that ends by date is noticed within this time."""


class LiveGallery:
    """Enrolled and consenting people of one collection, never older than the transaction that asks."""

    def __init__(self, scope: Scope, only: frozenset[str] | None = None) -> None:
        """Nothing is loaded before the first ``refresh``; ``only`` narrows it to some subjects."""
        self._only = only
        self._keys, self._collection, self._pack = scope.keys, scope.collection, scope.pack
        self._stamp: str | None = None
        self._loaded_at: datetime | None = None
        self._gallery: Gallery | None = None
        self._permit: Permit | None = None
        self.consenting: frozenset[str] = frozenset()
        """Everybody of the collection whose consent to be compared holds, at the last ``refresh``."""

    def refresh(self, tx: Tx, now: datetime) -> None:
        """Load again when a reference or a consent changed, or when the last load is too old."""
        stamp = stamps.of_gallery(tx, self._collection.id)
        fresh = self._loaded_at is not None and timedelta(0) <= now - self._loaded_at < OLDEST
        if fresh and stamp == self._stamp:
            return
        everybody = consents.of_collection(tx, self._keys, self._collection.id)
        wanted = [consent for consent in everybody if self._only is None or consent.subject in self._only]
        self._permit = permit_compare(self._collection.id, wanted, now)
        self.consenting = permit_compare(self._collection.id, everybody, now).subjects
        found = templates.references_of_collection(
            tx,
            self._keys,
            self._permit,
            self._collection.id,
            pack=self._pack.id,
            dim=self._pack.embedder.template_size,
        )
        self._gallery = Gallery(self._collection.id, found.subjects, found.templates)
        self._stamp, self._loaded_at = stamp, now

    def compare(
        self,
        found: Templates,
        ruled_out: Mapping[int, Collection[str]] | None = None,
        *,
        at_least: float | None = None,
    ) -> list[Candidate]:
        """Best consenting subject of each face; ``refresh`` comes first.

        Args:
            found: (n, d) templates of faces.
            ruled_out: by row, subjects whom a person said this face is not.
            at_least: cosine score from which a subject counts; the pack's match score when not given.
        """
        if self._gallery is None or self._permit is None:
            return []
        threshold = self._pack.match if at_least is None else at_least
        return self._gallery.compare(found, self._permit, threshold, ruled_out)
