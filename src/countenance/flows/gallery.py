"""The gallery of a running job: loaded under a permit, and loaded again as soon as consents or references change."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from countenance.core.arrays import Templates
from countenance.core.calibration import least_score
from countenance.core.permit import Permit, permit_compare
from countenance.flows.points import points_of
from countenance.flows.scope import Scope
from countenance.index.gallery import Candidate, Gallery
from countenance.store import consents, merges, stamps, templates
from countenance.store.connection import Tx

OLDEST = timedelta(seconds=30)
"""A consent that ends by date is noticed within this time."""


class LiveGallery:
    """Enrolled and consenting people of one collection, never older than the transaction that asks."""

    def __init__(self, scope: Scope, only: frozenset[str] | None = None) -> None:
        """Nothing is loaded before the first ``refresh``; ``only`` narrows it to some subjects (ids that count)."""
        self._only = only
        self._keys, self._collection, self._pack = scope.keys, scope.collection, scope.pack
        self._suggest = scope.pack.match
        self._hidden: frozenset[str] = frozenset()
        self._stamp: str | None = None
        self._loaded_at: datetime | None = None
        self._gallery: Gallery | None = None
        self._permit: Permit | None = None
        self.aliases: dict[str, str] = {}
        """Merged subjects and the id that each counts as, at the last ``refresh``."""
        self.consenting: frozenset[str] = frozenset()
        """Everybody of the collection whose consent to be compared holds, at the last ``refresh``; merged ids too."""

    def refresh(self, tx: Tx, now: datetime) -> None:
        """Load again when a reference, a consent or a merge changed, or when the last load is too old."""
        stamp = stamps.of_gallery(tx, self._collection.id)
        aliases = merges.aliases(tx, self._collection.id)
        hidden = merges.must_not_appear(tx, self._collection.id)
        self._hidden = frozenset(aliases.get(each, each) for each in hidden)
        self._suggest = points_of(tx, self._collection.id, self._pack).match
        fresh = self._loaded_at is not None and timedelta(0) <= now - self._loaded_at < OLDEST
        if fresh and stamp == self._stamp and aliases == self.aliases:
            return
        self.aliases = aliases
        everybody = merges.together(consents.of_collection(tx, self._keys, self._collection.id), aliases)
        wanted = [
            each for each in everybody if self._only is None or aliases.get(each.subject, each.subject) in self._only
        ]
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
        # References under either id of a person are that person's; a guess is written for the id that counts.
        people = [aliases.get(each, each) for each in found.subjects]
        self._gallery = Gallery(self._collection.id, people, found.templates)
        self._stamp, self._loaded_at = stamp, now

    def least_score(self, subject: str) -> float:
        """Cosine from which this subject (an id that counts) is suggested, at the last ``refresh``."""
        return least_score(subject, self._hidden, self._suggest, self._pack.match)

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
            at_least: cosine score from which a subject counts; the collection's own, else its pack's, when not given.
        """
        if self._gallery is None or self._permit is None:
            return []
        threshold = self._suggest if at_least is None else at_least
        return self._gallery.compare(found, self._permit, threshold, ruled_out)
