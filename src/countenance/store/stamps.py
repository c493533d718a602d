"""Cheap marks that change when something changed that a running job has in memory."""

from __future__ import annotations

from sqlalchemy import text

from countenance.store.connection import Tx

_GALLERY = text(
    "SELECT "
    "(SELECT count(*) || ':' || coalesce(max(r.created_at), '') || ':' || coalesce(max(r.id), '') "
    "FROM subject_references AS r JOIN subjects AS s ON s.id = r.subject_id WHERE s.collection_id = :collection), "
    "(SELECT count(*) || ':' || coalesce(max(c.granted_at), '') || ':' || count(c.withdrawn_at) || ':' "
    "|| coalesce(max(c.withdrawn_at), '') "
    "FROM consents AS c JOIN subjects AS s ON s.id = c.subject_id WHERE s.collection_id = :collection)"
)

_CONSENTS = text(
    "SELECT count(*) || ':' || coalesce(max(c.granted_at), '') || ':' || count(c.withdrawn_at) || ':' "
    "|| coalesce(max(c.withdrawn_at), '') "
    "FROM consents AS c JOIN subjects AS s ON s.id = c.subject_id WHERE s.collection_id = :collection"
)
_PEOPLE = text(
    "SELECT s.id || coalesce(s.merged_into, '') || (s.must_not_appear_sealed IS NOT NULL) FROM subjects AS s "
    "WHERE s.collection_id = :collection AND (s.merged_into IS NOT NULL OR s.must_not_appear_sealed IS NOT NULL) "
    "ORDER BY s.id"
)
_CALIBRATIONS = text(
    "SELECT count(*) || ':' || coalesce(max(made_at), '') FROM calibrations WHERE collection_id = :collection"
)


def of_people(tx: Tx, collection: str) -> str:
    """Text that differs whenever what a decision goes by has changed.

    A consent was added or withdrawn, somebody was merged or must not appear any more, the collection was calibrated.
    """
    wanted = {"collection": collection}
    first = [tx.execute(query, wanted).scalar_one() for query in (_CONSENTS, _CALIBRATIONS)]
    return "|".join([*first, *tx.execute(_PEOPLE, wanted).scalars()])


def of_gallery(tx: Tx, collection: str) -> str:
    """Text that differs whenever a reference or a consent of the collection was added, removed or withdrawn."""
    row = tx.execute(_GALLERY, {"collection": collection}).one()
    return f"{row[0]}|{row[1]}"
