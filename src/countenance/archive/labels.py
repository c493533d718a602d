"""People's word on the machine's guesses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from countenance.archive.opened import Opened
from countenance.flows import (
    labels,
    review,
    view,
)
from countenance.store.appearances import Appearance
from countenance.store.labels import Operation


class Labels(Opened):
    """Review, name, split, merge, remark and undo."""

    def review_counts(self, collection: str) -> dict[str, int]:
        """Number of appearances by state."""
        return review.counts(self._store, self.collection(collection))

    def decide(self, collection: str, ids: Sequence[str], state: str, actor: str) -> list[Appearance]:
        """Confirm or reject appearances; see ``flows.review``."""
        return self.decide_each(collection, dict.fromkeys(ids, state), actor)

    def decide_each(self, collection: str, decisions: Mapping[str, str], actor: str) -> list[Appearance]:
        """Confirm some appearances and reject others, all or none; see ``flows.review``."""
        return review.decide(self._store, self._keys, self.collection(collection), decisions, self._clock, actor)

    def name_face(self, face: str, who: str, actor: str) -> Operation | None:
        """Say who a face is; see ``flows.labels``."""
        return labels.name(self._reviewer(actor), face, self.subject(who))

    def split(self, who: str, faces: Sequence[str], actor: str, *, to: str | None = None) -> Operation | None:
        """Say that faces are not this person, but perhaps another; see ``flows.labels``."""
        other = self.subject(to) if to is not None else None
        return labels.split(self._reviewer(actor), self.subject(who), faces, other)

    def merge(self, keep: str, other: str, actor: str) -> Operation:
        """Say that two people are one; see ``flows.labels``."""
        return labels.merge(self._reviewer(actor), self.subject(keep), self.subject(other))

    def remark(self, collection: str, actor: str, *, nobody: Sequence[str], no_face: Sequence[str]) -> Operation | None:
        """Say that nobody is on photos, or that faces are none; see ``flows.labels``."""
        return labels.remark(self._reviewer(actor), self.collection(collection).id, nobody, no_face)

    def undo(self, operation: str, actor: str, *, collection: str | None = None) -> Operation:
        """Take an operation back, of any collection or of one; see ``flows.labels``."""
        place = self.collection(collection).id if collection is not None else None
        return labels.undo(self._reviewer(actor), operation, place)

    def label_history(self, collection: str, who: str | None = None, *, most: int | None = None) -> list[Operation]:
        """What people did to labels, in a collection or to one person, newest first; see ``flows.labels``."""
        subject = self.subject(who, collection) if who is not None else None
        found = labels.history(self._store, self.collection(collection).id, subject, most=most)
        if subject is not None:
            view.log_view(self._desk, subject.id, view.HISTORY)
        return found
