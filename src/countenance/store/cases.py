"""Cases in the database: terms and approvals carry a MAC, probes and candidates are sealed under secrets of their own.

The probes of a case are sealed, and their templates turned, under the secret ``case:<id>``; the candidates of a search
and what reviewers said under ``case-search:<id>``. Dropping such a secret makes whatever backups hold of it useless,
and a collection's new key changes nothing of an open case. The MAC is made with a secret that is not in the database:
whoever can write rows can neither approve nor prolong anything.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, func, insert, select, update

from countenance.core.canonical import canonical
from countenance.core.case import Approval, Case, Search, is_among
from countenance.errors import ConflictError, DamagedError, NotFoundError
from countenance.store.connection import Tx
from countenance.store.ids import ordered_id, random_id
from countenance.store.keys import KeyStore
from countenance.store.moments import to_text
from countenance.store.schema import case_approvals, case_collections, case_probes, case_searches, cases

_SEAL_OF_TERMS: Final = "cases"
"""The archive's secret that terms and approvals are authenticated with."""


@dataclass(frozen=True, slots=True)
class StoredCase:
    """A case as it is kept.

    Attributes:
        case: as the rules see it.
        number: the organisation's own.
        pack: id of the model pack of its probes, and of every collection it is about.
        closed_by: who closed it.
        probes_gone_at: aware UTC moment at which its probes were destroyed.
        n_probes: how many were handed in.
    """

    case: Case
    number: str
    pack: str
    closed_by: str | None
    probes_gone_at: datetime | None
    n_probes: int


@dataclass(frozen=True, slots=True)
class NewCase:
    """A case about to be opened: number, purpose, ids of collections, pack, who asks, from when to when (aware UTC)."""

    number: str
    purpose: str
    collections: frozenset[str]
    pack: str
    requester: str
    opened_at: datetime
    expires_at: datetime


def secret_of(case: str) -> str:
    """Name of the secret that a case's probes are sealed under."""
    return f"case:{case}"


def secret_of_search(search: str) -> str:
    """Name of the secret that a search's candidates are sealed under."""
    return f"case-search:{search}"


def new_search_id() -> str:
    """An id for a search about to be noted."""
    return ordered_id()


def add(tx: Tx, keys: KeyStore, new: NewCase) -> str:
    """Open a case; gives its id.

    Raises:
        ConflictError: there is a case of this number.
    """
    if tx.execute(select(cases.c.id).where(cases.c.number == new.number)).first() is not None:
        msg = f"There is a case {new.number} already."
        raise ConflictError(msg, advice="Show it with `countenance case show`, or give another number.")
    made = ordered_id()
    row = {
        "id": made,
        "number": new.number,
        "purpose": new.purpose,
        "pack_id": new.pack,
        "requester": new.requester,
        "opened_at": new.opened_at,
        "expires_at": new.expires_at,
        "mac": _mac_of_terms(keys, made, new),
    }
    tx.execute(insert(cases).values(row))
    inside = [
        {"case_id": made, "collection_id": each, "mac": _mac(keys, "collection", made, each)}
        for each in sorted(new.collections)
    ]
    tx.execute(insert(case_collections), inside)
    return made


def by_number(tx: Tx, keys: KeyStore, number: str) -> StoredCase:
    """The case of that number, or of that id.

    Raises:
        NotFoundError: there is none.
        DamagedError: its terms were changed by somebody else.
    """
    row = tx.execute(select(cases).where((cases.c.number == number) | (cases.c.id == number))).first()
    if row is None:
        msg = f"There is no case {number}."
        raise NotFoundError(msg, advice="List them with `countenance case list`, or open one.")
    return _stored(tx, keys, row)


def listing(tx: Tx, keys: KeyStore) -> list[StoredCase]:
    """Every case, oldest first."""
    return [_stored(tx, keys, row) for row in tx.execute(select(cases).order_by(cases.c.opened_at, cases.c.id)).all()]


