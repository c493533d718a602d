"""Attributes: what the organisation noted about a person beside the name, such as a region or a class.

Names of attributes are plain, for they are the organisation's own words; values are sealed under the person's key, so
that no query can look for one. Whoever looks for a value opens those of the collection, one by one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from sqlalchemy import delete, func, insert, select

from countenance.errors import NotFoundError, StoreError
from countenance.store.connection import Tx
from countenance.store.keys import KeyStore
from countenance.store.schema import subject_attributes, subjects
from countenance.store.sealing import row_context, seal, unseal

LONGEST_NAME = 64
_NAME = re.compile(rf"[a-z][a-z0-9_-]{{0,{LONGEST_NAME - 1}}}")


def put(tx: Tx, keys: KeyStore, subject: str, name: str, value: str) -> None:
    """Note an attribute of a subject; it replaces the value that was noted before.

    Raises:
        StoreError: the name is not a plain word, the value is empty, or there is no such subject.
        NotFoundError: the subject has no key.
    """
    require_name(name)
    text = " ".join(value.split())
    if not text:
        msg = f"The attribute {name} needs a value."
        raise StoreError(msg, advice=f"Nothing was changed; take a former value away with `--unset {name}`.")
    unset(tx, subject, name)
    sealed = seal(keys.subject_key(subject), text.encode("utf-8", "surrogatepass"), _context(subject, name))
    tx.execute(insert(subject_attributes).values(subject_id=subject, name=name, value_sealed=sealed))


def unset(tx: Tx, subject: str, name: str) -> bool:
    """Take an attribute away; False when there was none of that name."""
    own = (subject_attributes.c.subject_id == subject, subject_attributes.c.name == name)
    return tx.execute(delete(subject_attributes).where(*own)).rowcount > 0


def of_subject(tx: Tx, keys: KeyStore, subject: str) -> dict[str, str]:
    """Every attribute of a subject, by name.

    Raises:
        NotFoundError: the subject has no key any more.
        DamagedError: a value fails its authentication.
    """
    query = select(subject_attributes).where(subject_attributes.c.subject_id == subject)
    rows = tx.execute(query.order_by(subject_attributes.c.name)).all()
    return {row.name: _opened(keys, subject, row.name, row.value_sealed) for row in rows}


def having(tx: Tx, keys: KeyStore, collection: str, name: str, value: str) -> list[str]:
    """Ids of the people of a collection of whom this was noted; capitals, blanks and accents' spelling do not count.

    Of people that were merged it is the id that counts, whichever of theirs has the attribute.

    Raises:
        DamagedError: a value fails its authentication, so that nobody can say who has it.
    """
    wanted = _alike(value)
    found = [person for person, text in _values(tx, keys, collection, name) if _alike(text) == wanted]
    return list(dict.fromkeys(found))


def require_name(name: str) -> None:
    """Raise StoreError unless this may be the name of an attribute."""
    if _NAME.fullmatch(name) is None:
        msg = f"{name!r} cannot be the name of an attribute."
        advice = f"Use lower-case letters, digits, - and _, at most {LONGEST_NAME} and a letter first: region=Bavaria."
        raise StoreError(msg, advice=advice)


def _values(tx: Tx, keys: KeyStore, collection: str, name: str) -> Iterator[tuple[str, str]]:
    """(id that counts, value), oldest person first."""
    counts_as = func.coalesce(subjects.c.merged_into, subjects.c.id).label("counts_as")
    query = select(subject_attributes, counts_as).join(subjects, subjects.c.id == subject_attributes.c.subject_id)
    query = query.where(subjects.c.collection_id == collection, subject_attributes.c.name == name)
    for row in tx.execute(query.order_by(subjects.c.created_at, subjects.c.id)).all():
        try:
            yield row.counts_as, _opened(keys, row.subject_id, name, row.value_sealed)
        except NotFoundError:
            continue  # the key went first: this person's erasure was begun and is finished by its own command


def _opened(keys: KeyStore, subject: str, name: str, sealed: bytes) -> str:
    return unseal(keys.subject_key(subject), sealed, _context(subject, name)).decode("utf-8", "surrogatepass")


def _context(subject: str, name: str) -> bytes:
    return row_context("subject-attribute", subject, name)


def _alike(value: str) -> str:
    """One spelling for values that people take for the same."""
    return unicodedata.normalize("NFC", " ".join(value.split()).casefold())
