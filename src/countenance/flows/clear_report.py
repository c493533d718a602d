"""What a clearing did, for people and for programs: ``report.json`` and ``report.html`` beside the cleared files.

The page shows a photo only through the thumbnail that was drawn from its released file. A photo that stays in has none:
its card says why instead. Nobody who must not appear is named anywhere.
"""

from __future__ import annotations

import json
import os
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote_from_bytes

from countenance.core.clearance import Action, FaceState, Verdict
from countenance.flows.clear import RELEASED, Cleared, Outcome, Request
from countenance.flows.clear_people import names_of, only_about, people_of, staying
from countenance.flows.layout import Folder, thumbnail_of
from countenance.flows.pages import render
from countenance.flows.points import sentence_of
from countenance.flows.publish import Affected
from countenance.flows.registering import Delivery
from countenance.flows.scope import Scope
from countenance.ingest.source import display_name
from countenance.redact.fill import SAFE_STYLES
from countenance.store import appearances
from countenance.store.connection import Tx
from countenance.store.written import REPORT, UNFINISHED, WrittenFile

REPORT_JSON, REPORT_HTML = "report.json", "report.html"
STAGE = 4 / 3
"""Width of the space for a thumbnail by its height."""
MOST_NUMBERS = 8
"""Faces of one card that are numbered one by one where nothing tells them apart."""
MOST_MARKS = 40
"""Faces of one card that are marked on its thumbnail; more would hide it, and make the page heavy."""

FACES = {
    "consented": "said yes",
    "consent-missing": "has not said yes to publication",
    "consent-expired": "said yes once, and that has ended",
    "not-for-this-channel": "said yes, but not for this channel",
    "withdrawn": "took the yes back",
    "must-not-appear": "Must not appear",
    "unconfirmed": "is suggested, and nobody has confirmed it",
    "unknown": "Not recognised as anybody enrolled",
    "too-poor-to-tell": "Too small or too unclear to tell who it is",
}
"""What is known of one face. Where it begins with a small letter, a name comes before it."""
CONTRADICTED = "was named, and people contradict each other"
SOMEBODY = "Somebody enrolled"
DONE = {"publish": "shown", "redact": "hidden"}
"""What became of a face on a released file."""
INTENDED = {"publish": "may be shown", "redact": "to be hidden", "ask": "look at it", "block": "blocked"}
"""What would become of it on a photo that stays in."""

KEPT_BACK = {
    "consented": "The clearance policy asks about everybody.",
    "consent-missing": "Somebody has not said yes.",
    "consent-expired": "Somebody\u2019s yes has ended.",
    "not-for-this-channel": "Somebody did not say yes to this channel.",
    "withdrawn": "Somebody took the yes back.",
    "must-not-appear": "Somebody in it must not appear.",
    "unconfirmed": "Nobody has confirmed who somebody is.",
    "unknown": "Somebody was not recognised.",
    "too-poor-to-tell": "A face is too unclear to tell whose it is.",
    "signs-of-people": "No face was found, and yet somebody may be in it.",
    "damaged": "Only a part of the file could be read.",
    "check:foreign-bytes": "The new file held more than the picture, so it was not released.",
    "check:other-size": "The new file had another size than the photo, so it was not released.",
    "check:not-covered": "A face was not wholly covered, so the file was not released.",
    "check:shows-through": "A face still showed through, so the file was not released.",
    "check:face-found": "A hidden face could still be found, so the file was not released.",
    "check:new-face": "The new file showed a face that nobody knew of, so it was not released.",
    "check:recognised": "Somebody hidden could still be recognised, so the file was not released.",
    "check:not-readable": "The new file could not be read back, so it was not released.",
}
"""Why a photo stays in."""


def report(scope: Scope, request: Request, cleared: Cleared) -> dict[str, Any]:
    """The report; written into the folder as well, unless it was a dry run."""
    told = as_json(scope, request, cleared)
    return told if request.dry_run else write(scope, Folder(request.out), told)


def as_json(scope: Scope, request: Request, cleared: Cleared) -> dict[str, Any]:
    """The fields that others rely on, and the rest of the report."""
    with scope.store.reading() as tx:
        photos = [_photo(tx, outcome) for outcome in cleared.outcomes if outcome.refused is None]
        points = sentence_of(tx, scope)
    return {
        "channel": request.channel,
        "collection": scope.collection.name,
        "decided_at": scope.clock().isoformat(timespec="seconds"),
        "dry_run": request.dry_run,
        "counts": {
            str(verdict): cleared.counts.get(verdict, 0) for verdict in ("clear", "redact", "review", "blocked")
        },
        "refused": dict(sorted(cleared.refused.items())),
        "photos": photos,
        "not_photos": [
            {
                "photo": outcome.name,
                "path": display_name(outcome.place.path),
                "reason": outcome.refused[0],
                "message": outcome.refused[1],
            }
            for outcome in cleared.outcomes
            if outcome.refused is not None
        ],
        "no_longer_in_source": [
            {"path": display_name(path), "removed": removed} for path, removed in cleared.gone.items()
        ],
        "published": cleared.published,
        "published_affected": [_affected(each) for each in cleared.affected],
        "notes": {
            "points": points,
            "better": scope.pack.better,
            "second_detector": cleared.second or None,
            "style": _style(scope),
        },
        "seconds": {step: round(spent, 4) for step, spent in cleared.seconds.items()},
    }


