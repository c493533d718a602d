"""Photos, the paths they were seen under, and the files that could not be used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, select, text, update

from countenance.errors import NotFoundError
from countenance.store.connection import Tx
from countenance.store.ids import ordered_id
from countenance.store.moments import to_text
from countenance.store.schema import photo_paths, photos, refusals

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class NewPhoto:
    """A photo about to be added.

    Attributes:
        sha256: 32 bytes, of the file as it is.
        n_bytes: size of the file.
        width: pixels of the upright photo at full size.
        height: the same.
        format: format as decoded, such as ``jpeg``.
        orientation: EXIF orientation, 1 to 8.
        taken_at: aware moment the photo says it was taken, if it says so.
        status: ``indexed``, or ``partial`` when only part of the file could be decoded.
        n_faces: faces that are added with it.
        pack: id of the model pack.
    """

    sha256: bytes
    n_bytes: int
    width: int
    height: int
    format: str
    orientation: int
    taken_at: datetime | None
    status: str
    n_faces: int
    pack: str


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo of a collection with the path it was last seen under.

    Attributes:
        id: ids grow with the time of ingest.
        collection: id of its collection.
        sha256: 32 bytes.
        n_bytes: size of the file.
        width: pixels of the upright photo at full size.
        height: the same.
        format: format as decoded.
        orientation: EXIF orientation, 1 to 8.
        taken_at: aware UTC moment, if known.
        status: ``indexed`` or ``partial``.
        n_faces: number of faces.
        pack: id of the model pack.
        ingested_at: aware UTC moment.
        path: bytes of the newest path or address it was seen under; empty when none is known.
        member: bytes of the name inside an archive file; empty when the path is the photo.
    """

    id: str
    collection: str
    sha256: bytes
    n_bytes: int
    width: int
    height: int
    format: str
    orientation: int
    taken_at: datetime | None
    status: str
    n_faces: int
    pack: str
    ingested_at: datetime
    path: bytes
    member: bytes


