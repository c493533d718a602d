"""``countenance retention``: how long people are kept, what holds that up, who is due, and destroying what is due."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from countenance.cli.frame import Frame, one_line, with_frame
from countenance.cli.values import DURATION, FOLDER, LAST_DAY, LINE
from countenance.core.consent import last_day
from countenance.core.retention import MOST_YEARS, Hold, Reason, Rule, State, Term
from countenance.flows.retention import Ended, Line

if TYPE_CHECKING:
    from countenance.archive import Archive
    from countenance.flows.erase import Erased

NEVER = "never"
WORDS = {
    Reason.PURPOSE_ENDED: "the collection's purpose ends",
    Reason.BASIS_ENDED: "the collection's documented basis ends",
    Reason.CONSENT_ENDED: "the last consent ends",
    Reason.NO_CONTACT: "no contact for too long",
    Reason.KEEP_UNTIL: "the collection's own last day",
}
_COLUMNS = ("LAST DAY", "STATE", "NAME", "COLLECTION", "WHY", "ID")


class _OrNever(click.ParamType[Any]):
    """A value of another type, or the word that takes it away."""

    def __init__(self, other: click.ParamType[Any]) -> None:
        self.other, self.name = other, other.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        return value if value == NEVER else self.other.convert(value, param, ctx)


@click.group("retention")
@with_frame
def command(frame: Frame) -> None:
    """Say how long people are kept, hold what a court wants kept, list who is due, and destroy what is due."""


@command.command("set")
@click.argument("collection", type=LINE)
@click.option("--purpose-ends", type=_OrNever(LAST_DAY), metavar="DATE", help="Last day of what this is kept for.")
@click.option("--keep-until", type=_OrNever(LAST_DAY), metavar="DATE", help="Last day on which anything is kept.")
@click.option(
    "--years-since-contact",
    type=_OrNever(click.IntRange(1, MOST_YEARS)),
    metavar="N",
    help="Forget whoever was not heard of for N calendar years.",
)
@with_frame
def set_rule(frame: Frame, collection: str, **given: Any) -> None:  # noqa: ANN401 - the options above
    """Say how long COLLECTION keeps people; `never` takes a rule away. Without an option: show what it says.

    A consent that ends makes a person due by itself. Nothing is destroyed before the next `countenance retention run`.
    """
    fields = {"purpose_ends": "purpose_ends_at", "keep_until": "keep_until_at", "years_since_contact": "contact_years"}
    changes = {fields[name]: None if value == NEVER else value for name, value in given.items() if value is not None}
    with frame.open() as archive:
        rule = archive.retention_rule(collection)
        if changes:
            rule = archive.set_retention_rule(collection, replace(rule, **changes))
        n_due = sum(line.term.state is State.DUE for line in archive.retention(collection))
    lines = [f"{one_line(collection)} keeps a person until the first of these: {_rule_words(rule)}.", _due_now(n_due)]
    frame.print({"collection": collection, **_rule_row(rule), "due_now": n_due}, "\n".join(lines))


@command.command("hold")
@click.argument("what", metavar="COLLECTION|SUBJECT", type=LINE)
@click.option("--reference", required=True, type=LINE, help="Where the order is found, such as a case number.")
@click.option("--approver", required=True, type=LINE, help="Who approved it.")
@click.option("--until", required=True, type=LAST_DAY, help="Last day of the hold.")
@click.option("--collection", type=LINE, help="Look for the person in this collection only.")
@with_frame
def hold(frame: Frame, what: str, reference: str, approver: str, until: datetime, collection: str | None) -> None:
    """Keep a person (a name or an id) or everybody of a collection, whatever is due, while the hold stands."""
    with frame.open() as archive:
        made = archive.hold(what, collection=collection, reference=reference, approver=approver, until=until)
    frame.print({"hold": hold_row(made)}, f"{one_line(what)} is held. {hold_line(made)}")


@command.command("lift")
@click.argument("hold_id", metavar="ID", type=LINE)
@with_frame
def lift(frame: Frame, hold_id: str) -> None:
    """Lift the legal hold with this ID; what it held is destroyed by the next run, if it is due."""
    with frame.open() as archive:
        lifted = archive.lift_hold(hold_id)
    frame.print({"hold": hold_row(lifted)}, f"The hold {lifted.id} ({one_line(lifted.reference)}) is lifted.")


@command.command("list")
@click.option("--collection", type=LINE, help="Of this collection only.")
@click.option("--within", type=DURATION, metavar="SPAN", help="Only what is due within 30d, 12w: the reminder.")
@with_frame
def list_all(frame: Frame, collection: str | None, within: timedelta | None) -> None:
    """List who is due to be forgotten, when and why, soonest first; and the legal holds that stand."""
    with frame.open() as archive:
        lines, holds, ended = archive.retention(collection, within=within), archive.holds(), archive.ended_collections()
        rules = [(row.collection.name, archive.retention_rule(row.collection.name)) for row in archive.collections()]
    empty = "Nobody is enrolled." if within is None else "Nobody is due within that time."
    shown = [*(_table(lines) if lines else [empty]), *(hold_line(each) for each in holds), *map(_ended_line, ended)]
    frame.print(
        {
            "people": [_line_row(line) for line in lines],
            "holds": [hold_row(each) for each in holds],
            "rules": [{"collection": name, **_rule_row(rule)} for name, rule in rules],
            "ended_collections": [each.collection for each in ended],
        },
        "\n".join(shown),
    )


@command.command("run")
@click.option("--dry-run", is_flag=True, help="Only say who is due, and who is held.")
@click.option("--receipts", type=FOLDER, help="Folder for the signed receipts (the archive keeps them as well).")
@click.option("--clock-is-right", is_flag=True, help="You looked at this machine's clock, and it is right.")
@with_frame
def run(frame: Frame, receipts: Path | None, *, dry_run: bool, clock_is_right: bool) -> None:
    """Destroy the data of everybody who is due and not held, one by one, each with a signed receipt.

    It asks nothing, so that it can run every night. Erasures that were interrupted are finished first; one that fails
    does not stop the others.
    """
    with frame.open() as archive:
        if dry_run:
            _say_who(frame, archive, clock_is_right=clock_is_right)
            return
        if receipts is not None:
            receipts.mkdir(parents=True, exist_ok=True)
        certify = _certifier(receipts)
        done = archive.run_retention(
            lambda subject: certify(archive.erase_each([subject])),
            finish=lambda: certify(archive.resume_erasures()),
            trust_clock=clock_is_right,
        )
        ended = archive.ended_collections()
    # By id: whoever reads the mail of a nightly run need not learn whose names are gone.
    lines = [f"{len(done.destroyed)} destroyed, {len(done.failed)} failed, {len(done.held)} held"]
    lines += [f"  finished  {target}, interrupted before" for target in done.finished]
    lines += [f"  destroyed {subject}" for subject in done.destroyed]
    lines += [f"  failed    {each.subject or 'what was interrupted before'}: {each.message}" for each in done.failed]
    lines += [f"  held      {term.subject}: {hold_line(term.holds[0])}" for term in done.held]
    frame.print(
        {
            "ok": not done.failed,
            "finished": done.finished,
            "destroyed": done.destroyed,
            "failed": [{"subject": each.subject, "code": each.code, "message": each.message} for each in done.failed],
            "held": [{"subject": term.subject, **dates_row(term)} for term in done.held],
            "receipts": None if receipts is None else str(receipts),
            "ended_collections": [each.collection for each in ended],
        },
        "\n".join([*lines, *map(_ended_line, ended)]),
    )
    if done.failed:
        frame.partly()


def dates_row(term: Term) -> dict[str, Any]:
    """What the rules say about one person, as programs get it."""
    return {
        "due": term.due_at.isoformat() if term.due_at else None,
        "last_day": _day(term.due_at),
        "reason": term.reason,
        "state": term.state,
        "dates": {reason.value: moment.isoformat() for reason, moment in term.dates.items()},
        "holds": [hold.id for hold in term.holds],
    }


def due_words(term: Term) -> str:
    """The same in words."""
    if term.due_at is None or term.reason is None:
        return "kept until somebody says otherwise: no rule of the collection applies"
    if term.state is State.KEPT:
        return f"kept until {last_day(term.due_at)}: {WORDS[term.reason]}"
    held = ", and held" if term.state is State.HELD else ""
    return f"due{held}, last day {last_day(term.due_at)}: {WORDS[term.reason]}"


def hold_row(hold: Hold) -> dict[str, Any]:
    """One legal hold as programs get it."""
    return {
        "id": hold.id,
        "subject": hold.subject,
        "reference": hold.reference,
        "approver": hold.approver,
        "until": hold.until_at.isoformat(),
        "last_day": _day(hold.until_at),
        "placed_by": hold.placed_by,
        "placed": hold.placed_at.isoformat(),
        "lifted_by": hold.lifted_by,
        "lifted": hold.lifted_at.isoformat() if hold.lifted_at else None,
    }


def hold_line(hold: Hold) -> str:
    """The same in words."""
    whom = "the whole collection" if hold.subject is None else hold.subject
    return (
        f"Hold {hold.id} on {whom} until {last_day(hold.until_at)}: {one_line(hold.reference)}, "
        f"approved by {one_line(hold.approver)}"
    )


def _certifier(receipts: Path | None) -> Callable[[Sequence[Erased]], list[str]]:
    """Writes the receipts of erasures, if they are wanted, and gives the ids of what was erased."""
    from countenance.cli.erase import write_receipt  # noqa: PLC0415 - as in Frame.open

    def certify(erased: Sequence[Erased]) -> list[str]:
        for done in erased:
            if receipts is not None:
                write_receipt(receipts / f"{done.statement['erasure']}.json", done)
        return [done.target for done in erased]

    return certify


def _say_who(frame: Frame, archive: Archive, *, clock_is_right: bool) -> None:
    lines = [line for line in archive.retention() if line.term.state is not State.KEPT]
    doubt, ended = None if clock_is_right else archive.clock_doubt(), archive.ended_collections()
    due = [line for line in lines if line.term.state is State.DUE]
    shown = _table(lines) if lines else []
    shown += [f"{len(due)} would be destroyed, {len(lines) - len(due)} held. Nothing was changed."]
    shown += [f"A run would refuse: {doubt}"] if doubt else []
    frame.print(
        {
            "dry_run": True,
            "due": [_line_row(line) for line in due],
            "held": [_line_row(line) for line in lines if line not in due],
            "clock": doubt,
            "ended_collections": [each.collection for each in ended],
        },
        "\n".join([*shown, *map(_ended_line, ended)]),
    )


def _table(lines: Sequence[Line]) -> list[str]:
    rows = [_COLUMNS, *(_cells(line) for line in lines)]
    wide = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True)).rstrip() for row in rows]


def _cells(line: Line) -> tuple[str, ...]:
    term = line.term
    why = WORDS[term.reason] if term.reason else "no rule"
    # Whoever must not appear is blocked only as long as the archive knows them.
    name = one_line(line.person.name) + " (must not appear)" * line.person.must_not_appear
    return _day(term.due_at) or "-", term.state.value, name, one_line(line.collection), why, term.subject


def _line_row(line: Line) -> dict[str, Any]:
    person = line.person
    row = {"subject": person.id, "name": person.name, "collection": line.collection}
    return {**row, "must_not_appear": person.must_not_appear, **dates_row(line.term)}


def _day(until_at: datetime | None) -> str | None:
    return last_day(until_at).isoformat() if until_at else None


def _rule_row(rule: Rule) -> dict[str, Any]:
    return {
        "purpose_ends": rule.purpose_ends_at.isoformat() if rule.purpose_ends_at else None,
        "keep_until": rule.keep_until_at.isoformat() if rule.keep_until_at else None,
        "years_since_contact": rule.contact_years,
        "basis_ends": rule.basis_ends_at.isoformat() if rule.basis_ends_at else None,
    }


def _rule_words(rule: Rule) -> str:
    said = [
        "the last consent ends",
        *([f"the purpose ends ({last_day(rule.purpose_ends_at)})"] if rule.purpose_ends_at else []),
        *([f"the documented basis ends ({last_day(rule.basis_ends_at)})"] if rule.basis_ends_at else []),
        *([f"{rule.contact_years} years without contact"] if rule.contact_years else []),
        *([f"the collection's last day ({last_day(rule.keep_until_at)})"] if rule.keep_until_at else []),
    ]
    return ", ".join(said)


def _due_now(n_due: int) -> str:
    if not n_due:
        return "Nobody is due now."
    people = "1 person is" if n_due == 1 else f"{n_due} people are"
    return f"{people} due now: see `countenance retention run --dry-run`."


def _ended_line(ended: Ended) -> str:
    name = one_line(ended.collection)
    return (
        f"The last day of the collection {name} was {last_day(ended.since_at)}; what else it holds goes with "
        f"`countenance collection destroy {name}`."
    )
