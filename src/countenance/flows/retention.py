"""Keep no longer than the rules say: set them, hold what a court wants kept, list what is due, destroy it.

What is due is reckoned from stored moments; see ``core.retention`` for the rules and their order. A run looks at each
person once more right before that person goes, so that a hold or a renewal that came in meanwhile counts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from countenance.core.canonical import parse
from countenance.core.retention import Hold, Rule, State, Term, clock_refusal, is_due_within, last_contact, term_of
from countenance.errors import ConflictError, CountenanceError, NotFoundError, StoreError
from countenance.flows.acts import log
from countenance.flows.consent import Desk
from countenance.ledger.event import Act, Event
from countenance.store import attributes, collections, entries, merges, moments, retention, subjects
from countenance.store.connection import Tx
from countenance.store.subjects import Subject


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the list: what the rules say, about whom, and the name of the collection."""

    term: Term
    person: Subject
    collection: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A collection, by name, whose own last day has passed: it should go as a whole."""

    collection: str
    since_at: datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """Who is still there although due, or (None) what was interrupted before; code and message of the error."""

    subject: str | None
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did.

    Attributes:
        finished: ids of what earlier erasures, which were interrupted, were about, and which are done now.
        destroyed: ids of the people whose data were destroyed.
        failed: those with whom that failed; the run went on.
        held: people who are due and stay because of a legal hold.
    """

    finished: list[str] = field(default_factory=list)
    destroyed: list[str] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    held: list[Term] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Described:
    """What a steward sees of one person: attributes by name, last contact (aware UTC), and what the rules say."""

    person: Subject
    collection: str
    attributes: dict[str, str]
    contact_at: datetime
    term: Term


# Rules and holds ------------------------------------------------------------------------------------------------------


def rule_of(desk: Desk, collection: str) -> Rule:
    """What a collection (by id) says about keeping."""
    with desk.store.reading() as tx:
        return retention.rule_of(tx, collection)


def set_rule(desk: Desk, collection: str, rule: Rule) -> Rule:
    """Set what a collection (by id) says about keeping; nothing is destroyed before the next run.

    Raises:
        NotFoundError: there is no such collection.
        StoreError: the rule cannot be set.
    """
    with desk.store.transaction() as tx:
        before = retention.rule_of(tx, collection)
        if replace(rule, basis_ends_at=before.basis_ends_at) != before:
            retention.set_rule(tx, collection, rule)
            facts = {
                "purpose_ends_s": _seconds(rule.purpose_ends_at),
                "keep_until_s": _seconds(rule.keep_until_at),
                "contact_years": rule.contact_years,
            }
            log(tx, desk.keys, Event(Act.RETENTION_RULE, desk.actor, collection, facts=facts), at=desk.clock())
        return retention.rule_of(tx, collection)


def hold(
    desk: Desk, collection: str, subject: str | None, *, reference: str, approver: str, until_at: datetime
) -> Hold:
    """Place a legal hold on a person, or on a whole collection when ``subject`` is None.

    Raises:
        NotFoundError: there is no such subject.
        ConflictError: a hold with this reference stands there already.
        StoreError: it has no reference or approver, or has ended already.
    """
    now = desk.clock()
    with desk.store.transaction() as tx:
        people = () if subject is None else tuple(merges.members(tx, subject))
        _require_new(retention.standing(tx, collection, now), people, reference)
        made = retention.place(
            tx,
            collection=collection,
            subject=people[0] if people else None,
            reference=reference,
            approver=approver,
            until_at=until_at,
            by=desk.actor,
            at=now,
        )
        facts = {"whole_collection": subject is None, "until_s": _seconds(until_at)}
        log(tx, desk.keys, Event(Act.HOLD, desk.actor, collection, people, facts), at=now)
    return made


def _require_new(standing: Sequence[Hold], people: Collection[str], reference: str) -> None:
    """Two holds of one order would have to be lifted one by one, and the second is forgotten."""
    for each in standing:
        same = each.subject in people if people else each.subject is None
        if same and each.reference == reference.strip():
            msg = f"The legal hold {each.id} with the reference {each.reference} stands there already."
            advice = f"Nothing was changed; for other days lift it first with `countenance retention lift {each.id}`."
            raise ConflictError(msg, advice=advice)


