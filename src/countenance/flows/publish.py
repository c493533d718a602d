"""The published register: where released copies went, whom they show, and which of them may no longer be there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from countenance.core.clearance import Action, FaceState
from countenance.flows.acts import log
from countenance.flows.consent import Desk
from countenance.flows.decisions import Decided, Judgement
from countenance.flows.scope import Scope
from countenance.ledger.event import Act, Event
from countenance.store import appearances, clearings, merges, publications
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


def note(scope: Scope, folder: bytes, released: Mapping[bytes, Decided], place: str, actor: str) -> int:
    """Note that released files of a folder were published.

    Args:
        scope: the collection.
        folder: bytes that name the folder.
        released: by path of a released photo, what was decided about it.
        place: address or note.
        actor: who says so.

    Returns:
        How many copies were not noted before.
    """
    now, added, people = scope.clock(), 0, list[str]()
    with scope.store.transaction() as tx:
        rows = clearings.of_folder(tx, folder)
        for path, decided in released.items():
            row = rows.get(path)
            if row is None or row.output_sha256 is None:
                continue
            new = Publication(
                id=publications.new_id(),
                photo=row.photo,
                channel=row.channel,
                place=place,
                path=path,
                output_sha256=row.output_sha256,
                shown=decided.shown,
                published_by=actor,
                published_at=now,
                taken_down_at=None,
                hidden=frozenset(decided.faces[each].id for each in decided.hidden),
            )
            if publications.add(tx, new):
                added += 1
                people += filter(None, new.shown.values())
        if added:
            facts = {"copies": added}
            log(tx, scope.keys, Event(Act.PUBLISH, actor, scope.collection.id, tuple(people), facts), at=now)
    return added


def affected(scope: Scope, judgement: Judgement) -> list[Affected]:
    """Published copies of the collection that show a face which today's decision would not, also one found since."""
    found = []
    with scope.store.reading() as tx:
        for copy in publications.of_collection(tx, scope.collection.id):
            if copy.taken_down_at is not None:
                continue
            (decided,) = judgement.decide(tx, [copy.photo], scope.clock(), copy.channel)
            against = {
                face.face: face.state
                for face in decided.decision.faces
                if face.face not in copy.hidden and face.action != Action.PUBLISH
            }
            if against:
                found.append(Affected(copy, against))
    return found


def showing(store: Store, collection: str, subject: str) -> list[Publication]:
    """Every published copy on which this person can be seen, oldest first; those taken down are among them.

    By the names of today too: somebody whom a face was named after it was published can be seen there all the same.
    """
    with store.reading() as tx:
        same = merges.roots(tx, collection)
        wanted = same.get(subject, subject)
        return [
            copy
            for copy in publications.of_collection(tx, collection)
            if wanted in {same.get(shown, shown) for shown in copy.shown.values() if shown is not None}
            or any(
                row.subject == wanted and row.state != appearances.REJECTED and row.face not in copy.hidden
                for row in appearances.resolved(appearances.of_photo(tx, copy.photo), same)
            )
        ]


def take_down(desk: Desk, collection: str, subject: str, ids: Sequence[str]) -> None:
    """Note that these published copies are gone, all of them or none.

    Raises:
        NotFoundError: there is no such copy on which this person can be seen.
    """
    known = {copy.id: copy for copy in showing(desk.store, collection, subject)}
    now = desk.clock()
    with desk.store.transaction() as tx:
        for wanted in ids:
            publications.take_down(tx, wanted if wanted in known else "", at=now)
        gone = {wanted for wanted in ids if known[wanted].taken_down_at is None}
        if gone:
            facts = {"copies": len(gone)}
            log(tx, desk.keys, Event(Act.TAKE_DOWN, desk.actor, collection, (subject,), facts), at=now)
