"""Cheap marks that change when something changed that a running job has in memory."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, select, text

from countenance.store.connection import Tx
from countenance.store.schema import gallery_changes, index_epochs

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


class Epoch(NamedTuple):
    """A state of what one of a collection's indexes is made from.

    Attributes:
        n: how often it changed.
        word: of chance, new with every change; the same number comes again after a backup was restored.
    """

    n: int = 0
    word: str = ""


def epoch(tx: Tx, collection: str, kind: str) -> Epoch:
    """The state of a collection now.

    Args:
        tx: any transaction.
        collection: id of the collection.
        kind: ``people`` (references, consents, merges, who must not appear) or ``faces`` (templates of faces).
    """
    query = select(index_epochs.c.n, index_epochs.c.word)
    row = tx.execute(query.where(index_epochs.c.collection_id == collection, index_epochs.c.kind == kind)).first()
    return Epoch() if row is None else Epoch(row.n, row.word)


def last_change(tx: Tx) -> int:
    """Number of the last change of any gallery that is still noted; 0 when none is."""
    return tx.execute(select(func.max(gallery_changes.c.n))).scalar() or 0


def changed_since(tx: Tx, collection: str, last: int, n_changes: int) -> set[str] | None:
    """Subjects of a collection whose references, consents or merges changed.

    Args:
        tx: any transaction.
        collection: id of the collection.
        last: as ``last_change`` gave it before.
        n_changes: how many changes of its people there were since, as the epochs say.

    Returns:
        None when not all of them are noted any more, so that nobody can say.
    """
    query = select(gallery_changes.c.subject_id).where(gallery_changes.c.n > last)
    found = tx.execute(query.where(gallery_changes.c.collection_id == collection)).scalars().all()
    return set(found) if len(found) == n_changes else None
