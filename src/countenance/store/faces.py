"""Faces: one row per detection, in pixels of the upright photo at full size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select

from countenance.core.arrays import Boxes, Confidences, Landmarks, Qualities
from countenance.errors import NotFoundError, StoreError
from countenance.store import points
from countenance.store.connection import Tx
from countenance.store.ids import face_id
from countenance.store.schema import faces, photos

_SIDES = 4
_PAGE = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One detection.

    Attributes:
        id: the photo's id, a hyphen, the ordinal.
        photo: id of its photo.
        ordinal: 0, 1, ... in the order of detection.
        box: left, top, width, height in pixels of the upright photo at full size.
        landmarks: (5, 2) float32 in the same pixels.
        confidence: in [0, 1].
        quality: in [0, 100].
        pack: id of the model pack.
    """

    id: str
    photo: str
    ordinal: int
    box: tuple[float, float, float, float]
    landmarks: Landmarks
    confidence: float
    quality: float
    pack: str


@dataclass(frozen=True, slots=True, eq=False)
class NewFaces:
    """The faces of one photo about to be added; row i of each belongs together.

    Attributes:
        boxes: (n, 4) left, top, width, height in pixels of the upright photo at full size.
        landmarks: (n, 5, 2) in the same pixels.
        confidences: (n,) in [0, 1].
        qualities: (n,) in [0, 100].
        pack: id of the model pack.
    """

    boxes: Boxes
    landmarks: Landmarks
    confidences: Confidences
    qualities: Qualities
    pack: str


_ADD = insert(faces)
_OF_PHOTO = select(faces).where(faces.c.photo_id == bindparam("photo")).order_by(faces.c.ordinal)
_PAGE_OF_COLLECTION = (
    select(faces)
    .join(photos, photos.c.id == faces.c.photo_id)
    .where(photos.c.collection_id == bindparam("collection"), photos.c.id > bindparam("after"))
    .order_by(photos.c.id, faces.c.ordinal)
    .execution_options(yield_per=_PAGE)
)


def add_faces(tx: Tx, photo: str, new: NewFaces, *, first_ordinal: int = 0) -> list[str]:
    """Add the faces of one photo; returns their ids in order.

    Raises:
        StoreError: the arrays disagree, a value is not a number, or a box has no area.
        ConflictError: an ordinal is taken.
    """
    n_faces = len(new.boxes)
    others = (new.landmarks, new.confidences, new.qualities)
    if new.boxes.shape != (n_faces, _SIDES) or any(len(other) != n_faces for other in others):
        msg = "Boxes, landmarks, confidences and qualities must have one row per face."
        raise StoreError(msg)
    numbers = zip(new.boxes.tolist(), new.confidences.tolist(), new.qualities.tolist(), strict=True)
    rows = [
        {
            "id": face_id(photo, ordinal),
            "photo_id": photo,
            "ordinal": ordinal,
            "x": x,
            "y": y,
            "w": w,
            "h": h,
            "landmarks": points.to_blob(new.landmarks[ordinal - first_ordinal]),
            "confidence": confidence,
            "quality": quality,
            "pack_id": new.pack,
        }
        for ordinal, ((x, y, w, h), confidence, quality) in enumerate(numbers, start=first_ordinal)
    ]
    if rows:
        tx.execute(_ADD, rows)
    return [str(row["id"]) for row in rows]


def of_photo(tx: Tx, photo: str) -> list[Face]:
    """The photo's faces by ordinal."""
    return [_face(row) for row in tx.execute(_OF_PHOTO, {"photo": photo})]


def by_id(tx: Tx, face: str) -> Face:
    """The face of that id.

    Raises:
        NotFoundError: there is none.
    """
    row = tx.execute(select(faces).where(faces.c.id == face)).first()
    if row is None:
        msg = f"There is no face with the id {face}."
        raise NotFoundError(msg)
    return _face(row)


def each_photo(tx: Tx, collection: str, *, after: str = "") -> Iterator[tuple[str, list[Face]]]:
    """(photo id, its faces by ordinal) for every photo of the collection that has faces, in order of photo id.

    Args:
        tx: any transaction; it stays open while the caller iterates.
        collection: id of the collection.
        after: only photos with a greater id.
    """
    rows = tx.execute(_PAGE_OF_COLLECTION, {"collection": collection, "after": after})
    for photo, group in groupby(rows, key=lambda row: str(row.photo_id)):
        yield photo, [_face(row) for row in group]


def count(tx: Tx, collection: str) -> int:
    """Number of faces in the collection."""
    query = select(func.count()).select_from(faces.join(photos, photos.c.id == faces.c.photo_id))
    return tx.execute(query.where(photos.c.collection_id == collection)).scalar_one()


def _face(row: Row[Any]) -> Face:
    return Face(
        id=row.id,
        photo=row.photo_id,
        ordinal=row.ordinal,
        box=(row.x, row.y, row.w, row.h),
        landmarks=points.from_blob(row.landmarks),
        confidence=row.confidence,
        quality=row.quality,
        pack=row.pack_id,
    )
