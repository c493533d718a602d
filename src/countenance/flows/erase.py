"""Erase a person, a photo or a collection: plan, let nobody be found, take out, sweep, certify (P5).

The order is in ``erase.carry_out``. What cannot be reached from here is said, in the plan and in the receipt: photos
are the organisation's own, published copies are out, and backups hold sealed bytes until they are gone themselves.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from countenance.core.canonical import parse
from countenance.erase.carry_out import Site, begin, carry_out
from countenance.erase.plan import Plan, Target, make_plan, target_of
from countenance.errors import ConflictError, CountenanceError, NotFoundError
from countenance.flows.acts import log
from countenance.ledger.event import Act, Event
from countenance.settings import Settings
from countenance.store import collections, erasures, index_files, merges, photos, removal, retention, written
from countenance.store.connection import Store, Tx
from countenance.store.erasures import COLLECTION, PHOTO, SUBJECT, Erasure
from countenance.store.keys import KeyStore

LOCK = "erasing.lock"


@dataclass(frozen=True, slots=True)
class Office:
    """Where erasures are carried out. No model pack: nobody is kept because a model is missing.

    Attributes:
        store: the database.
        keys: the key store.
        settings: how long backups are kept.
        clock: gives the aware UTC moment.
        actor: who asks, for the record.
        folder: of the archive, whose own files are swept.
        told: called before each step with its name.
    """

    store: Store
    keys: KeyStore
    settings: Settings
    clock: Callable[[], datetime]
    actor: str
    folder: Path
    told: Callable[[str], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did.

    Attributes:
        target: id of what was erased.
        receipt: signed, for the person.
        statement: of the receipt.
    """

    target: str
    receipt: bytes
    statement: dict[str, Any]


def plan_subject(office: Office, subject: str) -> Plan:
    """What erasing a person reaches; nothing is changed, but that somebody looked is logged.

    Raises:
        NotFoundError: there is no such subject.
    """
    return _plan(office, SUBJECT, subject, None)


def plan_photo(office: Office, collection: str, photo: str) -> Plan:
    """What erasing a photo reaches; nothing is changed.

    Raises:
        NotFoundError: there is no such photo in this collection.
    """
    return _plan(office, PHOTO, photo, collection)


def plan_collection(office: Office, collection: str) -> Plan:
    """What destroying a collection reaches; nothing is changed."""
    return _plan(office, COLLECTION, collection, collection)


def require_free(office: Office, subject: str) -> None:
    """Raise ConflictError when a legal hold keeps a person, before anything is done for the erasure."""
    with office.store.reading() as tx:
        _refuse_held(tx, _found(tx, SUBJECT, subject, None), office.clock())


def hold_against(office: Office, target: Target) -> str | None:
    """Why a legal hold refuses this erasure now, as one sentence; None when none does."""
    with office.store.reading() as tx:
        try:
            _refuse_held(tx, target, office.clock())
        except ConflictError as error:
            return error.message
    return None


def erase_subjects(office: Office, subjects: Sequence[str], keep: Collection[bytes] = ()) -> list[Erased]:
    """Erase people, with one sweep for all of them and a receipt for each.

    Args:
        office: where.
        subjects: ids.
        keep: paths of copies of their photos that were made without them.

    Raises:
        NotFoundError: there is no such subject; nobody was erased.
        ConflictError: a legal hold stands, or another erasure is under way; nobody was erased.
        ProofError: remains were found; it can be resumed, and there is no receipt.
    """
    kept = frozenset(keep)
    return _erase(office, lambda tx: [_found(tx, SUBJECT, each, None, kept) for each in dict.fromkeys(subjects)])


def erase_photo(office: Office, collection: str, photo: str) -> Erased:
    """Erase what is known of a photo; the photo itself is the organisation's and stays where it is.

    Raises:
        NotFoundError: there is no such photo in this collection.
        ConflictError: a legal hold stands on somebody on it, or another erasure is under way.
        ProofError: remains were found; it can be resumed, and there is no receipt.
    """
    return _erase(office, lambda tx: [_found(tx, PHOTO, photo, collection)])[0]


def destroy_collection(office: Office, collection: str) -> Erased:
    """Destroy a collection with everybody in it.

    Raises:
        ConflictError: a legal hold stands on it or on somebody in it, or another erasure is under way.
        ProofError: remains were found; it can be resumed, and there is no receipt.
    """
    return _erase(office, lambda tx: [_found(tx, COLLECTION, collection, collection)])[0]


def resume(office: Office) -> list[Erased]:
    """Bring every erasure that was interrupted to its end; none is nothing to do.

    Raises:
        CountenanceError: of the first that cannot be finished; all others are finished before.
    """
    with _alone(office):
        return _finish(office, [each.id for each in unfinished(office.store)])


def unfinished(store: Store) -> list[Erasure]:
    """Erasures that were interrupted, oldest first."""
    with store.reading() as tx:
        return erasures.unfinished(tx)


