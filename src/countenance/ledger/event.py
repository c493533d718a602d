"""One act as the ledger keeps it: who, what, where, how much; whom it touches only as commitments.

An entry is canonical JSON with these fields, all of them always there:

- ``v``: 1, the form of the entry;
- ``n``: its number, from 0;
- ``at``: moment, ``YYYY-MM-DDTHH:MM:SS.ffffffZ``;
- ``act``: a word of ``Act``;
- ``actor``: random id of who did it;
- ``collection``: random id, or null;
- ``subjects``: one commitment for each person touched: hex HMAC-SHA256 of the subject's random id under the salt that
  belongs to this entry and that person;
- ``nonce``: 32 hex digits from which those salts are made, or null when nobody is touched;
- ``facts``: numbers, truths, and words of closed lists; never a name, a vector, a file name or a hash of one.

A salt is made from the subject's own key, so that it dies with it: then nobody can say any more whom an entry touches.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from countenance.core.canonical import canonical
from countenance.errors import StoreError

FORM: Final = 1
FIELDS: Final = frozenset({"v", "n", "at", "act", "actor", "collection", "subjects", "nonce", "facts"})
NONCE_BYTES: Final = 16
MOST_SUBJECTS: Final = 256
"""One entry touches no more people than this; an act that does is several entries."""
_LONGEST_WORD: Final = 64


class Act(StrEnum):
    """Everything that is logged."""

    BEGIN = "begin"
    CREATE_COLLECTION = "create-collection"
    INGEST = "ingest"
    ENROL = "enrol"
    RESCAN = "rescan"
    GRANT = "grant"
    WITHDRAW = "withdraw"
    HIDE = "hide"
    UNHIDE = "unhide"
    FIND = "find"
    CONTACT_SHEET = "contact-sheet"
    VIEW = "view"
    REVIEW = "review"
    MERGE = "merge"
    SPLIT = "split"
    REMARK = "remark"
    UNDO = "undo"
    CLEAR = "clear"
    PUBLISH = "publish"
    TAKE_DOWN = "take-down"
    POLICY = "policy"
    SHOW_ME = "show-me"
    CHECK_IDENTITY = "check-identity"
    SET_ATTRIBUTE = "set-attribute"
    CONTACT = "contact"
    ERASE_BEGIN = "erase-begin"
    ERASE_STEP = "erase-step"
    ERASE = "erase"
    RETENTION_RULE = "retention-rule"
    HOLD = "hold"
    LIFT_HOLD = "lift-hold"
    RETENTION = "retention"
    REKEY = "rekey"
    RESTORE = "restore"
    SET_ROLE = "set-role"
    CALIBRATE = "calibrate"
    CASE_OPEN = "case-open"
    CASE_PROBE = "case-probe"
    CASE_APPROVE = "case-approve"
    CASE_SEARCH = "case-search"
    CASE_REVIEW = "case-review"
    CASE_CLOSE = "case-close"
    CASE_REPORT = "case-report"
    CASE_VIEW = "case-view"
    CASE_PURGE = "case-purge"


Fact = int | bool | str | None


@dataclass(frozen=True, slots=True)
class Event:
    """An act about to be logged.

    Attributes:
        act: what was done.
        actor: name of who did it; the entry holds the actor's random id.
        collection: id, if it was in one.
        subjects: ids of those whom it touches.
        facts: numbers, truths, and words of closed lists.
    """

    act: Act
    actor: str
    collection: str | None = None
    subjects: tuple[str, ...] = ()
    facts: Mapping[str, Fact] = field(default_factory=lambda: MappingProxyType({}))


def commitment(salt: bytes, subject: str) -> str:
    """What an entry holds of a subject: 64 hex digits.

    Args:
        salt: 32 bytes, of this entry and this subject.
        subject: id.
    """
    return hmac.new(salt, subject.encode("ascii"), hashlib.sha256).hexdigest()


def entry(event: Event, *, n: int, at: datetime, actor: str, commitments: list[str], nonce: bytes | None) -> bytes:
    """The entry as canonical JSON.

    Args:
        event: the act.
        n: number of the entry.
        at: aware UTC moment.
        actor: random id.
        commitments: one for each subject of the event.
        nonce: from which their salts were made.

    Raises:
        StoreError: a fact is a text longer than words of closed lists are.
    """
    for name, fact in event.facts.items():
        if isinstance(fact, str) and len(fact) > _LONGEST_WORD:
            msg = f"The fact {name!r} is too long for the ledger, which holds words of closed lists only."
            raise StoreError(msg)
    return canonical(
        {
            "v": FORM,
            "n": n,
            "at": f"{at.replace(tzinfo=None).isoformat(timespec='microseconds')}Z",
            "act": event.act.value,
            "actor": actor,
            "collection": event.collection,
            "subjects": sorted(commitments),
            "nonce": None if nonce is None else nonce.hex(),
            "facts": dict(event.facts),
        }
    )
