"""``countenance review``: people's word on the machine's suggestions."""

from __future__ import annotations

import click

from countenance.cli.frame import Frame, with_frame
from countenance.cli.values import LINE, SeveralWords
from countenance.errors import UsageError
from countenance.store.appearances import CONFIRMED, REJECTED


@click.command("review", cls=SeveralWords)
@click.argument("collection", type=LINE)
@click.option("--confirm", multiple=True, metavar="ID...", help="This face is this person.")
@click.option("--reject", multiple=True, metavar="ID...", help="Not this person; it never comes back.")
@with_frame
def command(frame: Frame, collection: str, confirm: tuple[str, ...], reject: tuple[str, ...]) -> None:
    """Count what waits for review in COLLECTION, or confirm and reject appearances by the ids that `find` prints."""
    both = sorted({*confirm} & {*reject})
    if both:
        msg = f"{both[0]} is to be confirmed and rejected at once."
        raise UsageError(msg, advice="Give each id once; nothing was changed.")
    said_by = frame.who
    with frame.open() as archive:
        decisions = dict.fromkeys(confirm, CONFIRMED) | dict.fromkeys(reject, REJECTED)
        if decisions:
            archive.decide_each(collection, decisions, said_by)
        counts = archive.review_counts(collection)
    said = f"{len(confirm)} confirmed, {len(reject)} rejected by {said_by}\n" if confirm or reject else ""
    frame.print(
        {"collection": collection, "counts": counts, "confirmed": list(confirm), "rejected": list(reject)},
        said + ", ".join(f"{count} {state}" for state, count in counts.items()),
    )
