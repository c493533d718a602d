"""A person's yes after enrolment: renew it, take it back, list who said what, and who must not appear at all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from countenance.core.consent import CHANNELS, COMPARING, Consent, comes_of_age, expiring
from countenance.errors import ConsentError
from countenance.flows.acts import PROGRAM, log
from countenance.flows.enrol import ConsentForm
from countenance.ledger.event import Act, Event
from countenance.settings import Settings
from countenance.store import collections, consents, merges, policies, subjects
from countenance.store.connection import Store, Tx
from countenance.store.consents import StoredConsent
from countenance.store.keys import KeyStore
from countenance.store.subjects import Subject


@dataclass(frozen=True, slots=True)
class Desk:
    """What these stories work on. No model pack: taking back a yes must not fail because a model is missing.

    Attributes:
        store: the database.
        keys: the key store.
        settings: channels, and the age of coming of age.
        clock: gives the aware UTC moment.
        actor: who does what no other name is given for.
    """

    store: Store
    keys: KeyStore
    settings: Settings
    clock: Callable[[], datetime]
    actor: str = PROGRAM


class State(StrEnum):
    """What has become of one consent."""

    HOLDS = "holds"
    NOT_YET = "not-yet"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the list of consents: whose it is, in which collection (by name), and what has become of it."""

    stored: StoredConsent
    subject: Subject
    collection: str
    state: State


@dataclass(frozen=True, slots=True)
class Granted:
    """What was recorded, and the guardians' consents that were shortened since the date of birth became known."""

    subject: Subject
    recorded: list[StoredConsent]
    shortened: list[StoredConsent]


@dataclass(frozen=True, slots=True)
class Hidden:
    """Who must not appear.

    Attributes:
        subject: who.
        reason: why; None when the person may appear.
        compared: whether a consent allows comparing new photos with this person.
    """

    subject: Subject
    reason: str | None
    compared: bool


def state_of(consent: Consent, moment: datetime) -> State:
    """What has become of a consent at a moment (aware UTC)."""
    if consent.withdrawn_by(moment):
        return State.WITHDRAWN
    if consent.until_at <= moment:
        return State.EXPIRED
    return State.HOLDS if consent.from_at <= moment else State.NOT_YET


def grant(desk: Desk, subject: str, form: ConsentForm, actor: str) -> Granted:
    """Record one consent for each purpose of the form; those that the person gave before stay as they are.

    Where people were merged, the one that remains consents.

    Raises:
        ConsentError: no policy page was published, the form is not complete, or the wrong person signed.
        NotFoundError: there is no such subject.
    """
    now = desk.clock()
    with desk.store.transaction() as tx:
        policies.require(tx)
        person = subjects.by_id(tx, desk.keys, merges.members(tx, subject)[0])
        wanted = form.consents(person.id, desk.settings, now)
        shortened: list[StoredConsent] = []
        if form.born_on is not None:
            shortened = _note_birth(desk, tx, person, form.born_on, now)
        record = consents.Record(form.evidence_name, actor)
        recorded = [_add(desk, tx, consent, record, now) for consent in wanted]
        facts = {"consents": len(recorded), "shortened": len(shortened)}
        log(tx, desk.keys, Event(Act.GRANT, actor, person.collection, (person.id,), facts), at=now)
        return Granted(subjects.by_id(tx, desk.keys, person.id), recorded, shortened)


def withdraw(desk: Desk, subject: str, purposes: Collection[str] | None = None) -> list[StoredConsent]:
    """End every consent of a person that holds or is yet to begin; the next decision and running jobs follow.

    Args:
        desk: where.
        subject: id of the subject; whoever was merged with this one is the same person.
        purposes: only these; all when None.

    Returns:
        What ended now, withdrawn; nothing when all of it had ended before.

    Raises:
        NotFoundError: there is no such subject.
    """
    now = desk.clock()
    with desk.store.transaction() as tx:
        ending = [
            stored
            for each in merges.members(tx, subject)
            for stored in consents.of_subject(tx, desk.keys, each)
            if purposes is None or stored.consent.purpose in purposes
            if state_of(stored.consent, now) in {State.HOLDS, State.NOT_YET}
        ]
        for stored in ending:
            consents.withdraw(tx, stored.id, at=now)
        if ending:
            ids = tuple(stored.consent.subject for stored in ending)
            place = subjects.by_id(tx, desk.keys, subject).collection
            log(tx, desk.keys, Event(Act.WITHDRAW, desk.actor, place, ids, {"consents": len(ending)}), at=now)
    return [replace(stored, consent=replace(stored.consent, withdrawn_at=now)) for stored in ending]


