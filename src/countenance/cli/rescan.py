"""``countenance rescan``: the look back, when it was put off or interrupted."""

from __future__ import annotations

import os

import click

from countenance.cli.frame import Frame, with_frame
from countenance.cli.progress import Progress
from countenance.cli.values import LINE
from countenance.flows.scope import ENGINES, Engine


@click.command("rescan")
@click.argument("collection", type=LINE)
@click.option("--engine", type=click.Choice(ENGINES), default="serial", show_default=True)
@click.option("--workers", type=click.IntRange(1, 1024), help="Worker processes (default: one per core).")
@with_frame
def command(frame: Frame, collection: str, engine: str, workers: int | None) -> None:
    """Compare the photos of COLLECTION with everybody who was enrolled after them, in one pass."""
    cores = workers or len(os.sched_getaffinity(0))
    with frame.open() as archive, Progress("Look back", None, quiet=frame.as_json) as bar:
        seen = archive.rescan(
            collection,
            Engine(engine, cores),
            lambda part: bar.update(part.photos, f"{part.suggested} suggested"),
        )
    text = f"{seen.subjects} people compared with {seen.photos} photos: {seen.suggested} appearances suggested"
    if seen.unreadable:
        text += (
            f"\n{seen.unreadable} photos are no longer where they were; "
            "ingest them from their new place, then run this again."
        )
    frame.print(
        {
            "subjects": seen.subjects,
            "photos": seen.photos,
            "unreadable": seen.unreadable,
            "suggested": seen.suggested,
        },
        text if seen.subjects else "Nobody was enrolled since the last look back.",
    )
    if seen.unreadable:
        frame.partly()
