"""``countenance calibrate``: from which score may the machine be believed, in this collection?"""

from __future__ import annotations

import os
import shlex
from dataclasses import asdict
from typing import Any

import click

from countenance.cli.frame import Frame, counted, with_frame
from countenance.cli.progress import Progress
from countenance.cli.values import LINE
from countenance.errors import NotFoundError
from countenance.flows.calibrate import SUGGEST_FPIR, Wanted
from countenance.flows.scope import ENGINES, Engine
from countenance.store.calibrations import Calibration

FPIR = 0.001


@click.command("calibrate")
@click.argument("collection", type=LINE)
@click.option(
    "--fpir",
    type=float,
    default=FPIR,
    show_default=True,
    help="How often a search may bring somebody falsely where nobody looks any more, between 0 and 1.",
)
@click.option(
    "--suggest-fpir",
    type=float,
    help=f"The same where a person looks at each suggestion (default: {SUGGEST_FPIR}, or --fpir where that is more).",
)
@click.option("--people", type=click.IntRange(1), help="For how many enrolled people (default: as many as there are).")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Of the interval.")
@click.option("--show", is_flag=True, help="Show the calibration that counts; measure nothing.")
@click.option("--engine", type=click.Choice(ENGINES), default="serial", show_default=True)
@click.option("--workers", type=click.IntRange(1, 1024), help="Worker processes (default: one per core).")
@with_frame
def command(  # noqa: PLR0913, PLR0917 - one parameter per option of the command line
    frame: Frame,
    collection: str,
    fpir: float,
    suggest_fpir: float | None,
    people: int | None,
    seed: int,
    engine: str,
    workers: int | None,
    *,
    show: bool,
) -> None:
    """Measure on the confirmed faces of COLLECTION from which score its machine may be believed.

    Until this is done nobody is shown on the machine's word alone. It reads the photos of confirmed faces again, keeps
    no template, and refuses when there are too few faces for the rate that is asked for.
    """
    cores = workers or len(os.sched_getaffinity(0))
    asked = Wanted(fpir, max(SUGGEST_FPIR, fpir) if suggest_fpir is None else suggest_fpir, people, seed)
    with frame.open() as archive:
        if not show:
            with Progress("Compare", None, quiet=frame.as_json) as bar:
                archive.calibrate(collection, asked, Engine(engine, cores), lambda done: bar.update(done, "faces"))
        made, stale = archive.calibration(collection)
    if made is None:
        msg = f"The collection {collection!r} is not calibrated, so nobody is shown on the machine's word alone."
        raise NotFoundError(msg, advice=f"Measure it with `countenance calibrate {shlex.quote(collection)}`.")
    frame.print(as_json(collection, made, stale), as_text(collection, made, stale))


def as_json(collection: str, made: Calibration, stale: str) -> dict[str, Any]:
    """Every field, and whether it is out of date."""
    return {"collection": collection, **asdict(made), "made_at": made.made_at.isoformat(), "stale": bool(stale)}


def as_text(collection: str, made: Calibration, stale: str) -> str:
    """What was measured, and what it does not say."""
    day = f"{made.made_at.day} {made.made_at:%B %Y}"
    among = counted(made.meant_for, "enrolled person", "enrolled people")
    rate = f"set for at most {made.fpir:g} of all searches among {among}"
    few = f"set for at most {made.suggest_fpir:g}"
    below = f"{made.suggested_below} of {counted(made.suggested, 'face')} that were suggested and confirmed score below"
    span = f"{made.threshold_low:.4f} to {made.threshold_high:.4f}"
    faces = f"{counted(made.searches, 'confirmed face')} of {counted(made.people, 'person', 'people')}"
    counts = "its upper end counts"
    if made.certain > made.threshold_high:
        counts = "the match score of the model pack is higher and counts"
    if made.named:
        hand = f"; of {counted(made.named, 'face')} named by hand, {made.named_below} score below {made.suggest:.4f}."
    else:
        hand = ", and none was named by hand."
    lines = [
        f"{collection}, calibrated on {day} with the model pack {made.pack}:",
        f"  from {made.certain:.4f} on nobody needs to look: {rate} to bring somebody falsely",
        f"    threshold {made.threshold:.4f}, 95 % interval over people {span}; {counts}",
        f"  from {made.suggest:.4f} on somebody is suggested and a person is asked: {few}",
        f"Measured on {faces}: {made.comparisons:,} comparisons of different people.",
        f"{below} {made.certain:.4f}; a person would be asked about them.",
        f"How many faces the machine never suggests cannot be known from those it did suggest{hand}",
    ]
    return "\n".join([*lines, *([stale] if stale else [])])