def listing(desk: Desk, *, collection: str | None = None, subject: str | None = None) -> list[Entry]:
    """Every consent of the archive, of one collection or of one person, by name, purpose and end.

    Args:
        desk: where.
        collection: id of a collection.
        subject: id of a subject; whoever was merged with this one is the same person.

    Raises:
        NotFoundError: there is no such subject.
    """
    now = desk.clock()
    with desk.store.reading() as tx:
        same = None if subject is None else merges.members(tx, subject)
        places = [row.collection for row in collections.list_all(tx) if collection in {None, row.collection.id}]
        entries = [
            Entry(stored, people[stored.consent.subject], place.name, state_of(stored.consent, now))
            for place in places
            for people in [{person.id: person for person in subjects.of_collection(tx, desk.keys, place.id)}]
            for stored in consents.records_of_collection(tx, desk.keys, place.id)
            if same is None or stored.consent.subject in same
        ]
    return sorted(entries, key=_place_in_list)


def renewals(desk: Desk, entries: Iterable[Entry], within: timedelta) -> list[Entry]:
    """Those entries that hold, end within the span and are not renewed, soonest first."""
    ours = list(entries)
    with desk.store.reading() as tx:
        merged = {entry.subject.id for entry in ours if entry.subject.merged_into is not None}
        remains = {each: merges.members(tx, each)[0] for each in merged}
    given = [replace(entry.stored.consent, subject=remains.get(entry.subject.id, entry.subject.id)) for entry in ours]
    due = expiring(given, desk.clock(), within)
    place = {id(consent): entry for consent, entry in zip(given, ours, strict=True)}
    return [place[id(consent)] for consent in due]


def must_not_appear(desk: Desk, subject: str, reason: str | None) -> Hidden:
    """Hide a person from everything that is released, whatever the consents say; a reason of None lifts it.

    Raises:
        NotFoundError: there is no such subject.
        StoreError: the reason is empty.
    """
    with desk.store.transaction() as tx:
        same = [subjects.by_id(tx, desk.keys, each) for each in merges.members(tx, subject)]
        for each in same:
            subjects.set_must_not_appear(tx, desk.keys, each, reason)
        if reason is not None or any(each.must_not_appear for each in same):
            act = Act.UNHIDE if reason is None else Act.HIDE
            ids = tuple(each.id for each in same)
            log(tx, desk.keys, Event(act, desk.actor, same[0].collection, ids), at=desk.clock())
    return why_hidden(desk, subject)


def why_hidden(desk: Desk, subject: str) -> Hidden:
    """Whether and why a person must not appear: for the steward, never for a report.

    Raises:
        NotFoundError: there is no such subject.
    """
    now = desk.clock()
    with desk.store.reading() as tx:
        same = merges.members(tx, subject)
        reasons = [subjects.why_hidden(tx, desk.keys, each) for each in same]
        given = [stored.consent for each in same for stored in consents.of_subject(tx, desk.keys, each)]
        person = subjects.by_id(tx, desk.keys, same[0])
    compared = any(consent.purpose in COMPARING and consent.holds_at(now) for consent in given)
    return Hidden(person, next(filter(None, reasons), None), compared)


def _place_in_list(entry: Entry) -> tuple[str, str, str, datetime, str]:
    consent = entry.stored.consent
    return entry.subject.name.casefold(), entry.subject.id, consent.purpose, consent.until_at, entry.stored.id


def _add(desk: Desk, tx: Tx, consent: Consent, record: consents.Record, now: datetime) -> StoredConsent:
    return consents.add(
        tx,
        desk.keys,
        consent,
        record,
        now=now,
        channels=CHANNELS + desk.settings.extra_channels,
        adult_age_years=desk.settings.clear.adult_age_years,
    )


def _note_birth(desk: Desk, tx: Tx, person: Subject, born_on: date, now: datetime) -> list[StoredConsent]:
    """Keep a date of birth, and bring what was signed before into line with it; gives what a guardian may not extend.

    Raises:
        ConsentError: the person turns out to be a minor who signed alone.
    """
    adult_at = comes_of_age(born_on, desk.settings.clear.adult_age_years)
    running = [
        stored
        for stored in consents.of_subject(tx, desk.keys, person.id)
        if state_of(stored.consent, now) in {State.HOLDS, State.NOT_YET}
    ]
    if now < adult_at and any(not stored.consent.minor for stored in running):
        msg = f"Born on {born_on}, this person is a minor, but has signed consents alone that still run."
        raise ConsentError(
            msg, advice="Withdraw them with `countenance consent withdraw`, then record what the guardian signed."
        )
    subjects.set_birth(tx, desk.keys, person, born_on=born_on, minor=now < adult_at)
    shortened = []
    for stored in running:
        if not stored.consent.minor or stored.consent.until_at <= adult_at:
            continue
        consents.withdraw(tx, stored.id, at=now)  # a consent is never rewritten
        if stored.consent.from_at < adult_at and now < adult_at:
            _add(desk, tx, stored.consent, stored.record, now)
        shortened.append(stored)
    return shortened
