"""``countenance ingest``: photos into a collection."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import click

from countenance.cli.frame import Frame, counted, with_frame
from countenance.cli.progress import Progress, note_opening
from countenance.cli.values import LINE, PATH
from countenance.errors import UsageError
from countenance.flows.ingest import IngestSummary
from countenance.flows.scope import ENGINES, Engine
from countenance.ingest.source import estimate

FEW_PHOTOS = 64
"""Below this many files, starting workers costs more than they save."""


@click.command("ingest")
@click.argument("collection", type=LINE)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--engine", type=click.Choice(ENGINES), help="Default: processes when there are many photos and cores.")
@click.option("--workers", type=click.IntRange(1, 1024), help="Worker processes (default: one per core).")
@click.option("--journal", type=PATH, help="Append the SHA-256 of every photo once it is saved.")
@with_frame
def command(
    frame: Frame,
    collection: str,
    sources: tuple[str, ...],
    engine: str | None,
    workers: int | None,
    journal: Path | None,
) -> None:
    """Bring photos into COLLECTION: files, folders, globs, tar and zip files, s3:// and the like.

    Photos stay where they are and are never changed. Running it again adds only what is new; it can be stopped at any
    moment.
    """
    given = [os.fsencode(source) for source in sources]
    total = estimate(given)
    cores = len(os.sched_getaffinity(0))
    if engine is None:
        many = workers is not None or total is None or total >= FEW_PHOTOS
        engine = "processes" if many and (workers or cores) > 1 else "serial"
    with frame.open() as archive, Progress("Ingest", total, quiet=frame.as_json) as progress:
        record = _opened(journal) if journal else None
        note_opening(archive, progress)

        def saved(summary: IngestSummary, digests: Sequence[bytes]) -> None:
            if record is not None:
                record.writelines(f"{digest.hex()}\n" for digest in digests)
            progress.update(summary.done, counted(summary.faces, "face"))

        try:
            summary = archive.ingest(collection, given, Engine(engine, workers or cores), saved)
        finally:
            if record is not None:
                record.close()
    frame.print(as_json(summary), as_text(collection, summary))
    if not summary.complete:
        frame.partly()


def _opened(journal: Path) -> TextIO:
    try:
        return journal.open("a", encoding="ascii", buffering=1)
    except OSError as error:
        msg = f"The journal {journal} cannot be written: {error.strerror}."
        raise UsageError(msg, advice="Name a file that this account may write; nothing was ingested.") from error


def as_json(summary: IngestSummary) -> dict[str, object]:
    """The fields that others rely on."""
    return {
        "photos": {
            "given": summary.given,
            "new": summary.new,
            "known": summary.known,
            "partial": summary.partial,
            "refused": dict(sorted(summary.refused.items())),
        },
        "faces": summary.faces,
        "suggested": summary.suggested,
        "seconds": {step: round(spent, 4) for step, spent in summary.seconds.items()},
        "photos_per_second": round(_rate(summary), 2),
    }


def as_text(collection: str, summary: IngestSummary) -> str:
    """The same for people."""
    refused = sum(summary.refused.values())
    added = counted(summary.new + summary.partial, "new photo")
    lines = [
        f"{added}, {counted(summary.faces, 'face')}; {summary.known} known, {refused} refused",
        f"{_rate(summary):.1f} photos/s",
    ]
    if summary.partial:
        are = "is" if summary.partial == 1 else "are"
        lines.append(f"{summary.partial} of the new ones {are} damaged; what could be read was used.")
    if summary.suggested:
        lines.append(f"{counted(summary.suggested, 'appearance')} of enrolled people suggested.")
    if refused:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(summary.refused.items()))
        lines.append(f"Refused: {reasons}. See each with: countenance collection show {shlex.quote(collection)}")
    if not summary.given:
        lines = ["The source holds no files, so nothing was done."]
    return "\n".join(lines)


def _rate(summary: IngestSummary) -> float:
    total = summary.seconds.get("total", 0.0)
    return summary.done / total if total else 0.0
