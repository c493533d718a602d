"""``countenance review``: people's word on the machine's suggestions."""

from __future__ import annotations

import click

from countenance.cli.frame import Frame, with_frame
from countenance.cli.values import SeveralWords
from countenance.store.appearances import CONFIRMED, REJECTED


@click.command("review", cls=SeveralWords)
@click.argument("collection")
@click.option("--confirm", multiple=True, metavar="ID...", help="This face is this person.")
@click.option("--reject", multiple=True, metavar="ID...", help="Not this person; it never comes back.")
@with_frame
def command(frame: Frame, collection: str, confirm: tuple[str, ...], reject: tuple[str, ...]) -> None:
    """Count what waits for review in COLLECTION, or confirm and reject appearances by the ids that `find` prints."""
    with frame.open() as archive:
        for ids, state in ((confirm, CONFIRMED), (reject, REJECTED)):
            if ids:
                archive.decide(collection, ids, state, frame.who)
        counts = archive.review_counts(collection)
    said = f"{len(confirm)} confirmed, {len(reject)} rejected by {frame.who}\n" if confirm or reject else ""
    frame.print(
        {"collection": collection, "counts": counts, "confirmed": list(confirm), "rejected": list(reject)},
        said + ", ".join(f"{count} {state}" for state, count in counts.items()),
    )
