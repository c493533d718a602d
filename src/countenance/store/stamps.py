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


def of_gallery(tx: Tx, collection: str) -> str:
    """Text that differs whenever a reference or a consent of the collection was added, removed or withdrawn."""
    row = tx.execute(_GALLERY, {"collection": collection}).one()
    return f"{row[0]}|{row[1]}"
