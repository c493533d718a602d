"""Templates at rest: references of people who consented and, in ``release`` collections only, templates of all faces.

A template is turned by its collection's secret rotation, then sealed: a reference under its subject's key, any other
under the collection's key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np
from sqlalchemy import ColumnElement, Row, bindparam, func, insert, select

from countenance.core.arrays import Landmarks, Templates
from countenance.core.permit import Act, Permit
from countenance.errors import DamagedError, NotFoundError, PermitError, StoreError
from countenance.store import many, points
from countenance.store.connection import Tx
from countenance.store.ids import random_id
from countenance.store.keys import KeyStore
from countenance.store.schema import appearances, face_templates, faces, photos, subject_references, subjects
from countenance.store.sealing import row_context, seal, unseal, unseal_all

Pages: TypeAlias = Iterator[tuple[list[str], Templates]]
_STORED = np.dtype("<f4")
_PAGE = 1_000
_REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class NewReference:
    """A reference about to be added.

    Attributes:
        subject: id of the subject.
        consent: id of a consent of that very subject which holds now.
        photo_sha256: 32 bytes, of the reference photo.
        box: left, top, width, height of the face in pixels of the upright reference photo.
        landmarks: (5, 2) in the same pixels.
        quality: in [0, 100].
        pack: id of the model pack.
        template: (d,) float32 of unit length.
    """

    subject: str
    consent: str
    photo_sha256: bytes
    box: tuple[float, float, float, float]
    landmarks: Landmarks
    quality: float
    pack: str
    template: Templates


@dataclass(frozen=True, slots=True)
class ReferenceFacts:
    """A reference without its template.

    Attributes:
        id: random id.
        subject: whose it is.
        consent: id of the consent it rests on.
        photo_sha256: 32 bytes, of the reference photo.
        box: left, top, width, height in pixels of the upright reference photo.
        quality: in [0, 100].
        pack: id of the model pack.
        created_at: aware UTC moment.
    """

    id: str
    subject: str
    consent: str
    photo_sha256: bytes
    box: tuple[float, float, float, float]
    quality: float
    pack: str
    created_at: datetime


_FACE_TEMPLATES = (
    select(face_templates.c.face_id, face_templates.c.template_sealed)
    .join(faces, faces.c.id == face_templates.c.face_id)
    .join(photos, photos.c.id == faces.c.photo_id)
    .where(photos.c.collection_id == bindparam("collection"), face_templates.c.pack_id == bindparam("pack"))
    .order_by(photos.c.id, faces.c.ordinal)
)


def add_reference(tx: Tx, keys: KeyStore, permit: Permit, collection: str, new: NewReference, *, at: datetime) -> str:
    """Keep a reference; returns its id. The database checks the consent again, by its own clock.

    Raises:
        PermitError: the permit is not for storing references of this subject here.
        ConsentError: the database finds no consent of this subject that holds now.
        StoreError: the template is not a vector of finite numbers.
    """
    permit.require(Act.STORE_REFERENCE, collection, new.subject)
    home = tx.execute(select(subjects.c.collection_id).where(subjects.c.id == new.subject)).scalar()
    if home != collection:
        msg = f"Subject {new.subject} is not of this collection."
        raise PermitError(msg)
    made = random_id()
    turned = _turned(keys, collection, new.template[None, :])
    context = reference_context(collection, new.subject, made, new.pack)
    x, y, w, h = new.box
    row = {
        "id": made,
        "subject_id": new.subject,
        "consent_id": new.consent,
        "photo_sha256": new.photo_sha256,
        "x": x,
        "y": y,
        "w": w,
        "h": h,
        "landmarks": points.to_blob(new.landmarks),
        "quality": new.quality,
        "pack_id": new.pack,
        "template_sealed": seal(keys.subject_key(new.subject), turned[0].tobytes(), context),
        "created_at": at,
    }
    tx.execute(insert(subject_references).values(row))
    return made


def references_of_subject(tx: Tx, subject: str) -> list[ReferenceFacts]:
    """What is kept of the subject's references, without opening the templates, oldest first."""
    query = select(subject_references).where(subject_references.c.subject_id == subject)
    rows = tx.execute(query.order_by(subject_references.c.created_at, subject_references.c.id))
    return [_facts(row) for row in rows]


