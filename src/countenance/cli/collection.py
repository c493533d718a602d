"""``countenance collection``: make, list and show collections."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from countenance.cli import erase as erasing
from countenance.cli.frame import Frame, counted, one_line, with_frame
from countenance.cli.progress import steps
from countenance.cli.values import LAST_DAY, LINE, PATH
from countenance.errors import ConsentError, UsageError
from countenance.ingest.source import display_name
from countenance.store.collections import CollectionCounts, Release
from countenance.store.subjects import Subject


@click.group("collection")
@with_frame
def command(frame: Frame) -> None:
    """Make, list and show collections: photos with one controller, one basis and one model pack."""


@command.command("create")
@click.argument("name", type=LINE)
@click.option("--basis", type=click.Choice(["consent", "release"]), default="consent", show_default=True)
@click.option("--reference", type=LINE, help="Basis release: where the document is found.")
@click.option("--approver", type=LINE, help="Basis release: who approved it.")
@click.option("--until", type=LAST_DAY, help="Basis release: its last day.")
@click.option("--pack", type=LINE, help="Model pack (default: the one of the settings).")
@with_frame
def create(
    frame: Frame,
    name: str,
    basis: str,
    reference: str | None,
    approver: str | None,
    until: datetime | None,
    pack: str | None,
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
        if until <= datetime.now(UTC):
            msg = "The documented basis has already ended."
            raise ConsentError(msg, advice="Give a basis whose last day (--until) is still to come.")
        release = Release(reference, approver, until)
    elif reference or approver or until:
        msg = "--reference, --approver and --until belong to --basis release."
        raise UsageError(msg)
    with frame.open(**({"pack": pack} if pack else {})) as archive:
        made = archive.create_collection(name, release)
    frame.print(
        {"collection": {"id": made.id, "name": made.name, "basis": made.basis, "pack": made.pack}},
        f"Collection {made.name} (basis {made.basis}, pack {made.pack})\n"
        f"Next: countenance ingest {shlex.quote(made.name)} FOLDER",
    )


@command.command("list")
@with_frame
def list_all(frame: Frame) -> None:
    """List all collections with what they hold."""
    with frame.open() as archive:
        rows = archive.collections()
    names = [one_line(row.collection.name) for row in rows]
    wide = max(map(len, [*names, "NAME"]))
    lines = [f"{'NAME':{wide}} {'BASIS':8} {'PHOTOS':>8} {'FACES':>8} {'PEOPLE':>7} {'REFUSED':>8}"]
    lines += [
        f"{name:{wide}} {row.collection.basis:8} {row.n_photos:8} {row.n_faces:8} {row.n_subjects:7} {row.n_refused:8}"
        for name, row in zip(names, rows, strict=True)
    ]
    empty = "No collection yet. Make one with: countenance collection create NAME"
    frame.print({"collections": [_row(row) for row in rows]}, "\n".join(lines) if rows else empty)


@command.command("rekey")
@click.argument("name", type=LINE)
@with_frame
def rekey(frame: Frame, name: str) -> None:
    """Give a collection a new key: copies of its templates made before open no more and match nothing.

    Every template is turned and sealed anew, in place, and the old key is destroyed. Nothing else changes: scores
    inside the collection, people, labels and photos stay. Other programs wait while it runs; a kill loses nothing.
    """
    with frame.open() as archive:
        done = archive.rekey(name)
    frame.print(
        {"collection": name, "references": done.n_references, "templates": done.n_templates},
        f"Collection {one_line(name)} has a new key; sealed anew: "
        f"{counted(done.n_references, 'reference')} of enrolled people, "
        f"{counted(done.n_templates, 'template')} of other faces.",
    )


@command.command("destroy")
@click.argument("name", type=LINE)
@click.option("--receipt", type=PATH, help="New file for the signed receipt.")
@click.option("--dry-run", is_flag=True, help="Only say what would go, and what cannot be reached.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_frame
def destroy(frame: Frame, name: str, receipt: Path | None, **options: bool) -> None:
    """Erase a collection with everybody and everything in it, and prove it. Photos stay where they are."""
    if receipt is None and not options["dry_run"]:
        msg = "Destroying a collection leaves a signed receipt; say where it goes with --receipt FILE."
        raise UsageError(msg, advice="Nothing was destroyed. See what would go with --dry-run.")
    with frame.open() as archive:
        plan, called = archive.plan_destruction(name), f"the collection {name}"
        if receipt is None or options["dry_run"]:
            frame.print(erasing.plan_row(plan), "\n".join(erasing.plan_lines(plan, called)))
            return
        erasing.require_free(receipt)
        erasing.confirm(frame, plan, called, asked=not options["yes"])
        with steps(erasing.N_STEPS, quiet=frame.as_json) as told:
            done = archive.destroy_collection(name, told)
    erasing.write_receipt(receipt, done)
    frame.print(erasing.erased_row(done, receipt), "\n".join(erasing.erased_lines(done, called, receipt)))


@command.command("show")
@click.argument("name", type=LINE)
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
        f"photos: {row.n_photos}, faces: {row.n_faces}, people enrolled: {row.n_subjects}",
        "appearances: " + ", ".join(f"{count} {state}" for state, count in counts.items()),
        *(f"  {person.id}  {one_line(person.name)}{_remark(person)}" for person in people),
    ]
    if refused:
        lines.append(f"files refused: {len(refused)}")
        lines += [f"  {display_name(item.path, item.member or None)}: {item.message}" for item in refused]
    shown = {
        **_row(row),
        "subjects": [
            {
                "subject": person.id,
                "name": person.name,
                "minor": person.minor,
                "must_not_appear": person.must_not_appear,
                "merged_into": person.merged_into,
            }
            for person in people
        ],
        "appearances": counts,
        "refused": [
            {"photo": display_name(item.path, item.member or None), "reason": item.reason, "message": item.message}
            for item in refused
        ],
    }
    frame.print({"collection": shown}, "\n".join(lines))


def _remark(person: Subject) -> str:
    """What else a line about a person says; why somebody must not appear is never shown here."""
    said = [
        *(["minor"] if person.minor else []),
        *(["must not appear"] if person.must_not_appear else []),
        *([f"merged into {person.merged_into}"] if person.merged_into else []),
    ]
    return f"  ({', '.join(said)})" if said else ""


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