def finish_restored(office: Office, targets: Sequence[str]) -> list[Erased]:
    """Erase again what an old copy of the database brought back; nothing of it can be opened any more.

    Whoever was merged with an erased person in that copy, and is none of the targets, is a person of their own again.

    Args:
        office: where.
        targets: ids that the ledger says were erased; those that have no rows are passed over.
    """
    site = _site(office)
    with _alone(office):
        with office.store.transaction() as tx:
            waiting = {each.target: each.id for each in erasures.unfinished(tx)}
            merges.part(tx, targets)
            found = [one for each in targets if each not in waiting for one in _restored(tx, each)]
            begun = [begin(site, tx, make_plan(tx, office.keys, one, office.clock()), office.actor).id for one in found]
        return _finish(office, [*begun, *(waiting[each] for each in targets if each in waiting)])


def _plan(office: Office, kind: str, wanted: str, collection: str | None) -> Plan:
    with office.store.transaction() as tx:
        plan = make_plan(tx, office.keys, _found(tx, kind, wanted, collection), office.clock())
        if kind == SUBJECT:
            event = Event(Act.VIEW, office.actor, plan.target.collection, plan.subjects)
            log(tx, office.keys, event, at=office.clock())
        return plan


def _erase(office: Office, find: Callable[[Tx], list[Target]]) -> list[Erased]:
    """The story: plan and begin in one transaction, then carry out. One that was interrupted is taken up."""
    site, now = _site(office), office.clock()
    with _alone(office):
        with office.store.transaction() as tx:
            targets = find(tx)
            for target in targets:
                _refuse_held(tx, target, now)
            waiting = {each.target: each.id for each in erasures.unfinished(tx)}
            wanted = [
                waiting.get(target.id) or begin(site, tx, make_plan(tx, office.keys, target, now), office.actor).id
                for target in targets
            ]
        return [_result(each) for each in carry_out(site, wanted)] if wanted else []


def _finish(office: Office, waiting: Sequence[str]) -> list[Erased]:
    """All at once; where one holds the others up, each by itself."""
    site = _site(office)
    if not waiting:
        return []
    try:
        return [_result(each) for each in carry_out(site, waiting)]
    except CountenanceError as error:
        if len(waiting) == 1:
            raise
        first, done = error, list[Erased]()
    for each in waiting:
        try:
            done += [_result(one) for one in carry_out(site, [each])]
        except CountenanceError as error:
            first = error
    if len(done) < len(waiting):
        raise first
    return done


@contextmanager
def _alone(office: Office) -> Iterator[None]:
    """No other program carries out an erasure of this archive inside.

    Raises:
        ConflictError: another one does.
    """
    handle = os.open(office.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            msg = "Another program is carrying out an erasure in this archive."
            raise ConflictError(msg, advice="Wait until it has ended, then run this again.") from error
        yield
    finally:
        os.close(handle)


def _site(office: Office) -> Site:
    return Site(office.store, office.keys, office.clock, _owned(office), office.settings.backup_days, office.told)


def _owned(office: Office) -> Callable[[Tx], list[Path]]:
    """Files and folders of ours: the archive's own, and whatever was written elsewhere and is registered."""

    def owned(tx: Tx) -> list[Path]:
        folder, database = office.folder, office.store.path
        ours = [path for path in folder.glob(f"{database.name}*") if path.is_file()]
        ours += [office.keys.folder, folder / "ledger", folder / index_files.FOLDER, *folder.glob("*.sums")]
        ours += [Path(each.path.decode("utf-8", "surrogateescape")) for each in written.everything(tx)]
        return sorted({path for path in ours if path.exists()})

    return owned


def _found(tx: Tx, kind: str, wanted: str, collection: str | None, keep: frozenset[bytes] = frozenset()) -> Target:
    if kind == SUBJECT:
        root = merges.members(tx, wanted)[0]
        return target_of(tx, SUBJECT, root, merges.homes(tx, [root])[root], keep)
    home = photos.by_id(tx, wanted).collection if kind == PHOTO else collections.by_id(tx, wanted).id
    if collection is not None and home != collection:
        msg = f"There is no photo with the id {wanted} in this collection."
        raise NotFoundError(msg, advice="Take the id that `countenance find --json` prints.")
    return target_of(tx, kind, wanted, home)


def _restored(tx: Tx, target: str) -> list[Target]:
    for kind in (SUBJECT, PHOTO, COLLECTION):
        with suppress(NotFoundError):
            return [_found(tx, kind, target, None)]
    return []


def _refuse_held(tx: Tx, target: Target, now: datetime) -> None:
    holds = [hold for hold in retention.holds(tx, target.collection) if hold.stands_at(now)]
    if target.kind != COLLECTION:
        people = {target.id} if target.kind == SUBJECT else set(removal.subjects_on(tx, target.id))
        people = {same for each in people for same in merges.members(tx, each)}
        holds = [hold for hold in holds if hold.subject is None or hold.subject in people]
    if holds:
        last = holds[0].until_at - timedelta(microseconds=1)
        msg = f"A legal hold stands until {last:%Y-%m-%d} ({holds[0].reference}), so nothing was erased."
        raise ConflictError(msg, advice=f"Have it lifted first: `countenance retention lift {holds[0].id}`.")


def _result(erasure: Erasure) -> Erased:
    receipt = erasure.receipt or b""
    return Erased(erasure.target, receipt, dict(parse(receipt.removesuffix(b"\n"))["statement"]))
