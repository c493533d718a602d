"""Look back: compare photos that are already in a collection with people who were enrolled after them.

Strangers' templates were dropped at ingest, so the photos are read again; faces are cropped at their stored landmarks,
no detection, compared with the newly enrolled people only, and dropped again (P1).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from countenance.errors import PhotoRefusedError
from countenance.flows.gallery import LiveGallery
from countenance.flows.runners import run
from countenance.flows.scope import SERIAL, Engine, Scope
from countenance.flows.stages import Decode, Embed, Work
from countenance.index.gallery import Candidate
from countenance.ingest.source import reopen
from countenance.run.stage import Batch, Stage
from countenance.store import appearances, faces, photos, subjects
from countenance.store.connection import Tx
from countenance.vision.packs import Pack


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

    Raises:
        StoreError: the database refused a write; batches before it are kept.
    """
    summary = RescanSummary()
    with scope.store.reading() as tx:
        due = frozenset(subjects.pending(tx, scope.collection.id))
    if not due:
        return summary
    summary.subjects = len(due)
    gallery = LiveGallery(scope, only=due)
    stages: list[Stage[Work]] = [Decode(scope.settings), Embed(scope.settings, scope.pack)]
    for batch in run(stages, _batches(scope, summary), engine):
        now = scope.clock()
        with scope.store.transaction() as tx:
            gallery.refresh(tx, now)
            for work in batch.items:
                summary.photos += 1
                if work.refused is not None:
                    summary.unreadable += 1
                    continue
                row = photos.known(tx, scope.collection.id, [work.sha256]).get(work.sha256)
                if row is not None:
                    summary.suggested += _suggest(tx, row.id, gallery.compare(work.templates), scope.pack, now)
        if saved is not None:
            saved(summary)
    with scope.store.transaction() as tx:
        for subject in sorted(due):
            subjects.set_pending(tx, subject, pending_rescan=False)
    return summary


def _batches(scope: Scope, summary: RescanSummary) -> Iterator[Batch[Work]]:
    after = ""
    while True:
        with scope.store.reading() as tx:
            rows = photos.page(tx, scope.collection.id, after=after, most=scope.settings.batch_photos)
            known = {row.id: faces.of_photo(tx, row.id) for row in rows if row.n_faces}
        if not rows:
            return
        after = rows[-1].id
        works = []
        for row in rows:
            if row.id not in known:
                continue
            try:
                content = reopen(row.path, row.member or None, scope.settings.decode.max_bytes)
            except PhotoRefusedError:
                summary.photos += 1
                summary.unreadable += 1
                continue
            if hashlib.sha256(content).digest() != row.sha256:  # another photo lies there now
                summary.photos += 1
                summary.unreadable += 1
                continue
            work = Work(row.path, row.member, row.sha256, len(content), content)
            work.boxes = np.array([face.box for face in known[row.id]], dtype=np.float32)
            work.landmarks = np.stack([face.landmarks for face in known[row.id]])
            work.confidences = np.array([face.confidence for face in known[row.id]], dtype=np.float32)
            works.append(work)
        if works:
            yield Batch(works)


def _suggest(tx: Tx, photo: str, candidates: list[Candidate], pack: Pack, now: datetime) -> int:
    """Suggest the newly enrolled where they fit better than whoever the machine suggested before.

    The outcome is the same whether a person is enrolled before or after the photos come in: one suggestion per face,
    the best one.
    """
    face_ids = [face.id for face in faces.of_photo(tx, photo)]
    standing = [row for row in appearances.of_photo(tx, photo) if row.state == appearances.SUGGESTED]
    better = []
    for found in candidates:
        rivals = [row for row in standing if row.face == face_ids[found.face] and row.subject != found.subject]
        if any(row.score >= found.score for row in rivals):
            continue
        appearances.retract(tx, [row.id for row in rivals])
        better.append(appearances.Suggestion(face_ids[found.face], found.subject, found.score))
    appearances.suggest(tx, better, made_by=f"machine:{pack.id}", pack=pack.id, at=now)
    return len(better)
