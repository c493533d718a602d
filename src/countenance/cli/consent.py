"""``countenance consent``: who said yes to what, until when; renewal, withdrawal, and who must not appear at all."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from countenance.cli.frame import Frame, one_line, with_frame
from countenance.cli.values import DAY, DURATION, LAST_DAY, LINE, MOMENT, PATH, SeveralWords, hash_evidence
from countenance.core.consent import PARENTAL, PUBLICATION, PURPOSES
from countenance.errors import UsageError
from countenance.flows.consent import Entry, Hidden
from countenance.flows.enrol import ConsentForm
from countenance.ingest.source import display_name
from countenance.store.consents import StoredConsent

_COLUMNS = ("NAME", "COLLECTION", "PURPOSE", "CHANNELS", "FROM", "LAST DAY", "STATE", "SIGNED BY")
_LONGEST_CELL = 32


@click.group("consent")
@with_frame
def command(frame: Frame) -> None:
    """List, record and end consents of enrolled people; say who must not appear at all."""


@command.command("list")
@click.option("--collection", type=LINE, help="Of this collection only.")
@click.option("--subject", type=LINE, help="Of this person (a name or an id) only.")
@click.option("--expiring", type=DURATION, metavar="SPAN", help="What ends within 12h, 30d, 2w and is not renewed.")
@with_frame
def list_all(frame: Frame, collection: str | None, subject: str | None, expiring: timedelta | None) -> None:
    """List consents with what has become of each: holds, not-yet, expired, withdrawn."""
    with frame.open() as archive:
        entries = archive.consents(collection=collection, who=subject)
        if expiring is not None:
            entries = archive.renewals(entries, expiring)
    none = "No consent." if expiring is None else "No consent ends in that time without being renewed."
    frame.print({"consents": [_entry_row(entry) for entry in entries]}, _table(entries) if entries else none)


@command.command("grant", cls=SeveralWords)
@click.argument("subject", type=LINE)
@click.option("--collection", type=LINE, help="Look for the name in this collection only.")
@click.option("--purpose", "purposes", multiple=True, required=True, type=LINE, help="What for: publication, ...")
@click.option("--channel", "channels", multiple=True, required=True, type=LINE, help="Where shown: website, ...")
@click.option("--from", "start", type=MOMENT, help="From when it holds (default: now).")
@click.option("--until", "end", type=LAST_DAY, required=True, help="Its last day.")
@click.option("--evidence", type=PATH, required=True, help="The signed form or the recording.")
@click.option("--guardian", type=LINE, help="Who signed for a minor.")
@click.option("--authority", type=LINE, help=f"What gives the guardian the right to sign (default: {PARENTAL}).")
@click.option("--born", type=DAY, help="Date of birth; a guardian's consent ends when this person comes of age.")
@with_frame
def grant(  # noqa: PLR0913, PLR0917 - one parameter per option of the command line
    frame: Frame,
    subject: str,
    collection: str | None,
    purposes: tuple[str, ...],
    channels: tuple[str, ...],
    start: datetime | None,
    end: datetime,
    evidence: Path,
    guardian: str | None,
    authority: str | None,
    born: date | None,
) -> None:
    """Record what SUBJECT (a name or an id), enrolled before, agreed to: one consent for each purpose."""
    form = read_form(purposes, channels, start, end, evidence, (guardian, authority, born))
    with frame.open() as archive:
        who = archive.subject(subject, collection)
        made = archive.grant(who.id, form, frame.who)
        place = next(row.collection.name for row in archive.collections() if row.collection.id == who.collection)
    n_made = len(made.recorded)
    lines = [f"{n_made} consent{'s' * (n_made != 1)} of {one_line(made.subject.name)} recorded"]
    lines += [f"  {_in_words(stored)}" for stored in made.recorded]
    lines += lapse_line(form, made.recorded)
    lines += [
        f"A guardian's consent now ends with coming of age: {stored.consent.purpose}" for stored in made.shortened
    ]
    lines.append(
        f"The next `countenance clear` goes by them. Photos that came in while nothing held are compared by: "
        f"countenance rescan {shlex.quote(place)}"
    )
    frame.print(
        {
            "subject": made.subject.id,
            "consents": [consent_row(stored) for stored in made.recorded],
            "shortened": [stored.id for stored in made.shortened],
        },
        "\n".join(lines),
    )


@command.command("withdraw", cls=SeveralWords)
@click.argument("subject", type=LINE)
@click.option("--collection", type=LINE, help="Look for the name in this collection only.")
@click.option("--purpose", "purposes", multiple=True, type=LINE, help="Only for this purpose (default: everything).")
@with_frame
def withdraw(frame: Frame, subject: str, collection: str | None, purposes: tuple[str, ...]) -> None:
    """End what SUBJECT (a name or an id) agreed to, now: everything, or only some purposes.

    Running jobs follow within a minute, and the next `countenance clear` hides this person in photos it released
    before.
    """
    wanted = _spelled(purposes)
    unknown = [purpose for purpose in wanted if purpose not in PURPOSES]
    if unknown:
        msg = f"Unknown purpose {unknown[0]!r}; choose from: {', '.join(PURPOSES)}."
        raise UsageError(msg, advice="Nothing was withdrawn; leave out --purpose to withdraw everything.")
    with frame.open() as archive:
        who = archive.subject(subject, collection)
        ended = archive.withdraw(who.id, wanted or None)
        hidden = archive.why_hidden(who.id)
    name = one_line(hidden.subject.name)
    frame.print(
        {"subject": hidden.subject.id, "consents": [consent_row(stored) for stored in ended]},
        "\n".join(_after_withdrawal(name, ended, hidden)),
    )


@command.command("must-not-appear")
@click.argument("subject", type=LINE)
@click.option("--collection", type=LINE, help="Look for the name in this collection only.")
@click.option("--reason", type=LINE, help="Why; it is sealed, and no report shows it.")
@click.option("--lift", is_flag=True, help="This person may appear again, as the consents say.")
@with_frame
def must_not_appear(frame: Frame, subject: str, collection: str | None, reason: str | None, *, lift: bool) -> None:
    """Release no photo of SUBJECT (a name or an id), whatever the consents say. Without an option: show the reason."""
    if lift and reason is not None:
        msg = "Somebody is to be hidden and shown again at once."
        raise UsageError(msg, advice="Give --reason or --lift; nothing was changed.")
    with frame.open() as archive:
        who = archive.subject(subject, collection)
        changes = lift or reason is not None
        found = archive.must_not_appear(who.id, reason) if changes else archive.why_hidden(who.id)
    name = one_line(found.subject.name)
    shown = {} if changes else {"reason": found.reason}  # told to whoever asks for it, and otherwise to nobody
    if found.reason is None:
        lines = [f"{name} may appear where the consents say so."]
    elif changes:
        lines = [f"{name} must not appear: the next `countenance clear` blocks every photo of {name}."]
        lines += _not_compared(name, found)
    else:
        lines = [f"{name} must not appear: {one_line(found.reason)}", *_not_compared(name, found)]
    result = {"subject": found.subject.id, "must_not_appear": found.reason is not None, "compared": found.compared}
    frame.print({**result, **shown}, "\n".join(lines))


def read_form(
    purposes: Sequence[str],
    channels: Sequence[str],
    start: datetime | None,
    end: datetime,
    evidence: Path,
    signer: tuple[str | None, str | None, date | None],
) -> ConsentForm:
    """The form as the options of a command give it.

    Args:
        purposes: what for; blanks count as hyphens.
        channels: where shown.
        start: aware UTC moment from which it holds; now when None.
        end: aware UTC moment at which it ends.
        evidence: the signed form.
        signer: guardian, what gives the guardian the right to sign, and the subject's date of birth.

    Raises:
        UsageError: the evidence cannot be read, or an authority is named without a guardian.
    """
    guardian, authority, born_on = signer
    if authority is not None and guardian is None:
        msg = "--authority says what gives a guardian the right to sign, and there is no --guardian."
        raise UsageError(msg)
    return ConsentForm(
        _spelled(purposes),
        tuple(dict.fromkeys(channels)),
        start or datetime.now(UTC),
        end,
        hash_evidence(evidence),
        display_name(os.fsencode(evidence.name)),
        guardian,
        PARENTAL if authority is None else authority,
        born_on,
    )


def consent_row(stored: StoredConsent) -> dict[str, Any]:
    """One consent as programs get it."""
    consent, record = stored.consent, stored.record
    return {
        "consent": stored.id,
        "purpose": consent.purpose,
        "channels": list(consent.channels),
        "from": consent.from_at.isoformat(),
        "until": consent.until_at.isoformat(),
        "withdrawn": consent.withdrawn_at.isoformat() if consent.withdrawn_at else None,
        "minor": consent.minor,
        "guardian": consent.guardian,
        "authority": consent.authority if consent.minor else None,
        "evidence": consent.evidence_sha256,
        "evidence_name": record.evidence_name,
        "notice": record.notice_version,
        "recorded_by": record.granted_by,
        "recorded": stored.granted_at.isoformat(),
    }


def lapse_line(form: ConsentForm, recorded: Sequence[StoredConsent]) -> list[str]:
    """A line that says so when a guardian's consent ends sooner than the form says."""
    ends = min((stored.consent.until_at for stored in recorded), default=form.until_at)
    if ends >= form.until_at:
        return []
    return [f"It ends on {last_day(ends)}, because this person then comes of age and signs alone."]


