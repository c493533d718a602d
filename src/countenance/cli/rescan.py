"""``countenance rescan``: the look back, when it was put off or interrupted."""

from __future__ import annotations

import os

import click

from countenance.cli.frame import Frame, counted, with_frame
from countenance.cli.progress import Progress
from countenance.cli.values import LINE
from countenance.flows.scope import ENGINES, Engine


def gone(n_photos: int) -> str:
    """The beginning of the sentence about photos that cannot be read any more."""
    if n_photos == 1:
        return "1 photo is no longer where it was; ingest it from its new place"
    return f"{n_photos} photos are no longer where they were; ingest them from their new place"


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
    text = (
        f"{counted(seen.subjects, 'person', 'people')} compared with {counted(seen.photos, 'photo')}: "
        f"{counted(seen.suggested, 'appearance')} suggested"
    )
    if seen.unreadable:
        text += f"\n{gone(seen.unreadable)}, then run this again."
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
