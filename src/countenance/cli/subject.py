"""``countenance subject``: what is noted of one person beside the photos."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from countenance.cli.frame import Frame, one_line, with_frame
from countenance.cli.retention import dates_row, due_words, hold_line
from countenance.cli.values import LINE, MOMENT
from countenance.errors import UsageError
from countenance.flows.retention import Described


@click.group("subject")
@with_frame
def command(frame: Frame) -> None:
    """Show one person, note attributes such as a region, and note contacts."""


@command.command("show")
@click.argument("subject", metavar="WHO", type=LINE)
@click.option("--collection", type=LINE, help="Look for the name in this collection only.")
@with_frame
def show(frame: Frame, subject: str, collection: str | None) -> None:
    """Show what is noted of WHO (a name or an id), and when this person is due to be forgotten.

    That somebody looked is logged. Everything there is on a person is in `countenance show-me`.
    """
    with frame.open() as archive:
        found = archive.describe(subject, collection)
    frame.print(_row(found), "\n".join(_lines(found)))


@command.command("set")
@click.argument("subject", metavar="WHO", type=LINE)
@click.argument("given", metavar="NAME=VALUE...", nargs=-1, type=LINE)
@click.option("--unset", "gone", multiple=True, metavar="NAME", type=LINE, help="Take this attribute away.")
@click.option("--collection", type=LINE, help="Look for the name in this collection only.")
@with_frame
def set_attributes(
    frame: Frame, subject: str, given: tuple[str, ...], gone: tuple[str, ...], collection: str | None
) -> None:
    """Note attributes of WHO (a name or an id), such as region=Bavaria. Values are sealed under the person's key."""
    wanted = dict(_pair(word) for word in given)
    if not wanted and not gone:
        msg = "There is nothing to note and nothing to take away."
        raise UsageError(msg, advice="Give NAME=VALUE, or --unset NAME.")
    if set(wanted) & set(gone):
        msg = f"{min(set(wanted) & set(gone))} is to be noted and taken away at once."
        raise UsageError(msg, advice="Say one of the two; nothing was changed.")
    with frame.open() as archive:
        who = archive.subject(subject, collection)
        noted = archive.note_attributes(who.id, wanted, gone)
    lines = [f"{one_line(who.name)}: {_attributes(noted)}"]
    frame.print({"subject": who.id, "attributes": noted}, "\n".join(lines))


@command.command("contact")
@click.argument("subject", metavar="WHO", type=LINE)
@click.option("--at", type=MOMENT, help="When it was (default: now).")
@click.option("--collection", type=LINE, help="Look for the name in this collection only.")
@with_frame
def contact(frame: Frame, subject: str, at: datetime | None, collection: str | None) -> None:
    """Note a contact with WHO (a name or an id): the years of `retention set` count from the last one."""
    with frame.open() as archive:
        who = archive.subject(subject, collection)
        last = archive.note_contact(who.id, at)
    frame.print(
        {"subject": who.id, "last_contact": last.isoformat()},
        f"Last contact with {one_line(who.name)}: {last:%Y-%m-%d}",
    )


def _pair(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        msg = f"{word!r} is no attribute; write it as region=Bavaria."
        raise UsageError(msg, advice="Nothing was changed.")
    return name.strip(), value.strip()


def _row(found: Described) -> dict[str, Any]:
    person = found.person
    return {
        "subject": person.id,
        "name": person.name,
        "collection": found.collection,
        "minor": person.minor,
        "born": person.born_on.isoformat() if person.born_on else None,
        "must_not_appear": person.must_not_appear,
        "enrolled": person.created_at.isoformat(),
        "last_contact": found.contact_at.isoformat(),
        "attributes": found.attributes,
        **dates_row(found.term),
    }


def _lines(found: Described) -> list[str]:
    person = found.person
    remarks = ["minor"] * person.minor + ["must not appear"] * person.must_not_appear
    return [
        f"{one_line(person.name)}  {person.id}  in {one_line(found.collection)}",
        *([f"  {', '.join(remarks)}"] if remarks else []),
        *([f"  born {person.born_on}"] if person.born_on else []),
        f"  enrolled {person.created_at:%Y-%m-%d}, last contact {found.contact_at:%Y-%m-%d}",
        f"  attributes: {_attributes(found.attributes)}",
        f"  {due_words(found.term)}",
        *(f"  {hold_line(hold)}" for hold in found.term.holds),
    ]


def _attributes(noted: dict[str, str]) -> str:
    return ", ".join(f"{name}={one_line(value)}" for name, value in noted.items()) or "none"
