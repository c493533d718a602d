"""What a clearing did, for people and for programs: ``report.json`` and ``report.html`` beside the cleared files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from countenance.flows.clear import Cleared, Outcome, Request
from countenance.flows.layout import Folder
from countenance.flows.publish import Affected
from countenance.flows.scope import Scope
from countenance.ingest.source import display_name
from countenance.store import subjects

REPORT_JSON, REPORT_HTML = "report.json", "report.html"


def report(scope: Scope, request: Request, cleared: Cleared) -> dict[str, Any]:
    """The report; written into the folder as well, unless it was a dry run."""
    told = as_json(scope, request, cleared)
    if not request.dry_run:
        write(scope, Folder(request.out), told)
    return told


def as_json(scope: Scope, request: Request, cleared: Cleared) -> dict[str, Any]:
    """The fields that others rely on, and the rest of the report."""
    return {
        "channel": request.channel,
        "collection": scope.collection.name,
        "decided_at": scope.clock().isoformat(timespec="seconds"),
        "dry_run": request.dry_run,
        "counts": {
            str(verdict): cleared.counts.get(verdict, 0) for verdict in ("clear", "redact", "review", "blocked")
        },
        "refused": dict(sorted(cleared.refused.items())),
        "photos": [_photo(outcome) for outcome in cleared.outcomes if outcome.refused is None],
        "not_photos": [
            {"photo": outcome.name, "reason": outcome.refused[0], "message": outcome.refused[1]}
            for outcome in cleared.outcomes
            if outcome.refused is not None
        ],
        "no_longer_in_source": [
            {"path": display_name(path), "removed": removed} for path, removed in cleared.gone.items()
        ],
        "published": cleared.published,
        "published_affected": [_affected(each) for each in cleared.affected],
        "notes": {"points": _points(scope), "better": scope.pack.better, "second_detector": cleared.second or None},
        "seconds": {step: round(spent, 4) for step, spent in cleared.seconds.items()},
    }


def _photo(outcome: Outcome) -> dict[str, Any]:
    decided = outcome.decided
    faces = zip(decided.faces, decided.decision.faces, strict=True) if decided is not None else ()
    return {
        "photo": outcome.name,
        "path": display_name(outcome.place.path),
        "sha256": outcome.work.sha256.hex(),
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
                "quality": round(face.quality, 1),
            }
            for face, state in faces
        ],
        "output": os.fsdecode(outcome.output) if outcome.output is not None else None,
        "before": outcome.before,
        "changed": outcome.changed,
    }


def _affected(each: Affected) -> dict[str, Any]:
    copy = each.publication
    return {
        "id": copy.id,
        "place": copy.place,
        "channel": copy.channel,
        "path": display_name(copy.path),
        "published_at": copy.published_at.isoformat(timespec="seconds"),
        "faces": [{"face": face, "status": str(state)} for face, state in each.faces.items()],
    }


def _points(scope: Scope) -> str:
    pack = scope.pack
    return (
        f"A suggestion counts from a cosine of {pack.certain:g} on. That is what was measured for the model pack "
        f"{pack.name}; this collection is not calibrated."
    )


def names_of(scope: Scope, report: Mapping[str, Any]) -> dict[str, str]:
    """Name by subject for everybody in the report who may be named; nobody who must not appear is."""
    wanted = {
        face["subject"]
        for photo in report["photos"]
        for face in photo["faces"]
        if face["subject"] and face["status"] != "must-not-appear"
    }
    with scope.store.reading() as tx:
        return {subject: subjects.by_id(tx, scope.keys, subject).name for subject in sorted(wanted)}


def write(scope: Scope, folder: Folder, report: Mapping[str, Any]) -> None:
    """Write both reports into the folder."""
    folder.write(REPORT_JSON.encode(), (json.dumps({"ok": True, **report}, indent=1) + "\n").encode())