def lift(desk: Desk, hold_id: str) -> Hold:
    """Lift a legal hold; what was held becomes due again.

    Raises:
        NotFoundError: there is no such hold.
        ConflictError: it was lifted before.
    """
    now = desk.clock()
    with desk.store.transaction() as tx:
        lifted = retention.lift(tx, hold_id, by=desk.actor, at=now)
        people = () if lifted.subject is None else tuple(merges.members(tx, lifted.subject))
        facts = {"whole_collection": lifted.subject is None}
        log(tx, desk.keys, Event(Act.LIFT_HOLD, desk.actor, lifted.collection, people, facts), at=now)
    return lifted


def holds(desk: Desk) -> list[Hold]:
    """Legal holds that stand now, oldest first."""
    now = desk.clock()
    with desk.store.reading() as tx:
        return [each for each in retention.holds(tx) if each.stands_at(now)]


# People ---------------------------------------------------------------------------------------------------------------


def note_attributes(desk: Desk, subject: str, given: Mapping[str, str], gone: Collection[str] = ()) -> dict[str, str]:
    """Note attributes of a person and take others away; gives what is noted now, by name.

    Raises:
        NotFoundError: there is no such subject, or an attribute that is to go is not there.
        StoreError: a name is no plain word, or a value is empty.
    """
    with desk.store.transaction() as tx:
        people = merges.members(tx, subject)
        there = _attributes(desk, tx, people)
        for name in gone:
            attributes.require_name(name)
            if name not in there:
                msg = f"No attribute {name} is noted of this person."
                raise NotFoundError(msg, advice="See what is noted with `countenance subject show`.")
        for name in {*gone, *given}:
            for each in people:
                attributes.unset(tx, each, name)
        for name, value in given.items():
            attributes.put(tx, desk.keys, people[0], name, value)
        if given or gone:
            facts = {"set": len(given), "unset": len(set(gone))}
            place = subjects.by_id(tx, desk.keys, people[0]).collection
            log(tx, desk.keys, Event(Act.SET_ATTRIBUTE, desk.actor, place, tuple(people), facts), at=desk.clock())
        return _attributes(desk, tx, people)


def note_contact(desk: Desk, subject: str, at: datetime | None = None) -> datetime:
    """Note that the organisation and a person were in contact; gives the last contact as it counts now (aware UTC).

    Args:
        desk: where.
        subject: id; whoever was merged with this one is the same person.
        at: aware moment; now when None.

    Raises:
        NotFoundError: there is no such subject.
        StoreError: it is still to come, or lies before the enrolment.
    """
    now = desk.clock()
    with desk.store.transaction() as tx:
        people = merges.members(tx, subject)
        place = subjects.by_id(tx, desk.keys, people[0]).collection
        for each in people:
            retention.note_contact(tx, each, at=at or now, now=now)
        log(tx, desk.keys, Event(Act.CONTACT, desk.actor, place, tuple(people)), at=now)
        (kept,) = retention.kept(tx, place, people[0])
        return last_contact(kept)


def describe(desk: Desk, subject: str) -> Described:
    """What is noted of a person, for the steward; that somebody looked is logged before it is shown.

    Raises:
        NotFoundError: there is no such subject.
        DamagedError: something of it fails its authentication.
    """
    now = desk.clock()
    with desk.store.transaction() as tx:
        people = merges.members(tx, subject)
        person = subjects.by_id(tx, desk.keys, people[0])
        (kept,) = retention.kept(tx, person.collection, person.id)
        seen = Event(Act.VIEW, desk.actor, person.collection, tuple(people), {"what": "attributes"})
        log(tx, desk.keys, seen, at=now)
        return Described(
            person,
            collections.by_id(tx, person.collection).name,
            _attributes(desk, tx, people),
            last_contact(kept),
            term_for(tx, person.collection, person.id, now),
        )


def term_for(tx: Tx, collection: str, person: str, now: datetime) -> Term:
    """What the rules say about one person, by the id that counts; every date stands in ``dates``."""
    (kept,) = retention.kept(tx, collection, person)
    return term_of(kept, retention.rule_of(tx, collection), retention.holds(tx, collection), now)


# What is due ----------------------------------------------------------------------------------------------------------


def terms(desk: Desk, collection: str | None = None) -> list[Term]:
    """What the rules say about everybody of the archive or of one collection (by id), soonest first."""
    now = desk.clock()
    with desk.store.reading() as tx:
        places = [row.collection.id for row in collections.list_all(tx) if collection in {None, row.collection.id}]
        found = [
            term_of(kept, rule, standing, now)
            for place in places
            for rule, standing in [(retention.rule_of(tx, place), retention.standing(tx, place, now))]
            for kept in retention.kept(tx, place)
        ]
    return sorted(found, key=_place_in_list)


