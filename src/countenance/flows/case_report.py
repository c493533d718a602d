"""A case on one page: who asked, approved, searched and reviewed, what was found; proofs from the ledger beside it.

The act is logged first, so that the proofs cover the report itself. No probe is on the page: it may outlive them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from countenance.core.canonical import parse
from countenance.core.case import LEAD_ONLY
from countenance.errors import CaseError, NotFoundError
from countenance.flows import case, case_review, case_search
from countenance.flows.acts import log
from countenance.flows.case_search import Outcome
from countenance.flows.consent import Desk
from countenance.flows.pages import render
from countenance.ingest.source import display_name
from countenance.ledger.event import Act, Event, Fact
from countenance.ledger.proof import proof_text
from countenance.store import actors, case_results, cases, collections, entries, photos, written
from countenance.store.cases import StoredCase
from countenance.store.connection import Tx

PAGE = "report.html"
_WHEN = "%Y-%m-%d %H:%M UTC"


@dataclass(frozen=True, slots=True)
class Report:
    """What was written: path of the page, and how many entries of the ledger are proven beside it."""

    page: Path
    n_entries: int


def write_report(desk: Desk, number: str, folder: Path) -> Report:
    """Write ``report.html``, and ``entry-N.json`` with ``entry-N.proof`` for each entry about the case.

    Raises:
        NotFoundError: there is no such case.
        ConflictError: something on it is being erased.
        CountenanceError: the folder cannot be written.
        StoreError: the log is not what was signed before, so nothing more is signed.
    """
    now = desk.clock()
    with desk.store.transaction() as tx:
        stored = cases.by_number(tx, desk.keys, number)
        told = _searches(desk, tx, stored)
        people = tuple(sorted({each for row in told for each in row.pop("people")}))
        facts: dict[str, Fact] = {"case": stored.case.id, "searches": len(told)}
        event = Event(Act.CASE_REPORT, desk.actor, subjects=people, facts=facts)
        log(tx, desk.keys, event, at=now)
    with desk.store.reading() as tx:
        listed = entries.bodies_saying(tx, stored.case.id.encode("ascii"))
        known = actors.everybody(tx)
        page = render(
            "case_report.html",
            case=stored.case,
            number=stored.number,
            state=stored.case.state_at(now).value,
            collections=[collections.by_id(tx, each).name for each in sorted(stored.case.collections)],
            closed_by=stored.closed_by,
            n_probes=stored.n_probes,
            probes_gone=stored.probes_gone_at is not None,
            searches=told,
            entries=[_entry(n, parse(body), known) for n, body in listed],
            made_by=desk.actor,
            made_at=now.strftime(_WHEN),
            when=_WHEN,
            lead_only=LEAD_ONLY,
        )
        files = {PAGE: page.encode("utf-8", "backslashreplace")}
        for n, body in listed:
            files[f"entry-{n}.json"] = body
            files[f"entry-{n}.proof"] = proof_text(tx, desk.keys, n).encode("utf-8")
    seen = Event(Act.CASE_VIEW, desk.actor, subjects=people, facts={"case": stored.case.id, "what": "report"})
    shown = [each for row in told for each in row["ids"]]

    def still(tx: Tx) -> bool:
        return case_results.are_there(tx, shown)

    pages = case.Pages(written.CASE_REPORT, files, seen, still)
    return Report(case.write_pages(desk, stored, folder, pages), len(listed))


def _searches(desk: Desk, tx: Tx, stored: StoredCase) -> list[dict[str, Any]]:
    return [_told(desk, tx, stored, each.id) for each in stored.case.searches]


def _told(desk: Desk, tx: Tx, stored: StoredCase, search_id: str) -> dict[str, Any]:
    """One search; of one that is not shown any more only that there was one."""
    (made,) = [each for each in stored.case.searches if each.id == search_id]
    about: dict[str, Any] = {"search": made, "people": (), "outcome": None, "why_not": "", "ids": []}
    about |= {"reviews": None, "rows": []}
    try:
        outcome = case_search.visible(tx, desk, stored.number, search_id)
    except (CaseError, NotFoundError) as error:
        return about | {"why_not": error.message}
    reviewed = case_review.seen_by("", outcome)
    return about | {
        "people": case_results.people_of(tx, [each.found for each in outcome.results.candidates]),
        "ids": [each.id for each in outcome.results.candidates],
        "outcome": outcome.results,
        "reviews": reviewed,
        "rows": _rows(tx, outcome, reviewed),
    }


def _rows(tx: Tx, outcome: Outcome, reviewed: case_review.Reviewed) -> list[dict[str, Any]]:
    rows = []
    for each in outcome.results.candidates:
        found = each.found
        name = f"reference of person {found.subject}"
        if found.photo is not None:
            photo = photos.by_id(tx, found.photo)
            name = display_name(photo.path, photo.member or None)
        rows.append(
            {
                "rank": found.rank,
                "score": f"{found.score:.3f}",
                "photo": name,
                "box": ", ".join(f"{side:.0f}" for side in found.box),
                "marks": {by: said.value for by, said in reviewed.marks[found.rank].items()},
                "differ": found.rank in reviewed.differ,
            }
        )
    return rows


def _entry(n: int, told: dict[str, Any], known: dict[str, actors.Actor]) -> dict[str, Any]:
    actor = known.get(told["actor"])
    facts: dict[str, Fact] = {name: fact for name, fact in told["facts"].items() if name != "case" and fact is not None}
    said = ", ".join(f"{name} {fact}" for name, fact in sorted(facts.items()))
    return {
        "n": n,
        "at": told["at"],
        "act": told["act"],
        "actor": actor.name if actor else told["actor"],
        "facts": said,
    }
