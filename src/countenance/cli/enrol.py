"""``countenance enrol``: a person who said yes."""

from __future__ import annotations

import os
from pathlib import Path

import click

from countenance.archive import Archive
from countenance.cli.form import consent_row, lapse_line, with_form
from countenance.cli.frame import Frame, counted, with_frame
from countenance.cli.progress import Progress
from countenance.cli.rescan import gone
from countenance.cli.values import LINE, PATH, SeveralWords
from countenance.errors import ConflictError, PhotoRefusedError, UsageError
from countenance.flows.enrol import MOST_PHOTOS, ConsentForm
from countenance.flows.policy import gaps
from countenance.flows.rescan import RescanSummary
from countenance.ingest.source import display_name, reopen


@click.command("enrol", cls=SeveralWords)
@click.argument("collection", type=LINE)
@click.argument("name", type=LINE)
@click.option("--photo", "photos", multiple=True, required=True, type=PATH, help="1 to 20 photos of this person alone.")
@click.option("--must-not-appear", type=LINE, metavar="REASON", help="Release no photo of this person; sealed.")
@click.option("--namesake", is_flag=True, help="Another person of this name is enrolled already; this is not that one.")
@click.option("--rescan/--no-rescan", default=True, help="Look through the photos that are there already.")
@with_form
@with_frame
def command(  # noqa: PLR0913 - one parameter per option of the command line
    frame: Frame,
    collection: str,
    name: str,
    photos: tuple[Path, ...],
    form: ConsentForm,
    must_not_appear: str | None,
    *,
    namesake: bool,
    rescan: bool,
) -> None:
    """Enrol NAME in COLLECTION, with consent and one to twenty photos that show nobody else.

    Photos that are in the collection already are then compared with this person, unless --no-rescan is given; run
    `countenance rescan` later in that case.
    """
    if len(photos) > MOST_PHOTOS:
        msg = f"Enrolment takes 1 to {MOST_PHOTOS} photos, not {len(photos)}."
        raise UsageError(msg)
    most_bytes = frame.settings.decode.max_bytes
    contents = [(display_name(os.fsencode(path)), _content(path, most_bytes)) for path in dict.fromkeys(photos)]
    with frame.open() as archive:
        if not namesake:
            _require_new(archive, collection, name)
        made = archive.enrol(collection, name, contents, form, frame.who, must_not_appear=must_not_appear)
        missing = gaps(archive.policy_pages()[-1].page)
        seen = RescanSummary()
        if rescan:
            with Progress("Look back", None, quiet=frame.as_json) as bar:
                seen = archive.rescan(
                    collection, saved=lambda part: bar.update(part.photos, f"{part.suggested} suggested")
                )
    refused = [{"photo": photo, "reason": reason} for photo, reason in made.refused]
    references = [
        {
            "photo": item.photo,
            "face": item.face,
            "box": [round(value, 1) for value in item.box],
            "quality": round(item.quality, 1),
        }
        for item in made.references
    ]
    lines = [f"Enrolled {name} as {made.subject} with {len(references)} reference{'s' * (len(references) != 1)}"]
    lines += lapse_line(form, made.consents, form.born_on)
    if must_not_appear is not None:
        lines.append("Must not appear: no photo of this person is released. Why is sealed and stands in no report.")
    lines += [f"Not used: {item['photo']}: {item['reason']}" for item in refused]
    if missing:
        places = counted(len(missing), "place")
        lines.append(f"The policy page still has {places} to fill in; see: countenance policy show")
    if seen.photos:
        found = counted(seen.suggested, "appearance")
        lines.append(f"Looked through {counted(seen.photos, 'photo')}: {found} suggested")
    if seen.unreadable:
        lines.append(f"{gone(seen.unreadable)}, then: countenance rescan {collection}")
    frame.print(
        {
            "subject": made.subject,
            "references": references,
            "refused": refused,
            "consents": [consent_row(stored) for stored in made.consents],
            "must_not_appear": must_not_appear is not None,
            "rescan": {"photos": seen.photos, "unreadable": seen.unreadable, "suggested": seen.suggested},
        },
        "\n".join(lines),
    )
    if refused or seen.unreadable:
        frame.partly()


def _require_new(archive: Archive, collection: str, name: str) -> None:
    """A second person under one name is more often the same command run twice."""
    known = [subject.id for subject in archive.subjects(collection) if subject.name == name]
    if known:
        msg = f"Somebody called {name!r} is enrolled in {collection} already: {', '.join(known)}."
        raise ConflictError(msg, advice="If this is another person of the same name, add --namesake.")


def _content(path: Path, most_bytes: int) -> bytes:
    try:
        return reopen(os.fsencode(path.absolute()), None, most_bytes)
    except PhotoRefusedError as error:
        msg = f"The photo {path} cannot be used. {error.message}"
        raise UsageError(msg, advice="Check the path; nobody was enrolled.") from error
