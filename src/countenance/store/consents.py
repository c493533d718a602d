"""Consents: what each subject said yes to. Rows are added and withdrawn, never rewritten; the database sees to it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update

from countenance.core.consent import CHANNELS, Consent, refusal
from countenance.errors import ConsentError, NotFoundError
from countenance.store.connection import Tx
from countenance.store.ids import random_id
from countenance.store.keys import KeyStore
from countenance.store.schema import consents, subjects
from countenance.store.sealing import row_context, seal, unseal


@dataclass(frozen=True, slots=True)
class Record:
    """How a consent came into the archive.

    Attributes:
        evidence_name: name of the evidence file, for people.
        granted_by: actor who recorded it.
        notice_version: which privacy notice the subject was shown, if any.
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
) -> StoredConsent:
    """Record a consent.

    Args:
        tx: writing transaction.
        keys: where the subject's key is; a guardian's name is sealed under it.
        consent: what was said; not yet withdrawn.
        record: how it came here.
        now: aware moment.
        channels: channels this organisation knows.

    Raises:
        ConsentError: the consent rules refuse it, or a guardian is missing for a minor.
        NotFoundError: there is no such subject.
    """
    why = refusal(consent, now=now, channels=channels)
    if why is None and not (record.evidence_name.strip() and record.granted_by.strip()):
        why = "A consent needs the name of its evidence and of the person who records it."
    if why is None and consent.withdrawn_at is not None:
        why = "This consent is withdrawn already."
    if why is not None:
        raise ConsentError(why)
    minor = tx.execute(select(subjects.c.minor).where(subjects.c.id == consent.subject)).scalar()
    if minor is None:
        msg = f"There is no subject with the id {consent.subject}."
        raise NotFoundError(msg)
    if minor and not consent.minor:
        msg = "This subject is a minor, so the consent needs the name of a guardian."
        raise ConsentError(msg)
    stored = StoredConsent(random_id(), consent, record, now)
    key = keys.subject_key(consent.subject)
    # People name forms after the person, so the file's name is sealed like a name.
    evidence_name = seal(key, _bytes(record.evidence_name), _context("evidence", stored.id, consent.subject))
    guardian = None
    if consent.guardian is not None:
        guardian = seal(key, _bytes(consent.guardian), _context("guardian", stored.id, consent.subject))
    row = {
        "id": stored.id,
        "subject_id": consent.subject,
        "purpose": consent.purpose,
        "channels": json.dumps(consent.channels),
        "from_at": consent.from_at,
        "until_at": consent.until_at,
        "evidence_sha256": consent.evidence_sha256,
        "evidence_name_sealed": evidence_name,
        "notice_version": record.notice_version,
        "minor": consent.minor,
        "guardian_sealed": guardian,
        "granted_by": record.granted_by,
        "granted_at": now,
        "withdrawn_at": None,
    }
    tx.execute(insert(consents).values(row))
    # Photos that came in while no consent held were not compared with this person.
    tx.execute(update(subjects).where(subjects.c.id == consent.subject).values(pending_rescan=True))
    return stored


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
    rows = tx.execute(query.order_by(consents.c.granted_at, consents.c.id)).all()
    return [
        StoredConsent(
            id=row.id,
            consent=_consent(keys, row),
            record=Record(_opened(keys, row, "evidence", row.evidence_name_sealed), row.granted_by, row.notice_version),
            granted_at=row.granted_at,
        )
        for row in rows
    ]


def of_collection(tx: Tx, keys: KeyStore, collection: str) -> list[Consent]:
    """Every consent of every subject of the collection, withdrawn and ended ones included, oldest first.

    Raises:
        DamagedError: a sealed name fails its authentication.
    """
    query = select(consents).join(subjects, subjects.c.id == consents.c.subject_id)
    query = query.where(subjects.c.collection_id == collection).order_by(consents.c.granted_at, consents.c.id)
    return [_consent(keys, row) for row in tx.execute(query).all()]


def _context(what: str, consent: str, subject: str) -> bytes:
    return row_context(what, consent, subject)


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _opened(keys: KeyStore, row: Row[Any], what: str, sealed: bytes) -> str:
    key = keys.subject_key(row.subject_id)
    return unseal(key, sealed, _context(what, row.id, row.subject_id)).decode("utf-8", "surrogatepass")


def _consent(keys: KeyStore, row: Row[Any]) -> Consent:
    guardian = _opened(keys, row, "guardian", row.guardian_sealed) if row.guardian_sealed is not None else None
    return Consent(
        subject=row.subject_id,
        purpose=row.purpose,
        channels=tuple(json.loads(row.channels)),
        from_at=row.from_at,
        until_at=row.until_at,
        evidence_sha256=row.evidence_sha256,
        minor=row.minor,
        guardian=guardian,
        withdrawn_at=row.withdrawn_at,
    )
