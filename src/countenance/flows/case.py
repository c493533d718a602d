"""Cases: open one, hand in probes, have another person look and approve, close it. Searching is ``flows.case_search``.

An approval is bound to the probes that were shown: the page that shows them bears a code for this approver and these
probes, and no approval goes without it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from countenance.core.canonical import canonical
from countenance.core.case import PURPOSES, Approval, ProbeSet, approval_refusal
from countenance.core.permit import permit_probes
from countenance.errors import CaseError, ConflictError, CountenanceError, UsageError
from countenance.flows import case_probes
from countenance.flows.acts import log
from countenance.flows.consent import Desk
from countenance.flows.pages import render
from countenance.flows.registering import Delivery
from countenance.flows.scope import Scope
from countenance.ledger.event import Act, Event, Fact
from countenance.store import cases, collections, probes, written
from countenance.store.cases import NewCase, StoredCase
from countenance.store.connection import Tx

MOST_PROBES = 10
_CODE_DIGITS = 8
PAGE = "probes.html"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A case that somebody asks for.

    Attributes:
        number: the organisation's own, of a new case.
        purpose: one of ``core.case.PURPOSES``.
        expires_at: aware UTC moment; None for as long as the settings allow.
    """

    number: str
    purpose: str
    expires_at: datetime | None = None


def open_case(scopes: Sequence[Scope], wanted: Wanted, photos: Sequence[tuple[str, bytes]]) -> StoredCase:
    """Open a case about collections, with its first probes; nothing is searched before another person approved.

    Args:
        scopes: the collections; whoever acts there is the requester.
        wanted: number, purpose, end.
        photos: 1 to 10 (name for messages, content), each of one and the same person.

    Raises:
        UsageError: no number, an unknown purpose, an end that is past or too late, no photo or too many, or
            collections of several model packs.
        ConflictError: there is a case of this number.
        PhotoRefusedError: a photo does not show one usable face.
    """
    scope, now = scopes[0], scopes[0].clock()
    until = _end_of(wanted, scope, now)
    _check(wanted, scopes, photos)
    found = case_probes.read_probes(scope, photos)
    new = NewCase(
        number=wanted.number,
        purpose=wanted.purpose,
        collections=frozenset(each.collection.id for each in scopes),
        pack=scope.pack.id,
        requester=scope.actor,
        opened_at=now,
        expires_at=until,
    )
    with scope.store.transaction() as tx:
        made = cases.by_number(tx, scope.keys, cases.add(tx, scope.keys, new))
        permit = permit_probes(made.case, now)
        for probe in found:
            probes.add(tx, scope.keys, permit, made.case.id, probe, by=scope.actor, at=now)
        facts: dict[str, Fact] = {
            "case": made.case.id,
            "purpose": wanted.purpose,
            "probes": len(found),
            "collections": len(scopes),
        }
        log(tx, scope.keys, Event(Act.CASE_OPEN, scope.actor, facts=facts), at=now)
        return cases.by_number(tx, scope.keys, made.case.id)


def add_probes(scope: Scope, number: str, photos: Sequence[tuple[str, bytes]]) -> StoredCase:
    """Hand in more probes; whatever was approved before does not cover them.

    Raises:
        NotFoundError: there is no such case.
        CaseError: it is not open any more, or is about other collections.
        UsageError: no photo, or too many.
        PhotoRefusedError: a photo does not show one usable face.
    """
    now = scope.clock()
    with scope.store.reading() as tx:
        stored = cases.by_number(tx, scope.keys, number)
    permit_probes(stored.case, now)
    _check_count(photos, stored.n_probes)
    found = case_probes.read_probes(scope, photos)
    with scope.store.transaction() as tx:
        stored = cases.by_number(tx, scope.keys, number)
        permit = permit_probes(stored.case, now)
        for probe in found:
            probes.add(tx, scope.keys, permit, stored.case.id, probe, by=scope.actor, at=now)
        facts: dict[str, Fact] = {"case": stored.case.id, "probes": len(found)}
        log(tx, scope.keys, Event(Act.CASE_PROBE, scope.actor, facts=facts), at=now)
        return cases.by_number(tx, scope.keys, number)


