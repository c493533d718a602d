"""Look back: compare photos that are already in a collection with people who were enrolled after them.

Strangers' templates were dropped at ingest, so the photos are read again; faces are cropped at their stored landmarks,
no detection, compared with the newly enrolled people only, and dropped again (P1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from countenance.core.permit import permit_compare
from countenance.flows.acts import log
from countenance.flows.gallery import LiveGallery
from countenance.flows.rereading import read_again
from countenance.flows.runners import run
from countenance.flows.scope import SERIAL, Engine, Scope
from countenance.flows.stages import Decode, Embed, Work
from countenance.flows.suggestions import suggest
from countenance.ledger.event import Act, Event, Fact
from countenance.run.stage import Stage
from countenance.store import consents, merges, photos, subjects


@dataclass(slots=True)
class RescanSummary:
    """What one look back did: photos read again, photos that could not be, people compared, appearances suggested."""

    photos: int = 0
    unreadable: int = 0
    subjects: int = 0
    suggested: int = 0


def rescan(
    scope: Scope, engine: Engine = SERIAL, saved: Callable[[RescanSummary], None] | None = None
) -> RescanSummary:
    """Compare every stored face with everybody whose look back is still due.

    A kill in the middle loses nothing: the people stay due, and suggestions are written once however often it runs.
    They stay due as well while a photo with faces cannot be read, so that it is compared once it is found again.

    Raises:
        StoreError: the database refused a write; batches before it are kept.
    """
    summary = RescanSummary()
    with scope.store.reading() as tx:
        same = merges.roots(tx, scope.collection.id)
        everybody = merges.together(consents.of_collection(tx, scope.keys, scope.collection.id), same)
        consenting = permit_compare(scope.collection.id, everybody, scope.clock()).subjects
        due = frozenset(same[each] for each in subjects.pending(tx, scope.collection.id) if each in consenting)
    if not due:
        return summary
    summary.subjects = len(due)
    gallery, compared = LiveGallery(scope, only=due), due

    def missed() -> None:
        summary.photos += 1
        summary.unreadable += 1

    stages: list[Stage[Work]] = [Decode(scope.settings), Embed(scope.settings, scope.pack)]
    for batch in run(stages, read_again(scope, missed), engine):
        with scope.store.transaction() as tx:
            now = scope.clock()
            gallery.refresh(tx, now)
            suggested, unreadable = list[str](), 0
            compared &= gallery.consenting  # whoever withdraws on the way stays due, should a new consent come
            for work in batch.items:
                summary.photos += 1
                if work.refused is not None:
                    unreadable += 1
                    continue
                row = photos.known(tx, scope.collection.id, [work.sha256]).get(work.sha256)
                if row is not None:
                    suggested += suggest(tx, row.id, work.templates, gallery, scope.pack, now)
            summary.suggested += len(suggested)
            summary.unreadable += unreadable
            facts: dict[str, Fact] = {
                "photos": len(batch.items),
                "unreadable": unreadable,
                "suggested": len(suggested),
            }
            log(tx, scope.keys, Event(Act.RESCAN, scope.actor, scope.collection.id, tuple(suggested), facts), at=now)
        if saved is not None:
            saved(summary)
    if not summary.unreadable:
        with scope.store.transaction() as tx:
            # Somebody who was merged meanwhile, or is two people again, stays due.
            now_same = merges.roots(tx, scope.collection.id)
            done = [each for each, root in same.items() if root in compared and now_same.get(each) == root]
            for subject in done:
                subjects.set_pending(tx, subject, pending_rescan=False)
            # Whom nothing was found of was looked for all the same.
            event = Event(Act.RESCAN, scope.actor, scope.collection.id, tuple(done), {"people": len(done)})
            log(tx, scope.keys, event, at=scope.clock())
    return summary
