"""Whom the report of a clearing is about, and who of them is named on it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from countenance.core.clearance import FaceState
from countenance.errors import NotFoundError
from countenance.flows.scope import Scope
from countenance.store import erasures, merges, subjects
from countenance.store.connection import Tx


def staying(tx: Tx, collection: str) -> frozenset[str]:
    """Ids of everybody enrolled whom no erasure under way takes out."""
    going = {each.target for each in erasures.unfinished(tx)}
    return frozenset(one for one, root in merges.roots(tx, collection).items() if going.isdisjoint({one, root}))


def only_about(report: Mapping[str, Any], people: Collection[str]) -> dict[str, Any]:
    """The report without the ids of anybody but these people."""
    parts = ("photos", "published_affected")
    return {**report} | {part: [_bare(each, people) for each in report[part]] for part in parts}


def people_of(report: Mapping[str, Any]) -> tuple[str, ...]:
    """Ids of everybody in the report, in a fixed order."""
    return tuple(sorted({face["subject"] for face in _faces_of(report)} - {None}))


def names_of(tx: Tx, scope: Scope, report: Mapping[str, Any]) -> dict[str, str]:
    """Name by subject for everybody in the report who may be named; nobody who must not appear is."""
    faces = _faces_of(report)
    hidden = {face["subject"] for face in faces if face["status"] == FaceState.MUST_NOT_APPEAR}
    wanted = {face["subject"] for face in faces} - hidden - {None}
    names = {}
    roots = merges.roots(tx, scope.collection.id)
    flagged = {roots[subject] for subject in merges.must_not_appear(tx, scope.collection.id)}
    for subject in sorted(wanted):
        if roots.get(subject, subject) in flagged:
            continue
        with suppress(NotFoundError):  # erased since a copy was published
            names[subject] = subjects.by_id(tx, scope.keys, subject).name
    return names


def _faces_of(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [face for photo in (*report["photos"], *report["published_affected"]) for face in photo["faces"]]


def _bare(each: Mapping[str, Any], people: Collection[str]) -> dict[str, Any]:
    faces = []
    for face in each["faces"]:
        if face["subject"] is None or face["subject"] in people:
            faces.append(face)
        else:
            faces.append({**face} | {key: None for key in ("subject", "appearance") if key in face})
    return {**each, "faces": faces}
