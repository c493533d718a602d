"""How searching under cases was used in one month: numbers, purposes and roles; nobody's name, no case's number.

What was done is counted from the ledger, which cannot be rewritten unnoticed.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

from countenance.core.canonical import parse
from countenance.core.case import PURPOSES, State
from countenance.errors import UsageError
from countenance.flows.consent import Desk
from countenance.ledger.event import Act
from countenance.store import actors, cases, entries, moments

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_ACTS = {
    Act.CASE_OPEN: "opened",
    Act.CASE_APPROVE: "approved",
    Act.CASE_REVIEW: "reviewed",
    Act.CASE_CLOSE: "closed",
    Act.CASE_REPORT: "reported",
}


@dataclass(slots=True)
class Usage:
    """One month.

    Attributes:
        month: ``YYYY-MM``.
        cases: by purpose: how many were opened in it, and what the cases known by its end were then, by state.
        searches: how many were made.
        urgent: how many of them before anybody had approved them.
        unapproved: in how many cases an urgent search was never approved, so that its candidates were destroyed.
        refusals: searches that were refused, by reason.
        probes: how many were searched with.
        candidates: how many were found.
        by_role: by role of whoever did it, how often each was done.
    """

    month: str
    cases: dict[str, dict[str, int]]
    searches: int = 0
    urgent: int = 0
    unapproved: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    probes: int = 0
    candidates: int = 0
    by_role: dict[str, Counter[str]] = field(default_factory=dict)


def usage(desk: Desk, month: str) -> Usage:
    """Count one month, in UTC; the current one up to now.

    Args:
        desk: where.
        month: ``YYYY-MM``.

    Raises:
        UsageError: it is not written so, or it has not begun.
    """
    now = desk.clock()
    if not _MONTH.fullmatch(month) or month < "0001-01" or month > now.strftime("%Y-%m"):
        msg = f"{month!r} is no month that has begun; write it as {now:%Y-%m}."
        raise UsageError(msg)
    begin, end = _bounds(month)
    with desk.store.reading() as tx:
        known = cases.listing(tx, desk.keys)
        told = [parse(body) for _, body in entries.bodies_saying(tx, b'"act":"case-')]
        roles = {each.id: each.role for each in actors.everybody(tx).values()}
    found = Usage(month, {purpose: dict.fromkeys(["opened", *State], 0) for purpose in PURPOSES})
    last = min(now, end)
    for each in (stored.case for stored in known if stored.case.opened_at < end):
        row = found.cases[each.purpose]
        row["opened"] += each.opened_at >= begin
        closed = each.closed_at is not None and each.closed_at < end
        row[State.CLOSED if closed else State.EXPIRED if each.expires_at <= last else State.OPEN] += 1
    for one in told:
        if begin <= moments.from_text(one["at"]) < end:
            _count(found, one["act"], one["facts"], roles.get(one["actor"], actors.STAFF))
    return found


def _count(found: Usage, act: str, facts: dict[str, object], role: str) -> None:
    done = _ACTS.get(Act(act))
    if act == Act.CASE_PURGE:
        found.unapproved += bool(facts["unapproved"])
    if act == Act.CASE_SEARCH:
        if facts["refused"] is not None:
            found.refusals[str(facts["refused"])] += 1
        else:
            found.searches += 1
            found.urgent += bool(facts["urgent"])
            found.probes += int(str(facts["probes"]))
            found.candidates += int(str(facts["candidates"]))
        done = "searched" if facts["refused"] is None else "refused"
    if done is not None:
        found.by_role.setdefault(role, Counter())[done] += 1


def _bounds(month: str) -> tuple[datetime, datetime]:
    year, number = int(month[:4]), int(month[5:])
    begin = datetime(year, number, 1, tzinfo=UTC)
    return begin, datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
