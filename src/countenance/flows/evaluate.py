"""Judge a model pack on photos whose people are known: read the trials, look at the photos, compare, count the errors.

It works on any folder and needs no archive. Templates live in memory until the rates are known; nothing is stored but
the report, and that holds rates, never who was found for whom.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from countenance.core.arrays import Templates
from countenance.errors import PhotoRefusedError, UsageError
from countenance.flows.enrol import BYSTANDER_SHARE, USABLE_QUALITY
from countenance.flows.runners import run
from countenance.flows.scope import SERIAL, Engine
from countenance.flows.stages import Decode, Detect, Embed, Work
from countenance.ingest.local import read_inside
from countenance.measure import groups, lists, outcome, trials
from countenance.measure.lists import Entry
from countenance.measure.report import versions
from countenance.measure.trials import Scored, Trial
from countenance.run.stage import Batch, Stage
from countenance.settings import Settings
from countenance.vision.packs import Pack

SEED = 19_795
"""Of every draw, so that the same trials give the same intervals."""
NO_FACE = ("no-face", "No face was found in it.")


@dataclass(frozen=True, slots=True)
class Trials:
    """What is to be compared: pairs, or a list of references and probes; the other one is empty.

    Attributes:
        name: of the file.
        pairs: one-to-one trials.
        entries: one-to-many trials.
    """

    name: str
    pairs: tuple[Trial, ...] = ()
    entries: tuple[Entry, ...] = ()

    @property
    def subjects(self) -> dict[str, str]:
        """Whom each photo shows, where the file says so."""
        named = {entry.photo: entry.subject for entry in self.entries}
        return named or trials.subjects_of(self.pairs)

    @property
    def people(self) -> dict[str, int]:
        """Number of the person in each photo, from 0 on."""
        if not self.entries:
            return trials.people_of(self.pairs)
        numbers = lists.number_people(self.entries)
        return {entry.photo: numbers[entry.subject] for entry in self.entries}


@dataclass(slots=True)
class Looked:
    """What was seen in the photos of the trials; in memory only.

    Attributes:
        templates: (d,) of the largest face, by photo.
        failed: reason and sentence of every photo that gave no template.
        several: photos in which another face is nearly as large.
        poor: quality and reasons of every face that enrolment would refuse.
        seconds: wall seconds by step.
    """

    templates: dict[str, Templates] = field(default_factory=dict)
    failed: dict[str, tuple[str, str]] = field(default_factory=dict)
    several: list[str] = field(default_factory=list)
    poor: dict[str, tuple[float, tuple[str, ...]]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def read_any(path: Path) -> Trials:
    """Pairs (columns ``a,b,mated``) or a list (columns ``photo,subject,role``), by the names of the columns.

    Raises:
        UsageError: it is neither, or contradicts itself.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            head = set(next(csv.reader(file), []))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        msg = f"The trials {path.name} cannot be read."
        raise UsageError(
            msg, advice="Name a CSV file of pairs or a list; the guide on evaluating shows both."
        ) from error
    if head >= set(lists.COLUMNS):
        return Trials(path.name, entries=tuple(lists.read_list(path)))
    found = Trials(path.name, pairs=tuple(trials.read_trials(path)))
    trials.people_of(found.pairs)  # a contradiction is told before any photo is looked at
    return found


def look(
    names: Sequence[str],
    folder: Path,
    pack: Pack,
    settings: Settings,
    engine: Engine = SERIAL,
    seen: Callable[[int], None] = lambda _: None,
) -> Looked:
    """Decode, detect and embed the photos; whatever cannot be used is noted with its reason and stops nothing.

    Args:
        names: paths below the folder, each once.
        folder: nothing outside of it is read.
        pack: the detector and embedder to be judged.
        settings: limits and batch sizes.
        engine: who does the work.
        seen: called with the number of photos done.
    """
    result = Looked()
    stages: list[Stage[Work]] = [Decode(settings), Detect(settings, pack), Embed(settings, pack)]
    done = 0
    for batch in run(stages, _batches(names, folder, settings), engine):
        for step, spent in batch.seconds.items():
            result.seconds[step] = result.seconds.get(step, 0.0) + spent
        for work in batch.items:
            _note(result, os.fsdecode(work.path), work)
        done += len(batch.items)
        seen(done)
    return result


