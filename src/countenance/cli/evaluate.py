"""``countenance evaluate``: how often is a model pack wrong, on your own photos?"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import click

from countenance.cli.frame import Frame, counted, one_line, with_frame
from countenance.cli.ingest import FEW_PHOTOS
from countenance.cli.progress import Progress
from countenance.cli.values import FOLDER, LINE, PATH, SeveralWords
from countenance.errors import UsageError
from countenance.flows.evaluate import NO_FACE, evaluate, read_any
from countenance.flows.evaluate_report import PAGE, prepare, write
from countenance.flows.scope import ENGINES, Engine
from countenance.measure.groups import read_people
from countenance.vision.packs import load_pack


@click.command("evaluate", cls=SeveralWords)
@click.argument("trials", type=PATH)
@click.option("--out", required=True, type=FOLDER, help="Folder for the report.")
@click.option("--photos", type=FOLDER, help="Folder that the photos' names begin in (default: that of TRIALS).")
@click.option("--pack", type=LINE, help="Model pack to judge (default: the one of the settings).")
@click.option("--people", type=PATH, help="Your own table of groups: a CSV file by subject or photo.")
@click.option("--group", "columns", multiple=True, type=LINE, help="Column of that table to compare groups by.")
@click.option("--engine", type=click.Choice(ENGINES), help="Default: processes when there are many photos and cores.")
@click.option("--workers", type=click.IntRange(1, 1024), help="Worker processes (default: one per core).")
@with_frame
def command(  # noqa: PLR0913, PLR0917 - one parameter per option of the command line
    frame: Frame,
    trials: Path,
    out: Path,
    photos: Path | None,
    pack: str | None,
    people: Path | None,
    columns: tuple[str, ...],
    engine: str | None,
    workers: int | None,
) -> None:
    """Judge a model pack on the photos that TRIALS names: pairs (a,b,mated) or a list (photo,subject,role), as CSV.

    It needs no archive and keeps nothing: templates live in memory, OUT gets a report of error rates with their
    intervals. Groups are compared as your own table declares them; none is ever guessed.
    """
    if bool(columns) != (people is not None):
        msg = "--people and --group belong together: a table, and the columns of it to compare by."
        raise UsageError(msg)
    columns = tuple(dict.fromkeys(columns))
    settings = frame.settings
    given = read_any(trials)
    table = read_people(people, columns) if people is not None else None
    chosen = load_pack(pack or settings.pack, settings)
    prepare(out)
    n_photos = len(given.people)
    cores = workers or len(os.sched_getaffinity(0))
    if engine is None:
        engine = "processes" if (workers or n_photos >= FEW_PHOTOS) and cores > 1 else "serial"
    with Progress("Look", n_photos, quiet=frame.as_json) as bar:
        report, scored = evaluate(
            given,
            photos or trials.absolute().parent,
            chosen,
            settings,
            people=table,
            engine=Engine(engine, cores),
            seen=lambda done: bar.update(done, ""),
        )
    report = write(report, scored, out)
    frame.print(report, as_text(report, out))
    if report["photos"]["failed"].keys() - {NO_FACE[0]}:
        frame.partly()


def as_text(report: dict[str, Any], out: Path) -> str:
    """The report on one screen."""
    pairs, failed = report["pairs"], report["photos"]["failed"]
    people = counted(report["people"], "person", "people")
    lines = [
        f"{report['pack']['id']}: {pairs['mated']} mated and {pairs['non_mated']} non-mated pairs of {people}",
        f"  FTE {percent(report['fte_interval'])} of {counted(report['photos']['given'], 'photo')}",
        f"  AUC {report['auc']:.6f}",
    ]
    lines += [f"  FNMR {percent(cell)} at FMR {limit}" for limit, cell in report["fnmr"].items()]
    lines += [f"  FMR {limit}: {why}" for limit, why in _too_few(report, "non-mated pairs")]
    searched = report["identification"]
    if searched is not None:
        count = searched["searches"]
        lines.append(
            f"{count['mated']} mated and {count['non_mated']} non-mated searches among "
            f"{counted(searched['gallery']['people'], 'person', 'people')}"
        )
        lines.append(f"  rank 1 {percent(searched['rank_1'])}")
        lines += [
            f"  FNIR {percent(cell)} at FPIR {limit}, rank {rank}"
            for limit, cells in searched["fnir"].items()
            for rank, cell in cells.items()
        ]
        lines += [f"  FPIR {limit}: {why}" for limit, why in _too_few(searched, "non-mated searches")]
    for column, found in report["groups"].items():
        lines += [f"{one_line(column)}: {one_line(sentence)}" for sentence in found["says"]]
    if failed:
        lines.append("Not used: " + ", ".join(f"{count} {reason}" for reason, count in failed.items()))
    lines += [note for note in report["notes"].values() if note]
    lines.append(f"Report: {shlex.quote(str(out / PAGE))}")
    return "\n".join(lines)


def _too_few(rated: dict[str, Any], what: str) -> list[tuple[str, str]]:
    return [
        (limit, f"too few {what} to say; it takes {few['needed']}, there are {few['given']}")
        for limit, few in rated["too_few"].items()
    ]


def percent(interval: dict[str, float]) -> str:
    """A rate with its interval."""
    value, low, high = (100 * interval[name] for name in ("value", "low", "high"))
    return f"{value:.2f} % [{low:.2f}, {high:.2f}]"
