"""What retention goes by: rules of collections, legal holds, contacts, and the moments of consents.

No name and no value is opened here, so that a person is due even when something else of that person is damaged.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Column, Row, delete, func, insert, select, update

from countenance.core.retention import Hold, Kept, Rule, Yes, contact_refusal, hold_refusal, rule_refusal
from countenance.errors import ConflictError, NotFoundError, StoreError
from countenance.store.connection import Tx
from countenance.store.ids import random_id
from countenance.store.schema import (
    calibrations,
    collections,
    consents,
    erasures,
    legal_holds,
    photos,
    policy_pages,
    retention_rules,
    subjects,
)

_MOMENTS: Final[tuple[Column[Any], ...]] = (
    collections.c.created_at,
    photos.c.ingested_at,
    subjects.c.created_at,
    subjects.c.last_contact_at,
    consents.c.granted_at,
    consents.c.withdrawn_at,
    legal_holds.c.placed_at,
    legal_holds.c.lifted_at,
    erasures.c.begun_at,
    erasures.c.done_at,
    policy_pages.c.published_at,
    calibrations.c.made_at,
)
"""When things were done. Moments at which something will end say nothing about the clock."""


def rule_of(tx: Tx, collection: str) -> Rule:
    """What a collection says about keeping; nothing when nothing was set.

    Raises:
        NotFoundError: there is no such collection.
    """
    query = select(collections.c.release_until_at, retention_rules)
    query = query.outerjoin(retention_rules, retention_rules.c.collection_id == collections.c.id)
    row = tx.execute(query.where(collections.c.id == collection)).first()
    if row is None:
        msg = f"There is no collection with the id {collection}."
        raise NotFoundError(msg)
    return Rule(row.purpose_ends_at, row.keep_until_at, row.contact_years, row.release_until_at)


def set_rule(tx: Tx, collection: str, rule: Rule) -> None:
    """Set what a collection says about keeping; the end of a documented basis stays what its document says.

    Raises:
        StoreError: the rule cannot be set, or there is no such collection.
    """
    why = rule_refusal(rule)
    if why is not None:
        raise StoreError(why, advice="Nothing was changed; give another number of years.")
    tx.execute(delete(retention_rules).where(retention_rules.c.collection_id == collection))
    row = {
        "collection_id": collection,
        "purpose_ends_at": rule.purpose_ends_at,
        "keep_until_at": rule.keep_until_at,
        "contact_years": rule.contact_years,
    }
    tx.execute(insert(retention_rules).values(row))


def kept(tx: Tx, collection: str, person: str | None = None) -> list[Kept]:
    """Everybody whom a collection keeps, or one person of it; merged ids are one person.

    Args:
        tx: any transaction.
        collection: id.
        person: only this one, by the id that counts.
    """
    counts_as = func.coalesce(subjects.c.merged_into, subjects.c.id)
    query = select(subjects.c.id, counts_as.label("person"), subjects.c.created_at, subjects.c.last_contact_at)
    query = query.where(subjects.c.collection_id == collection)
    given = select(consents.c.until_at, consents.c.withdrawn_at, consents.c.granted_at, counts_as.label("person"))
    given = given.join(subjects, subjects.c.id == consents.c.subject_id).where(subjects.c.collection_id == collection)
    if person is not None:
        query, given = query.where(counts_as == person), given.where(counts_as == person)
    members: dict[str, list[str]] = defaultdict(list)
    contacts: dict[str, list[datetime]] = defaultdict(list)
    said: dict[str, list[Yes]] = defaultdict(list)
    for row in tx.execute(query.order_by(subjects.c.created_at, subjects.c.id)):
        members[row.person].append(row.id)
        contacts[row.person] += [at for at in (row.created_at, row.last_contact_at) if at is not None]
    for row in tx.execute(given.order_by(consents.c.granted_at, consents.c.id)):
        said[row.person].append(Yes(row.until_at, row.withdrawn_at, row.granted_at))
    return [
        Kept(
            subject=each,
            members=frozenset(own),
            collection=collection,
            contacts=tuple(contacts[each]),
            consents=tuple(said[each]),
        )
        for each, own in members.items()
    ]


def note_contact(tx: Tx, subject: str, *, at: datetime, now: datetime) -> None:
    """Note the last contact with a person; a later moment that was noted by mistake is put right.

    Raises:
        NotFoundError: there is no such subject.
        StoreError: it is still to come, or lies before the enrolment.
    """
    row = tx.execute(select(subjects.c.created_at).where(subjects.c.id == subject)).first()
    if row is None:
        msg = f"There is no subject with the id {subject}."
        raise NotFoundError(msg, advice="List people with `countenance collection show NAME`.")
    why = contact_refusal(at, row.created_at, now)
    if why is not None:
        raise StoreError(why, advice="Nothing was changed; give a day between the enrolment and today.")
    tx.execute(update(subjects).where(subjects.c.id == subject).values(last_contact_at=at))


def place(  # noqa: PLR0913 - what a hold has to say
    tx: Tx,
    *,
    collection: str,
    subject: str | None,
    reference: str,
    approver: str,
    until_at: datetime,
    by: str,
    at: datetime,
) -> Hold:
    """Place a legal hold on a person, or on a whole collection when ``subject`` is None.

    Raises:
        StoreError: it has no reference or approver, or has ended already.
    """
    made = Hold(random_id(), collection, subject, reference.strip(), approver.strip(), until_at, by, at)
    why = hold_refusal(made, at)
    if why is not None:
        raise StoreError(why, advice="Give its reference, who approved it, and a day to come.")
    row = {
        "id": made.id,
        "collection_id": collection,
        "subject_id": subject,
        "reference": made.reference,
        "approver": made.approver,
        "until_at": until_at,
        "placed_by": by,
        "placed_at": at,
    }
    tx.execute(insert(legal_holds).values(row))
    return made


def lift(tx: Tx, hold: str, *, by: str, at: datetime) -> Hold:
    """Lift a legal hold; gives it as it is now.

    Raises:
        NotFoundError: there is no such hold.
        ConflictError: it was lifted before.
    """
    row = tx.execute(select(legal_holds).where(legal_holds.c.id == hold)).first()
    if row is None:
        msg = f"There is no legal hold with the id {hold}."
        raise NotFoundError(msg, advice="List them with `countenance retention list`.")
    if row.lifted_at is not None:
        msg = f"The legal hold {hold} was lifted on {row.lifted_at:%Y-%m-%d} already."
        raise ConflictError(msg, advice="Nothing was changed.")
    tx.execute(update(legal_holds).where(legal_holds.c.id == hold).values(lifted_by=by, lifted_at=at))
    return _hold(tx.execute(select(legal_holds).where(legal_holds.c.id == hold)).one())


def holds(tx: Tx, collection: str | None = None) -> list[Hold]:
    """Every legal hold of the archive or of one collection, ended and lifted ones included, oldest first."""
    query = select(legal_holds)
    if collection is not None:
        query = query.where(legal_holds.c.collection_id == collection)
    return [_hold(row) for row in tx.execute(query.order_by(legal_holds.c.placed_at, legal_holds.c.id))]


def standing(tx: Tx, collection: str, now: datetime) -> list[Hold]:
    """Legal holds that stand at an aware moment, on a collection or on somebody in it, oldest first."""
    return [hold for hold in holds(tx, collection) if hold.stands_at(now)]


def newest_moment(tx: Tx) -> datetime | None:
    """Aware UTC moment of the newest thing that was done, as the rows say; None in an archive without any."""
    found = [tx.execute(select(func.max(column))).scalar() for column in _MOMENTS]
    return max((moment for moment in found if moment is not None), default=None)


def _hold(row: Row[Any]) -> Hold:
    return Hold(
        id=row.id,
        collection=row.collection_id,
        subject=row.subject_id,
        reference=row.reference,
        approver=row.approver,
        until_at=row.until_at,
        placed_by=row.placed_by,
        placed_at=row.placed_at,
        lifted_by=row.lifted_by,
        lifted_at=row.lifted_at,
    )
