"""The published register: where released copies went, whom they show, and which of them may no longer be there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from countenance.core.clearance import Action, FaceState
from countenance.flows.decisions import Judgement
from countenance.flows.scope import Scope
from countenance.store import clearings, merges, publications
from countenance.store.connection import Store
from countenance.store.publications import Publication


@dataclass(frozen=True, slots=True)
class Affected:
    """One published copy on which somebody can be seen who may no longer be.

    Attributes:
        publication: the copy.
        faces: state by id of the face, for those that should be hidden now.
    """

    publication: Publication
    faces: Mapping[str, FaceState]


def note(scope: Scope, folder: bytes, shown: Mapping[bytes, Mapping[str, str | None]], place: str, actor: str) -> int:
    """Note that released files of a folder were published.

    Args:
        scope: the collection.
        folder: bytes that name the folder.
        shown: by path of a released photo, the subject by face for every face that can be seen.
        place: address or note.
        actor: who says so.

    Returns:
        How many copies were not noted before.
    """
    now, added = scope.clock(), 0
    with scope.store.transaction() as tx:
        rows = clearings.of_folder(tx, folder)
        for path, faces in shown.items():
            row = rows.get(path)
            if row is None or row.output_sha256 is None:
                continue
            new = Publication(
                publications.new_id(), row.photo, row.channel, place, path, row.output_sha256, faces, actor, now, None
            )
            added += publications.add(tx, new)
    return added


def affected(scope: Scope, judgement: Judgement) -> list[Affected]:
    """Published copies of the collection that show a face which today's decision would not."""
    found = []
    with scope.store.reading() as tx:
        for copy in publications.of_collection(tx, scope.collection.id):
            if copy.taken_down_at is not None or not copy.shown:
                continue
            (decided,) = judgement.decide(tx, [copy.photo], scope.clock(), copy.channel)
            against = {
                face.face: face.state
                for face in decided.decision.faces
                if face.face in copy.shown and face.action != Action.PUBLISH
            }
            if against:
                found.append(Affected(copy, against))
    return found


def showing(store: Store, collection: str, subject: str) -> list[Publication]:
    """Every published copy on which this person can be seen, oldest first; those taken down are among them."""
    with store.reading() as tx:
        same = merges.roots(tx, collection)
        wanted = same.get(subject, subject)
        return [
            copy
            for copy in publications.of_collection(tx, collection)
            if any(same.get(shown, shown) == wanted for shown in copy.shown.values() if shown is not None)
        ]


def take_down(store: Store, collection: str, subject: str, ids: Sequence[str], now: datetime) -> None:
    """Note that these published copies are gone, all of them or none.

    Raises:
        NotFoundError: there is no such copy on which this person can be seen.
    """
    known = {copy.id for copy in showing(store, collection, subject)}
    with store.transaction() as tx:
        for wanted in ids:
            publications.take_down(tx, wanted if wanted in known else "", at=now)