def _batches(names: Iterable[str], folder: Path, settings: Settings) -> Iterator[Batch[Work]]:
    root = os.fsencode(folder.absolute())
    batch: list[Work] = []
    n_bytes = 0
    for name in names:
        work = Work(os.fsencode(name), b"", b"", 0, None)
        try:
            content = read_inside(root, os.path.join(root, work.path), settings.decode.max_bytes)  # noqa: PTH118 - bytes
            work.content, work.n_bytes, work.sha256 = content, len(content), hashlib.sha256(content).digest()
        except PhotoRefusedError as error:
            work.refuse(error.reason, error.message)
        batch.append(work)
        n_bytes += work.n_bytes
        if len(batch) >= settings.batch_photos or n_bytes >= settings.batch_bytes:
            yield Batch(batch)
            batch, n_bytes = [], 0
    if batch:
        yield Batch(batch)


def _note(result: Looked, name: str, work: Work) -> None:
    """Take the largest face: trials are about one person in each photo."""
    if work.refused is not None or not len(work.boxes):
        result.failed[name] = work.refused or NO_FACE
        return
    face = int(np.argmax(work.boxes[:, 2] * work.boxes[:, 3]))
    result.templates[name] = work.templates[face].copy()
    heights = work.boxes[:, 3]
    if np.count_nonzero(heights >= BYSTANDER_SHARE * heights[face]) > 1:
        result.several.append(name)
    if work.qualities[face] < USABLE_QUALITY:
        result.poor[name] = (float(work.qualities[face]), work.faults(face))


def evaluate(
    given: Trials,
    folder: Path,
    pack: Pack,
    settings: Settings,
    *,
    people: groups.People | None = None,
    engine: Engine = SERIAL,
    seen: Callable[[int], None] = lambda _: None,
) -> tuple[dict[str, Any], Scored]:
    """All rates of a pack on these trials, as the report's fields, and the one-to-one scores for its plot.

    Args:
        given: the trials.
        folder: where their photos are.
        pack: to be judged.
        settings: limits and batch sizes.
        people: table of groups; every column that was read of it is compared.
        engine: who does the work.
        seen: called with the number of photos done.

    Raises:
        UsageError: too few trials, no usable photo, or groups that fit nobody.
    """
    started = perf_counter()
    numbers, subjects = given.people, given.subjects
    placed = (
        {column: groups.place_people(people, column, numbers, subjects) for column in people.columns} if people else {}
    )
    looked = look(sorted(numbers), folder, pack, settings, engine, seen)
    if not looked.templates:
        reasons = ", ".join(f"{count} {reason}" for reason, count in _reasons(looked).items())
        msg = f"None of the {len(numbers)} photos that {given.name} names can be used: {reasons}."
        raise UsageError(msg, advice="Name the folder that the photos lie in with --photos.")
    if given.entries:
        scored = lists.score_list(given.entries, looked.templates, seed=SEED)
        searched = outcome.rate_searches(lists.search_list(given.entries, looked.templates), seed=SEED)
    else:
        scored, searched = trials.score(given.pairs, looked.templates), None
    rated = outcome.rate_pairs(scored, {"match": pack.match, "certain": pack.certain}, seed=SEED)
    names = sorted(numbers)
    failed = np.array([name in looked.failed for name in names])
    failures = outcome.rate_failures(failed, np.array([numbers[name] for name in names], dtype=np.intp), seed=SEED)
    report = {
        "trials": given.name,
        "pack": {"id": pack.id, "name": pack.name, "summary": pack.summary, "better": pack.better},
        **rated,
        "fte": failures["value"],
        "fte_interval": failures,
        "identification": searched,
        "groups": {column: groups.compare_groups(scored, where, seed=SEED) for column, where in placed.items()},
        "photos": _photos(names, looked),
        "versions": versions(),
        "seed": SEED,
        "seconds": {**{step: round(spent, 3) for step, spent in looked.seconds.items()}},
    }
    report["seconds"]["total"] = round(perf_counter() - started, 3)
    return report, scored


def _reasons(looked: Looked) -> dict[str, int]:
    return dict(sorted(Counter(reason for reason, _ in looked.failed.values()).items()))


def _photos(names: Sequence[str], looked: Looked) -> dict[str, Any]:
    return {
        "given": len(names),
        "used": len(looked.templates),
        "failed": _reasons(looked),
        "not_used": [
            {"photo": name, "reason": reason, "message": message}
            for name, (reason, message) in sorted(looked.failed.items())
        ],
        "several_faces": looked.several,
        "poor": [
            {"photo": name, "quality": round(quality, 1), "reasons": list(reasons)}
            for name, (quality, reasons) in sorted(looked.poor.items())
        ],
    }