def open_to_erase(
    tx: Tx, keys: KeyStore, permit: Permit, collection: str, *, photo: str | None = None
) -> list[tuple[Templates, Templates]]:
    """Every template that is kept of the permit's subjects, as (plain, as the collection turns it), each (d,) float32.

    References and, in a ``release`` collection, the templates of faces that are or may be theirs, or of the faces of
    one photo. One that nobody can open any more is left out: what is unreadable anyway must not hold an erasure up.

    Raises:
        PermitError: the permit is not for erasing here.
    """
    permit.require(Act.ERASE, collection)
    people, opened = sorted(permit.subjects), list[bytes]()
    for start in range(0, len(people), _PAGE):
        some = people[start : start + _PAGE]
        seen = select(appearances.c.face_id).where(appearances.c.subject_id.in_(some))
        theirs = face_templates.c.face_id.in_(seen.where(appearances.c.state != _REJECTED))
        opened += _opened_references(tx, keys, collection, subject_references.c.subject_id.in_(some))
        opened += _opened_faces(tx, keys, collection, theirs)
    if photo is not None:
        of_photo = select(faces.c.id).where(faces.c.photo_id == photo)
        opened += _opened_faces(tx, keys, collection, face_templates.c.face_id.in_(of_photo))
    found = []
    for plain in opened:
        turned = np.frombuffer(plain, dtype=_STORED).astype(np.float32)
        found.append((turned @ keys.rotation_of(collection, len(turned)), turned))
    return found


def _opened_references(tx: Tx, keys: KeyStore, collection: str, where: ColumnElement[bool]) -> Iterator[bytes]:
    for row in tx.execute(select(subject_references).where(where)):
        with suppress(DamagedError, NotFoundError):
            context = reference_context(collection, row.subject_id, row.id, row.pack_id)
            yield unseal(keys.subject_key(row.subject_id), row.template_sealed, context)


def _opened_faces(tx: Tx, keys: KeyStore, collection: str, where: ColumnElement[bool]) -> Iterator[bytes]:
    for row in tx.execute(select(face_templates).where(where)):
        with suppress(DamagedError, NotFoundError):
            context = face_context(collection, row.face_id, row.pack_id)
            yield unseal(keys.collection_key(collection), row.template_sealed, context)


def add_face_templates(
    tx: Tx, keys: KeyStore, permit: Permit, collection: str, *, pack: str, face_ids: Sequence[str], templates: Templates
) -> None:
    """Keep templates of faces of a ``release`` collection.

    Args:
        tx: writing transaction.
        keys: where the collection's key is.
        permit: to store templates, in this collection.
        collection: id of the collection.
        pack: id of the model pack.
        face_ids: ids of n faces of this collection.
        templates: (n, d) float32.

    Raises:
        PermitError: the permit is not for storing templates here.
        ConsentError: the database finds that the collection has no documented basis that holds now (P1).
        StoreError: the arrays disagree or hold something that is not a number.
        NotFoundError: a face is not of this collection.
    """
    permit.require(Act.STORE_TEMPLATE, collection)
    if len(face_ids) != len(templates):
        msg = "There must be one template for each face."
        raise StoreError(msg)
    if not face_ids:
        return
    _require_faces_of(tx, collection, face_ids)
    key = keys.collection_key(collection)
    rows = [
        {
            "face_id": face,
            "template_sealed": seal(key, turned.tobytes(), face_context(collection, face, pack)),
            "pack_id": pack,
        }
        for face, turned in zip(face_ids, _turned(keys, collection, templates), strict=True)
    ]
    tx.execute(insert(face_templates), rows)


def kept_of(tx: Tx, face_ids: Sequence[str]) -> set[str]:
    """Which of these faces have a template that is kept; in a ``consent`` collection none has."""
    query = select(face_templates.c.face_id).where(face_templates.c.face_id.in_(face_ids))
    return set(tx.execute(query).scalars())


def about_how_many(tx: Tx, collection: str) -> int:
    """How many templates of faces a ``release`` collection keeps, but for those that were erased one by one."""
    query = select(func.coalesce(func.sum(photos.c.n_faces), 0)).where(photos.c.collection_id == collection)
    return int(tx.execute(query).scalar_one())


