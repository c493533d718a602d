"""The gallery of a running job: loaded under a permit, and brought up to date as soon as anything changes.

The database notes whose references, consents or merges changed, so following a change costs what changed, not what is
there. Whoever withdraws is found no more from the next ``refresh`` on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from countenance.core.arrays import Templates
from countenance.core.calibration import least_score
from countenance.core.consent import Term, not_taken_back
from countenance.core.permit import Permit, permit_compare, renew_compare
from countenance.core.policy import MOST_LOOKALIKE_MARGIN
from countenance.flows import saved_index
from countenance.flows.points import points_of
from countenance.flows.scope import Scope
from countenance.index.gallery import Candidate, Gallery
from countenance.store import consents, merges, references, stamps
from countenance.store.connection import Tx
from countenance.store.index_files import PEOPLE
from countenance.store.stamps import Epoch

_MOST_CHANGES: Final = 500
"""Of more, everything is loaded anew."""


class LiveGallery:
    """Enrolled and consenting people of one collection, never older than the transaction that asks."""

    def __init__(self, scope: Scope, only: frozenset[str] | None = None) -> None:
        """Nothing is loaded before the first ``refresh``; ``only`` narrows it to some subjects (ids that count)."""
        self._only = only
        self._scope, self._keys, self._collection, self._pack = scope, scope.keys, scope.collection, scope.pack
        self._epoch = Epoch()
        self._last_change = 0
        self._looked_at: datetime | None = None
        self._next_at: datetime | None = None
        self._suggest = scope.pack.match
        self._hidden: frozenset[str] = frozenset()
        self._gallery: Gallery | None = None
        self._permit: Permit | None = None
        self._gone: set[str] = set()
        self.aliases: dict[str, str] = {}
        """Merged subjects and the id that each counts as, at the last ``refresh``."""

    @property
    def consenting(self) -> frozenset[str]:
        """Everybody of the collection whose consent to be compared holds, at the last ``refresh``; merged ids too."""
        return frozenset() if self._permit is None else self._permit.subjects - self._gone

    @property
    def kind(self) -> str:
        """Which index holds the references; empty before the first ``refresh``."""
        return "" if self._gallery is None else self._gallery.kind

    def refresh(self, tx: Tx, now: datetime) -> None:
        """Follow what changed since the last time: a reference, a consent, a merge, or what ends or begins by date."""
        self._suggest = points_of(tx, self._collection.id, self._pack).match
        epoch = stamps.epoch(tx, self._collection.id, PEOPLE)
        unchanged = epoch == self._epoch and (self._next_at is None or now < self._next_at)
        if unchanged and not self._must_load(now):
            return
        last_change = stamps.last_change(tx)
        changed = None if self._must_load(now) else self._changed(tx, epoch, now)
        if changed is None:
            self._load(tx, now, epoch)
        else:
            self._follow(tx, now, changed)
        hidden = merges.must_not_appear(tx, self._collection.id)
        self._hidden = frozenset(self.aliases.get(each, each) for each in hidden)
        self._epoch, self._last_change, self._looked_at = epoch, last_change, now

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
                Nothing below the gallery's floor is ever given.
        """
        if self._gallery is None or self._permit is None:
            return []
        threshold = self._suggest if at_least is None else at_least
        return self._gallery.compare(found, self._permit, threshold, ruled_out)

    def _must_load(self, now: datetime) -> bool:
        """Whether nothing is loaded, the clock was set back, or too much of what is loaded was removed since."""
        return self._gallery is None or self._looked_at is None or now < self._looked_at or self._gallery.is_worn

    def _changed(self, tx: Tx, epoch: Epoch, now: datetime) -> set[str] | None:
        """Whose rows changed, or whose consents began or ended by date; None when everything has to be loaded."""
        assert self._looked_at is not None  # noqa: S101 - else everything is loaded
        n_changes = epoch.n - self._epoch.n
        changed = stamps.changed_since(tx, self._collection.id, self._last_change, n_changes)
        if changed is None:
            return None
        if self._next_at is not None and now >= self._next_at:
            changed |= consents.changing_between(tx, self._collection.id, self._looked_at, now)
        aliases = merges.aliases(tx, self._collection.id)
        if len(changed) > _MOST_CHANGES or aliases != self.aliases or changed & {*aliases, *aliases.values()}:
            return None
        return changed

    def _load(self, tx: Tx, now: datetime, epoch: Epoch) -> None:
        collection = self._collection.id
        self.aliases = merges.aliases(tx, collection)
        terms: Sequence[Term] = not_taken_back(consents.terms_of_collection(tx, collection))
        terms = merges.together(terms, self.aliases) if self.aliases else terms
        self._permit, self._gone = permit_compare(collection, terms, now), set()
        moments = {term.from_at for term in terms} | {term.until_at for term in terms}
        self._next_at = min((at for at in moments if at > now), default=None)
        wanted = self._permit.subjects
        if self._only is not None:
            wanted = frozenset(each for each in wanted if self.aliases.get(each, each) in self._only)
            self._gallery = self._built(tx, wanted)
            return
        saved = saved_index.People(self._scope, epoch, self._floor)
        self._gallery = saved.open(now)
        if self._gallery is None:
            self._gallery = self._built(tx, wanted)
            saved.save(self._gallery, now, self._next_at)

    @property
    def _floor(self) -> float:
        return min(self._pack.agree, self._pack.match - MOST_LOOKALIKE_MARGIN)

    def _built(self, tx: Tx, wanted: frozenset[str]) -> Gallery:
        found = self._open(tx, None if self._only is None else wanted)
        # References under either id of a person are that person's; a guess is written for the id that counts.
        people = [self.aliases.get(each, each) for each in found.subjects]
        folder = self._scope.store.path.parent
        return Gallery(self._collection.id, people, found.templates, floor=self._floor, folder=folder)

    def _follow(self, tx: Tx, now: datetime, changed: set[str]) -> None:
        assert self._gallery is not None  # noqa: S101 - else it would be due
        assert self._permit is not None  # noqa: S101
        terms = not_taken_back(consents.terms_of_collection(tx, self._collection.id, changed))
        if self._next_at is not None and now >= self._next_at:
            self._next_at = consents.next_change(tx, self._collection.id, now)
        later = [at for term in terms for at in term.changes_after(now)]
        self._next_at = min([*later, *([] if self._next_at is None else [self._next_at])], default=None)
        for subject in changed:
            self._gallery.remove(subject)
        self._gone |= changed
        mine = changed if self._only is None else changed & self._only
        if permit_compare(self._collection.id, terms, now).subjects:
            self._permit = renew_compare(self._permit, changed, terms, now)
            self._gone -= self._permit.subjects & changed
            found = self._open(tx, mine)
            if found.subjects:
                self._gallery.add(found.subjects, found.templates)

    def _open(self, tx: Tx, only: Collection[str] | None) -> references.References:
        assert self._permit is not None  # noqa: S101
        return references.references_of_collection(
            tx,
            self._keys,
            self._permit,
            self._collection.id,
            pack=self._pack.id,
            dim=self._pack.embedder.template_size,
            only=only,
            told=self._scope.told,
        )