def approve(tx: Tx, keys: KeyStore, case: Case, approval: Approval) -> None:
    """Note an approval.

    Raises:
        ConflictError: the database finds that whoever approves asked for it.
    """
    row = {
        "id": random_id(),
        "case_id": case.id,
        "requester": case.requester,
        "approver": approval.by,
        "digest": approval.digest,
        "approved_at": approval.at,
        "mac": _mac_of_approval(keys, case.id, approval),
    }
    tx.execute(insert(case_approvals).values(row))


def close(tx: Tx, case: str, *, by: str, at: datetime) -> None:
    """Close a case."""
    tx.execute(update(cases).where(cases.c.id == case).values(closed_by=by, closed_at=at))


def spent_since(tx: Tx, actor: str, since: datetime) -> int:
    """How many probes an actor, however the name is spelled, has searched with since a moment (aware UTC)."""
    query = select(case_searches.c.actor, func.sum(case_searches.c.n_probes).label("n"))
    rows = tx.execute(query.where(case_searches.c.searched_at >= since).group_by(case_searches.c.actor))
    return sum(row.n for row in rows if is_among(actor, [row.actor]))


def _stored(tx: Tx, keys: KeyStore, row: Row[Any]) -> StoredCase:
    inside = tx.execute(select(case_collections).where(case_collections.c.case_id == row.id)).all()
    handed_in = tx.execute(select(case_probes.c.added_by).where(case_probes.c.case_id == row.id)).scalars().all()
    terms = NewCase(
        row.number,
        row.purpose,
        frozenset(each.collection_id for each in inside),
        row.pack_id,
        row.requester,
        row.opened_at,
        row.expires_at,
    )
    _require(row.mac, _mac_of_terms(keys, row.id, terms), f"What the case {row.number} is for")
    for each in inside:
        expected = _mac(keys, "collection", row.id, each.collection_id)
        _require(each.mac, expected, f"A collection of the case {row.number}")
    approvals = select(case_approvals).where(case_approvals.c.case_id == row.id)
    searches = select(case_searches).where(case_searches.c.case_id == row.id)
    case = Case(
        id=row.id,
        purpose=row.purpose,
        collections=terms.collections,
        requester=row.requester,
        opened_at=row.opened_at,
        expires_at=row.expires_at,
        closed_at=row.closed_at,
        handed_in_by=frozenset(handed_in),
        approvals=tuple(
            _approval(keys, each) for each in tx.execute(approvals.order_by(case_approvals.c.approved_at)).all()
        ),
        searches=tuple(map(_search, tx.execute(searches.order_by(case_searches.c.id)).all())),
    )
    return StoredCase(case, row.number, row.pack_id, row.closed_by, row.probes_gone_at, len(handed_in))


def _approval(keys: KeyStore, row: Row[Any]) -> Approval:
    approval = Approval(row.approver, row.digest, row.approved_at)
    _require(row.mac, _mac_of_approval(keys, row.case_id, approval), "An approval")
    return approval


def _search(row: Row[Any]) -> Search:
    return Search(
        id=row.id,
        collection=row.collection_id,
        actor=row.actor,
        at=row.searched_at,
        digest=row.digest,
        n_probes=row.n_probes,
        n_candidates=row.n_candidates,
        urgent=bool(row.urgent),
        keep_until_at=row.keep_until_at,
        gone_at=row.gone_at,
    )


def _mac_of_terms(keys: KeyStore, case: str, new: NewCase) -> bytes:
    moments = (to_text(new.opened_at), to_text(new.expires_at))
    return _mac(keys, "terms", case, new.number, new.purpose, new.pack, new.requester, *moments)


def _mac_of_approval(keys: KeyStore, case: str, approval: Approval) -> bytes:
    return _mac(keys, "approval", case, approval.by, approval.digest, to_text(approval.at))


def _mac(keys: KeyStore, *parts: str) -> bytes:
    return hmac.digest(keys.secret(_SEAL_OF_TERMS), canonical(list(parts)), "sha256")


def _require(held: bytes, expected: bytes, what: str) -> None:
    if not hmac.compare_digest(bytes(held), expected):
        msg = f"{what} was written by another program, so nothing is searched under it."
        raise DamagedError(msg, advice="Run `countenance ledger verify`, and open a new case.")