def _photo(tx: Tx, outcome: Outcome) -> dict[str, Any]:
    decided = outcome.decided
    faces = zip(decided.faces, decided.decision.faces, strict=True) if decided is not None else ()
    suggested = _suggested(tx, outcome)
    return {
        "photo": outcome.name,
        "path": display_name(outcome.place.path),
        "sha256": outcome.work.sha256.hex(),
        "id": decided.photo.id if decided is not None else None,
        "width": decided.photo.width if decided is not None else None,
        "height": decided.photo.height if decided is not None else None,
        "verdict": str(outcome.verdict),
        "reasons": [str(reason) for reason in (decided.decision.reasons if decided is not None else ())]
        + [f"check:{problem}" for problem in outcome.problems],
        "faces": [
            {
                "face": face.id,
                "box": [round(value, 1) for value in face.box],
                "status": str(state.state),
                "action": str(state.action),
                "subject": state.subject,
                "appearance": suggested.get(face.id),
                "quality": round(face.quality, 1),
            }
            for face, state in faces
        ],
        "output": os.fsdecode(outcome.output) if outcome.output is not None else None,
        "thumbnail": thumbnail_of(outcome.place.path).decode() if outcome.output is not None else None,
        "before": outcome.before,
        "changed": outcome.changed,
    }


def _suggested(tx: Tx, outcome: Outcome) -> dict[str, str]:
    """Id of the appearance to confirm or reject, by face, for the faces of a photo that wait for that."""
    decided = outcome.decided
    waiting = {
        state.face: state.subject
        for state in (decided.decision.faces if decided is not None else ())
        if state.state == FaceState.UNCONFIRMED
    }
    found: dict[str, str] = {}
    if decided is None or not waiting:
        return found
    rows = appearances.of_photo(tx, decided.photo.id)
    named = {row.face for row in rows if row.state == appearances.CONFIRMED}  # of these, people contradict each other
    for row in sorted(rows, key=lambda row: row.subject != waiting.get(row.face)):  # who is meant comes first
        if row.face in waiting.keys() - named and row.state == appearances.SUGGESTED:
            found.setdefault(row.face, row.id)
    return found


def _affected(each: Affected) -> dict[str, Any]:
    copy = each.publication
    return {
        "id": copy.id,
        "place": copy.place,
        "channel": copy.channel,
        "path": display_name(copy.path),
        "published_at": copy.published_at.isoformat(timespec="seconds"),
        "faces": [
            {"face": face, "status": str(state), "subject": copy.shown.get(face)} for face, state in each.faces.items()
        ],
    }


def _style(scope: Scope) -> str | None:
    style = scope.settings.clear.style
    if style in SAFE_STYLES:
        return None
    return (
        f"Faces were hidden with the style {style!r}, which can be undone, wholly or in part: programs recover faces "
        'from it. Use style = "solid" for anything that leaves the house.'
    )


def write(scope: Scope, folder: Folder, report: Mapping[str, Any]) -> dict[str, Any]:
    """Write both reports into the folder, about nobody who is erased meanwhile; gives what was written.

    Raises:
        ConflictError: an erasure under way removes the reports that lie there.
        CountenanceError: the folder cannot be written.
    """
    collection, now = scope.collection.id, scope.clock()
    while True:  # again only when somebody was erased between the two transactions
        with Delivery(scope.keys) as delivery:
            with scope.store.transaction() as tx:
                told = only_about(report, staying(tx, collection))
                names, people = names_of(tx, scope, told), people_of(told)
                for name in (REPORT_JSON, REPORT_HTML):
                    path = folder.at(name.encode())
                    delivery.note(tx, WrittenFile(REPORT, path, UNFINISHED, 0, now, collection, subjects=people))
            text, page = json.dumps({"ok": True, **told}, indent=1) + "\n", as_html(told, names)
            for name, content in ((REPORT_JSON, text), (REPORT_HTML, page)):
                body = content.encode("utf-8", "backslashreplace")
                folder.write(name.encode(), body, delivery=delivery, private=True)
            with scope.store.transaction() as tx:
                if folder.deliver(tx, delivery):
                    return told


