"""Give a collection a new key and a new turn, in place, so that a kill at any moment leaves one of the two in force.

1. The next key is drawn and kept beside the one in force.
2. One transaction of the database turns and seals every template anew and notes the fact ``rekey:<collection>``. Its
   last act before the commit marks the next key as due: from then on nothing of the collection opens.
3. The write-ahead log is emptied, which waits for whoever still reads rows as they were before.
4. The key store puts the next key in force, in one transaction of its own.
5. The epoch is renewed, which destroys the old key, the log is emptied again, and the fact is forgotten.

Whoever opens the archive after a kill settles it: without the fact the next key is dropped, with it the rest is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Row, Select, Update, bindparam, select, update

from countenance.core.permit import Act, Permit
from countenance.errors import NotFoundError
from countenance.store import facts, index_files, keychecks
from countenance.store.connection import Store, Tx
from countenance.store.keys import KeyStore
from countenance.store.schema import face_templates, faces, photos, subject_references, subjects
from countenance.store.sealing import seal, unseal
from countenance.store.templates import face_context, reference_context
from countenance.store.turns import turn_of

FACT = "rekey:"
"""Beginning of the fact that says that rows of a collection are under its next key; the database's rules know it."""

_STORED = np.dtype("<f4")
_PAGE = 1_000

_REFERENCES = (
    select(
        subject_references.c.id,
        subject_references.c.subject_id,
        subject_references.c.pack_id,
        subject_references.c.template_sealed,
    )
    .join(subjects, subjects.c.id == subject_references.c.subject_id)
    .where(subjects.c.collection_id == bindparam("collection"), subject_references.c.id > bindparam("after"))
    .order_by(subject_references.c.id)
    .limit(_PAGE)
)
_TEMPLATES = (
    select(face_templates.c.face_id.label("id"), face_templates.c.pack_id, face_templates.c.template_sealed)
    .join(faces, faces.c.id == face_templates.c.face_id)
    .join(photos, photos.c.id == faces.c.photo_id)
    .where(photos.c.collection_id == bindparam("collection"), face_templates.c.face_id > bindparam("after"))
    .order_by(face_templates.c.face_id)
    .limit(_PAGE)
)


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """What was turned and sealed anew.

    Attributes:
        n_references: of enrolled people.
        n_templates: of other faces; 0 in a ``consent`` collection.
    """

    n_references: int
    n_templates: int


class _Turn:
    """From the old turn of template space to the new one."""

    def __init__(self, old: bytes, new: bytes) -> None:
        self._old, self._new = old, new
        self._matrices: dict[int, np.ndarray[tuple[int, ...], np.dtype[np.float64]]] = {}

    def __call__(self, plain: bytes) -> bytes:
        """A stored template, turned back and turned anew; its length says which matrices it needs."""
        turned = np.frombuffer(plain, dtype=_STORED)
        dim = len(turned)
        if dim not in self._matrices:
            old, new = turn_of(self._old, dim).astype(np.float64), turn_of(self._new, dim).astype(np.float64)
            self._matrices[dim] = new @ old.T
        return (self._matrices[dim] @ turned).astype(_STORED).tobytes()


def rewrite(tx: Tx, keys: KeyStore, permit: Permit, collection: str) -> Rekeyed:
    """Turn and seal every template of the collection under its next key; ``commit_to`` comes last.

    A reference whose subject's key is gone opens with nothing that exists and is left alone.

    Args:
        tx: writing transaction.
        keys: where the keys are.
        permit: to re-key, in this collection.
        collection: id of the collection.

    Raises:
        PermitError: the permit is not for this.
        DamagedError: a template fails its authentication; nothing may be committed.
    """
    permit.require(Act.REKEY, collection)
    facts.put(tx, FACT + collection, "written")
    old, new = keys.collection_key(collection), keys.next_collection_key(collection)
    keychecks.note(tx, collection, new)
    turn = _Turn(old, new)

    def reference(row: Row[Any]) -> bytes | None:
        context = reference_context(collection, row.subject_id, row.id, row.pack_id)
        try:
            key = keys.subject_key(row.subject_id)
        except NotFoundError:
            return None
        return seal(key, turn(unseal(key, row.template_sealed, context)), context)

    def template(row: Row[Any]) -> bytes:
        context = face_context(collection, row.id, row.pack_id)
        return seal(new, turn(unseal(old, row.template_sealed, context)), context)

    where = {"reference": subject_references.c.id, "template": face_templates.c.face_id}
    again = {name: update(column.table).where(column == bindparam("row")) for name, column in where.items()}
    return Rekeyed(
        n_references=_each(tx, collection, _REFERENCES, again["reference"], reference),
        n_templates=_each(tx, collection, _TEMPLATES, again["template"], template),
    )


def commit_to(keys: KeyStore, collection: str) -> None:
    """The last act of the transaction that rewrote the collection: nothing of it opens before it is settled."""
    keys.mark_rekey(collection)


def settle(store: Store, keys: KeyStore) -> list[str]:
    """Finish or drop every re-key that was begun; gives the collections that have a new key now.

    Safe to call at any time and by several programs at once, outside of a transaction.

    Raises:
        StoreError: a reader held the log, or another program the database; it can be called again.
        DamagedError: a stored key is damaged.
    """
    with store.reading() as tx:
        written = [name.removeprefix(FACT) for name in facts.names(tx, FACT)]
    begun = {*keys.rekeys(), *written}
    return [collection for collection in sorted(begun) if _settled(store, keys, collection)]


def _settled(store: Store, keys: KeyStore, collection: str) -> bool:
    with store.transaction() as tx:  # whoever is rewriting the collection right now has its fact committed by then
        if facts.get(tx, FACT + collection) is None:
            keys.drop_rekey(collection)
            return False
    store.truncate_log()
    with store.transaction() as tx:
        if facts.get(tx, FACT + collection) is None:  # another program was faster
            return True
        keys.finish_rekey(collection)
        index_files.forget(keys, collection)
    keys.rotate_epoch()
    store.truncate_log()
    with store.transaction() as tx:
        facts.drop(tx, FACT + collection)
    return True


def _each(
    tx: Tx, collection: str, query: Select[Any], again: Update, sealed: Callable[[Row[Any]], bytes | None]
) -> int:
    after, n_done = "", 0
    while rows := tx.execute(query, {"collection": collection, "after": after}).all():
        made: Iterable[tuple[str, bytes | None]] = [(row.id, sealed(row)) for row in rows]
        values = [{"row": row, "template_sealed": value} for row, value in made if value is not None]
        if values:
            tx.execute(again, values)
        after, n_done = rows[-1].id, n_done + len(values)
    return n_done
