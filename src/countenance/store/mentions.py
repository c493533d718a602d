"""Where the organisation's own words (paths of its photos, places, names of its staff) hold a text in plain."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, LargeBinary, func, select

from countenance.store.connection import Tx
from countenance.store.schema import (
    actors,
    clearings,
    collections,
    legal_holds,
    photo_paths,
    policy_pages,
    publications,
    refusals,
    written_files,
)

_OWN_WORDS: Final[tuple[Column[str] | Column[bytes], ...]] = (
    photo_paths.c.path,
    photo_paths.c.member,
    refusals.c.path,
    refusals.c.member,
    clearings.c.folder,
    clearings.c.path,
    clearings.c.output,
    publications.c.place,
    publications.c.path,
    written_files.c.path,
    actors.c.name,
    collections.c.name,
    collections.c.release_reference,
    collections.c.release_approver,
    legal_holds.c.reference,
    legal_holds.c.approver,
    policy_pages.c.page,
)


def mentioned(tx: Tx, text: str) -> int:
    """In how many values of these columns the text stands; reads each of these tables once."""
    found = 0
    for column in _OWN_WORDS:
        sought = text.encode("utf-8", "surrogatepass") if isinstance(column.type, LargeBinary) else text
        query = select(func.count()).select_from(column.table).where(func.instr(column, sought) > 0)
        found += tx.execute(query).scalar_one()
    return found