def last_day(until_at: datetime) -> str:
    """The last day on which something that ends at this moment (exclusive) still holds."""
    return f"{until_at - timedelta(microseconds=1):%Y-%m-%d}"


def _spelled(purposes: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(purpose.replace(" ", "-") for purpose in purposes))


def _entry_row(entry: Entry) -> dict[str, Any]:
    return {
        **consent_row(entry.stored),
        "subject": entry.subject.id,
        "name": entry.subject.name,
        "collection": entry.collection,
        "state": entry.state.value,
    }


def _in_words(stored: StoredConsent) -> str:
    consent = stored.consent
    span = f"{consent.from_at:%Y-%m-%d} to {last_day(consent.until_at)}"
    return f"{consent.purpose}: {', '.join(consent.channels)}; {span}; policy page {stored.record.notice_version}"


def _after_withdrawal(name: str, ended: Sequence[StoredConsent], hidden: Hidden) -> list[str]:
    """What a steward should know after a withdrawal: what ended, and what happens next."""
    if not ended:
        return [f"Nothing to withdraw: no such consent of {name} holds or is yet to begin."]
    purposes = list(dict.fromkeys(stored.consent.purpose for stored in ended))
    lines = [f"{len(ended)} consent{'s' * (len(ended) != 1)} of {name} ended now: {', '.join(purposes)}."]
    if PUBLICATION in purposes:
        lines.append(
            f"Running jobs follow within 60 s; the next `countenance clear` hides {name} in what it released before."
        )
        lines.append(f"Copies that are published already: countenance take-down {hidden.subject.id}")
    else:
        lines.append("Running jobs follow within 60 s; what was cleared stays as it is.")
    if not hidden.compared:
        lines.append(f"New photos are no longer compared with {name}; the references stay sealed and unused.")
    if hidden.reason is not None:
        lines += _not_compared(name, hidden)
    return lines


def _not_compared(name: str, hidden: Hidden) -> list[str]:
    """A must-not-appear person whom the machine may not look for is a gap that the steward has to know."""
    if hidden.compared:
        return []
    return [
        f"Note: no consent lets the machine look for {name}: new photos are blocked only where a person says who it is."
    ]


def _table(entries: Sequence[Entry]) -> str:
    rows = [_COLUMNS, *(_cells(entry) for entry in entries)]
    wide = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True)).rstrip() for row in rows
    )


def _cells(entry: Entry) -> tuple[str, ...]:
    consent = entry.stored.consent
    right = "guardian" if consent.authority == PARENTAL else consent.authority
    signed = f"{consent.guardian} ({right})" if consent.guardian else "self"
    cells = (entry.subject.name, entry.collection, consent.purpose, ", ".join(consent.channels))
    dates = (f"{consent.from_at:%Y-%m-%d}", last_day(consent.until_at))
    withdrawn = f" {consent.withdrawn_at:%Y-%m-%d}" if consent.withdrawn_at is not None else ""
    return tuple(_short(cell) for cell in (*cells, *dates, entry.state.value + withdrawn, signed))


def _short(cell: str) -> str:
    text = one_line(cell)
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…"
