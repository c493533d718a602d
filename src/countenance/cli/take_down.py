"""``countenance take-down``: where a person can be seen, and what is gone from there."""

from __future__ import annotations

import click

from countenance.cli.frame import Frame, one_line, with_frame
from countenance.cli.values import LINE, SeveralWords
from countenance.ingest.source import display_name


@click.command("take-down", cls=SeveralWords)
@click.argument("subject", type=LINE)
@click.option("--done", multiple=True, metavar="ID...", help="This published copy is gone.")
@with_frame
def command(frame: Frame, subject: str, done: tuple[str, ...]) -> None:
    """List the published copies on which SUBJECT (a name or an id) can be seen, so that they can be taken down.

    Copies are noted by `countenance clear --published-to`. Those on which the person is hidden are not listed.
    """
    with frame.open() as archive:
        who = archive.subject(subject)
        if done:
            archive.take_down(who.id, done)
        copies = archive.published_showing(who.id)
    rows = [
        {
            "id": copy.id,
            "place": copy.place,
            "channel": copy.channel,
            "path": display_name(copy.path),
            "sha256": copy.output_sha256.hex(),
            "published_at": copy.published_at.isoformat(timespec="seconds"),
            "published_by": copy.published_by,
            "taken_down_at": copy.taken_down_at.isoformat(timespec="seconds") if copy.taken_down_at else None,
        }
        for copy in copies
    ]
    lines = [
        f"{row['id']}  {'taken down' if row['taken_down_at'] else 'published '}  {row['channel']}  "
        f"{one_line(str(row['path']))}  {one_line(str(row['place']))}"
        for row in rows
    ]
    left = sum(row["taken_down_at"] is None for row in rows)
    lines.append(f"{left} published cop{'y' if left == 1 else 'ies'} on which {one_line(who.name)} can be seen")
    if left:
        lines.append("When one is gone from there: countenance take-down SUBJECT --done ID")
    frame.print({"subject": who.id, "published": rows, "left": left}, "\n".join(lines))
