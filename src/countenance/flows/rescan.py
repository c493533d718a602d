"""Look back: compare photos that are already in a collection with people who were enrolled after them.

Strangers' templates were dropped at ingest, so the photos are read again; faces are cropped at their stored landmarks,
no detection, compared with the newly enrolled people only, and dropped again (P1).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from countenance.core.permit import permit_compare
from countenance.errors import PhotoRefusedError
from countenance.flows.gallery import LiveGallery
from countenance.flows.runners import run
from countenance.flows.scope import SERIAL, Engine, Scope
from countenance.flows.stages import Decode, Embed, Work
from countenance.index.gallery import Candidate
from countenance.ingest.source import reopen
from countenance.run.stage import Batch, Stage
from countenance.store import appearances, consents, faces, merges, photos, subjects
from countenance.store.appearances import Appearance
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
            compared &= gallery.consenting  # whoever withdraws on the way stays due, should a new consent come
            for work in batch.items:
                summary.photos += 1
                if work.refused is not None:
                    summary.unreadable += 1
                    continue
                row = photos.known(tx, scope.collection.id, [work.sha256]).get(work.sha256)
                if row is not None:
                    summary.suggested += _suggest(tx, row.id, work, gallery, scope.pack, now)
        if saved is not None:
            saved(summary)
    if not summary.unreadable:
        with scope.store.transaction() as tx:
            # Somebody who was merged meanwhile, or is two people again, stays due.
            now_same = merges.roots(tx, scope.collection.id)
            for subject, root in same.items():
                if root in compared and now_same.get(subject) == root:
                    subjects.set_pending(tx, subject, pending_rescan=False)
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


def _suggest(tx: Tx, photo: str, work: Work, gallery: LiveGallery, pack: Pack, now: datetime) -> int:
    """Suggest the newly enrolled where they fit better than whoever the machine suggested before.

    The outcome is the same whether a person is enrolled before or after the photos come in: one suggestion per face,
    the best one. What a person said stands: faces that have a name are left alone, pairs that were rejected are no
    candidates (P9).
    """
    face_ids = [face.id for face in faces.of_photo(tx, photo)]
    said = appearances.of_photo(tx, photo)
    named = {row.face for row in said if row.state == appearances.CONFIRMED}
    ruled_out = {
        ordinal: {row.subject for row in said if row.face == face and row.state == appearances.REJECTED}
        for ordinal, face in enumerate(face_ids)
    }
    better = []
    for found in gallery.compare(work.templates, ruled_out, at_least=-1.0):
        face = face_ids[found.face]
        rivals = [row for row in said if row.face == face and row.state == appearances.SUGGESTED]
        others = [row for row in rivals if row.subject != found.subject and row.subject in gallery.consenting]
        best = max(others, key=lambda row: row.score, default=None)
        if face in named:
            continue
        if best is not None and best.score >= found.score:
            _note_rival(tx, best, found)
        elif found.score >= pack.match:
            appearances.retract(tx, [row.id for row in rivals if row.subject != found.subject])
            better.append((found.subject in {row.subject for row in rivals}, _over(found, best)))
    appearances.suggest(
        tx,
        [
            appearances.Suggestion(face_ids[found.face], found.subject, found.score, found.rival, found.rival_score)
            for _, found in better
        ],
        made_by=f"machine:{pack.id}",
        pack=pack.id,
        at=now,
    )
    return sum(not stood for stood, _ in better)


def _note_rival(tx: Tx, best: Appearance, found: Candidate) -> None:
    """Somebody new comes second: two people who look alike must be told apart by a person when a photo is cleared."""
    if best.rival_score is None or found.score > best.rival_score:
        appearances.set_rival(tx, best.id, found.subject, found.score)


def _over(found: Candidate, beaten: Appearance | None) -> Candidate:
    """The new best one, with whoever comes second: another of the newly enrolled, or the one it replaces."""
    if beaten is None or beaten.score <= found.rival_score:
        return found
    return replace(found, rival=beaten.subject, rival_score=beaten.score)
