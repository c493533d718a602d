"""Search one to many, under a case and never without (P6): rule, comparison, entry in the ledger, then the candidates.

The rule is asked twice: before anything is compared, and again in the transaction that notes the search, so that two
searches at once do not spend one budget twice. What is refused is logged and counted too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from countenance.core.arrays import Templates
from countenance.core.case import Asked, Budget, Search
from countenance.core.permit import Permit, permit_probes, permit_search, permit_search_enrolled
from countenance.errors import CaseError, ConsentError, NotFoundError, UsageError
from countenance.flows import probe_search
from countenance.flows.acts import log
from countenance.flows.case_statement import statement
from countenance.flows.consent import Desk
from countenance.flows.scope import Scope, documented_basis
from countenance.ingest.source import display_name
from countenance.ledger.event import Act, Event, Fact
from countenance.store import case_results, cases, consents, merges, photos, probes, templates
from countenance.store.case_results import Found, Results
from countenance.store.cases import StoredCase
from countenance.store.connection import Tx
from countenance.store.filters import Within, n_faces_of, photos_within

MOST_CANDIDATES = 100
NO_BASIS = "no-basis"
EVERYTHING = Within()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a search gave, the case as it is after it, and where the photos lie, by their ids."""

    stored: StoredCase
    search: Search
    results: Results
    paths: Mapping[str, str]


def search(
    scope: Scope,
    number: str,
    *,
    at_least: float = -1.0,
    most: int = 20,
    within: Within = EVERYTHING,
    urgent_reason: str | None = None,
) -> Outcome:
    """Compare the probes of a case with everybody in a collection that the case is about.

    Args:
        scope: the collection; whoever acts there searches.
        number: of the case.
        at_least: cosine from which a candidate counts; below the operating floor, the floor counts.
        most: how many candidates at most, 1 to 100.
        within: which photos may be looked at.
        urgent_reason: why nobody can be asked first; then another person approves within 48 hours, or what was found is
            destroyed.

    Raises:
        NotFoundError: there is no such case.
        CaseError: the case does not allow it; nothing was compared.
        ConsentError: the collection's basis does not hold, or nobody there agreed to be searched for.
        UsageError: ``most``, ``at_least`` or ``within`` make no sense, or nobody's photos are searched here.
        StoreError: it cannot be logged, so nothing is shown.
    """
    if not 1 <= most <= MOST_CANDIDATES:
        msg = f"A search gives 1 to {MOST_CANDIDATES} candidates, not {most}."
        raise UsageError(msg)
    if not within.everything and scope.collection.basis != "release":
        msg = "Enrolled people are searched here, not photos, so there are no days and no folder to choose from."
        raise UsageError(msg)
    threshold = probe_search.threshold_of(scope.pack, at_least)
    try:
        with scope.store.reading() as tx:
            plan = _plan(tx, scope, number, urgent_reason)
            chosen = None if within.everything else photos_within(tx, scope.collection.id, within)
            found = _compared(tx, scope, plan, chosen, at_least=at_least, most=most)
            n_searched = _n_searched(tx, scope, plan.permit) if chosen is None else n_faces_of(tx, chosen)
        with scope.store.transaction() as tx:
            said = statement(scope, threshold, n_searched, len(plan.rows))
            return _note(tx, scope, number, urgent_reason, found, said, threshold)
    except (CaseError, ConsentError) as error:
        _note_refusal(scope, number, error.reason if isinstance(error, CaseError) else NO_BASIS)
        raise


def results(desk: Desk, number: str, search_id: str | None = None) -> Outcome:
    """What a search of a case gave, the newest one unless another is named; that somebody looked is logged first.

    Raises:
        NotFoundError: there is no such case or search, or what it gave is destroyed.
        CaseError: it is not shown any more: its time is over, or an urgent one was not approved in time.
    """
    with desk.store.transaction() as tx:
        outcome = visible(tx, desk, number, search_id)
        found = [each.found for each in outcome.results.candidates]
        facts: dict[str, Fact] = {"case": outcome.stored.case.id, "what": "candidates", "candidates": len(found)}
        people = case_results.people_of(tx, found)
        event = Event(Act.CASE_VIEW, desk.actor, outcome.search.collection, people, facts)
        log(tx, desk.keys, event, at=desk.clock())
        return outcome


def visible(tx: Tx, desk: Desk, number: str, search_id: str | None = None) -> Outcome:
    """The same, inside a transaction that logs it.

    Raises:
        NotFoundError: there is no such case or search, or what it gave is destroyed.
        CaseError: it is not shown any more.
    """
    stored, now = cases.by_number(tx, desk.keys, number), desk.clock()
    made = [each for each in stored.case.searches if search_id in {None, each.id}]
    if not made:
        msg = f"Under the case {stored.number} nothing was searched." if search_id is None else "No such search."
        raise NotFoundError(msg, advice="See the case with `countenance case show`.")
    chosen = made[-1]
    if not stored.case.shows_at(chosen, now):
        late = chosen.urgent and stored.case.lapsed(chosen, now)
        msg = (
            "This urgent search was not approved within 48 hours, so what it found is not shown and goes."
            if late
            else "The time for which candidates are kept is over, so they are not shown and go."
        )
        reason = "urgent-lapsed" if late else "results-gone"
        raise CaseError(reason, msg, advice="Open a new case, and have it approved.")
    gave = case_results.of_search(tx, desk.keys, chosen.id)
    return Outcome(stored, chosen, gave, _paths(tx, gave))


