"""Calibrate a collection on its own people: from which score its machine may be believed.

1. faces that a person confirmed, of people who may be compared today; references opened under that permit;
2. too few for the wanted rate: refused before anything is compared;
3. templates of those faces: kept ones in a ``release`` collection, else made anew in memory from the photos, as a
   rescan does, and dropped batch by batch; only scores stay (P1);
4. a search that leaves the face's own person out is a non-mated one; a face that a person said is not somebody is one
   more comparison with that person;
5. thresholds with their interval, kept with an entry in the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from countenance.core import calibration as rule
from countenance.core.arrays import Templates
from countenance.core.calibration import Sample
from countenance.core.permit import permit_compare, permit_open_templates
from countenance.errors import CalibrationError, ConflictError, UsageError
from countenance.flows.acts import log
from countenance.flows.points import points_of
from countenance.flows.rereading import read_again
from countenance.flows.runners import run
from countenance.flows.scope import SERIAL, Engine, Scope, documented_basis
from countenance.flows.stages import Decode, Embed, Work
from countenance.index import flat
from countenance.ledger.event import Act, Event, Fact
from countenance.measure.calibration import Comparisons, kept_for, threshold_for
from countenance.run.stage import Stage
from countenance.store import (
    appearances,
    calibrations,
    consents,
    faces,
    merges,
    photos,
    references,
    remarks,
    stamps,
    subjects,
)
from countenance.store import templates as kept
from countenance.store.appearances import Appearance
from countenance.store.calibrations import Calibration
from countenance.store.connection import Tx
from countenance.store.index_files import PEOPLE

SUGGEST_FPIR = 0.1
"""One search in ten may bring a wrong suggestion: a person looks at each."""
MOST_REFERENCES = 2_000
"""So many of the references are compared with everybody else's; more would say little more."""
_BLOCK_ROWS = 64
_PER_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for.

    Attributes:
        fpir: false-positive identification rate in (0, 1) at which nobody needs to look any more.
        suggest_fpir: the same at which somebody is suggested; at least ``fpir``.
        meant_for: N, how many enrolled people it is meant for; as many as there are when None.
        seed: of the interval.
    """

    fpir: float
    suggest_fpir: float = SUGGEST_FPIR
    meant_for: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class _Face:
    """One face with what people said: whose it is (None when nobody knows), and who it is not (ids that count)."""

    photo: str
    sha256: bytes
    owner: str | None
    by_hand: bool
    not_these: tuple[str, ...]


@dataclass(slots=True)
class _Ground:
    """What everything is compared with.

    Attributes:
        names: everybody, by number.
        number: the same turned around.
        templates: (m, d) references.
        owners: (m,) whose each is.
        origins: SHA-256 of the photo of each.
        probes: rows of the references that are compared with everybody else's.
        faces: what people said, by id of the face.
        enrolled: how many people have references.
        stamp: how often consents, references and merges had changed.
    """

    names: list[str]
    number: dict[str, int]
    templates: Templates
    owners: NDArray[np.intp]
    origins: NDArray[np.object_]
    probes: NDArray[np.intp]
    faces: dict[str, _Face]
    enrolled: int
    stamp: int

    def sample(self, some: Iterable[str], meant_for: int) -> Sample:
        """What these faces (ids) give."""
        said = [self.faces[face] for face in some]
        known = [each for each in said if each.owner is not None]
        others = len(self.names) - 1
        comparisons = len(known) * others + sum(len(each.not_these) for each in said if each.owner is None)
        comparisons += len(self.probes) * others // 2  # of two people, each is compared with the other
        return Sample(len({each.owner for each in known}), len(known), comparisons, meant_for)


@dataclass(slots=True)
class _Mated:
    """Scores of faces with their own person's references, leaving out one made of the same photo."""

    suggested: list[float] = field(default_factory=list)
    named: list[float] = field(default_factory=list)


