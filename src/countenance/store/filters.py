"""Which photos a search may look at: those taken in some days, or those below a folder."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import exists, func, select

from countenance.errors import UsageError
from countenance.store.connection import Tx
from countenance.store.many import raw_pages
from countenance.store.schema import photo_paths, photos

_CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class Within:
    """What photos must be; all of it at once.

    Attributes:
        taken_from: aware moment from which they were taken (inclusive); photos that do not say when are left out.
        taken_until: aware moment before which they were taken (exclusive); the same.
        folder: bytes of the folder in which, or below which, they lie or lay; without a slash at its end.
    """

    taken_from: datetime | None = None
    taken_until: datetime | None = None
    folder: bytes | None = None

    @property
    def everything(self) -> bool:
        """Whether nothing is asked for."""
        return self == Within()


def photos_within(tx: Tx, collection: str, within: Within) -> set[str]:
    """Ids of the photos of a collection that are so.

    Raises:
        UsageError: the days end before they begin.
    """
    if within.taken_from is not None and within.taken_until is not None and within.taken_from >= within.taken_until:
        msg = "The days from which photos are searched end before they begin."
        raise UsageError(msg)
    query = select(photos.c.id).where(photos.c.collection_id == collection)
    if within.taken_from is not None:
        query = query.where(photos.c.taken_at >= within.taken_from)
    if within.taken_until is not None:
        query = query.where(photos.c.taken_at < within.taken_until)
    if within.folder is not None:
        folder = within.folder.rstrip(b"/")
        # Everything that begins with the folder and a slash; "0" is what follows "/" in the order of bytes.
        here = (photo_paths.c.path >= folder + b"/") & (photo_paths.c.path < folder + b"0")
        query = query.where(exists().where(photo_paths.c.photo_id == photos.c.id, here))
    return {photo for page in raw_pages(tx, query) for (photo,) in page}


def n_faces_of(tx: Tx, wanted: Collection[str]) -> int:
    """How many faces these photos (by id) have together."""
    ids, found = sorted(wanted), 0
    for start in range(0, len(ids), _CHUNK):
        query = select(func.coalesce(func.sum(photos.c.n_faces), 0)).where(photos.c.id.in_(ids[start : start + _CHUNK]))
        found += int(tx.execute(query).scalar_one())
    return found
