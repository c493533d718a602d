"""Two people look at the candidates of a search, each without knowing what the other says, until both have said it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from countenance.core.case import LEAD_ONLY, Mark, is_among
from countenance.core.permit import permit_probes
from countenance.errors import ConflictError, UsageError
from countenance.flows import case_search
from countenance.flows.acts import log
from countenance.flows.case import Pages, write_pages
from countenance.flows.case_search import Outcome
from countenance.flows.consent import Desk
from countenance.flows.contact_sheet import Place, picture_of
from countenance.flows.pages import render
from countenance.ingest.decoder import Decoder
from countenance.ingest.source import display_name
from countenance.ledger.event import Act, Event, Fact
from countenance.store import case_results, photos, probes, written
from countenance.store.case_results import Candidate
from countenance.store.connection import Tx

REVIEWERS = 2
PAGE = "candidates.html"


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What one actor may know of the reviews of a search.

    Attributes:
        reviewers: who has reviewed it, in order of name.
        marks: by rank, what is said by whom; only the actor's own until both reviews are in.
        differ: ranks on which the reviewers differ; empty until both reviews are in.
        done: whether both reviews are in.
    """

    reviewers: tuple[str, ...]
    marks: Mapping[int, Mapping[str, Mark]]
    differ: tuple[int, ...]
    done: bool


def review(desk: Desk, number: str, marks: Mapping[int, Mark], search_id: str | None = None) -> Reviewed:
    """Say of every candidate of a search, by rank, what it is.

    Raises:
        NotFoundError: there is no such case or search, or what it gave is destroyed.
        CaseError: it is not shown any more.
        UsageError: a candidate is left out, or there is none of that rank.
        ConflictError: this actor has reviewed it before, or two others have.
    """
    now = desk.clock()
    with desk.store.transaction() as tx:
        outcome = case_search.visible(tx, desk, number, search_id)
        known = {each.found.rank: each for each in outcome.results.candidates}
        if set(marks) != set(known):
            wrong = sorted(set(marks) ^ set(known))
            msg = f"A review says something of every candidate and of no other; look at {', '.join(map(str, wrong))}."
            raise UsageError(msg, advice="Give every rank once, after --lead, --not or --unsure.")
        before = _reviewers(outcome)
        if is_among(desk.actor, before) or len(before) >= REVIEWERS:
            msg = "You have reviewed this search before." if is_among(desk.actor, before) else "Two others reviewed it."
            raise ConflictError(msg, advice="See what came of it with `countenance case show`.")
        said = {known[rank].id: mark for rank, mark in marks.items()}
        if said:
            case_results.mark(tx, desk.keys, outcome.search.id, said, by=desk.actor, at=now)
        facts: dict[str, Fact] = {
            "case": outcome.stored.case.id,
            "candidates": len(said),
            "leads": sum(mark is Mark.LEAD for mark in marks.values()),
            "review": len(before) + 1,
        }
        people = case_results.people_of(tx, [each.found for each in known.values()])
        log(tx, desk.keys, Event(Act.CASE_REVIEW, desk.actor, outcome.search.collection, people, facts), at=now)
        return seen_by(desk.actor, case_search.visible(tx, desk, number, outcome.search.id))


def seen_by(actor: str, outcome: Outcome) -> Reviewed:
    """What an actor may know of the reviews of a search."""
    reviewers = _reviewers(outcome)
    done = len(reviewers) >= REVIEWERS
    marks = {
        each.found.rank: {by: mark for by, mark in each.marks.items() if done or is_among(by, [actor])}
        for each in outcome.results.candidates
    }
    differ = [rank for rank, said in marks.items() if done and len(set(said.values())) > 1]
    return Reviewed(tuple(reviewers), marks, tuple(differ), done)


def write_candidates(desk: Desk, number: str, folder: Path, search_id: str | None = None) -> Path:
    """Write the page that shows probes and candidates side by side, and no review.

    Raises:
        NotFoundError: there is no such case or search, or what it gave is destroyed.
        CaseError: it is not shown any more, or the case is over and its probes with it.
        CountenanceError: the folder cannot be written.
    """
    with desk.store.reading() as tx:
        outcome = case_search.visible(tx, desk, number, search_id)
        stored = outcome.stored
        permit = permit_probes(stored.case, desk.clock())
        asked = probes.of_case(tx, desk.keys, permit, stored.case.id)
        places = {each.id: _place(tx, each) for each in outcome.results.candidates}
        people = case_results.people_of(tx, [each.found for each in outcome.results.candidates])
    with Decoder(desk.settings.decode) as decoder:
        cards = [_card(desk, each, places[each.id], decoder) for each in outcome.results.candidates]
    page = render(
        "case_candidates.html",
        number=stored.number,
        probes=[base64.b64encode(each.content.crop).decode("ascii") for each in asked],
        cards=cards,
        statement=outcome.results.statement,
        lead_only=LEAD_ONLY,
    )
    facts: dict[str, Fact] = {"case": stored.case.id, "what": "candidates", "candidates": len(cards)}
    event = Event(Act.CASE_VIEW, desk.actor, outcome.search.collection, people, facts)
    shown = {PAGE: page.encode("utf-8", "backslashreplace")}

    def still(tx: Tx) -> bool:
        return case_results.are_there(tx, [each.id for each in outcome.results.candidates])

    return write_pages(desk, stored, folder, Pages(written.CASE_PAGE, shown, event, still))


def _place(tx: Tx, candidate: Candidate) -> Place | None:
    if candidate.found.photo is None:
        return None
    photo = photos.by_id(tx, candidate.found.photo)
    return Place(photo.path, photo.member, photo.sha256, (photo.width, photo.height))


def _card(desk: Desk, candidate: Candidate, place: Place | None, decoder: Decoder) -> dict[str, object]:
    found = candidate.found
    picture, trouble = "", "A reference: its photo is not kept."
    if place is not None:
        picture, trouble = picture_of(place, found.box, decoder, desk.settings)
    name = f"person {found.subject}" if place is None else display_name(place.path, place.member or None)
    score = f"{found.score:.3f}"
    return {"rank": found.rank, "score": score, "photo": name, "picture": picture, "trouble": trouble}


def _reviewers(outcome: Outcome) -> list[str]:
    """Everybody who has said something of a candidate; an actor is one however the name is spelled."""
    return sorted({actor for each in outcome.results.candidates for actor in each.marks})
