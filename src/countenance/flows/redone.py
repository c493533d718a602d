"""What entries that come back after a restore do again: only what protects people. The rest is counted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from countenance.errors import NotFoundError
from countenance.ledger.event import Act, commitment
from countenance.store import consents, subjects
from countenance.store.connection import Tx
from countenance.store.keys import KeyStore

LOST: Final = (
    Act.CREATE_COLLECTION,
    Act.INGEST,
    Act.ENROL,
    Act.GRANT,
    Act.UNHIDE,
    Act.REVIEW,
    Act.MERGE,
    Act.SPLIT,
    Act.REMARK,
    Act.UNDO,
    Act.PUBLISH,
    Act.TAKE_DOWN,
    Act.POLICY,
    Act.SET_ATTRIBUTE,
    Act.CONTACT,
    Act.RETENTION_RULE,
    Act.HOLD,
    Act.LIFT_HOLD,
    Act.REKEY,
    Act.SET_ROLE,
    Act.CALIBRATE,
)
"""Acts that changed what an older copy does not have; their entries say that they were done, and not all of what."""
REASON: Final = "restored from the log; the reason was lost"


def touched(keys: KeyStore, fields: dict[str, Any], everybody: Sequence[str]) -> list[str]:
    """Who of those that have a key is meant by an entry; of the others nobody can tell."""
    if not fields["subjects"]:
        return []
    nonce, hidden, found = bytes.fromhex(fields["nonce"]), set(fields["subjects"]), []
    for subject in everybody:
        with suppress(NotFoundError):
            if commitment(keys.salt_of(subject, nonce), subject) in hidden:
                found.append(subject)
    return found


def redo(
    tx: Tx, keys: KeyStore, withdrew: Collection[str], hidden: Collection[str], *, at: datetime
) -> tuple[int, int]:
    """Withdraw all that these people ever consented to, and hide those; gives how many each were.

    An entry does not say which purposes were withdrawn, so that all of them are: a no too many can be taken back.
    """
    for subject in sorted(withdrew):
        consents.withdraw_all(tx, subject, at=at)
    for subject in sorted(hidden):
        person = subjects.by_id(tx, keys, subject)
        if not person.must_not_appear:
            subjects.set_must_not_appear(tx, keys, person, REASON)
    return len(withdrew), len(hidden)


def drop_keys(keys: KeyStore, erased: Iterable[str]) -> int:
    """Destroy again the keys of erased people and collections that an older key folder brought back; gives how many."""
    n_dropped = 0
    for each in erased:
        if keys.has_subject_key(each):
            n_dropped += keys.drop_subject_key(each)
        elif keys.has_collection_key(each):
            keys.drop_collection_key(each)
            n_dropped += 1
    if n_dropped:
        keys.rotate_epoch()
    return n_dropped
