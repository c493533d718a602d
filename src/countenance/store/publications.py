"""The published register: which released file went where, and who can be seen on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update

from countenance.errors import NotFoundError
from countenance.store.connection import Tx
from countenance.store.ids import random_id
from countenance.store.schema import photos, publication_faces, publications


@dataclass(frozen=True, slots=True)
class Publication:
    """One released file at one place.

    Attributes:
        id: random id.
        photo: id of the photo.
        channel: where it appeared.
        place: address or note.
        path: bytes of the photo's path below its source.
        output_sha256: 32 bytes, of the released file.
        shown: id of the subject by id of the face, for every face that was not hidden.
        published_by: actor.
        published_at: aware UTC moment.
        taken_down_at: aware UTC moment, once somebody has said so.
    """

    id: str
    photo: str
    channel: str
    place: str
    path: bytes
    output_sha256: bytes
    shown: Mapping[str, str | None]
    published_by: str
    published_at: datetime
    taken_down_at: datetime | None


def add(tx: Tx, new: Publication) -> bool:
    """Note that a released file was published; False when this very file is noted for this place already."""
    same = select(publications.c.id).where(
        publications.c.photo_id == new.photo,
        publications.c.channel == new.channel,
        publications.c.place == new.place,
        publications.c.output_sha256 == new.output_sha256,
    )
    if tx.execute(same).first() is not None:
        return False
    row = {
        "id": new.id,
        "photo_id": new.photo,
        "channel": new.channel,
        "place": new.place,
        "path": new.path,
        "output_sha256": new.output_sha256,
        "published_by": new.published_by,
        "published_at": new.published_at,
        "taken_down_at": new.taken_down_at,
    }
    tx.execute(insert(publications).values(row))
    if new.shown:
        rows = [
            {"publication_id": new.id, "face_id": face, "subject_id": subject} for face, subject in new.shown.items()
        ]
        tx.execute(insert(publication_faces), rows)
    return True


def new_id() -> str:
    """Id for a publication about to be added."""
    return random_id()


def of_collection(tx: Tx, collection: str) -> list[Publication]:
    """Every publication of photos of a collection, oldest first."""
    query = select(publications).join(photos, photos.c.id == publications.c.photo_id)
    rows = tx.execute(
        query.where(photos.c.collection_id == collection).order_by(publications.c.published_at, publications.c.id)
    ).all()
    shown: dict[str, dict[str, str | None]] = {row.id: {} for row in rows}
    faces = (
        select(publication_faces)
        .join(publications, publications.c.id == publication_faces.c.publication_id)
        .join(photos, photos.c.id == publications.c.photo_id)
        .where(photos.c.collection_id == collection)
    )
    for row in tx.execute(faces):
        shown[row.publication_id][row.face_id] = row.subject_id
    return [
        Publication(
            id=row.id,
            photo=row.photo_id,
            channel=row.channel,
            place=row.place,
            path=row.path,
            output_sha256=row.output_sha256,
            shown=shown[row.id],
            published_by=row.published_by,
            published_at=row.published_at,
            taken_down_at=row.taken_down_at,
        )
        for row in rows
    ]


def take_down(tx: Tx, publication: str, *, at: datetime) -> None:
    """Note that a published copy is gone; saying it again changes nothing.

    Raises:
        NotFoundError: there is no such publication.
    """
    row = tx.execute(select(publications.c.taken_down_at).where(publications.c.id == publication)).first()
    if row is None:
        msg = f"There is no published copy with the id {publication}."
        raise NotFoundError(msg, advice="List them with `countenance take-down SUBJECT`.")
    if row.taken_down_at is None:
        tx.execute(update(publications).where(publications.c.id == publication).values(taken_down_at=at))
