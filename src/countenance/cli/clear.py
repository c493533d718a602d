"""``countenance clear``: who in these photos did not say yes? Hide only them."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import click

from countenance.archive import Archive
from countenance.cli.frame import Frame, counted, one_line, with_frame
from countenance.cli.progress import Progress
from countenance.cli.values import FOLDER, LINE, PATH
from countenance.core.policy import DEFAULT_POLICY, parse_policy
from countenance.errors import NotFoundError, UsageError
from countenance.flows.clear import Request
from countenance.flows.clear_report import REPORT_HTML
from countenance.flows.scope import ENGINES, Engine
from countenance.ingest.source import estimate

POLICY = "clearance.toml"
"""Where an archive keeps its own clearance policy."""
FEW_PHOTOS = 32
UNDOABLE = {"pixelate", "blur"}


@click.command("clear")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--channel", required=True, type=LINE, help="Where the photos are to appear: website, print, ...")
@click.option("--out", required=True, type=FOLDER, help="Folder for the released files and the report.")
@click.option("--collection", type=LINE, help="Whose people and consents count (default: the only collection).")
@click.option("--policy", type=PATH, help=f"What to do with each state (default: {POLICY} of the archive).")
@click.option(
    "--published-to", type=LINE, metavar="URL|NOTE", help="Note that the released files were published there."
)
@click.option("--dry-run", is_flag=True, help="Decide and say so; write no file.")
@click.option("--engine", type=click.Choice(ENGINES), help="Default: processes when there are many photos and cores.")
@click.option("--workers", type=click.IntRange(1, 1024), help="Worker processes (default: one per core).")
@with_frame
def command(  # noqa: PLR0913, PLR0917 - one parameter per option of the command line
    frame: Frame,
    sources: tuple[str, ...],
    channel: str,
    out: Path,
    collection: str | None,
    policy: Path | None,
    published_to: str | None,
    engine: str | None,
    workers: int | None,
    *,
    dry_run: bool,
) -> None:
    """Clear the photos of SOURCE for a channel: release them, hide whoever did not say yes, or keep them back.

    Released files go to OUT/clear and OUT/redacted under the names they had, newly encoded and without metadata;
    OUT/report.html says why. Sources are never changed. Run it again after a consent, a withdrawal or a confirmed
    name: only what is affected changes.
    """
    settings = frame.settings
    rules = parse_policy(_policy_text(policy, frame.folder / POLICY))
    if settings.clear.style in UNDOABLE and not frame.as_json:
        click.echo(f"Warning: {undoable(settings.clear.style)}", err=True)
    given = [os.fsencode(source) for source in sources]
    total, cores = estimate(given), workers or len(os.sched_getaffinity(0))
    if engine is None:
        engine = "processes" if (workers or total is None or total >= FEW_PHOTOS) and cores > 1 else "serial"
    if dry_run and published_to is not None:
        msg = "--dry-run writes nothing, so nothing can be published from it."
        raise UsageError(msg, advice="Leave out one of the two.")
    request = Request(channel, out, rules, frame.who, dry_run=dry_run, published_to=published_to)
    with frame.open() as archive, Progress("Look", total, quiet=frame.as_json) as bar:
        where = collection or _only_collection(archive)
        report = archive.clear(
            where, given, request, Engine(engine, cores), lambda step, done, _: bar.update(done, step.lower())
        )
    # Whoever reads this does not know the folder; report.json lies in it.
    photos = [{**photo, "output": _absolute(out, photo["output"])} for photo in report["photos"]]
    frame.print({**report, "photos": photos}, as_text(report, out))
    if report["refused"].keys() - {"other-file"}:
        frame.partly()


def _absolute(out: Path, output: str | None) -> str | None:
    return None if output is None else str(out.absolute() / output)


def undoable(style: str) -> str:
    """The warning that a style of hiding can be undone."""
    return (
        f"style {style!r} can be undone, wholly or in part: programs recover faces from it. "
        'Use style = "solid" for anything that leaves the house.'
    )


def _policy_text(named: Path | None, own: Path) -> str:
    if named is None and not (own.exists() or own.is_symlink()):
        return DEFAULT_POLICY
    path = named or own
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        msg = f"The clearance policy {path} cannot be read: {why}."
        raise UsageError(msg, advice="Check the path; nothing was cleared.") from error


def _only_collection(archive: Archive) -> str:
    names = [row.collection.name for row in archive.collections()]
    if not names:
        msg = "There is no collection yet, so nobody's consent is known."
        raise NotFoundError(msg, advice="Make one with `countenance collection create NAME`.")
    if len(names) > 1:
        msg = f"There are {len(names)} collections: {', '.join(names)}."
        raise UsageError(msg, advice="Say whose people count with --collection NAME.")
    return names[0]


_SAID = {
    "clear": "clear: everybody in it said yes, or nobody is in it",
    "redact": "redacted: whoever did not say yes is hidden",
    "review": "for review: a person must look",
    "blocked": "blocked: stays in",
}


def as_text(report: dict[str, Any], out: Path) -> str:
    """The report on one screen."""
    lines = [f"{report['counts'][verdict]:6} {words}" for verdict, words in _SAID.items()]
    if report["refused"]:
        reasons = ", ".join(f"{count} {reason}" for reason, count in report["refused"].items())
        lines.append(f"{sum(report['refused'].values()):6} not used: {reasons}")
    changed = sum(photo["changed"] for photo in report["photos"])
    again = sum(photo["before"] is not None for photo in report["photos"])
    if again:
        lines.append(f"{changed} of {counted(len(report['photos']), 'photo')} changed since the last run.")
    removed = sum(each["removed"] for each in report["no_longer_in_source"])
    if removed:
        were = "file was removed whose photo is" if removed == 1 else "files were removed whose photos are"
        lines.append(f"{removed} released {were} no longer in the source.")
    if report["published"]:
        lines.append(f"{counted(report['published'], 'copy', 'copies')} noted as published.")
    if report["published_affected"]:
        n_affected = len(report["published_affected"])
        show = "copy shows" if n_affected == 1 else "copies show"
        lines.append(f"{n_affected} published {show} somebody who may no longer be shown:")
        lines += [
            f"  {each['id']}  {one_line(each['path'])}  {one_line(each['place'])}"
            for each in report["published_affected"]
        ]
    notes = report["notes"]
    if notes["second_detector"] is None:
        lines.append(
            "One detector looked. `countenance models install recommended` gives it a second, which misses less."
        )
    lines.append(notes["points"])
    lines += [notes["better"]] if notes["better"] else []
    if report["dry_run"]:
        lines.append("Nothing was written (--dry-run).")
    else:
        lines.append(f"Report: {shlex.quote(str(out / REPORT_HTML))}")
    return "\n".join(lines)
