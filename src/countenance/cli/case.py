"""``countenance case``: search one to many, under a case that a second person approved."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from countenance.cli.case_rows import (
    candidate_lines,
    case_line,
    case_lines,
    case_row,
    outcome_row,
    review_lines,
    review_row,
    usage_lines,
    usage_row,
)
from countenance.cli.frame import Frame, counted, one_line, with_frame
from countenance.cli.progress import opening
from countenance.cli.values import FOLDER, LAST_DAY, LINE, MOMENT, PATH, SeveralWords
from countenance.core.case import PURPOSES, Mark
from countenance.errors import UsageError
from countenance.flows.case import Wanted
from countenance.store.filters import Within

_NUMBER = click.argument("number", type=LINE)
_SEARCH = click.option("--search", type=LINE, metavar="ID", help="Of this search instead of the newest.")


@click.group("case")
@with_frame
def command(frame: Frame) -> None:
    """Search a collection for the person on a probe photo, under a case that a second person approved.

    Open a case, have somebody else approve its probes, search, have two people review what was found, close it.
    """


@command.command("open", cls=SeveralWords)
@_NUMBER
@click.option("--purpose", required=True, type=click.Choice(PURPOSES), help="What it is for.")
@click.option("--collection", "collections", required=True, multiple=True, type=LINE, help="May be given again.")
@click.option("--probe", "photos", required=True, multiple=True, type=PATH, help="Photo of the person; or several.")
@click.option("--expires", type=LAST_DAY, metavar="DATE", help="Last day (default: as long as the settings allow).")
@with_frame
def open_case(
    frame: Frame,
    number: str,
    purpose: str,
    collections: tuple[str, ...],
    photos: tuple[Path, ...],
    expires: datetime | None,
) -> None:
    """Open a case under your organisation's NUMBER. You ask for it, so somebody else has to approve it."""
    read = [_read(frame, photo) for photo in photos]
    with frame.open() as archive:
        made = archive.open_case(Wanted(number, purpose, expires), collections, read)
    until, n_probes = f"{made.case.expires_at:%Y-%m-%d %H:%M} UTC", counted(made.n_probes, "probe")
    lines = [
        f"Case {one_line(made.number)} is open until {until}, with {n_probes}.",
        "Nothing is searched before somebody else has looked at it and approved:",
        f"  countenance case approve {one_line(made.number)} --out FOLDER",
    ]
    frame.print({"case": made.number, **case_row(made)}, "\n".join(lines))


@command.command("add", cls=SeveralWords)
@_NUMBER
@click.option("--probe", "photos", required=True, multiple=True, type=PATH, help="Photo of the same person.")
@with_frame
def add(frame: Frame, number: str, photos: tuple[Path, ...]) -> None:
    """Hand in more probes of a case. They have to be approved with the others, anew."""
    read = [_read(frame, photo) for photo in photos]
    with frame.open() as archive:
        made = archive.add_probes(number, read)
    text = f"Case {one_line(made.number)} has {counted(made.n_probes, 'probe')} now, to be approved anew."
    frame.print({"case": made.number, **case_row(made)}, text)


@command.command("approve")
@_NUMBER
@click.option("--out", type=FOLDER, help="Write the page with purpose and probes into this folder, to look at it.")
@click.option("--code", type=LINE, help="Approve, with the code that stands on that page.")
@with_frame
def approve(frame: Frame, number: str, out: Path | None, code: str | None) -> None:
    """Approve the probes of a case that somebody else asked for: look at them first, then give the code."""
    if (out is None) == (code is None):
        msg = "Give --out FOLDER to look at the probes, and then --code CODE to approve them."
        raise UsageError(msg)
    with frame.open() as archive:
        if out is not None:
            page = archive.show_probes(number, out)
            text = (
                f"Look at {one_line(str(page))}. If you approve, run this again with --code and the code on the page."
            )
            frame.print({"case": number, "approved": False, "page": str(page)}, text)
            return
        made = archive.approve_case(number, code or "")
    text = f"Case {one_line(made.number)}: {counted(made.n_probes, 'probe')} approved by {one_line(frame.who)}."
    frame.print({"case": made.number, "approved": True, "page": None}, text)


@command.command("search")
@_NUMBER
@click.option("--collection", type=LINE, help="Where; needed when the case is about several.")
@click.option("--at-least", type=float, default=-1.0, metavar="SCORE", help="Score from which a candidate counts.")
@click.option("--most", type=click.IntRange(1, 100), default=20, show_default=True, help="How many candidates at most.")
@click.option("--taken-from", type=MOMENT, metavar="DATE", help="Only photos taken on this day or later.")
@click.option("--taken-until", type=LAST_DAY, metavar="DATE", help="Only photos taken up to the end of this day.")
@click.option("--folder", type=FOLDER, help="Only photos in this folder or below it.")
@click.option(
    "--urgent", is_flag=True, help="Search first; somebody else approves within 48 hours, or it is destroyed."
)
@click.option("--reason", type=LINE, help="Why nobody can be asked first; needed with --urgent.")
@with_frame
def search(
    frame: Frame,
    number: str,
    collection: str | None,
    at_least: float,
    most: int,
    *,
    urgent: bool,
    reason: str | None,
    **within: Any,  # noqa: ANN401 - days and a folder, as the options say
) -> None:
    """Compare the approved probes of a case with everybody in a collection. What is found is a lead, nothing more."""
    if urgent != (reason is not None):
        msg = "An urgent search needs --urgent and --reason TEXT; any other takes neither."
        raise UsageError(msg)
    with frame.open() as archive, opening(archive, quiet=frame.as_json):
        found = archive.search_case(
            number,
            collection,
            at_least=at_least,
            most=most,
            within=_within(**within),
            urgent_reason=reason if urgent else None,
        )
    row, lines = outcome_row(frame.who, found), candidate_lines(frame.who, found)
    frame.print(row, "\n".join(lines))


