"""``countenance show-me``: everything held on one person, as a pack for that person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from countenance.cli.frame import Frame, counted, one_line, with_frame
from countenance.cli.progress import Progress
from countenance.cli.values import FOLDER, LINE, PATH
from countenance.errors import UsageError
from countenance.flows.identity import ACCOUNT, MET, SELFIE, Check


@click.command("show-me")
@click.argument("subject", type=LINE)
@click.option("--out", required=True, type=FOLDER, help="Folder for the pack; a zip of it comes to lie beside it.")
@click.option("--collection", type=LINE, help="Look for the name in this collection only.")
@click.option("--account", type=LINE, metavar="REF", help="The account this person logged in with; it is not kept.")
@click.option("--selfie", type=PATH, help="A photo this person took for it; compared with them alone, and dropped.")
@click.option("--met-in-person", is_flag=True, help="You know this person and met them.")
@with_frame
def command(
    frame: Frame,
    subject: str,
    out: Path,
    collection: str | None,
    account: str | None,
    selfie: Path | None,
    *,
    met_in_person: bool,
) -> None:
    """Make a pack of everything that is held on SUBJECT (a name or an id), for that person.

    Say how you made sure that it is this person who asks, in exactly one of three ways: --account, --selfie or
    --met-in-person. Never ask for an identity document. In the pictures everybody else is hidden.
    """
    check = _check(frame, account, selfie, met_in_person=met_in_person)
    with frame.open() as archive, Progress("Photos", None, quiet=frame.as_json) as bar:
        pack = archive.show_me(
            subject, check, out, collection=collection, progress=lambda done, total: bar.update(done, f"of {total}")
        )
    told = pack.told
    shown = sum(photo["copy"] is not None for photo in told["photos"])
    left_out = [{"photo": photo["photo"], **photo["left_out"]} for photo in told["photos"] if photo["left_out"]]
    n_entries = len(told["ledger"]["entries"])
    counts = (
        f"{shown} of {counted(len(told['photos']), 'photo')} shown, everybody else hidden; "
        f"{counted(len(told['consents']), 'consent')}, {len(told['publications'])} published, "
        f"{counted(n_entries, 'entry', 'entries')} of the ledger"
    )
    lines = [
        f"Pack for {one_line(told['person']['name'])}: {one_line(str(pack.folder))}",
        f"The same in one file: {one_line(str(pack.zip))}",
        counts,
        *(f"Not shown: {row['photo']}: {row['sentence']}" for row in left_out),
        "Hand over the zip in a way that reaches this person alone, then remove it here; erasing removes it too.",
    ]
    frame.print(
        {
            "subject": told["person"]["subject"],
            "folder": str(pack.folder),
            "zip": str(pack.zip),
            "photos": len(told["photos"]),
            "shown": shown,
            "left_out": left_out,
            "consents": len(told["consents"]),
            "publications": len(told["publications"]),
            "entries": n_entries,
        },
        "\n".join(lines),
    )


def _check(frame: Frame, account: str | None, selfie: Path | None, *, met_in_person: bool) -> Check:
    """How it was made sure who asks; what the account is called goes nowhere."""
    given: dict[str, Any] = {ACCOUNT: account, SELFIE: selfie, MET: met_in_person or None}
    named = [how for how, value in given.items() if value is not None]
    if len(named) != 1 or account == "":
        msg = "Say in exactly one way how you made sure that it is this person who asks."
        raise UsageError(
            msg, advice="Give --account REF, --selfie FILE or --met-in-person; never an identity document."
        )
    return Check(named[0], _content(selfie, frame.settings.decode.max_bytes) if selfie is not None else None)


def _content(selfie: Path, most_bytes: int) -> bytes:
    try:
        with selfie.open("rb") as file:
            content = file.read(most_bytes + 1)
    except OSError as error:
        msg = f"The selfie {selfie} cannot be read: {error.strerror}."
        raise UsageError(msg, advice="Name the photo that this person took.") from error
    if len(content) > most_bytes:
        msg = f"The selfie {selfie} is larger than {most_bytes} bytes."
        raise UsageError(msg, advice="Give a smaller photo, or raise max_bytes in countenance.toml.")
    return content
