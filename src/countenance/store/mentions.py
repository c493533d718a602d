"""Where the organisation's own words (paths of its photos, places, names of its staff) hold a text in plain."""

from __future__ import annotations

import unicodedata
from typing import Final, Literal

from sqlalchemy import Column, LargeBinary, func, or_, select

from countenance.store.connection import Tx
from countenance.store.schema import (
    actors,
    appearance_history,
    cases,
    clearings,
    collections,
    label_operations,
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
    label_operations.c.note,
    appearance_history.c.note,
    cases.c.number,
)


def spellings(text: str) -> tuple[str, ...]:
    """The text as it was given, composed and decomposed: file systems and keyboards differ in this."""
    forms: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")
    return tuple(dict.fromkeys([text, *(unicodedata.normalize(form, text) for form in forms)]))


def mentioned(tx: Tx, text: str) -> int:
    """In how many values of these columns the text stands, however it is spelled; reads each of these tables once."""
    found = 0
    for column in _OWN_WORDS:
        is_bytes = isinstance(column.type, LargeBinary)
        sought = [each.encode("utf-8", "surrogatepass") if is_bytes else each for each in spellings(text)]
        said = or_(*(func.instr(column, each) > 0 for each in sought))
        found += tx.execute(select(func.count()).select_from(column.table).where(said)).scalar_one()
    return found
