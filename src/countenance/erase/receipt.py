"""The receipt: what was erased and how that was shown, logged, signed, and checkable without this archive.

A receipt is one line of canonical JSON: the statement, the ledger entry that holds the statement's hash, the proof that
this entry is in the log, and a signature of the ledger's key over all three.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any, Final

from countenance.core.canonical import canonical, parse
from countenance.errors import DamagedError
from countenance.ledger.checkpoint import sign_statement, signing_key
from countenance.ledger.event import Act, Event
from countenance.ledger.log import append
from countenance.ledger.proof import proof_text
from countenance.ledger.verify import RECEIPT_LABEL
from countenance.store import entries, erasures
from countenance.store.connection import Store, Tx
from countenance.store.erasures import Erasure
from countenance.store.keys import KeyStore

FORM: Final = 1


def log_and_sign(store: Store, keys: KeyStore, erasure: Erasure, *, complete_after: str, at: datetime) -> bytes:
    """Log that an erasure is done, and sign its receipt; what was logged before a kill is not logged again.

    Args:
        store: the database.
        keys: with the ledger's key.
        erasure: all of whose other steps are done.
        complete_after: day (ISO 8601) by which backups that still hold the sealed remains are gone.
        at: aware UTC moment.

    Raises:
        StoreError: the entry or the receipt cannot be written; the erasure is not done then.
    """
    outcome = _outcome(erasure)
    if "entry" not in outcome:
        with store.transaction() as tx:
            outcome = _log(tx, keys, erasure, outcome, complete_after, at)
            erasures.set_step(tx, erasure.id, erasure.step, canonical(outcome))
    with store.transaction() as tx:
        receipt = _signed(tx, keys, outcome["statement"], outcome["entry"])
        erasures.finish(tx, erasure.id, receipt, at=at)
    return receipt


def _log(
    tx: Tx, keys: KeyStore, erasure: Erasure, outcome: dict[str, Any], complete_after: str, at: datetime
) -> dict[str, Any]:
    statement = {
        "form": FORM,
        "log": signing_key(keys).name,
        "erasure": erasure.id,
        "kind": erasure.kind,
        "target": erasure.target,
        "collection": erasure.collection,
        "begun_at": _moment(erasure.begun_at),
        "done_at": _moment(at),
        "complete_after": complete_after,
        **outcome,
    }
    told = {
        "target": erasure.target,
        "kind": erasure.kind,
        "erasure": erasure.id,
        "statement": hashlib.sha256(canonical(statement)).hexdigest(),
    }
    n = append(tx, keys, Event(Act.ERASE, erasure.actor, erasure.collection, (), told), at=at)
    return {"statement": statement, "entry": n}


def _signed(tx: Tx, keys: KeyStore, statement: dict[str, Any], n: int) -> bytes:
    content = {
        "entry": entries.body(tx, n).decode("utf-8"),
        "proof": proof_text(tx, keys, n),
        "statement": statement,
    }
    signature = sign_statement(keys, RECEIPT_LABEL + canonical(content))
    return canonical({**content, "signature": base64.b64encode(signature).decode("ascii")}) + b"\n"


def _outcome(erasure: Erasure) -> dict[str, Any]:
    try:
        found = parse(erasure.state)
    except ValueError as error:
        msg = f"What is known of erasure {erasure.id} is damaged."
        raise DamagedError(msg) from error
    return dict(found)


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