def each_face_template(tx: Tx, keys: KeyStore, permit: Permit, collection: str, *, pack: str, dim: int) -> Pages:
    """(face ids, their (n, d) templates), up to 10,000 at a time, in no particular order.

    Raises:
        PermitError: the permit is not for opening templates, nor for searching under a case, here; said at once,
            before the first page is asked for.
        DamagedError: a template fails its authentication or has another length.
    """
    permit.require(Act.SEARCH if permit.act is Act.SEARCH else Act.OPEN_TEMPLATES, collection)
    return _pages(tx, keys, collection, pack, dim)


def _pages(tx: Tx, keys: KeyStore, collection: str, pack: str, dim: int) -> Pages:
    key, begins, ends = keys.collection_key(collection), *_around_face(collection, pack)
    query, ours = _FACE_TEMPLATES.params(collection=collection, pack=pack), None
    if many.is_most(tx, photos, collection):
        query = select(face_templates.c.face_id, face_templates.c.template_sealed)
        query, ours = query.where(face_templates.c.pack_id == pack), many.ids_of(tx, photos, collection)
    for page in many.raw_pages(tx, query):
        rows = page if ours is None else [row for row in page if row[0].rpartition("-")[0] in ours]
        opened = unseal_all(key, ((sealed, begins + row_context(face) + ends) for face, sealed in rows))
        yield [face for face, _ in rows], turned_back(keys, collection, opened, dim)


def _require_faces_of(tx: Tx, collection: str, face_ids: Sequence[str]) -> None:
    chunk = 500
    for start in range(0, len(face_ids), chunk):
        wanted = face_ids[start : start + chunk]
        query = select(faces.c.id).join(photos, photos.c.id == faces.c.photo_id)
        query = query.where(photos.c.collection_id == collection, faces.c.id.in_(wanted))
        if set(tx.execute(query).scalars()) != set(wanted):
            msg = "A face is not of this collection."
            raise NotFoundError(msg)


def _turned(keys: KeyStore, collection: str, templates: Templates) -> Templates:
    if templates.ndim != 2 or templates.shape[1] == 0 or not np.isfinite(templates).all():  # noqa: PLR2004 - rows, columns
        msg = "A template is a vector of finite numbers."
        raise StoreError(msg)
    matrix = keys.rotation_of(collection, templates.shape[1])
    return np.ascontiguousarray(templates @ matrix.T, dtype=_STORED)


def turned_back(keys: KeyStore, collection: str, opened: Sequence[bytes], dim: int) -> Templates:
    """Opened templates (n, dim) as the model made them; DamagedError when one has another length."""
    if any(len(plain) != dim * _STORED.itemsize for plain in opened):
        msg = "A stored template has another length than its model pack makes."
        raise DamagedError(msg)
    if not opened:
        return np.empty((0, dim), dtype=np.float32)
    turned = np.frombuffer(b"".join(opened), dtype=_STORED).reshape(len(opened), dim)
    return np.ascontiguousarray(turned.astype(np.float32) @ keys.rotation_of(collection, dim))


def reference_context(collection: str, subject: str, reference: str, pack: str) -> bytes:
    """What a sealed reference is bound to."""
    begins, ends = around_reference(collection, pack)
    return begins + row_context(subject, reference) + ends


def around_reference(collection: str, pack: str) -> tuple[bytes, bytes]:
    """What is the same in the contexts of all references of a collection: their beginning and their end."""
    return row_context("reference", collection), row_context(pack)


def face_context(collection: str, face: str, pack: str) -> bytes:
    """What the sealed template of a face is bound to."""
    begins, ends = _around_face(collection, pack)
    return begins + row_context(face) + ends


def _around_face(collection: str, pack: str) -> tuple[bytes, bytes]:
    """What is the same in the contexts of all faces of a collection: their beginning and their end."""
    return row_context("face-template", collection), row_context(pack)


def _facts(row: Row[Any]) -> ReferenceFacts:
    return ReferenceFacts(
        id=row.id,
        subject=row.subject_id,
        consent=row.consent_id,
        photo_sha256=row.photo_sha256,
        box=(row.x, row.y, row.w, row.h),
        quality=row.quality,
        pack=row.pack_id,
        created_at=row.created_at,
    )
