"""``countenance find``: every photo of an enrolled person."""

from __future__ import annotations

from pathlib import Path

import click

from countenance.cli.frame import Frame, with_frame
from countenance.cli.values import FOLDER, LINE
from countenance.flows.find import STATES
from countenance.ingest.source import display_name
from countenance.store.appearances import Appearance


@click.command("find")
@click.argument("subject")
@click.option("--state", type=click.Choice(list(STATES)), default="any", show_default=True)
@click.option("--collection", type=LINE, help="Look for the name in this collection only.")
@click.option("--out", type=FOLDER, help="Write a contact sheet (HTML) into this folder.")
@with_frame
def command(frame: Frame, subject: str, state: str, collection: str | None, out: Path | None) -> None:
    """List the photos of SUBJECT (a name or an id), best first.

    A suggestion is a machine's guess; confirm or reject it with `countenance review`.
    """
    with frame.open() as archive:
        who = archive.subject(subject, collection)
        found = archive.find(who.id, state=state)
        sheet = archive.contact_sheet(who.id, found, out) if out else None
    rows = [
        {
            "id": row.id,
            "photo": display_name(row.path, row.member or None),
            "sha256": row.sha256.hex(),
            "face": row.face,
            "box": [round(value, 1) for value in row.box],
            "score": round(row.score, 4) if row.measured else None,
            "state": row.state,
        }
        for row in found
    ]
    lines = [f"{_shown(row):5}  {row.state:9}  {row.id}  {display_name(row.path, row.member or None)}" for row in found]
    photos = len({row.sha256 for row in found})
    lines.append(f"{len(rows)} appearance{'s' * (len(rows) != 1)} in {photos} photo{'s' * (photos != 1)}")
    if sheet is not None:
        lines.append(f"Contact sheet: {sheet}")
    frame.print(
        {"subject": who.id, "appearances": rows, "contact_sheet": str(sheet) if sheet else None}, "\n".join(lines)
    )


def _shown(row: Appearance) -> str:
    """A score that was measured; a name that a person gave has none."""
    return f"{row.score:.3f}" if row.measured else "-"
