"""Probes of a case: sealed and turned under a secret of that case, never references, gone when the case is over."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Row, insert, select, update

from countenance.core.arrays import Templates
from countenance.core.canonical import canonical, parse
from countenance.core.case import ProbeSet, fingerprint_of
from countenance.core.permit import Act, Permit
from countenance.errors import DamagedError, NotFoundError
from countenance.store.cases import secret_of
from countenance.store.connection import Tx
from countenance.store.ids import ordered_id
from countenance.store.keys import KeyStore
from countenance.store.schema import case_probes, cases
from countenance.store.sealing import row_context, seal, unseal
from countenance.store.turns import turn_of

_STORED = np.dtype("<f4")


@dataclass(frozen=True, slots=True, eq=False)
class NewProbe:
    """A probe about to be kept.

    Attributes:
        photo_sha256: 32 bytes, of the photo.
        crop: JPEG of the face, for whoever approves.
        quality: in [0, 100].
        template: (d,) float32 of unit length.
    """

    photo_sha256: bytes
    crop: bytes
    quality: float
    template: Templates


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """A probe that is kept: its id, who handed it in and when (aware UTC), and what it is."""

    id: str
    added_by: str
    added_at: datetime
    content: NewProbe


def add(tx: Tx, keys: KeyStore, permit: Permit, case: str, new: NewProbe, *, by: str, at: datetime) -> str:
    """Keep a probe; gives its id.

    Raises:
        PermitError: the permit is not to handle the probes of this case.
        ConflictError: the database finds the case closed.
    """
    permit.require(Act.HANDLE_PROBES, case)
    made, secret = ordered_id(), keys.secret(secret_of(case))
    turned = turn_of(secret, len(new.template)) @ new.template
    content = {
        "template": _text(np.ascontiguousarray(turned, dtype=_STORED).tobytes()),
        "crop": _text(new.crop),
        "photo": new.photo_sha256.hex(),
        "quality": float(new.quality),
    }
    sealed = seal(secret, canonical(content), _context(case, made, by))
    row = {"id": made, "case_id": case, "added_by": by, "added_at": at, "sealed": sealed}
    tx.execute(insert(case_probes).values(row))
    return made


def of_case(tx: Tx, keys: KeyStore, permit: Permit, case: str) -> list[Probe]:
    """The probes of a case, in the order in which they came.

    Raises:
        PermitError: the permit is not to handle the probes of this case.
        DamagedError: a probe fails its authentication.
    """
    permit.require(Act.HANDLE_PROBES, case)
    return [_opened(keys.secret(secret_of(case)), row) for row in _kept(tx, keys, case)]


def set_of(tx: Tx, keys: KeyStore, permit: Permit, case: str) -> tuple[ProbeSet, Templates]:
    """What an approval of the probes that a case has now is bound to, and their (n, d) float32 templates.

    Raises:
        PermitError: the permit is not to handle the probes of this case.
        DamagedError: a probe fails its authentication.
    """
    found = of_case(tx, keys, permit, case)
    if not found:
        none = np.empty((0, 0), dtype=np.float32)
        return ProbeSet("", fingerprint_of(none), 0), none
    rows = np.stack([each.content.template for each in found])
    told = [[each.id, each.content.photo_sha256.hex(), _digest(each.content)] for each in found]
    digest = hmac.new(keys.secret(secret_of(case)), canonical(told), hashlib.sha256).hexdigest()
    return ProbeSet(digest, fingerprint_of(rows), len(found)), rows


def drop(tx: Tx, case: str, *, at: datetime) -> int:
    """Empty the probes of a case, and note when; gives how many there were. Their secret goes afterwards."""
    kept = case_probes.c.sealed.is_not(None) & (case_probes.c.case_id == case)
    n_gone = tx.execute(update(case_probes).where(kept).values(sealed=None)).rowcount
    tx.execute(update(cases).where(cases.c.id == case).values(probes_gone_at=at))
    return n_gone


def _kept(tx: Tx, keys: KeyStore, case: str) -> Sequence[Row[Any]]:
    query = select(case_probes).where(case_probes.c.case_id == case, case_probes.c.sealed.is_not(None))
    rows = tx.execute(query.order_by(case_probes.c.id)).all()
    if rows and not keys.has_secret(secret_of(case)):
        msg = "The probes of this case were destroyed."
        raise NotFoundError(msg, advice="Open a new case with the photos.")
    return rows


def _opened(secret: bytes, row: Row[Any]) -> Probe:
    held: dict[str, Any] = parse(unseal(secret, row.sealed, _context(row.case_id, row.id, row.added_by)))
    turned = np.frombuffer(base64.b64decode(held["template"]), dtype=_STORED)
    if not turned.size:
        msg = "A stored probe has no template."
        raise DamagedError(msg)
    plain = np.ascontiguousarray(turned.astype(np.float32) @ turn_of(secret, len(turned)), dtype=np.float32)
    content = NewProbe(bytes.fromhex(held["photo"]), base64.b64decode(held["crop"]), held["quality"], plain)
    return Probe(row.id, row.added_by, row.added_at, content)


def _digest(content: NewProbe) -> str:
    return hashlib.sha256(np.ascontiguousarray(content.template, dtype=_STORED).tobytes() + content.crop).hexdigest()


def _context(case: str, probe: str, by: str) -> bytes:
    return row_context("case-probe", case, probe, by)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