def show_probes(desk: Desk, number: str, folder: Path) -> Path:
    """Write the page on which whoever approves sees purpose and probes, with the code that the approval takes.

    Raises:
        NotFoundError: there is no such case.
        CaseError: this actor cannot approve it.
        CountenanceError: the folder cannot be written.
    """
    now = desk.clock()
    with desk.store.reading() as tx:
        stored, held = _to_approve(tx, desk, number, now)
        shown = probes.of_case(tx, desk.keys, permit_probes(stored.case, now), stored.case.id)
        names = [collections.by_id(tx, each).name for each in sorted(stored.case.collections)]
    page = render(
        "case_probes.html",
        number=stored.number,
        purpose=stored.case.purpose,
        collections=names,
        requester=stored.case.requester,
        expires_at=stored.case.expires_at.strftime("%Y-%m-%d %H:%M UTC"),
        probes=[
            {
                "picture": base64.b64encode(each.content.crop).decode("ascii"),
                "by": each.added_by,
                "quality": round(each.content.quality),
            }
            for each in shown
        ],
        code=code_of(desk, stored, held),
        actor=desk.actor,
    )
    facts: dict[str, Fact] = {"case": stored.case.id, "what": "probes", "probes": len(shown)}
    event = Event(Act.CASE_VIEW, desk.actor, facts=facts)

    def still(tx: Tx) -> bool:
        return probes_now(tx, desk, cases.by_number(tx, desk.keys, number)) == held

    return write_pages(desk, stored, folder, Pages(written.CASE_PAGE, {PAGE: page.encode()}, event, still))


def approve(desk: Desk, number: str, code: str) -> StoredCase:
    """Approve the probes that a case has now, with the code from the page that showed them to this actor.

    Raises:
        NotFoundError: there is no such case.
        CaseError: this actor cannot approve it, or has not seen exactly these probes.
        ConflictError: this actor approved them before.
    """
    now = desk.clock()
    with desk.store.transaction() as tx:
        stored, held = _to_approve(tx, desk, number, now)
        if not hmac.compare_digest(code_of(desk, stored, held), code.strip().lower()):
            reason, msg = "wrong-code", "This is not the code of the page that shows the probes of today to you."
            advice = "Write the page with --out, look at it, and give the code that stands on it."
            raise CaseError(reason, msg, advice=advice)
        if any(each.by == desk.actor and each.digest == held.digest for each in stored.case.approvals):
            msg = "You have approved these probes before."
            raise ConflictError(msg, advice="See the case with `countenance case show`.")
        cases.approve(tx, desk.keys, stored.case, Approval(desk.actor, held.digest, now))
        facts: dict[str, Fact] = {"case": stored.case.id, "probes": held.n_probes}
        log(tx, desk.keys, Event(Act.CASE_APPROVE, desk.actor, facts=facts), at=now)
        return cases.by_number(tx, desk.keys, number)


def close_case(desk: Desk, number: str) -> StoredCase:
    """Close a case: nothing is searched under it any more, and its probes go with the next purge.

    Raises:
        NotFoundError: there is no such case.
        ConflictError: it is closed already.
    """
    now = desk.clock()
    with desk.store.transaction() as tx:
        stored = cases.by_number(tx, desk.keys, number)
        if stored.case.closed_at is not None:
            msg = f"The case {stored.number} is closed already."
            raise ConflictError(msg, advice="Open a new one to search again.")
        cases.close(tx, stored.case.id, by=desk.actor, at=now)
        facts: dict[str, Fact] = {"case": stored.case.id, "searches": len(stored.case.searches)}
        log(tx, desk.keys, Event(Act.CASE_CLOSE, desk.actor, facts=facts), at=now)
        return cases.by_number(tx, desk.keys, number)


def listing(desk: Desk) -> list[StoredCase]:
    """Every case, oldest first; no probe and no candidate is in it."""
    with desk.store.reading() as tx:
        return cases.listing(tx, desk.keys)


def one(desk: Desk, number: str) -> StoredCase:
    """One case, by its number or id; no probe and no candidate is in it.

    Raises:
        NotFoundError: there is no such case.
    """
    with desk.store.reading() as tx:
        return cases.by_number(tx, desk.keys, number)


def probes_now(tx: Tx, desk: Desk, stored: StoredCase) -> ProbeSet:
    """What an approval of the probes of an open case is bound to now.

    Raises:
        CaseError: it is not open any more.
    """
    return probes.set_of(tx, desk.keys, permit_probes(stored.case, desk.clock()), stored.case.id)[0]


