"""The published register: which released file went where, and who can be seen on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, update

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
        hidden: ids of the faces that were hidden; any other face of the photo can be seen, also one found later.
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
    hidden: frozenset[str] = frozenset()


def add(tx: Tx, new: Publication) -> bool:
    """Note that a released file was published; False when this very file is noted for this place already.

    One that was taken down and is published again is out again, under the id that it had.
    """
    same = select(publications.c.id, publications.c.taken_down_at).where(
        publications.c.photo_id == new.photo,
        publications.c.channel == new.channel,
        publications.c.place == new.place,
        publications.c.output_sha256 == new.output_sha256,
    )
    known = tx.execute(same).first()
    if known is not None:
        again = {"published_by": new.published_by, "published_at": new.published_at, "taken_down_at": None}
        if known.taken_down_at is not None:
            tx.execute(update(publications).where(publications.c.id == known.id).values(again))
        tx.execute(delete(publication_faces).where(publication_faces.c.publication_id == known.id))
        _add_faces(tx, known.id, new)
        return known.taken_down_at is not None
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
    _add_faces(tx, new.id, new)
    return True


def _add_faces(tx: Tx, publication: str, new: Publication) -> None:
    seen: dict[str, str | None] = dict.fromkeys(new.hidden) | dict(new.shown)
    rows = [
        {"publication_id": publication, "face_id": face, "subject_id": subject, "hidden": face in new.hidden}
        for face, subject in seen.items()
    ]
    if rows:
        tx.execute(insert(publication_faces), rows)


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
    hidden: dict[str, set[str]] = {row.id: set() for row in rows}
    faces = (
        select(publication_faces)
        .join(publications, publications.c.id == publication_faces.c.publication_id)
        .join(photos, photos.c.id == publications.c.photo_id)
        .where(photos.c.collection_id == collection)
    )
    for row in tx.execute(faces):
        if row.hidden:
            hidden[row.publication_id].add(row.face_id)
        else:
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
            hidden=frozenset(hidden[row.id]),
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