def as_html(report: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """The page: no script, nothing from a network, and no picture but the thumbnails of released files.

    Args:
        report: as ``as_json`` gives it.
        names: as ``names_of`` gives them.
    """
    photos = report["photos"]
    again = any(photo["before"] is not None for photo in photos) or bool(report["no_longer_in_source"])
    states = Counter(reason for photo in photos for reason in photo["reasons"])
    return render(
        "clear_report.html",
        report=report,
        cards=(_card(photo, names, report["collection"]) for photo in photos),  # one at a time: there may be many
        n_photos=len(photos),
        n_changed=sum(photo["changed"] for photo in photos) if again else None,
        affected=[_affected_row(each, names) for each in report["published_affected"]],
        decided_at=_day(report["decided_at"], "%H:%M UTC"),
        states=states,
        checks=sum(any(reason.startswith("check:") for reason in photo["reasons"]) for photo in photos),
        collection=shlex.quote(report["collection"]),
        channel=shlex.quote(report["channel"]),
    )


def _card(photo: Mapping[str, Any], names: Mapping[str, str], collection: str) -> dict[str, Any]:
    """What the page shows of one photo."""
    folder, _, name = photo["path"].rpartition("/")
    released = photo["output"] is not None
    ratio = photo["width"] / photo["height"] if photo["width"] and photo["height"] else STAGE
    return {
        "verdict": photo["verdict"],
        "before": photo["before"],
        "changed": photo["changed"],
        "name": name,
        "folder": folder,
        "href": quote_from_bytes(os.fsencode(photo["output"])) if released else None,
        "thumbnail": photo["thumbnail"] if released else None,
        "ratio": round(ratio, 4),
        "width": round(min(100.0, 100.0 * ratio / STAGE), 2),
        "marks": list(_marks(photo)) if released else [],
        "why": [] if released else _why(photo),
        "lines": _lines(photo, names, collection),
    }


def _marks(photo: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Where each face is on the thumbnail, in percent of it."""
    faces = photo["faces"]
    if not photo["width"] or not photo["height"] or len(faces) > MOST_MARKS:
        return
    scale_x, scale_y = 100.0 / photo["width"], 100.0 / photo["height"]
    for number, face in enumerate(faces, start=1):
        x, y, w, h = face["box"]
        left, right = (min(max(edge * scale_x, 0.0), 100.0) for edge in (x, x + w))
        top, bottom = (min(max(edge * scale_y, 0.0), 100.0) for edge in (y, y + h))
        place = f"left:{left:.1f}%;top:{top:.1f}%;width:{right - left:.1f}%;height:{bottom - top:.1f}%"
        yield {"number": number, "status": face["status"], "place": place}


def _why(photo: Mapping[str, Any]) -> list[str]:
    """Why a photo stays in, gravest first: only what made it stay."""
    graver = {Action.BLOCK} if photo["verdict"] == Verdict.BLOCKED else {Action.ASK}
    grave = {face["status"] for face in photo["faces"] if face["action"] in graver}
    lighter = {face["status"] for face in photo["faces"]} - grave
    return [KEPT_BACK.get(reason, reason) for reason in photo["reasons"] if reason not in lighter] or [
        "No file was written."
    ]


def _lines(photo: Mapping[str, Any], names: Mapping[str, str], collection: str) -> list[dict[str, Any]]:
    """A line for each face; faces between which the report knows no difference share one."""
    done = DONE if photo["verdict"] in RELEASED else INTENDED
    alike: dict[tuple[str, str, str | None, str | None], list[int]] = {}
    for number, face in enumerate(photo["faces"], start=1):
        key = (face["status"], face["action"], face["subject"], face["appearance"])
        alike.setdefault(key, []).append(number)
    lines = []
    for (status, action, subject, appearance), numbers in alike.items():
        words = FACES[status]
        if status == FaceState.UNCONFIRMED and appearance is None:
            words = CONTRADICTED
        review = f"countenance review {shlex.quote(collection)}"
        lines.append(
            {
                "status": status,
                "numbers": _numbers(numbers),
                "many": f"{len(numbers)} faces: " if len(numbers) > MOST_NUMBERS else "",
                "who": names.get(subject or "", SOMEBODY) if words[0].islower() else "",
                "words": words,
                "doing": done[action],
                "confirm": f"{review} --confirm {appearance}" if appearance is not None else "",
                "reject": f"{review} --reject {appearance}" if appearance is not None else "",
            }
        )
    return lines


def _day(moment: str, clock: str = "") -> str:
    at = datetime.fromisoformat(moment)
    return f"{at.day} {at.strftime(f'%B %Y, {clock}' if clock else '%B %Y')}"


def _numbers(numbers: Sequence[int]) -> list[str]:
    if len(numbers) <= MOST_NUMBERS:
        return [str(number) for number in numbers]
    return [*(str(number) for number in numbers[: MOST_NUMBERS - 1]), "\u2026"]


def _affected_row(each: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """A published copy with what to do about it; who must not appear is named by id only, which says nothing."""
    people = dict.fromkeys((face["subject"], face["status"]) for face in each["faces"])
    return {
        **each,
        "published_at": _day(each["published_at"]),
        "people": [
            {
                "who": names.get(subject or "", SOMEBODY) if FACES[status][0].islower() else "",
                "words": "Somebody must not appear" if status == FaceState.MUST_NOT_APPEAR else FACES[status],
            }
            for subject, status in people
        ],
        "commands": [
            f"countenance take-down {subject} --done {each['id']}" for subject, _ in people if subject is not None
        ][:1],
    }
