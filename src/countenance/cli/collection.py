"""``countenance collection``: make, list and show collections."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from countenance.cli.frame import Frame, with_frame
from countenance.cli.values import MOMENT
from countenance.errors import UsageError
from countenance.ingest.source import display_name
from countenance.store.collections import CollectionCounts, Release


@click.group("collection")
def command() -> None:
    """Make, list and show collections: photos with one controller, one basis and one model pack."""


@command.command("create")
@click.argument("name")
@click.option("--basis", type=click.Choice(["consent", "release"]), default="consent", show_default=True)
@click.option("--reference", help="Basis release: where the document is found.")
@click.option("--approver", help="Basis release: who approved it.")
@click.option("--until", type=MOMENT, help="Basis release: when it ends.")
@with_frame
def create(
    frame: Frame, name: str, basis: str, reference: str | None, approver: str | None, until: datetime | None
) -> None:
    """Make a collection.

    Basis `consent` keeps templates of enrolled people only. Basis `release` is for photos whose every subject signed,
    or that have another documented basis; it keeps an encrypted template of every face.
    """
    release = None
    if basis == "release":
        if not (reference and approver and until):
            msg = "A release collection needs --reference, --approver and --until."
            raise UsageError(msg)
        release = Release(reference, approver, until)
    elif reference or approver or until:
        msg = "--reference, --approver and --until belong to --basis release."
        raise UsageError(msg)
    with frame.open() as archive:
        made = archive.create_collection(name, release)
    frame.print(
        {"collection": {"id": made.id, "name": made.name, "basis": made.basis, "pack": made.pack}},
        f"Collection {made.name} (basis {made.basis}, pack {made.pack})\nNext: countenance ingest {made.name} FOLDER",
    )


@command.command("list")
@with_frame
def list_all(frame: Frame) -> None:
    """List all collections with what they hold."""
    with frame.open() as archive:
        rows = archive.collections()
    lines = [f"{'NAME':24} {'BASIS':8} {'PHOTOS':>8} {'FACES':>8} {'PEOPLE':>7} {'REFUSED':>8}"]
    lines += [
        f"{row.collection.name:24} {row.collection.basis:8} {row.n_photos:8} {row.n_faces:8} {row.n_subjects:7} "
        f"{row.n_refused:8}"
        for row in rows
    ]
    empty = "No collection yet. Make one with: countenance collection create NAME"
    frame.print({"collections": [_row(row) for row in rows]}, "\n".join(lines) if rows else empty)


@command.command("show")
@click.argument("name")
@with_frame
def show(frame: Frame, name: str) -> None:
    """Show one collection: what it holds, who is enrolled, which files were refused and why."""
    with frame.open() as archive:
        wanted = archive.collection(name)
        row = next(row for row in archive.collections() if row.collection.id == wanted.id)
        people = archive.subjects(name)
        refused = archive.refused(name)
        counts = archive.review_counts(name)
    lines = [
        f"{row.collection.name}: basis {row.collection.basis}, pack {row.collection.pack}",
        f"{row.n_photos} photos, {row.n_faces} faces, {row.n_subjects} people enrolled",
        "appearances: " + ", ".join(f"{count} {state}" for state, count in counts.items()),
        *(f"  {person.id}  {person.name}" for person in people),
    ]
    if refused:
        lines.append(f"{len(refused)} files refused:")
        lines += [f"  {display_name(item.path, item.member or None)}: {item.message}" for item in refused]
    shown = {
        **_row(row),
        "subjects": [{"subject": person.id, "name": person.name, "minor": person.minor} for person in people],
        "appearances": counts,
        "refused": [
            {"photo": display_name(item.path, item.member or None), "reason": item.reason, "message": item.message}
            for item in refused
        ],
    }
    frame.print({"collection": shown}, "\n".join(lines))


def _row(row: CollectionCounts) -> dict[str, Any]:
    where = row.collection
    return {
        "id": where.id,
        "name": where.name,
        "basis": where.basis,
        "pack": where.pack,
        "photos": row.n_photos,
        "faces": row.n_faces,
        "subjects_enrolled": row.n_subjects,
        "files_refused": row.n_refused,
    }
