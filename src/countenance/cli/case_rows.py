"""Cases as programs and as people get them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from countenance.cli.frame import counted, one_line
from countenance.core.case import URGENT_WITHIN, State
from countenance.flows.case_review import Reviewed, seen_by
from countenance.flows.case_search import Outcome
from countenance.flows.case_usage import Usage
from countenance.store.cases import StoredCase

_WHEN = "%Y-%m-%d %H:%M UTC"


def case_row(stored: StoredCase) -> dict[str, Any]:
    """One case, as programs get it."""
    case = stored.case
    return {
        "number": stored.number,
        "id": case.id,
        "purpose": case.purpose,
        "state": state_of(stored).value,
        "collections": sorted(case.collections),
        "requester": case.requester,
        "opened_at": _text(case.opened_at),
        "expires_at": _text(case.expires_at),
        "closed_at": _text(case.closed_at),
        "closed_by": stored.closed_by,
        "probes": stored.n_probes,
        "probes_gone_at": _text(stored.probes_gone_at),
        "approvals": [{"by": each.by, "at": _text(each.at)} for each in case.approvals],
        "searches": [
            {
                "search": each.id,
                "collection": each.collection,
                "actor": each.actor,
                "at": _text(each.at),
                "probes": each.n_probes,
                "candidates": each.n_candidates,
                "urgent": each.urgent,
                "keep_until_at": _text(each.keep_until_at),
                "gone_at": _text(each.gone_at),
            }
            for each in case.searches
        ],
    }


def case_line(stored: StoredCase) -> str:
    """One case on one line."""
    n_searches = counted(len(stored.case.searches), "search", "searches")
    words = [state_of(stored).value.ljust(8), one_line(stored.number), stored.case.purpose, n_searches]
    return "  ".join([*words, f"until {stored.case.expires_at.strftime(_WHEN)}"])


def case_lines(stored: StoredCase) -> list[str]:
    """One case in full."""
    case = stored.case
    lines = [
        f"Case {one_line(stored.number)} ({case.id}): {case.purpose}, {state_of(stored).value}",
        f"  asked for by {one_line(case.requester)}, {case.opened_at.strftime(_WHEN)}",
        f"  expires {case.expires_at.strftime(_WHEN)}",
        f"  {counted(stored.n_probes, 'probe')}{', destroyed' if stored.probes_gone_at is not None else ''}",
    ]
    lines += [f"  approved by {one_line(each.by)}, {each.at.strftime(_WHEN)}" for each in case.approvals]
    for each in case.searches:
        told = f"  search {each.id} by {one_line(each.actor)}, {each.at.strftime(_WHEN)}: "
        told += counted(each.n_candidates, "candidate")
        told += ", urgent" if each.urgent else ""
        lines.append(f"{told}, destroyed" if each.gone_at is not None else told)
    if stored.closed_by is not None and case.closed_at is not None:
        lines.append(f"  closed by {one_line(stored.closed_by)}, {case.closed_at.strftime(_WHEN)}")
    return lines


def outcome_row(actor: str, found: Outcome) -> dict[str, Any]:
    """What a search gave, as programs get it."""
    reviewed = seen_by(actor, found)
    return {
        "case": found.stored.number,
        "search": found.search.id,
        "urgent": found.search.urgent,
        "at_least": found.results.at_least,
        "candidates": [
            {
                "rank": each.found.rank,
                "score": each.found.score,
                "photo": each.found.photo or each.found.reference_sha256,
                "face": each.found.face,
                "subject": each.found.subject,
                "box": [round(side, 1) for side in each.found.box],
                "path": found.paths.get(each.found.photo or ""),
                "marks": {by: said.value for by, said in reviewed.marks[each.found.rank].items()},
            }
            for each in found.results.candidates
        ],
        "reviewed": reviewed.done,
        "differ": list(reviewed.differ),
        "statement": found.results.statement,
    }


def candidate_lines(actor: str, found: Outcome) -> list[str]:
    """What a search gave, for people."""
    row = outcome_row(actor, found)
    lines = []
    for each in row["candidates"]:
        where = f"person {each['subject']}" if each["path"] is None else one_line(each["path"])
        box = ", ".join(f"{side:.0f}" for side in each["box"])
        said = "".join(f"  {one_line(by)}: {mark}" for by, mark in sorted(each["marks"].items()))
        lines.append(f"{each['rank']:>3}  {each['score']:.3f}  {where}  [{box}]{said}")
    lines = lines or ["No candidate reached the score."]
    if row["differ"]:
        lines.append(f"The reviewers differ on {', '.join(map(str, row['differ']))}.")
    lines.append(row["statement"])
    if found.search.urgent and found.stored.case.approval_of(found.search.digest) is None:
        last = (found.search.at + URGENT_WITHIN).strftime(_WHEN)
        lines.append(f"Urgent: somebody else has to approve by {last}, or this is destroyed.")
    return lines


def review_row(done: Reviewed) -> dict[str, Any]:
    """What a reviewer may know after a review, as programs get it."""
    marks = {str(rank): {by: said.value for by, said in each.items()} for rank, each in done.marks.items()}
    return {"reviewers": len(done.reviewers), "done": done.done, "marks": marks, "differ": list(done.differ)}


def review_lines(done: Reviewed) -> list[str]:
    """The same for people."""
    if not done.done:
        return ["Noted. What you said is shown to nobody before a second person has reviewed these candidates."]
    if not done.differ:
        return ["Both reviews are in, and they agree."]
    return [f"Both reviews are in; they differ on {', '.join(map(str, done.differ))}."]


def usage_row(found: Usage) -> dict[str, Any]:
    """One month, as programs get it."""
    return {
        "month": found.month,
        "cases": {purpose: {str(what): n for what, n in row.items()} for purpose, row in found.cases.items()},
        "searches": found.searches,
        "urgent": found.urgent,
        "unapproved": found.unapproved,
        "refusals": dict(sorted(found.refusals.items())),
        "probes": found.probes,
        "candidates": found.candidates,
        "by_role": {role: dict(sorted(done.items())) for role, done in sorted(found.by_role.items())},
    }


def usage_lines(found: Usage) -> list[str]:
    """The same for people."""
    n_searches, n_refused = counted(found.searches, "search", "searches"), sum(found.refusals.values())
    cost = f"{counted(found.probes, 'probe')}, {counted(found.candidates, 'candidate')}"
    lines = [f"{found.month}: {n_searches} ({found.urgent} urgent) with {cost}; {n_refused} refused"]
    for purpose, row in found.cases.items():
        if any(row.values()):
            states = ", ".join(f"{row[state]} {state.value}" for state in State)
            lines.append(f"  {purpose}: {row['opened']} opened this month; at its end {states}")
    lines += [f"  refused {reason}: {n}" for reason, n in sorted(found.refusals.items())]
    if found.unapproved:
        lines.append(f"  {counted(found.unapproved, 'case')} with an urgent search that nobody approved in time")
    for role, done in sorted(found.by_role.items()):
        lines.append(f"  {one_line(role)}: " + ", ".join(f"{n} {what}" for what, n in sorted(done.items())))
    return lines


def state_of(stored: StoredCase) -> State:
    """What has become of a case by now."""
    return stored.case.state_at(datetime.now(stored.case.opened_at.tzinfo))


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")