def calibrate(
    scope: Scope, wanted: Wanted, engine: Engine = SERIAL, progress: Callable[[int], None] = lambda _: None
) -> Calibration:
    """Calibrate the collection; gives what was kept.

    Args:
        scope: the collection.
        wanted: rates, and for how many people.
        engine: who reads the photos.
        progress: told how many faces were compared.

    Raises:
        UsageError: a rate or a number that is none.
        CalibrationError: too little to say; nothing was kept.
        ConflictError: a consent or a reference changed meanwhile.
        ConsentError: the documented basis of a ``release`` collection has ended.
    """
    _require_sense(wanted)
    ground = _lay(scope, wanted.seed)
    meant_for = wanted.meant_for or max(1, ground.enrolled)
    _require_enough(ground.sample(ground.faces, meant_for), wanted)
    n_most = (len(ground.faces) + len(ground.probes)) * len(ground.names)
    found, mated = Comparisons(len(ground.names), kept_for(wanted.suggest_fpir, meant_for, n_most)), _Mated()
    _compare_references(ground, found)
    seen: list[str] = []
    for ids, rows in _templates(scope, ground, engine):
        _compare(ground, ids, rows, found, mated)
        seen += ids
        progress(len(seen))
    sample = ground.sample(seen, meant_for)
    _require_enough(sample, wanted)
    known = found.finish()
    certain = threshold_for(known, wanted.fpir, meant_for, seed=wanted.seed)
    suggest = threshold_for(known, wanted.suggest_fpir, meant_for, seed=wanted.seed)
    bands = rule.bands(certain.high, suggest.value, floor_suggest=scope.pack.agree, floor_certain=scope.pack.match)
    made = Calibration(
        pack=scope.pack.id,
        fpir=wanted.fpir,
        suggest_fpir=wanted.suggest_fpir,
        meant_for=meant_for,
        enrolled=ground.enrolled,
        people=sample.people,
        searches=sample.searches,
        comparisons=sample.comparisons,
        threshold=certain.value,
        threshold_low=certain.low,
        threshold_high=certain.high,
        certain=bands.certain,
        suggest=bands.suggest,
        suggested=len(mated.suggested),
        suggested_below=int(np.sum(np.array(mated.suggested) < bands.certain)),
        named=len(mated.named),
        named_below=int(np.sum(np.array(mated.named) < bands.suggest)),
        seed=wanted.seed,
        made_by=scope.actor,
        made_at=scope.clock(),
    )
    _keep(scope, made, ground)
    return made


def _require_sense(wanted: Wanted) -> None:
    if not 0 < wanted.fpir <= wanted.suggest_fpir < 1:
        msg = "Rates lie between 0 and 1, and suggestions may be wrong at least as often as what nobody looks at."
        raise UsageError(msg, advice="Give --fpir below --suggest-fpir, such as --fpir 0.001 --suggest-fpir 0.1.")
    if wanted.meant_for is not None and wanted.meant_for < 1:
        msg = "A threshold is meant for one enrolled person or more."
        raise UsageError(msg)


def _require_enough(sample: Sample, wanted: Wanted) -> None:
    why = rule.refusal(sample, wanted.fpir)
    if why is not None:
        message, advice = why
        raise CalibrationError(message, advice=advice)


def _lay(scope: Scope, seed: int) -> _Ground:
    """Everybody who may be compared today, and what people said about faces of theirs."""
    where, pack = scope.collection.id, scope.pack
    with scope.store.reading() as tx:
        same = merges.roots(tx, where)
        everybody = merges.together(consents.of_collection(tx, scope.keys, where), same)
        permit = permit_compare(where, everybody, scope.clock())
        opened = references.references_of_collection(
            tx, scope.keys, permit, where, pack=pack.id, dim=pack.embedder.template_size
        )
        facts = {
            each.id: each.photo_sha256
            for subject in dict.fromkeys(opened.subjects)
            for each in kept.references_of_subject(tx, subject)
        }
        people = [same[each] for each in opened.subjects]
        names = sorted(set(people))
        number = {name: row for row, name in enumerate(names)}
        return _Ground(
            names,
            number,
            opened.templates,
            np.array([number[each] for each in people], dtype=np.intp),
            np.array([facts[each] for each in opened.ids], dtype=object),
            np.sort(np.random.default_rng(seed).permutation(len(opened.ids))[:MOST_REFERENCES]),
            _said(appearances.resolved(_decided(tx, where), same), number),
            calibrations.count_enrolled(tx, where, pack.id),
            stamps.epoch(tx, where, PEOPLE).n,
        )


def _decided(tx: Tx, collection: str) -> list[Appearance]:
    """What people said of faces, without those that somebody says are none."""
    rows = appearances.decided(tx, collection)
    none = remarks.of_photos(tx, {row.photo for row in rows}).no_face
    return [row for row in rows if row.face not in none]


def _said(rows: Iterable[Appearance], number: dict[str, int]) -> dict[str, _Face]:
    """By face, what counts; a face of somebody who may not be compared says nothing."""
    by_face: dict[str, list[Appearance]] = {}
    for row in rows:
        by_face.setdefault(row.face, []).append(row)
    found = {}
    for face, said in by_face.items():
        named = [row for row in said if row.state == appearances.CONFIRMED]
        if named and named[0].subject not in number:
            continue
        owner = named[0].subject if named else None
        not_these = tuple(row.subject for row in said if row.state == appearances.REJECTED and row.subject in number)
        if owner is not None or not_these:
            by_hand = owner is not None and not named[0].measured
            found[face] = _Face(said[0].photo, said[0].sha256, owner, by_hand, not_these)
    return found


