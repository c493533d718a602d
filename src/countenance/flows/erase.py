"""Erase a person, a photo or a collection: plan, let nobody be found, take out, sweep, certify (P5).

The order is in ``erase.carry_out``. What cannot be reached from here is said, in the plan and in the receipt: photos
are the organisation's own, published copies are out, and backups hold sealed bytes until they are gone themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from countenance.core.canonical import parse
from countenance.erase.carry_out import Site, begin, carry_out
from countenance.erase.plan import Plan, Target, files_of, make_plan
from countenance.errors import ConflictError, NotFoundError
from countenance.settings import Settings
from countenance.store import collections, erasures, merges, photos, retention, written
from countenance.store.connection import Store, Tx
from countenance.store.erasures import COLLECTION, PHOTO, SUBJECT, Erasure
from countenance.store.keys import KeyStore


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
    """What erasing a person reaches; nothing is changed.

    Raises:
        NotFoundError: there is no such subject.
    """
    with office.store.reading() as tx:
        return make_plan(tx, office.keys, _subject(tx, subject), office.clock())


def plan_photo(office: Office, collection: str, photo: str) -> Plan:
    """What erasing a photo reaches; nothing is changed.

    Raises:
        NotFoundError: there is no such photo in this collection.
    """
    with office.store.reading() as tx:
        return make_plan(tx, office.keys, _photo(tx, collection, photo), office.clock())


def plan_collection(office: Office, collection: str) -> Plan:
    """What destroying a collection reaches; nothing is changed."""
    with office.store.reading() as tx:
        return make_plan(tx, office.keys, _collection(tx, collection), office.clock())


def erase_subjects(office: Office, subjects: Sequence[str]) -> list[Erased]:
    """Erase people, with one sweep for all of them and a receipt for each.

    Raises:
        NotFoundError: there is no such subject; nobody was erased.
        ConflictError: a legal hold stands; nobody was erased.
        ProofError: remains were found; it can be resumed, and there is no receipt.
    """
    return _erase(office, lambda tx: [_subject(tx, each) for each in dict.fromkeys(subjects)])


def erase_photo(office: Office, collection: str, photo: str) -> Erased:
    """Erase what is known of a photo; the photo itself is the organisation's and stays where it is.

    Raises:
        NotFoundError: there is no such photo in this collection.
        ProofError: remains were found; it can be resumed, and there is no receipt.
    """
    return _erase(office, lambda tx: [_photo(tx, collection, photo)])[0]


def destroy_collection(office: Office, collection: str) -> Erased:
    """Destroy a collection with everybody in it.

    Raises:
        ConflictError: a legal hold stands on it or on somebody in it.
        ProofError: remains were found; it can be resumed, and there is no receipt.
    """
    return _erase(office, lambda tx: [_collection(tx, collection)])[0]


def resume(office: Office) -> list[Erased]:
    """Bring every erasure that was interrupted to its end; none is nothing to do."""
    with office.store.reading() as tx:
        waiting = [each.id for each in erasures.unfinished(tx)]
    return [_result(each) for each in carry_out(_site(office), waiting)] if waiting else []


def unfinished(store: Store) -> list[Erasure]:
    """Erasures that were interrupted, oldest first."""
    with store.reading() as tx:
        return erasures.unfinished(tx)


def finish_restored(office: Office, targets: Sequence[str]) -> list[Erased]:
    """Erase again what an old copy of the database brought back; nothing of it can be opened any more.

    Args:
        office: where.
        targets: ids that the ledger says were erased; those that have no rows are passed over.
    """
    return _erase(office, lambda tx: [found for each in targets for found in _restored(tx, each)])


def _erase(office: Office, find: Callable[[Tx], list[Target]]) -> list[Erased]:
    """The story: plan and begin in one transaction, then carry out."""
    site, now = _site(office), office.clock()
    with office.store.transaction() as tx:
        targets = find(tx)
        for target in targets:
            _refuse_held(tx, target, now)
        plans = [make_plan(tx, office.keys, target, now) for target in targets]
        begun = [begin(site, tx, plan, office.actor).id for plan in plans]
    return [_result(each) for each in carry_out(site, begun)] if begun else []


def _site(office: Office) -> Site:
    return Site(office.store, office.keys, office.clock, _owned(office), office.settings.backup_days, office.told)


def _owned(office: Office) -> Callable[[Tx], list[Path]]:
    """Files and folders of ours: the archive's own, and whatever was written elsewhere and is registered."""

    def owned(tx: Tx) -> list[Path]:
        folder, database = office.folder, office.store.path
        ours = [path for path in folder.glob(f"{database.name}*") if path.is_file()]
        ours += [office.keys.folder, folder / "ledger", *folder.glob("*.sums")]
        ours += [Path(each.path.decode("utf-8", "surrogateescape")) for each in written.everything(tx)]
        return sorted({path for path in ours if path.exists()})

    return owned


def _subject(tx: Tx, subject: str) -> Target:
    people = merges.members(tx, subject)
    home = merges.homes(tx, people)[people[0]]
    return Target(SUBJECT, people[0], home, tuple(files_of(tx, SUBJECT, people[0], people)))


def _photo(tx: Tx, collection: str, photo: str) -> Target:
    found = photos.by_id(tx, photo)
    if found.collection != collection:
        msg = f"There is no photo with the id {photo} in this collection."
        raise NotFoundError(msg, advice="Take the id that `countenance find --json` prints.")
    return Target(PHOTO, photo, collection, tuple(files_of(tx, PHOTO, photo, [])))


def _collection(tx: Tx, collection: str) -> Target:
    people = sorted(merges.roots(tx, collection))
    return Target(COLLECTION, collection, collection, tuple(files_of(tx, COLLECTION, collection, people)))


def _restored(tx: Tx, target: str) -> list[Target]:
    for erasure in erasures.unfinished(tx):
        if erasure.target == target:
            return []
    if target in merges.homes(tx, [target]):
        return [_subject(tx, target)]
    with suppress(NotFoundError):
        return [_photo(tx, photos.by_id(tx, target).collection, target)]
    with suppress(NotFoundError):
        return [_collection(tx, collections.by_id(tx, target).id)]
    return []


def _refuse_held(tx: Tx, target: Target, now: datetime) -> None:
    holds = [hold for hold in retention.holds(tx, target.collection) if hold.stands_at(now)]
    if target.kind == SUBJECT:
        people = {*merges.members(tx, target.id)}
        holds = [hold for hold in holds if hold.subject is None or hold.subject in people]
    if target.kind != PHOTO and holds:
        msg = f"A legal hold stands until {holds[0].until_at:%Y-%m-%d} ({holds[0].reference}), so nothing was erased."
        raise ConflictError(msg, advice=f"Have it lifted first: `countenance retention lift {holds[0].id}`.")


def _result(erasure: Erasure) -> Erased:
    receipt = erasure.receipt or b""
    return Erased(erasure.target, receipt, dict(parse(receipt.removesuffix(b"\n"))["statement"]))