def _within(taken_from: datetime | None, taken_until: datetime | None, folder: Path | None) -> Within:
    return Within(taken_from, taken_until, None if folder is None else os.fsencode(folder.absolute()))


@command.command("review", cls=SeveralWords)
@_NUMBER
@_SEARCH
@click.option("--out", type=FOLDER, help="Write a page with probes and candidates into this folder, to look at it.")
@click.option("--lead", "leads", multiple=True, type=int, metavar="RANK", help="These may be the person.")
@click.option("--not", "nots", multiple=True, type=int, metavar="RANK", help="These are not.")
@click.option("--unsure", multiple=True, type=int, metavar="RANK", help="Of these you cannot say.")
@with_frame
def review(
    frame: Frame,
    number: str,
    search: str | None,
    out: Path | None,
    leads: tuple[int, ...],
    nots: tuple[int, ...],
    unsure: tuple[int, ...],
) -> None:
    """Say of every candidate what it is. Two people do, and neither is shown what the other said before both did."""
    marks = _marks([(Mark.LEAD, leads), (Mark.NOT, nots), (Mark.UNSURE, unsure)])
    if bool(marks) == (out is not None):
        msg = "Give --out FOLDER to look at the candidates, or say of every rank --lead, --not or --unsure."
        raise UsageError(msg)
    with frame.open() as archive:
        if out is not None:
            page = archive.write_candidates(number, out, search)
            frame.print({"case": number, "page": str(page)}, f"Look at {one_line(str(page))}, then say what you see.")
            return
        done = archive.review_case(number, marks, search)
    frame.print({"case": number, **review_row(done)}, "\n".join(review_lines(done)))


@command.command("close")
@_NUMBER
@with_frame
def close(frame: Frame, number: str) -> None:
    """Close a case. Its probes are destroyed at once, what was found when its time is over."""
    with frame.open() as archive:
        made = archive.close_case(number)
    frame.print(
        {"case": made.number, **case_row(made)}, f"Case {one_line(made.number)} is closed; its probes are gone."
    )


@command.command("report")
@_NUMBER
@click.option("--out", required=True, type=FOLDER, help="Folder for the page and the proofs from the ledger.")
@with_frame
def report(frame: Frame, number: str, out: Path) -> None:
    """Write one page about a case, with the proof of each of its entries in the ledger beside it."""
    with frame.open() as archive:
        made = archive.report_case(number, out)
    text = f"Report: {one_line(str(made.page))}, with {counted(made.n_entries, 'proof')} from the ledger beside it."
    frame.print({"case": number, "report": str(made.page), "entries": made.n_entries}, text)


@command.command("list")
@with_frame
def list_all(frame: Frame) -> None:
    """List all cases, oldest first, and what has become of them."""
    with frame.open() as archive:
        found = archive.cases()
    frame.print(
        {"cases": [case_row(each) for each in found]}, "\n".join(map(case_line, found)) or "No case was opened."
    )


@command.command("show")
@_NUMBER
@_SEARCH
@click.option("--candidates", is_flag=True, help="Show what the search found, too; that you looked is logged.")
@with_frame
def show(frame: Frame, number: str, search: str | None, *, candidates: bool) -> None:
    """Show one case: who asked, who approved, what was searched, and, with --candidates, what was found."""
    with frame.open() as archive:
        made = archive.case(number)
        row, lines = {"case": made.number, **case_row(made)}, case_lines(made)
        if candidates or search is not None:
            found = archive.case_results(number, search)
            row = {**row, **outcome_row(frame.who, found)}
            lines += candidate_lines(frame.who, found)
    frame.print(row, "\n".join(lines))


@command.command("usage")
@click.option("--month", required=True, type=LINE, metavar="YYYY-MM", help="Which month, in UTC.")
@with_frame
def usage(frame: Frame, month: str) -> None:
    """Count how searching was used in one month, by purpose and by role, without names and numbers of cases."""
    with frame.open() as archive:
        found = archive.case_usage(month)
    frame.print(usage_row(found), "\n".join(usage_lines(found)))


def _marks(given: Sequence[tuple[Mark, tuple[int, ...]]]) -> dict[int, Mark]:
    marks: dict[int, Mark] = {}
    for mark, ranks in given:
        for rank in ranks:
            if marks.setdefault(rank, mark) is not mark:
                msg = f"Candidate {rank} is said to be two things at once."
                raise UsageError(msg, advice="Give every rank once.")
    return marks


def _read(frame: Frame, photo: Path) -> tuple[str, bytes]:
    most = frame.settings.decode.max_bytes
    try:
        with photo.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        msg = f"The probe {photo} cannot be read: {error.strerror}."
        raise UsageError(msg, advice="Name a photo that this account may read.") from error
    if len(content) > most:
        msg = f"The probe {photo} is larger than {most} bytes."
        raise UsageError(msg, advice="Give a smaller photo, or raise max_bytes in countenance.toml.")
    return photo.name, content
