"""What the machine suggests for the faces of one photo, whenever and in whatever order people and photos come in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from countenance.core.arrays import Templates
from countenance.flows.gallery import LiveGallery
from countenance.index.gallery import Candidate
from countenance.store import appearances, faces
from countenance.store.appearances import Appearance
from countenance.store.connection import Tx
from countenance.vision.packs import Pack


def suggest(
    tx: Tx,
    photo: str,
    found: Templates,
    gallery: LiveGallery,
    pack: Pack,
    now: datetime,
    *,
    new_faces: Sequence[str] | None = None,
) -> list[str]:
    """Suggest people of a gallery where they fit better than whoever the machine suggested before.

    The outcome is the same whether a person is enrolled before or after the photos come in: one suggestion per face,
    the best one, with whoever comes second. What a person said stands: faces that have a name are left alone, pairs
    that were rejected are no candidates (P9).

    Args:
        tx: writing transaction; ``gallery`` was refreshed in it.
        photo: id of the photo.
        found: (n, d) templates of the photo's faces by ordinal; they are not kept.
        gallery: whom to compare with.
        pack: made the templates.
        now: aware UTC moment.
        new_faces: ids of all faces of a photo that was just added, of which nothing can have been said yet.

    Returns:
        Whom the new suggestions are of (ids that count), one for each.
    """
    face_ids = [face.id for face in faces.of_photo(tx, photo)] if new_faces is None else new_faces
    raw = appearances.of_photo(tx, photo) if new_faces is None else []
    said = appearances.resolved(raw, gallery.aliases)
    named = {row.face for row in said if row.state == appearances.CONFIRMED}
    ruled_out = {
        ordinal: {row.subject for row in said if row.face == face and row.state == appearances.REJECTED}
        for ordinal, face in enumerate(face_ids)
    }
    better = []
    for candidate in gallery.compare(found, ruled_out, at_least=-1.0):
        face = face_ids[candidate.face]
        rivals = [row for row in said if row.face == face and row.state == appearances.SUGGESTED]
        others = [row for row in rivals if row.subject != candidate.subject]
        best = max(others, key=lambda row: row.score, default=None)
        if face in named:
            continue
        if best is not None and best.score >= candidate.score:
            _note_rival(tx, best, candidate)
        elif candidate.score >= gallery.least_score(candidate.subject):
            beaten = [row for row in raw if row.face == face and _root(row, gallery) != candidate.subject]
            appearances.retract(tx, [row.id for row in beaten])
            better.append((candidate.subject in {row.subject for row in rivals}, _over(candidate, best)))
    appearances.suggest(
        tx,
        [
            appearances.Suggestion(face_ids[each.face], each.subject, each.score, each.rival, each.rival_score)
            for _, each in better
        ],
        made_by=f"machine:{pack.id}",
        pack=pack.id,
        at=now,
    )
    return [each.subject for stood, each in better if not stood]


def _root(row: Appearance, gallery: LiveGallery) -> str:
    return gallery.aliases.get(row.subject, row.subject)


def _note_rival(tx: Tx, best: Appearance, found: Candidate) -> None:
    """Somebody new comes second: two people who look alike must be told apart by a person when a photo is cleared."""
    if best.rival_score is None or found.score > best.rival_score:
        appearances.set_rival(tx, best.id, found.subject, found.score)


def _over(found: Candidate, beaten: Appearance | None) -> Candidate:
    """The new best one, with whoever comes second: another of the newly enrolled, or the one it replaces."""
    if beaten is None or beaten.score <= found.rival_score:
        return found
    return replace(found, rival=beaten.subject, rival_score=beaten.score)
