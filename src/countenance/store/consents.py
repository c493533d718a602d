"""Consents: what each subject said yes to. Rows are added and withdrawn, never rewritten; the database sees to it."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Row, Select, Text, func, insert, select, type_coerce, update

from countenance.core.consent import CHANNELS, PARENTAL, Consent, Term, lapsing, refusal
from countenance.core.signing import ADULT_AGE_YEARS, coming_of_age, is_minor, signer_refusal
from countenance.errors import ConsentError, NotFoundError
from countenance.store import many, policies
from countenance.store import subjects as people
from countenance.store.connection import Tx
from countenance.store.ids import random_id
from countenance.store.keys import KeyStore
from countenance.store.moments import from_text
from countenance.store.schema import consents, subjects
from countenance.store.sealing import row_context, seal, unseal


@dataclass(frozen=True, slots=True)
class Record:
    """How a consent came into the archive.

    Attributes:
        evidence_name: name of the evidence file, for people.
        granted_by: actor who recorded it.
        notice_version: which policy page the subject was shown; the one in force when the consent was recorded,
            unless another is named.
    """

    evidence_name: str
    granted_by: str
    notice_version: str | None = None


@dataclass(frozen=True, slots=True)
class StoredConsent:
    """A consent with what the archive knows about it.

    Attributes:
        id: random id.
        consent: the consent itself.
        record: how it came here.
        granted_at: aware UTC moment of the record.
    """

    id: str
    consent: Consent
    record: Record
    granted_at: datetime


def add(
    tx: Tx,
    keys: KeyStore,
    consent: Consent,
    record: Record,
    *,
    now: datetime,
    channels: tuple[str, ...] = CHANNELS,
    adult_age_years: int = ADULT_AGE_YEARS,
) -> StoredConsent:
    """Record a consent. What a guardian signed ends, at the latest, when the minor comes of age.

    A minor whose date of birth says that the time has come is an adult from then on.

    Args:
        tx: writing transaction.
        keys: where the subject's key is; a guardian's name is sealed under it.
        consent: what was said; not yet withdrawn.
        record: how it came here.
        now: aware moment.
        channels: channels this organisation knows.
        adult_age_years: age at which a guardian's consent lapses.

    Raises:
        ConsentError: the consent rules refuse it, the wrong person signed, or no policy page has been published.
        NotFoundError: there is no such subject.
    """
    notice = policies.require(tx)
    why = refusal(consent, now=now, channels=channels)
    if why is None and not (record.evidence_name.strip() and record.granted_by.strip()):
        why = "A consent needs the name of its evidence and of the person who records it."
    if why is None and consent.withdrawn_at is not None:
        why = "This consent is withdrawn already."
    if why is not None:
        raise ConsentError(why)
    person = people.by_id(tx, keys, consent.subject)
    adult_at = coming_of_age(person.born_on, adult_age_years)
    minor = is_minor(person.minor, adult_at, now)
    why = signer_refusal(consent, minor=minor, adult_at=adult_at)
    if why is not None:
        raise ConsentError(why, advice="If the date of birth is wrong or missing, give it with --born.")
    if minor != person.minor:
        people.set_birth(tx, keys, person, born_on=person.born_on, minor=minor)
    if record.notice_version is None:
        record = replace(record, notice_version=str(notice.version))
    stored = StoredConsent(random_id(), lapsing(consent, adult_at), record, now)
    tx.execute(insert(consents).values(_row(keys, stored)))
    # Photos that came in while no consent held were not compared with this person.
    people.set_pending(tx, consent.subject, pending_rescan=True)
    return stored


def _row(keys: KeyStore, stored: StoredConsent) -> dict[str, Any]:
    consent, record = stored.consent, stored.record
    key = keys.subject_key(consent.subject)

    def sealed(what: str, text: str) -> bytes:
        return seal(key, text.encode("utf-8", "surrogatepass"), row_context(what, stored.id, consent.subject))

    signed = consent.guardian is not None
    return {
        "id": stored.id,
        "subject_id": consent.subject,
        "purpose": consent.purpose,
        "channels": json.dumps(consent.channels),
        "from_at": consent.from_at,
        "until_at": consent.until_at,
        "evidence_sha256": consent.evidence_sha256,
        # People name forms after the person, so the file's name is sealed like a name.
        "evidence_name_sealed": sealed("evidence", record.evidence_name),
        "notice_version": record.notice_version,
        "minor": consent.minor,
        "guardian_sealed": sealed("guardian", consent.guardian or "") if signed else None,
        "authority_sealed": sealed("authority", consent.authority) if signed else None,
        "granted_by": record.granted_by,
        "granted_at": stored.granted_at,
        "withdrawn_at": None,
    }


def withdraw_all(tx: Tx, subject: str, *, at: datetime) -> None:
    """End every consent of a subject that was not withdrawn before, without opening anything."""
    theirs = (consents.c.subject_id == subject) & consents.c.withdrawn_at.is_(None)
    tx.execute(update(consents).where(theirs).values(withdrawn_at=at))


def withdraw(tx: Tx, consent: str, *, at: datetime) -> bool:
    """End a consent at the given aware moment; False when it was withdrawn before (that moment stays).

    Raises:
        NotFoundError: there is no such consent.
    """
    row = tx.execute(select(consents.c.withdrawn_at).where(consents.c.id == consent)).first()
    if row is None:
        msg = f"There is no consent with the id {consent}."
        raise NotFoundError(msg)
    if row.withdrawn_at is not None:
        return False
    tx.execute(update(consents).where(consents.c.id == consent).values(withdrawn_at=at))
    return True


def of_subject(tx: Tx, keys: KeyStore, subject: str) -> list[StoredConsent]:
    """Every consent of the subject, withdrawn and ended ones included, oldest first.

    Raises:
        DamagedError: a sealed name fails its authentication.
    """
    query = select(consents).where(consents.c.subject_id == subject)
    return [_stored(keys, row) for row in tx.execute(query.order_by(consents.c.granted_at, consents.c.id)).all()]


def records_of_collection(tx: Tx, keys: KeyStore, collection: str) -> list[StoredConsent]:
    """The same for every subject of the collection.

    Raises:
        DamagedError: a sealed name fails its authentication.
    """
    return [_stored(keys, row) for row in tx.execute(_in_collection(collection)).all()]


def of_collection(tx: Tx, keys: KeyStore, collection: str) -> list[Consent]:
    """Every consent of every subject of the collection, withdrawn and ended ones included, oldest first.

    Raises:
        DamagedError: a sealed name fails its authentication.
    """
    return [_consent(keys, row) for row in tx.execute(_in_collection(collection)).all()]


def terms_of_collection(tx: Tx, collection: str, only: Collection[str] | None = None) -> list[Term]:
    """For whom, for what and when each consent of the collection holds; nothing is opened for it.

    Args:
        tx: any transaction.
        collection: id of the collection.
        only: ids of the subjects who are asked for; None for all.
    """
    moments = [type_coerce(consents.c[name], Text) for name in ("from_at", "until_at", "withdrawn_at")]
    query, ours = select(consents.c.subject_id, consents.c.purpose, *moments), None
    if only is not None:
        query = query.where(consents.c.subject_id.in_(only))
    if only is None and many.is_most(tx, subjects, collection):
        ours = many.ids_of(tx, subjects, collection)
    else:
        query = query.join(subjects, subjects.c.id == consents.c.subject_id)
        query = query.where(subjects.c.collection_id == collection)
    read = cache(lambda text: None if text is None else from_text(text))  # the same days stand in many consents
    with many.collector_paused():
        return [
            Term._make((subject, purpose, read(begins), read(ends), read(withdrawn)))
            for page in many.raw_pages(tx, query)
            for subject, purpose, begins, ends, withdrawn in page
            if ours is None or subject in ours
        ]


def next_change(tx: Tx, collection: str, now: datetime) -> datetime | None:
    """The first moment after ``now`` (aware UTC) at which a consent of the collection begins or ends by date."""
    moments = []
    for column in (consents.c.from_at, consents.c.until_at):
        query = select(func.min(column)).join(subjects, subjects.c.id == consents.c.subject_id)
        found = tx.execute(query.where(subjects.c.collection_id == collection, column > now)).scalar()
        moments += [] if found is None else [found]
    return min(moments, default=None)


def changing_between(tx: Tx, collection: str, after: datetime, until: datetime) -> set[str]:
    """Subjects of whom a consent begins or ends by date after the one and not after the other moment (aware UTC)."""
    begins, ends = ((column > after) & (column <= until) for column in (consents.c.from_at, consents.c.until_at))
    query = select(consents.c.subject_id).join(subjects, subjects.c.id == consents.c.subject_id)
    return set(tx.execute(query.where(subjects.c.collection_id == collection, begins | ends)).scalars())


def _in_collection(collection: str) -> Select[Any]:
    query = select(consents).join(subjects, subjects.c.id == consents.c.subject_id)
    return query.where(subjects.c.collection_id == collection).order_by(consents.c.granted_at, consents.c.id)


def _stored(keys: KeyStore, row: Row[Any]) -> StoredConsent:
    evidence_name = _opened(keys, row, "evidence", row.evidence_name_sealed)
    record = Record(evidence_name, row.granted_by, row.notice_version)
    return StoredConsent(row.id, _consent(keys, row), record, row.granted_at)


def _opened(keys: KeyStore, row: Row[Any], what: str, sealed: bytes) -> str:
    key = keys.subject_key(row.subject_id)
    return unseal(key, sealed, row_context(what, row.id, row.subject_id)).decode("utf-8", "surrogatepass")


def _consent(keys: KeyStore, row: Row[Any]) -> Consent:
    guardian = _opened(keys, row, "guardian", row.guardian_sealed) if row.guardian_sealed is not None else None
    # Consents from before this column was added say nothing else.
    authority = _opened(keys, row, "authority", row.authority_sealed) if row.authority_sealed is not None else PARENTAL
    return Consent(
        subject=row.subject_id,
        purpose=row.purpose,
        channels=tuple(json.loads(row.channels)),
        from_at=row.from_at,
        until_at=row.until_at,
        evidence_sha256=row.evidence_sha256,
        minor=row.minor,
        guardian=guardian,
        authority=authority,
        withdrawn_at=row.withdrawn_at,
    )
