"""Indexes that are kept between two runs: derived, encrypted, good for one state of the database only.

Each collection's files are sealed under a secret of their own in the key store. An erasure destroys that secret and the
files, so that copies of them in backups cannot be opened either.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from countenance.errors import StaleIndexError, StoreError
from countenance.flows.scope import Scope
from countenance.index import choice
from countenance.index.gallery import Gallery
from countenance.store import stamps
from countenance.store.index_files import PEOPLE, index_file, secret_of
from countenance.store.stamps import Epoch

_START: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STEP: Final = timedelta(microseconds=1)


def install(scope: Scope, kind: str, epoch: Epoch, written: Path, path: Path) -> None:
    """Give a written index its name, if the database is still at the epoch that it is of.

    An erasure that takes rows out has changed the epoch; one that has not come so far will destroy the file with its
    secret. Either way nothing stands that was saved from an older view.
    """
    if scope.store.is_writing:  # then nobody else can have changed anything
        written.replace(path)
        return
    try:
        with scope.store.transaction() as tx:
            if stamps.epoch(tx, scope.collection.id, kind) == epoch:
                written.replace(path)
    finally:
        written.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class People:
    """The saved gallery of one collection at one state of the database."""

    scope: Scope
    epoch: Epoch
    floor: float

    def open(self, now: datetime) -> Gallery | None:
        """The gallery; None when it has to be built anew, also because a consent began or ended by date since."""
        if not self._path.exists():  # no secret is drawn for what was never saved
            return None
        try:
            index, more = choice.open_saved(self._path, self._secret, self._head, self._path.parent)
            made, until = (int(each) for each in more["holds"])
            moment = (now - _START) // _STEP
            if not made <= moment or (until >= 0 and moment >= until):
                return None
            owners = [name.decode("ascii") for name in more["owners"].tolist()]
        except (StaleIndexError, KeyError, ValueError):
            return None
        none = np.empty((0, index.dim), dtype=np.float32)
        return Gallery(self.scope.collection.id, owners, none, floor=self.floor, index=index)

    def save(self, gallery: Gallery, now: datetime, until: datetime | None) -> None:
        """Save it where that is worth it; it is good until a consent begins or ends by date.

        A disk that is full only makes the next start slower.
        """
        if gallery.kind == "flat" or not self.epoch.word:
            return
        holds = np.array([(now - _START) // _STEP, -1 if until is None else (until - _START) // _STEP], dtype="<i8")
        more = {"holds": holds, "owners": np.array(gallery.owners(), dtype="S24")}
        with suppress(StoreError, OSError):
            written = choice.save(self._path, self._secret, self._head, gallery.index, more)
            install(self.scope, PEOPLE, self.epoch, written, self._path)

    @property
    def _path(self) -> Path:
        return index_file(self.scope.store.path.parent, self.scope.collection.id, PEOPLE)

    @property
    def _secret(self) -> bytes:
        return self.scope.keys.secret(secret_of(self.scope.collection.id))

    @property
    def _head(self) -> dict[str, object]:
        return {
            "collection": self.scope.collection.id,
            "epoch": [self.epoch.n, self.epoch.word],
            "form": 1,
            "floor": self.floor,
            "of": PEOPLE,
            "pack": self.scope.pack.id,
        }
