"""Which probes and candidates are kept no longer, and which secrets and files are left of those that went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from countenance.core.case import URGENT_WITHIN
from countenance.errors import DamagedError
from countenance.store import written
from countenance.store.cases import by_number, secret_of, secret_of_search
from countenance.store.connection import Tx
from countenance.store.keys import KeyStore
from countenance.store.schema import case_collections, case_searches, cases, written_files
from countenance.store.written import CASE_PAGE, WrittenFile


@dataclass(frozen=True, slots=True)
class Due:
    """What is to go: ids of cases (their probes), (case, search, unapproved) of searches (their candidates), files."""

    probes: tuple[str, ...]
    searches: tuple[tuple[str, str, bool], ...]
    files: tuple[WrittenFile, ...]


def due(tx: Tx, keys: KeyStore, now: datetime) -> Due:
    """What is due at a moment (aware UTC)."""
    over = cases.c.closed_at.is_not(None) | (cases.c.expires_at <= now)
    probes = tx.execute(select(cases.c.id).where(cases.c.probes_gone_at.is_(None), over)).scalars().all()
    searches = [
        (row.case_id, row.id, late)
        for row in tx.execute(select(case_searches).where(case_searches.c.gone_at.is_(None))).all()
        for late in [bool(row.urgent) and _is_late(tx, keys, row.case_id, row.id, row.searched_at, now)]
        if late or row.keep_until_at <= now
    ]
    files = _files_of_gone(tx, set(probes), {case for case, _, _ in searches})
    return Due(tuple(probes), tuple(searches), files)


def forgotten_secrets(tx: Tx, keys: KeyStore) -> list[str]:
    """Names of secrets whose probes or candidates went, after a kill or with their collection."""
    gone = {
        secret_of(each) for each in tx.execute(select(cases.c.id).where(cases.c.probes_gone_at.is_not(None))).scalars()
    }
    emptied = select(case_searches.c.id).where(case_searches.c.sealed.is_(None))
    gone |= {secret_of_search(each) for each in tx.execute(emptied).scalars()}
    return [name for name in keys.secret_names("case") if name in gone]


def _is_late(tx: Tx, keys: KeyStore, case: str, search: str, at: datetime, now: datetime) -> bool:
    if now <= at + URGENT_WITHIN:
        return False
    try:
        known = by_number(tx, keys, case).case
    except DamagedError:  # whoever rewrote the case does not keep its candidates by it
        return True
    return any(each.id == search and known.lapsed(each, now) for each in known.searches)


def _files_of_gone(tx: Tx, probes: set[str], searched: set[str]) -> tuple[WrittenFile, ...]:
    """Pages that show probes or candidates which are to go, or went after the page was written."""
    about = tx.execute(select(written_files.c.case_id).where(written_files.c.case_id.is_not(None))).scalars()
    found = []
    for file in written.of_cases(tx, sorted(set(about))):
        case = file.case or ""
        row = tx.execute(select(cases.c.probes_gone_at).where(cases.c.id == case)).first()
        went = [] if row is None or row.probes_gone_at is None or file.kind != CASE_PAGE else [row.probes_gone_at]
        query = select(case_searches.c.gone_at).where(case_searches.c.case_id == case)
        went += [each for each in tx.execute(query).scalars() if each is not None]
        now_due = case in searched or (file.kind == CASE_PAGE and case in probes)
        if now_due or any(file.written_at <= each for each in went):
            found.append(file)
    return tuple(found)


def cases_of_collection(tx: Tx, collection: str) -> Sequence[str]:
    """Ids of the cases under which a collection was, or may be, searched."""
    inside = select(case_collections.c.case_id).where(case_collections.c.collection_id == collection)
    return tx.execute(inside.order_by(case_collections.c.case_id)).scalars().all()
