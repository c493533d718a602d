"""``countenance enrol``: a person who said yes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from countenance.cli.frame import Frame, with_frame
from countenance.cli.progress import Progress
from countenance.cli.values import LAST_DAY, MOMENT, SeveralWords, hash_evidence
from countenance.errors import UsageError
from countenance.flows.enrol import MOST_PHOTOS, ConsentForm
from countenance.flows.rescan import RescanSummary


@click.command("enrol", cls=SeveralWords)
@click.argument("collection")
@click.argument("name")
@click.option(
    "--photo", "photos", multiple=True, required=True, type=click.Path(path_type=Path), help="1 to 20 photos."
)
@click.option("--purpose", "purposes", multiple=True, required=True, help="What for, e.g. find-my-photos.")
@click.option("--channel", "channels", multiple=True, required=True, help="Where results may appear, e.g. website.")
@click.option("--from", "start", type=MOMENT, help="From when the consent holds (default: now).")
@click.option("--until", "end", type=LAST_DAY, required=True, help="Last day of the consent.")
@click.option("--evidence", type=click.Path(path_type=Path), required=True, help="The signed form or the recording.")
@click.option("--guardian", help="Who signed for a minor.")
@click.option("--rescan/--no-rescan", default=True, help="Look through the photos that are there already.")
@with_frame
def command(  # noqa: PLR0913, PLR0917 - one parameter per option of the command line
    frame: Frame,
    collection: str,
    name: str,
    photos: tuple[Path, ...],
    purposes: tuple[str, ...],
    channels: tuple[str, ...],
    start: datetime | None,
    end: datetime,
    evidence: Path,
    guardian: str | None,
    *,
    rescan: bool,
) -> None:
    """Enrol NAME in COLLECTION, with consent and one to twenty photos that show nobody else.

    Photos that are in the collection already are then compared with this person, unless --no-rescan is given; run
    `countenance rescan` later in that case.
    """
    if len(photos) > MOST_PHOTOS:
        msg = f"Enrolment takes 1 to {MOST_PHOTOS} photos, not {len(photos)}."
        raise UsageError(msg)
    form = ConsentForm(
        tuple(purpose.replace(" ", "-") for purpose in purposes),
        channels,
        start or datetime.now(UTC),
        end,
        hash_evidence(evidence),
        evidence.name,
        guardian,
    )
    contents = [(str(path), _content(path)) for path in photos]
    with frame.open() as archive:
        made = archive.enrol(collection, name, contents, form, frame.who)
        seen = RescanSummary()
        if rescan:
            with Progress("Look back", None, quiet=frame.as_json) as bar:
                seen = archive.rescan(
                    collection, saved=lambda part: bar.update(part.photos, f"{part.suggested} suggested")
                )
    refused = [{"photo": photo, "reason": reason} for photo, reason in made.refused]
    references = [
        {"photo": item.photo, "face": item.face, "box": list(item.box), "quality": round(item.quality, 1)}
        for item in made.references
    ]
    lines = [f"Enrolled {name} as {made.subject} with {len(references)} reference{'s' * (len(references) != 1)}"]
    lines += [f"Not used: {item['photo']}: {item['reason']}" for item in refused]
    if seen.photos:
        lines.append(f"Looked through {seen.photos} photos: {seen.suggested} appearances suggested")
    if seen.unreadable:
        lines.append(f"{seen.unreadable} photos are no longer where they were; ingest them again from their new place.")
    frame.print(
        {
            "subject": made.subject,
            "references": references,
            "refused": refused,
            "rescan": {"photos": seen.photos, "unreadable": seen.unreadable, "suggested": seen.suggested},
        },
        "\n".join(lines),
    )
    if refused or seen.unreadable:
        frame.partly()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        msg = f"The photo {path} cannot be read: {error.strerror}."
        raise UsageError(msg, advice="Check the path; nobody was enrolled.") from error
