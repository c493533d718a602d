"""``countenance review``: people's word on the machine's suggestions."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from countenance.cli.frame import Frame, one_line, with_frame
from countenance.cli.values import LINE, SeveralWords
from countenance.errors import UsageError
from countenance.store.appearances import CONFIRMED, REJECTED

if TYPE_CHECKING:
    from countenance.archive import Archive
    from countenance.store.labels import Operation


@click.command("review", cls=SeveralWords)
@click.argument("collection", type=LINE)
@click.option("--confirm", multiple=True, metavar="ID...", help="This face is this person.")
@click.option("--reject", multiple=True, metavar="ID...", help="Not this person; it never comes back.")
@click.option("--name", type=LINE, metavar="FACE=SUBJECT", help="This face, of which nothing is said, is this person.")
@click.option("--split", type=LINE, metavar="SUBJECT", help="The faces of --face are not this person.")
@click.option("--face", multiple=True, metavar="ID...", help="Faces to split off.")
@click.option("--to", type=LINE, metavar="SUBJECT", help="Who the faces split off are, if that is known.")
@click.option("--merge", nargs=2, type=LINE, metavar="KEEP OTHER", help="Two people are one, enrolled twice.")
@click.option("--nobody", multiple=True, metavar="PHOTO...", help="Nobody is on this photo (id or SHA-256).")
@click.option("--no-face", multiple=True, metavar="FACE...", help="What was found here is no face.")
@click.option("--undo", type=LINE, metavar="OPERATION", help="Take back one operation, whole.")
@click.option("--history", is_flag=True, help="List what people said, newest first.")
@with_frame
def command(frame: Frame, collection: str, *, history: bool, **said: Any) -> None:  # noqa: ANN401 - one thing said
    """Count what waits for review in COLLECTION, or say who a face is and who it is not.

    `find` prints the ids of appearances, `find --json` those of faces. Whatever is said here is one operation:
    --history lists them, and --undo takes one back.
    """
    _check(said)
    with frame.open() as archive:
        lines, done = _say(archive, collection, frame.who, said)
        counts = archive.review_counts(collection)
        listed = archive.label_history(collection) if history else []
    if done is not None and done.undone_at is None:
        lines.append(f"Take it back with: countenance review {shlex.quote(collection)} --undo {done.id}")
    lines.append(", ".join(f"{count} {state}" for state, count in counts.items()))
    frame.print(
        {
            "collection": collection,
            "counts": counts,
            "confirmed": list(said["confirm"]),
            "rejected": list(said["reject"]),
            "operation": _as_json(done) if done is not None else None,
            **({"history": [_as_json(each) for each in listed]} if history else {}),
        },
        "\n".join([*lines, *map(_as_text, listed)]),
    )


def _check(said: Mapping[str, Any]) -> None:
    both = sorted({*said["confirm"]} & {*said["reject"]})
    if both:
        msg = f"{both[0]} is to be confirmed and rejected at once."
        raise UsageError(msg, advice="Give each id once; nothing was changed.")
    several = [
        bool(said["confirm"] or said["reject"]),
        bool(said["nobody"] or said["no_face"]),
        *(bool(said[one]) for one in ("name", "split", "merge", "undo")),
    ]
    if sum(several) > 1:
        msg = "These are several operations."
        raise UsageError(msg, advice="Say one at a time; --confirm and --reject go together. Nothing was changed.")
    if bool(said["face"]) != bool(said["split"]) or (said["to"] and not said["split"]):
        msg = "A split needs both --split SUBJECT and --face ID..., and --to goes with them only."
        raise UsageError(msg, advice="Nothing was changed.")
    if said["name"] and not all(_pair(said["name"])):
        msg = "A name is given as FACE=SUBJECT."
        raise UsageError(msg, advice="Ids of faces are in `countenance find --json`. Nothing was changed.")


def _pair(text: str) -> tuple[str, str]:
    face, _, subject = text.partition("=")
    return face.strip(), subject.strip()


def _say(  # noqa: PLR0911 - one return for each thing that can be said
    archive: Archive, collection: str, who: str, said: Mapping[str, Any]
) -> tuple[list[str], Operation | None]:
    """Carry out the one thing that was said; gives lines for people, and the operation unless nothing changed."""
    if said["confirm"] or said["reject"]:
        decisions = dict.fromkeys(said["confirm"], CONFIRMED) | dict.fromkeys(said["reject"], REJECTED)
        before = archive.label_history(collection, most=1)
        rows = {row.id: row.made_at for row in archive.decide_each(collection, decisions, who)}
        newest = archive.label_history(collection, most=1)
        line = f"{len(said['confirm'])} confirmed, {len(said['reject'])} rejected by {who}"
        return [line], newest[0] if newest != before and _is_of(newest[0], rows) else None
    if said["name"]:
        face, subject = _pair(said["name"])
        done = archive.name_face(face, archive.subject(subject, collection).id, who)
        return ["Named." if done else "That was said before."], done
    if said["split"]:
        target = archive.subject(said["to"], collection).id if said["to"] else None
        done = archive.split(archive.subject(said["split"], collection).id, said["face"], who, to=target)
        return ["Split off." if done else "That was said before."], done
    if said["merge"]:
        return ["Merged."], archive.merge(archive.subject(said["merge"][0], collection).id, said["merge"][1], who)
    if said["nobody"] or said["no_face"]:
        done = archive.remark(collection, who, nobody=said["nobody"], no_face=said["no_face"])
        return ["Noted; the next `countenance clear` follows it." if done else "That was said before."], done
    if said["undo"]:
        return ["Undone."], archive.undo(said["undo"], who, collection=collection)
    return [], None


def _is_of(operation: Operation, rows: Mapping[str, datetime]) -> bool:
    """Whether the newest operation is this decision, and not that of somebody who was there a moment later."""
    return any(rows.get(change.appearance) == operation.at for change in operation.changes)


def _as_json(operation: Operation) -> dict[str, Any]:
    fields = asdict(operation)
    for moment in ("at", "undone_at"):
        fields[moment] = fields[moment].isoformat() if fields[moment] is not None else None
    return fields


def _as_text(operation: Operation) -> str:
    moment, n_labels = f"{operation.at:%Y-%m-%d %H:%M:%S}", len(operation.changes)
    parts = [
        f"{moment}  {operation.id}  {operation.kind:6}  {one_line(operation.actor)}",
        f"{n_labels} label{'s' * (n_labels != 1)}",
        *(each for each in (operation.subject, operation.other) if each is not None),
    ]
    if operation.undone_by is not None:
        parts.append(f"undone by {one_line(operation.undone_by)}")
    return "  ".join(parts)