@dataclass(frozen=True, slots=True)
class KnownPhoto:
    """What ingest needs to know about bytes it has seen before.

    Attributes:
        id: id of the photo.
        status: ``indexed`` or ``partial``.
        pack: id of the model pack that looked at it.
    """

    id: str
    status: str
    pack: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that could not be used.

    Attributes:
        path: bytes of its path.
        member: bytes of the name inside an archive file, or empty.
        sha256: 32 bytes when the file could be read at all.
        reason: short word for counting.
        message: one sentence.
        refused_at: aware UTC moment of the last try.
    """

    path: bytes
    member: bytes
    sha256: bytes | None
    reason: str
    message: str
    refused_at: datetime


@dataclass(frozen=True, slots=True)
class PhotoCounts:
    """What a collection holds.

    Attributes:
        n_indexed: photos decoded whole.
        n_partial: photos decoded in part.
        n_faces: faces in both.
        refused: number of refused files by reason.
    """

    n_indexed: int
    n_partial: int
    n_faces: int
    refused: Mapping[str, int]


_KNOWN = select(photos.c.sha256, photos.c.id, photos.c.status, photos.c.pack_id).where(
    photos.c.collection_id == bindparam("collection"), photos.c.sha256.in_(bindparam("wanted", expanding=True))
)
_ADD_PHOTO = insert(photos)
_ADD_PATH = text(
    "INSERT INTO photo_paths (photo_id, path, member, first_seen_at, last_seen_at) "
    "VALUES (:photo, :path, :member, :at, :at) "
    "ON CONFLICT (photo_id, path, member) DO UPDATE SET last_seen_at = excluded.last_seen_at"
)
_ADD_REFUSAL = text(
    "INSERT INTO refusals (collection_id, path, member, sha256, reason, message, refused_at) "
    "VALUES (:collection, :path, :member, :sha256, :reason, :message, :at) "
    "ON CONFLICT (collection_id, path, member) DO UPDATE SET "
    "sha256 = excluded.sha256, reason = excluded.reason, message = excluded.message, refused_at = excluded.refused_at"
)
_CLEAR_REFUSAL = delete(refusals).where(
    refusals.c.collection_id == bindparam("collection"),
    refusals.c.path == bindparam("of_path"),
    refusals.c.member == bindparam("of_member"),
)
NEWEST_PATH = (
    select(photo_paths.c.id)
    .where(photo_paths.c.photo_id == photos.c.id)
    .order_by(photo_paths.c.last_seen_at.desc(), photo_paths.c.id.desc())
    .limit(1)
    .correlate(photos)
    .scalar_subquery()
)
"""Id of the path under which a photo was seen last; for joins with ``photos``."""
_WITH_PATH = select(photos, photo_paths.c.path, photo_paths.c.member).join_from(
    photos, photo_paths, photo_paths.c.id == NEWEST_PATH, isouter=True
)
_PAGE = (
    _WITH_PATH.where(photos.c.collection_id == bindparam("collection"), photos.c.id > bindparam("after"))
    .order_by(photos.c.id)
    .limit(bindparam("most"))
)


def known(tx: Tx, collection: str, sha256s: Iterable[bytes]) -> dict[bytes, KnownPhoto]:
    """Which of these photos the collection has, by their 32-byte SHA-256."""
    wanted = list(sha256s)
    found: dict[bytes, KnownPhoto] = {}
    for start in range(0, len(wanted), _CHUNK):
        rows = tx.execute(_KNOWN, {"collection": collection, "wanted": wanted[start : start + _CHUNK]})
        found.update({row.sha256: KnownPhoto(row.id, row.status, row.pack_id) for row in rows})
    return found


def add_photos(tx: Tx, collection: str, new: Iterable[NewPhoto], *, at: datetime) -> list[str]:
    """Add photos; returns their ids in order.

    Raises:
        ConflictError: the collection has one of them already.
        StoreError: a value is out of range, or there is no such collection.
    """
    rows = [
        {
            "id": ordered_id(),
            "collection_id": collection,
            "sha256": photo.sha256,
            "bytes": photo.n_bytes,
            "width": photo.width,
            "height": photo.height,
            "format": photo.format,
            "orientation": photo.orientation,
            "taken_at": photo.taken_at,
            "status": photo.status,
            "n_faces": photo.n_faces,
            "pack_id": photo.pack,
            "ingested_at": at,
        }
        for photo in new
    ]
    if rows:
        tx.execute(_ADD_PHOTO, rows)
    return [str(row["id"]) for row in rows]


def add_photo(tx: Tx, collection: str, new: NewPhoto, *, at: datetime) -> str:
    """Add one photo; returns its id. See ``add_photos``."""
    return add_photos(tx, collection, [new], at=at)[0]


def set_n_faces(tx: Tx, photo: str, n_faces: int) -> None:
    """Note how many faces a photo has, after a closer look found more."""
    tx.execute(update(photos).where(photos.c.id == photo).values(n_faces=n_faces))


def add_paths(tx: Tx, seen: Iterable[tuple[str, bytes, bytes]], *, at: datetime) -> None:
    """Remember under which paths photos were seen; one that is remembered already becomes the newest again.

    Args:
        tx: writing transaction.
        seen: (photo id, path, member); the member is empty when the path is the photo itself.
        at: aware moment.
    """
    moment = to_text(at)
    rows = [{"photo": photo, "path": path, "member": member, "at": moment} for photo, path, member in seen]
    if rows:
        tx.execute(_ADD_PATH, rows)


def add_path(tx: Tx, photo: str, path: bytes, member: bytes = b"", *, at: datetime) -> None:
    """Remember one path of a photo. See ``add_paths``."""
    add_paths(tx, [(photo, path, member)], at=at)


def paths_of(tx: Tx, photo: str) -> list[tuple[bytes, bytes]]:
    """Every (path, member) the photo was seen under, newest first."""
    query = select(photo_paths.c.path, photo_paths.c.member).where(photo_paths.c.photo_id == photo)
    return [
        (row.path, row.member)
        for row in tx.execute(query.order_by(photo_paths.c.last_seen_at.desc(), photo_paths.c.id.desc()))
    ]


def add_refusals(tx: Tx, collection: str, refused: Iterable[Refusal]) -> None:
    """Keep a row for each file that could not be used, in place of an earlier one for the same path."""
    rows = [
        {
            "collection": collection,
            "path": item.path,
            "member": item.member,
            "sha256": item.sha256,
            "reason": item.reason,
            "message": item.message,
            "at": to_text(item.refused_at),
        }
        for item in refused
    ]
    if rows:
        tx.execute(_ADD_REFUSAL, rows)


def add_refusal(tx: Tx, collection: str, refused: Refusal) -> None:
    """Keep one refused file. See ``add_refusals``."""
    add_refusals(tx, collection, [refused])


def clear_refusals(tx: Tx, collection: str, paths: Iterable[tuple[bytes, bytes]]) -> None:
    """Forget the refusal of these (path, member), because the files now succeeded."""
    rows = [{"collection": collection, "of_path": path, "of_member": member} for path, member in paths]
    if rows:
        tx.execute(_CLEAR_REFUSAL, rows)


def clear_refusal(tx: Tx, collection: str, path: bytes, member: bytes = b"") -> None:
    """Forget the refusal of one path. See ``clear_refusals``."""
    clear_refusals(tx, collection, [(path, member)])


def refused_of(tx: Tx, collection: str) -> list[Refusal]:
    """Every refused file of the collection, by path."""
    query = select(refusals).where(refusals.c.collection_id == collection).order_by(refusals.c.path, refusals.c.member)
    return [
        Refusal(row.path, row.member, row.sha256, row.reason, row.message, row.refused_at) for row in tx.execute(query)
    ]


def by_id(tx: Tx, photo: str) -> Photo:
    """The photo with its newest path.

    Raises:
        NotFoundError: there is none.
    """
    row = tx.execute(_WITH_PATH.where(photos.c.id == photo)).first()
    if row is None:
        msg = f"There is no photo with the id {photo}."
        advice = (
            "Give the sha256 that `countenance find WHO --json` prints, or the id in a report of `countenance clear`."
        )
        raise NotFoundError(msg, advice=advice)
    return _photo(row)


def page(tx: Tx, collection: str, *, after: str = "", most: int = 500) -> list[Photo]:
    """Up to ``most`` photos whose id is greater than ``after``, in order of id.

    Long work asks for one page per transaction and passes on the last id, so that no reader stays open for hours.
    """
    rows = tx.execute(_PAGE, {"collection": collection, "after": after, "most": most})
    return [_photo(row) for row in rows]


def each(tx: Tx, collection: str) -> Iterator[Photo]:
    """Every photo of the collection with its newest path, in order of ingest."""
    after = ""
    while batch := page(tx, collection, after=after):
        yield from batch
        after = batch[-1].id


def counts(tx: Tx, collection: str) -> PhotoCounts:
    """What the collection holds."""
    query = select(photos.c.status, func.count(), func.sum(photos.c.n_faces)).where(
        photos.c.collection_id == collection
    )
    by_status = {row[0]: (row[1], row[2]) for row in tx.execute(query.group_by(photos.c.status))}
    reasons = select(refusals.c.reason, func.count()).where(refusals.c.collection_id == collection)
    return PhotoCounts(
        n_indexed=by_status.get("indexed", (0, 0))[0],
        n_partial=by_status.get("partial", (0, 0))[0],
        n_faces=sum(n_faces for _, n_faces in by_status.values()),
        refused={row[0]: row[1] for row in tx.execute(reasons.group_by(refusals.c.reason))},
    )


def _photo(row: Row[Any]) -> Photo:
    return Photo(
        id=row.id,
        collection=row.collection_id,
        sha256=row.sha256,
        n_bytes=row.bytes,
        width=row.width,
        height=row.height,
        format=row.format,
        orientation=row.orientation,
        taken_at=row.taken_at,
        status=row.status,
        n_faces=row.n_faces,
        pack=row.pack_id,
        ingested_at=row.ingested_at,
        path=row.path or b"",
        member=row.member or b"",
    )