def code_of(desk: Desk, stored: StoredCase, held: ProbeSet) -> str:
    """What stands on the page that shows these probes to this actor, and nowhere else."""
    about = canonical(["approval code", held.digest, desk.actor])
    digits = hmac.new(desk.keys.secret(cases.secret_of(stored.case.id)), about, hashlib.sha256).hexdigest()
    return f"{digits[: _CODE_DIGITS // 2]}-{digits[_CODE_DIGITS // 2 : _CODE_DIGITS]}"


@dataclass(frozen=True, slots=True)
class Pages:
    """Files about a case.

    Attributes:
        kind: as they are noted.
        files: content by name, the page first.
        event: what is logged before they are written.
        still: whether what they show is still there, asked in the transaction that notes them; from then on erasing
            and purging reach them.
    """

    kind: str
    files: Mapping[str, bytes]
    event: Event
    still: Callable[[Tx], bool]


def write_pages(desk: Desk, stored: StoredCase, folder: Path, pages: Pages) -> Path:
    """Write files of a case, noted and logged before; gives the path of the first.

    Raises:
        CaseError: the case is over meanwhile.
        ConflictError: something of it is being erased, or was while they were made.
        CountenanceError: the folder cannot be written.
    """
    place = folder.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with Delivery(desk.keys) as delivery:
            with desk.store.transaction() as tx:
                if not pages.still(tx):
                    raise _gone()
                for name in pages.files:
                    delivery.note(tx, _noted(desk, stored, os.fsencode(place / name), pages.kind))
                log(tx, desk.keys, pages.event, at=desk.clock())
            for name, content in pages.files.items():
                delivery.write(os.fsencode(place / name), content, mode=0o600)  # faces and names are in them
            with desk.store.transaction() as tx:
                is_there = delivery.finish(tx)
    except OSError as error:
        msg = f"The pages of the case cannot be written to {folder}: {error.strerror}."
        raise CountenanceError(msg, advice="Name a folder that this account may write.") from error
    if not is_there:
        raise _gone()
    return place / next(iter(pages.files))


def _noted(desk: Desk, stored: StoredCase, path: bytes, kind: str) -> written.WrittenFile:
    return written.WrittenFile(
        kind=kind,
        path=path,
        sha256=written.UNFINISHED,
        bytes=0,
        written_at=desk.clock(),
        collection=min(stored.case.collections, default=None),
        case=stored.case.id,
    )


def _gone() -> ConflictError:
    msg = "Something on these pages was erased or changed while they were made, so there are none."
    return ConflictError(msg, advice="Run this again.")


def _to_approve(tx: Tx, desk: Desk, number: str, now: datetime) -> tuple[StoredCase, ProbeSet]:
    stored = cases.by_number(tx, desk.keys, number)
    held = probes_now(tx, desk, stored)
    refusal = approval_refusal(stored.case, desk.actor, held, now)
    if refusal is not None:
        raise CaseError(refusal.reason, refusal.message, advice=refusal.advice)
    return stored, held


def _check(wanted: Wanted, scopes: Sequence[Scope], photos: Sequence[tuple[str, bytes]]) -> None:
    if not wanted.number.strip():
        msg = "A case needs a number."
        raise UsageError(msg, advice="Give the one under which your organisation keeps it.")
    if wanted.purpose not in PURPOSES:
        msg = f"Unknown purpose {wanted.purpose!r}; choose from: {', '.join(PURPOSES)}."
        raise UsageError(msg)
    if len({each.pack.id for each in scopes}) > 1:
        msg = "These collections were made with several model packs, whose scores do not mix."
        raise UsageError(msg, advice="Open a case for each pack.")
    _check_count(photos, 0)


def _check_count(photos: Sequence[tuple[str, bytes]], n_before: int) -> None:
    if not photos or n_before + len(photos) > MOST_PROBES:
        msg = f"A case takes 1 to {MOST_PROBES} probes, all of one person, not {n_before + len(photos)}."
        raise UsageError(msg, advice="Give the best photos of this person.")


def _end_of(wanted: Wanted, scope: Scope, now: datetime) -> datetime:
    last = now + timedelta(days=scope.settings.case_days)
    until = last if wanted.expires_at is None else wanted.expires_at
    # A day that was given counts to its end, which may lie hours behind the last moment.
    if not now < until < last + timedelta(days=1):
        msg = f"A case ends within {scope.settings.case_days} days from now, not at {until:%Y-%m-%d %H:%M} UTC."
        raise UsageError(msg, advice="Give another day with --expires, or leave it out.")
    return min(until, last)