def listing(desk: Desk, collection: str | None = None, *, within: timedelta | None = None) -> list[Line]:
    """The same with names; with a span only those who are due or become so within it: the list of reminders."""
    found, now = terms(desk, collection), desk.clock()
    if within is not None:
        found = [term for term in found if is_due_within(term, now, within)]
    with desk.store.reading() as tx:
        names = {row.collection.id: row.collection.name for row in collections.list_all(tx)}
        return [Line(term, subjects.by_id(tx, desk.keys, term.subject), names[term.collection]) for term in found]


def ended(desk: Desk) -> list[Ended]:
    """Collections whose purpose, documented basis or own last day has passed, by name."""
    now = desk.clock()
    with desk.store.reading() as tx:
        places = [row.collection for row in collections.list_all(tx)]
        rules = {place.name: retention.rule_of(tx, place.id) for place in places}
    found = []
    for name, rule in rules.items():
        own = [rule.purpose_ends_at, rule.basis_ends_at, rule.keep_until_at]
        since_at = min((moment for moment in own if moment is not None), default=None)
        if since_at is not None and since_at <= now:
            found.append(Ended(name, since_at))
    return found


def clock_doubt(desk: Desk) -> str | None:
    """Why nothing may be destroyed by the clock of this machine, as one sentence; None when it may."""
    with desk.store.reading() as tx:
        known = [moment for moment in (retention.newest_moment(tx), _newest_entry(tx)) if moment is not None]
    return clock_refusal(desk.clock(), max(known, default=None))


def run(
    desk: Desk,
    destroy: Callable[[str], object],
    *,
    finish: Callable[[], Sequence[str]] = tuple,
    trust_clock: bool = False,
) -> Outcome:
    """Finish what was interrupted, then destroy what is due, person by person; one that fails stops no other.

    Args:
        desk: where.
        destroy: erases one person, by the id that counts, and raises when it could not.
        finish: brings erasures that were interrupted to their end, and gives the ids of what they were about.
        trust_clock: somebody looked at the clock of this machine and says that it is right.

    Raises:
        ConflictError: the clock cannot be right; nothing was destroyed.
        StoreError: the run cannot be logged; nothing was destroyed.
    """
    doubt = None if trust_clock else clock_doubt(desk)
    if doubt is not None:
        msg = f"Nothing was destroyed. {doubt}"
        raise ConflictError(msg, advice="Set the clock; if it is right now, run it again with --clock-is-right.")
    outcome = Outcome()
    _attempt(outcome, None, lambda: outcome.finished.extend(finish()))
    found = terms(desk)
    outcome.held.extend(term for term in found if term.state is State.HELD)
    due = [term for term in found if term.state is State.DUE]
    if due:
        facts = {"due": len(due), "held": len(outcome.held)}
        with desk.store.transaction() as tx:
            log(tx, desk.keys, Event(Act.RETENTION, desk.actor, facts=facts), at=desk.clock())
    for term in due:
        if _still_due(desk, term) and _attempt(outcome, term.subject, partial(destroy, term.subject)):
            outcome.destroyed.append(term.subject)
    return outcome


def _attempt(outcome: Outcome, subject: str | None, act: Callable[[], object]) -> bool:
    """Whether it was done; if not, why is noted."""
    try:
        act()
    except CountenanceError as error:
        outcome.failed.append(Failure(subject, error.code, error.message))
        return False
    except OSError as error:
        outcome.failed.append(Failure(subject, StoreError.code, f"The system refused: {error.strerror}."))
        return False
    return True


def _still_due(desk: Desk, term: Term) -> bool:
    with desk.store.reading() as tx:
        there = retention.kept(tx, term.collection, term.subject)
        return bool(there) and term_for(tx, term.collection, term.subject, desk.clock()).state is State.DUE


def _newest_entry(tx: Tx) -> datetime | None:
    size = entries.size(tx)
    return moments.from_text(parse(entries.body(tx, size - 1))["at"]) if size else None


def _attributes(desk: Desk, tx: Tx, people: list[str]) -> dict[str, str]:
    """Attributes of everybody who is this person; what the id that counts says comes first."""
    found: dict[str, str] = {}
    for each in people:
        found = attributes.of_subject(tx, desk.keys, each) | found
    return dict(sorted(found.items()))


def _place_in_list(term: Term) -> tuple[bool, datetime | None, str]:
    return term.due_at is None, term.due_at, term.subject


def _seconds(moment: datetime | None) -> int | None:
    """Whole seconds since 1970, as the ledger holds a moment that is a fact."""
    return None if moment is None else int(moment.timestamp())