def _templates(scope: Scope, ground: _Ground, engine: Engine) -> Iterator[tuple[list[str], Templates]]:
    """(ids of faces, their templates), a batch at a time; whoever takes them lets go of them before the next."""
    if scope.collection.basis == "release":
        yield from _kept_templates(scope, ground)
        return
    only: dict[str, set[str]] = {}
    for face, said in ground.faces.items():
        only.setdefault(said.photo, set()).add(face)
    stages: list[Stage[Work]] = [Decode(scope.settings), Embed(scope.settings, scope.pack)]
    for batch in run(stages, read_again(scope, lambda: None, only), engine):
        ids, rows = list[str](), list[Templates]()
        with scope.store.reading() as tx:
            _require_same(tx, scope, ground)
            row_of = photos.known(tx, scope.collection.id, {work.sha256 for work in batch.items})
            for work in batch.items:
                row = row_of.get(work.sha256)
                if work.refused is None and row is not None:
                    found = [face.id for face in faces.of_photo(tx, row.id) if face.id in only[row.id]]
                    if len(found) == len(work.templates):
                        ids += found
                        rows.append(work.templates)
        if ids:
            yield ids, np.concatenate(rows)


def _kept_templates(scope: Scope, ground: _Ground) -> Iterator[tuple[list[str], Templates]]:
    where, pack = scope.collection, scope.pack
    permit = permit_open_templates(where.id, where.basis, documented_basis(where), scope.clock())
    with scope.store.reading() as tx:
        for ids, rows in kept.each_face_template(
            tx, scope.keys, permit, where.id, pack=pack.id, dim=pack.embedder.template_size
        ):
            wanted = [place for place, face in enumerate(ids) if face in ground.faces]
            if wanted:
                yield [ids[place] for place in wanted], rows[wanted]


def _require_same(tx: Tx, scope: Scope, ground: _Ground) -> None:
    if stamps.epoch(tx, scope.collection.id, PEOPLE).n != ground.stamp:
        msg = "Somebody was enrolled, or gave or took back a consent, while the collection was calibrated."
        raise ConflictError(msg, advice="Run it again; nothing was kept.")


def _compare_references(ground: _Ground, found: Comparisons) -> None:
    for start in range(0, len(ground.probes), _BLOCK_ROWS):
        rows = ground.probes[start : start + _BLOCK_ROWS]
        scores = flat.best_by_group(ground.templates[rows], ground.templates, ground.owners, len(ground.names))
        found.add_searches(scores, ground.owners[rows])


def _compare(ground: _Ground, ids: Sequence[str], rows: Templates, found: Comparisons, mated: _Mated) -> None:
    said = [ground.faces[face] for face in ids]
    best = flat.best_by_group(rows, ground.templates, ground.owners, len(ground.names))
    named = [place for place, each in enumerate(said) if each.owner is not None]
    owners = np.array([ground.number[said[place].owner or ""] for place in named], dtype=np.intp)
    found.add_searches(best[named], owners)
    apart = [
        (place, ground.number[one]) for place, each in enumerate(said) if each.owner is None for one in each.not_these
    ]
    if apart:
        at, people = np.array(apart, dtype=np.intp).T
        found.add_pairs(best[at, people], people)
    for place, owner in zip(named, owners, strict=True):
        score = _own_score(ground, said[place], rows[place], int(owner))
        if score is not None:
            (mated.named if said[place].by_hand else mated.suggested).append(score)


def _own_score(ground: _Ground, said: _Face, template: Templates, owner: int) -> float | None:
    """Best score with the person's references that were made of other photos; None when there is none."""
    own = (ground.owners == owner) & (ground.origins != said.sha256)
    return float((ground.templates[own] @ template).max()) if own.any() else None


def _keep(scope: Scope, made: Calibration, ground: _Ground) -> None:
    people = sorted({each.owner for each in ground.faces.values() if each.owner is not None})
    facts: dict[str, Fact] = {
        "fpir-per-million": round(made.fpir * _PER_MILLION),
        "meant-for": made.meant_for,
        "people": made.people,
        "searches": made.searches,
    }
    where = scope.collection.id
    with scope.store.transaction() as tx:
        _require_same(tx, scope, ground)
        before = points_of(tx, where, scope.pack).match
        calibrations.add(tx, where, made)
        if made.suggest < before:  # faces between the two were suggested for nobody; a rescan looks again
            for subject in ground.names:
                subjects.set_pending(tx, subject, pending_rescan=True)
        log(tx, scope.keys, Event(Act.CALIBRATE, scope.actor, where, tuple(people), facts), at=made.made_at)
