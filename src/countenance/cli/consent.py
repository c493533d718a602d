"""``countenance consent``: who said yes to what, until when; renewal, withdrawal, and who must not appear at all."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import click

from countenance.cli.form import consent_row, lapse_line, spelled, with_form
from countenance.cli.frame import Frame, one_line, with_frame
from countenance.cli.values import DURATION, LINE, SeveralWords
from countenance.core.consent import PARENTAL, PUBLICATION, PURPOSES, last_day
from countenance.errors import UsageError
from countenance.flows.consent import Entry, Hidden
from countenance.flows.enrol import ConsentForm
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
@with_form
@with_frame
def grant(frame: Frame, subject: str, collection: str | None, form: ConsentForm) -> None:
    """Record what SUBJECT (a name or an id), enrolled before, agreed to: one consent for each purpose."""
    with frame.open() as archive:
        who = archive.subject(subject, collection)
        made = archive.grant(who.id, form, frame.who)
        place = next(row.collection.name for row in archive.collections() if row.collection.id == who.collection)
    n_made = len(made.recorded)
    lines = [f"{n_made} consent{'s' * (n_made != 1)} of {one_line(made.subject.name)} recorded"]
    lines += [f"  {_in_words(stored)}" for stored in made.recorded]
    lines += lapse_line(form, made.recorded, made.subject.born_on)
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
    wanted = spelled(purposes)
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
    dates = (f"{consent.from_at:%Y-%m-%d}", last_day(consent.until_at).isoformat())
    withdrawn = f" {consent.withdrawn_at:%Y-%m-%d}" if consent.withdrawn_at is not None else ""
    return tuple(_short(cell) for cell in (*cells, *dates, entry.state.value + withdrawn, signed))


def _short(cell: str) -> str:
    text = one_line(cell)
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…"
