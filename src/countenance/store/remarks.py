"""What people say of photos and faces beside who they are: nobody is on this photo, this is no face. It stands (P9)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import bindparam, insert, select

from countenance.store import appearances, labels
from countenance.store.connection import Tx
from countenance.store.labels import Operation, Word
from countenance.store.schema import faces, label_operations, remarks

_CHUNK = 500
_OF = (
    select(remarks.c.photo_id, remarks.c.face_id)
    .join(label_operations, label_operations.c.id == remarks.c.operation_id)
    .where(remarks.c.photo_id.in_(bindparam("photos", expanding=True)), label_operations.c.undone_at.is_(None))
)


@dataclass(frozen=True, slots=True)
class Remarks:
    """What stands for some photos.

    Attributes:
        nobody: ids of photos on which a person saw nobody.
        no_face: ids of faces that a person says are none.
    """

    nobody: frozenset[str]
    no_face: frozenset[str]


def add(tx: Tx, word: Word, photos: Iterable[str], no_face: Iterable[str]) -> Operation | None:
    """Keep a person's word as one operation, which can be undone; None when all of it was said before.

    Args:
        tx: writing transaction.
        word: whose, as ``labels.begin`` gave it.
        photos: ids of photos of the collection on which nobody is; what was taken for faces there is none.
        no_face: ids of faces of the collection that are none.

    Raises:
        NotFoundError: there is no such face.
    """
    rows: list[dict[str, str | None]] = []
    for photo in dict.fromkeys(photos):
        # Whatever was taken for a face there is none; faces that a better eye finds later are not covered by this word.
        named = {row.face for row in appearances.of_photo(tx, photo) if row.state == appearances.CONFIRMED}
        there = tx.execute(select(faces.c.id).where(faces.c.photo_id == photo)).scalars()
        rows.append({"photo_id": photo, "face_id": None})
        rows += [{"photo_id": photo, "face_id": face} for face in there if face not in named]
    for face in dict.fromkeys(no_face):
        labels.require_face(tx, word.collection, face)
        photo = tx.execute(select(faces.c.photo_id).where(faces.c.id == face)).scalar_one()
        rows.append({"photo_id": photo, "face_id": face})
    said = of_photos(tx, {str(row["photo_id"]) for row in rows})
    new = [
        row
        for row in rows
        if row["face_id"] not in said.no_face and (row["face_id"] or row["photo_id"] not in said.nobody)
    ]
    if not new:
        return None
    done = labels.write(tx, word, labels.REMARK, (), subject=None)
    tx.execute(insert(remarks), [{"operation_id": done.id, **row} for row in new])
    return done


def of_photos(tx: Tx, photos: Iterable[str]) -> Remarks:
    """What people said of these photos, as far as nobody took it back."""
    wanted = list(photos)
    rows = [
        row
        for start in range(0, len(wanted), _CHUNK)
        for row in tx.execute(_OF, {"photos": wanted[start : start + _CHUNK]})
    ]
    return Remarks(
        frozenset(row.photo_id for row in rows if row.face_id is None),
        frozenset(row.face_id for row in rows if row.face_id is not None),
    )
