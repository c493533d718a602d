"""Compare probes with everybody whom a permit to search covers.

No score below the operating floor leaves this module, whatever is asked for, and those that leave have three decimals:
exact low scores would let somebody rebuild a template from them.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from countenance.core.arrays import Scores, Templates
from countenance.core.case import fingerprint_of
from countenance.core.permit import Permit
from countenance.errors import UsageError
from countenance.flows.face_index import FaceIndex
from countenance.flows.scope import Scope
from countenance.store import faces, references
from countenance.store.connection import Tx
from countenance.vision.packs import Pack

DECIMALS = 3
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class FaceCandidate:
    """A face that a probe may show: its id, its photo, its box in pixels of the upright photo, cosine to 3 decimals."""

    face: str
    photo: str
    box: Box
    score: float


@dataclass(frozen=True, slots=True)
class ReferenceCandidate:
    """An enrolled person whom a probe may show: ids of the person and of the best reference, cosine to 3 decimals."""

    subject: str
    reference: str
    score: float


def floor_of(pack: Pack) -> float:
    """The cosine score below which no score leaves: the pack's match score."""
    return pack.match


def threshold_of(pack: Pack, at_least: float) -> float:
    """The score from which a candidate counts: what is asked for, but never below the floor.

    Raises:
        UsageError: what is asked for is no number.
    """
    if math.isnan(at_least):
        msg = "A score is a number from -1 to 1."
        raise UsageError(msg)
    return max(floor_of(pack), at_least)


def search(
    tx: Tx,
    scope: Scope,
    permit: Permit,
    probes: Templates,
    *,
    at_least: float,
    most: int,
    photos: Collection[str] | None = None,
) -> list[FaceCandidate]:
    """The faces of a ``release`` collection that are most like one of the probes, best first.

    Args:
        tx: any transaction.
        scope: the collection.
        permit: to search it with exactly these probes.
        probes: (n, d) float32 of unit length; of one person.
        at_least: cosine from which a face counts; below the floor, the floor counts.
        most: how many at most.
        photos: ids of the photos that may be looked at; None for all.

    Raises:
        PermitError: the permit is for another act, another collection or other probes.
        DamagedError: a template fails its authentication.
    """
    permit.require_probes(scope.collection.id, fingerprint_of(probes))
    threshold = threshold_of(scope.pack, at_least)
    index = FaceIndex.open(tx, scope, permit)
    among = None if photos is None else index.among(photos)
    best = index.search(probes, at_least=threshold, most=most, among=among)
    shown = [(score, faces.by_id(tx, one)) for one, score in best]
    return [FaceCandidate(face.id, face.photo, face.box, round(score, DECIMALS)) for score, face in shown]


def search_enrolled(
    tx: Tx, scope: Scope, permit: Permit, probes: Templates, *, at_least: float, most: int
) -> list[ReferenceCandidate]:
    """The same among the references of the people whom the permit covers: the best reference of each.

    Args:
        tx: any transaction.
        scope: the collection.
        permit: to search it with exactly these probes.
        probes: (n, d) float32 of unit length; of one person.
        at_least: cosine from which a person counts; below the floor, the floor counts.
        most: how many at most.

    Raises:
        PermitError: the permit is for another act, another collection or other probes.
        DamagedError: a reference fails its authentication.
    """
    permit.require_probes(scope.collection.id, fingerprint_of(probes))
    threshold = threshold_of(scope.pack, at_least)
    kept = references.references_of_collection(
        tx, scope.keys, permit, scope.collection.id, pack=scope.pack.id, dim=probes.shape[1]
    )
    scores, best = _best_of(kept.templates, probes), dict[str, tuple[float, str]]()
    for row in np.flatnonzero(scores >= threshold):
        subject, one = kept.subjects[row], (float(scores[row]), kept.ids[row])
        best[subject] = min(one, best.get(subject, one), key=_place)
    ordered = sorted(best.items(), key=lambda each: _place(each[1]))[:most]
    return [ReferenceCandidate(subject, reference, round(score, DECIMALS)) for subject, (score, reference) in ordered]


def _best_of(rows: Templates, probes: Templates) -> Scores:
    return np.asarray((rows @ probes.T).max(axis=1, initial=-1.0), dtype=np.float32)


def _place(one: tuple[float, str]) -> tuple[float, str]:
    return -one[0], one[1]
