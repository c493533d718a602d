"""All faces of a ``release`` collection, in memory, ready to be searched under a permit.

Templates are opened under a permit, put into an index, and the index is saved for the next run at the same state of the
database. Nothing about a face is here but its id.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import Templates
from countenance.core.permit import Permit
from countenance.errors import StaleIndexError, StoreError
from countenance.flows.saved_index import install
from countenance.flows.scope import Scope
from countenance.index import choice
from countenance.index.best import NONE
from countenance.index.choice import Index
from countenance.store import stamps, templates
from countenance.store.connection import Tx
from countenance.store.index_files import FACES, index_file, secret_of

_SAMPLE: Final = 65_536
_KEY: Final = np.dtype("V14")
"""A face's id: 12 bytes of its photo's id, 2 of its ordinal."""
_PHOTO: Final = np.dtype("S12")
"""The first of them; NumPy does not compare raw bytes, and does compare these whole, since all are as long."""


@dataclass(frozen=True, slots=True)
class FaceIndex:
    """An index and the ids of its rows.

    Attributes:
        index: one row a face.
        keys: (n,) ids, packed.
    """

    index: Index
    keys: NDArray[np.void]

    @classmethod
    def open(cls, tx: Tx, scope: Scope, permit: Permit) -> FaceIndex:
        """The index at this state of the database: the saved one, or built anew and saved.

        Args:
            tx: any transaction.
            scope: the collection.
            permit: one under which the kept templates of all its faces may be opened.

        Raises:
            PermitError: it does not allow that.
            DamagedError: a template fails its authentication.
        """
        place, dim = scope.collection.id, scope.pack.embedder.template_size
        epoch = stamps.epoch(tx, place, FACES)
        path = index_file(scope.store.path.parent, place, FACES)
        head = {"collection": place, "epoch": [epoch.n, epoch.word], "form": 1, "of": FACES, "pack": scope.pack.id}
        # Asked first: a permit that opens no template must not open the saved ones either.
        pages = templates.each_face_template(tx, scope.keys, permit, place, pack=scope.pack.id, dim=dim)
        n_faces = templates.about_how_many(tx, place)
        if path.exists():
            try:
                index, more = choice.open_saved(path, scope.keys.secret(secret_of(place)), head, path.parent)
                return cls(index, more["keys"].view(_KEY))
            except StaleIndexError:
                pass
        made = cls._built(pages, scope, dim, n_faces)
        if made.index.kind != "flat" and epoch.word:
            with suppress(StoreError, OSError):  # a full disk only makes the next start slower
                written = choice.save(path, scope.keys.secret(secret_of(place)), head, made.index, {"keys": made.keys})
                install(scope, FACES, epoch, written, path)
        return made

    @classmethod
    def _built(cls, pages: templates.Pages, scope: Scope, dim: int, n_faces: int) -> FaceIndex:
        index: Index | None = None
        held: list[Templates] = []
        keys: list[NDArray[np.void]] = []
        n_held = n_done = 0
        for ids, rows in pages:
            keys.append(_packed(ids))
            held.append(rows)
            n_held += len(rows)
            if n_held >= _SAMPLE:
                index = _filled(index, held, dim, n_faces, scope)
                held, n_done, n_held = [], n_done + n_held, 0
                if scope.told is not None:
                    scope.told(n_done, n_faces)
        index = _filled(index, held, dim, n_faces, scope)
        return cls(index, np.concatenate(keys) if keys else np.empty(0, dtype=_KEY))

    def __len__(self) -> int:
        """How many faces."""
        return len(self.index)

    @property
    def kind(self) -> str:
        """Which index it is."""
        return self.index.kind

    def among(self, photos: Collection[str]) -> NDArray[np.bool_]:
        """(n,) True for the faces of these photos, by id."""
        own = self.keys.view(np.uint8).reshape(-1, _KEY.itemsize)[:, : _PHOTO.itemsize].copy().view(_PHOTO).reshape(-1)
        wanted = np.array([bytes.fromhex(each) for each in photos], dtype=_PHOTO)
        return np.isin(own, wanted)

    def search(
        self, probes: Templates, *, at_least: float, most: int, among: NDArray[np.bool_] | None = None
    ) -> list[tuple[str, float]]:
        """(id, score) of the faces most like one of the probes, best first.

        Args:
            probes: (n, d) float32 of unit length; of one person.
            at_least: cosine from which a face counts.
            most: how many at most.
            among: (n,) True for faces that may be found, as ``among`` gives it; None for all.
        """
        found = self.index.search(probes, most, at_least=at_least, among=among)
        best: dict[int, float] = {}
        for rows, scores in zip(found.rows.tolist(), found.scores.tolist(), strict=True):
            for row, score in zip(rows, scores, strict=True):
                if row != NONE:
                    best[row] = max(score, best.get(row, -2.0))
        ids = {row: _face_id(self.keys[row].tobytes()) for row in best}
        ordered = sorted(best.items(), key=lambda each: (-each[1], ids[each[0]]))
        return [(ids[row], score) for row, score in ordered[:most]]


def _filled(index: Index | None, held: list[Templates], dim: int, n_faces: int, scope: Scope) -> Index:
    rows = np.concatenate(held) if held else np.empty((0, dim), dtype=np.float32)
    if index is None:
        index = choice.new_index(dim, rows, expected=n_faces, folder=scope.store.path.parent)
    index.add(rows)
    return index


def _packed(ids: list[str]) -> NDArray[np.void]:
    content = b"".join([bytes.fromhex(each[:24]) + int(each[25:]).to_bytes(2, "big") for each in ids])
    return np.frombuffer(content, dtype=_KEY)


def _face_id(key: bytes) -> str:
    return f"{key[:12].hex()}-{int.from_bytes(key[12:], 'big')}"
