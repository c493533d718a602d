"""Look back: compare photos that are already in a collection with people who were enrolled after them.

Strangers' templates were dropped at ingest, so the photos are read again; faces are cropped at their stored landmarks,
no detection, compared with the newly enrolled people only, and dropped again (P1).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from countenance.core.permit import permit_compare
from countenance.errors import PhotoRefusedError
from countenance.flows.acts import log
from countenance.flows.gallery import LiveGallery
from countenance.flows.runners import run
from countenance.flows.scope import SERIAL, Engine, Scope
from countenance.flows.stages import Decode, Embed, Work
from countenance.flows.suggestions import suggest
from countenance.ingest.source import reopen
from countenance.ledger.event import Act, Event, Fact
from countenance.run.stage import Batch, Stage
from countenance.store import consents, faces, merges, photos, subjects


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
    stages: list[Stage[Work]] = [Decode(scope.settings), Embed(scope.settings, scope.pack)]
    for batch in run(stages, _batches(scope, summary), engine):
        now = scope.clock()
        with scope.store.transaction() as tx:
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


def _batches(scope: Scope, summary: RescanSummary) -> Iterator[Batch[Work]]:
    after = ""
    while True:
        with scope.store.reading() as tx:
            rows = photos.page(tx, scope.collection.id, after=after, most=scope.settings.batch_photos)
            known = {row.id: (faces.of_photo(tx, row.id), photos.paths_of(tx, row.id)) for row in rows if row.n_faces}
        if not rows:
            return
        after = rows[-1].id
        works = []
        for row in rows:
            if row.id not in known:
                continue
            found, paths = known[row.id]
            work = _read(row.sha256, paths, scope.settings.decode.max_bytes)
            if work is None:
                summary.photos += 1
                summary.unreadable += 1
                continue
            work.boxes = np.array([face.box for face in found], dtype=np.float32)
            work.landmarks = np.stack([face.landmarks for face in found])
            work.confidences = np.array([face.confidence for face in found], dtype=np.float32)
            works.append(work)
        if works:
            yield Batch(works)


def _read(sha256: bytes, paths: list[tuple[bytes, bytes]], max_bytes: int) -> Work | None:
    """The photo from the newest path under which its very bytes still lie; None when there is none."""
    for path, member in paths:
        try:
            content = reopen(path, member or None, max_bytes)
        except PhotoRefusedError:
            continue
        if hashlib.sha256(content).digest() == sha256:  # otherwise another photo lies there now
            return Work(path, member, sha256, len(content), content)
    return None