@dataclass(frozen=True, slots=True)
class _Plan:
    stored: StoredCase
    asked: Asked
    permit: Permit
    rows: Templates


def _plan(tx: Tx, scope: Scope, number: str, urgent_reason: str | None) -> _Plan:
    """The permit for this search, by the case as it is in this transaction."""
    stored, now = cases.by_number(tx, scope.keys, number), scope.clock()
    held, rows = probes.set_of(tx, scope.keys, permit_probes(stored.case, now), stored.case.id)
    spent = cases.spent_since(tx, scope.actor, _midnight(now))
    asked = Asked(scope.collection.id, scope.actor, held, urgent_reason, spent)
    budget = Budget(scope.settings.case_probes, scope.settings.case_probes_per_day)
    if scope.collection.basis == "release":
        permit = permit_search(
            stored.case, asked, budget, scope.collection.basis, documented_basis(scope.collection), now
        )
    else:
        same = merges.aliases(tx, scope.collection.id)
        given = merges.together(consents.of_collection(tx, scope.keys, scope.collection.id), same)
        permit = permit_search_enrolled(stored.case, asked, budget, given, now)
    return _Plan(stored, asked, permit, rows)


def _compared(tx: Tx, scope: Scope, plan: _Plan, chosen: set[str] | None, *, at_least: float, most: int) -> list[Found]:
    if scope.collection.basis == "release":
        seen = probe_search.search(tx, scope, plan.permit, plan.rows, at_least=at_least, most=most, photos=chosen)
        return [
            Found(rank, each.score, each.box, face=each.face, photo=each.photo)
            for rank, each in enumerate(seen, start=1)
        ]
    known = probe_search.search_enrolled(tx, scope, plan.permit, plan.rows, at_least=at_least, most=most)
    found = []
    for rank, person in enumerate(known, start=1):
        (kept,) = [row for row in templates.references_of_subject(tx, person.subject) if row.id == person.reference]
        found.append(
            Found(
                rank,
                person.score,
                kept.box,
                subject=person.subject,
                reference=kept.id,
                reference_sha256=kept.photo_sha256.hex(),
            )
        )
    return found


def _n_searched(tx: Tx, scope: Scope, permit: Permit) -> int:
    if scope.collection.basis == "release":
        return case_results.count_kept(tx, scope.collection.id, scope.pack.id)
    rows = (row for each in sorted(permit.subjects) for row in templates.references_of_subject(tx, each))
    return sum(row.pack == scope.pack.id for row in rows)


def _note(
    tx: Tx,
    scope: Scope,
    number: str,
    urgent_reason: str | None,
    found: Sequence[Found],
    said: str,
    threshold: float,
) -> Outcome:
    """Note the search if it is still allowed; what was found is durable and logged before anybody sees it."""
    plan, now = _plan(tx, scope, number, urgent_reason), scope.clock()
    case, held = plan.stored.case, plan.asked.probes
    found = _still_there(tx, plan.permit, found)
    urgent = case.approval_of(held.digest) is None
    made = Search(
        id=cases.new_search_id(),
        collection=scope.collection.id,
        actor=scope.actor,
        at=now,
        digest=held.digest,
        n_probes=held.n_probes,
        n_candidates=len(found),
        urgent=urgent,
        keep_until_at=now + timedelta(days=scope.settings.case_keep_days),
    )
    kept = tuple(case_results.new_candidate(each) for each in found)
    done = Results(said, urgent_reason if urgent else None, float(np.round(threshold, 6)), kept)
    case_results.add(tx, scope.keys, case.id, made, done)
    facts: dict[str, Fact] = {
        "case": case.id,
        "probes": held.n_probes,
        "candidates": len(found),
        "urgent": urgent,
        "refused": None,
    }
    people = case_results.people_of(tx, found)
    log(tx, scope.keys, Event(Act.CASE_SEARCH, scope.actor, scope.collection.id, people, facts), at=now)
    return Outcome(
        replace(plan.stored, case=replace(case, searches=(*case.searches, made))), made, done, _paths(tx, done)
    )


def _still_there(tx: Tx, permit: Permit, found: Sequence[Found]) -> list[Found]:
    """Without whoever took their yes back, or whose face was erased, while it was compared."""
    faces_left = templates.kept_of(tx, [each.face for each in found if each.face is not None])
    left = [
        each
        for each in found
        if (each.face in faces_left if each.face is not None else each.subject in permit.subjects)
    ]
    return [replace(each, rank=rank) for rank, each in enumerate(left, start=1)]


def _paths(tx: Tx, gave: Results) -> dict[str, str]:
    shown = {each.found.photo for each in gave.candidates if each.found.photo is not None}
    known = [photos.by_id(tx, each) for each in sorted(shown)]
    return {each.id: display_name(each.path, each.member or None) for each in known}


def _note_refusal(scope: Scope, number: str, reason: str) -> None:
    with scope.store.transaction() as tx:
        stored = cases.by_number(tx, scope.keys, number)
        facts: dict[str, Fact] = {
            "case": stored.case.id,
            "probes": 0,
            "candidates": 0,
            "urgent": False,
            "refused": reason,
        }
        event = Event(Act.CASE_SEARCH, scope.actor, scope.collection.id, facts=facts)
        log(tx, scope.keys, event, at=scope.clock())


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
