"""Trials: which photos are compared, and what is known about them beforehand."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import Templates
from countenance.errors import UsageError
from countenance.measure.rates import NO_SCORE

_COLUMNS = ("a", "b", "mated")
_NAMES = ("a_subject", "b_subject")
_ADVICE = "The file needs the columns a,b,mated: two photo names and 1 (same person) or 0."


@dataclass(frozen=True, slots=True)
class Trial:
    """One pair of photos.

    Attributes:
        a: name of the first photo.
        b: name of the second.
        mated: True when both show the same person.
        a_subject: whom the first photo shows, if the file says so; empty otherwise.
        b_subject: whom the second one shows.
    """

    a: str
    b: str
    mated: bool
    a_subject: str = ""
    b_subject: str = ""


def read_trials(path: Path) -> list[Trial]:
    """Pairs of a CSV file with the columns ``a,b,mated``, and ``a_subject,b_subject`` if it has them, in its order.

    Raises:
        UsageError: the file is missing, is not such a table, or holds no pair; the message names the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # spreadsheets put a mark before the first name
            return _trials(csv.DictReader(file), path.name)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        msg = f"The trials {path.name} cannot be read."
        raise UsageError(msg, advice=_ADVICE) from error


def _trials(reader: csv.DictReader[str], name: str) -> list[Trial]:
    if not set(_COLUMNS) <= set(reader.fieldnames or ()):
        msg = f"The trials {name} have no columns {', '.join(_COLUMNS)}."
        raise UsageError(msg, advice=_ADVICE)
    trials = []
    for row in reader:
        first, second, mated = (str(row[column] or "").strip() for column in _COLUMNS)
        if not first or not second or mated not in ("0", "1"):
            msg = f"Line {reader.line_num} of {name} is not a pair."
            raise UsageError(msg, advice=_ADVICE)
        names = (str(row.get(column) or "").strip() for column in _NAMES)
        trials.append(Trial(first, second, mated == "1", *names))
    if not trials:
        msg = f"The trials {name} hold no pairs."
        raise UsageError(msg, advice=_ADVICE)
    return trials


def photos_of(trials: Iterable[Trial]) -> list[str]:
    """Names of all photos of the trials, sorted, each once."""
    return sorted({name for trial in trials for name in (trial.a, trial.b)})


def people_of(trials: Iterable[Trial]) -> dict[str, int]:
    """Number of the person in each photo, from 0 on: photos joined by mated pairs or by a name show one person.

    Raises:
        UsageError: a non-mated pair joins two photos that mated pairs or names call the same person, or a photo has two
            names.
    """
    listed = list(trials)
    parent = {name: name for name in photos_of(listed)}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for trial in listed:
        if trial.mated:
            parent[root(trial.a)] = root(trial.b)
    first: dict[str, str] = {}
    for photo, subject in subjects_of(listed).items():
        parent[root(photo)] = root(first.setdefault(subject, photo))
    for trial in listed:
        if not trial.mated and root(trial.a) == root(trial.b):
            msg = f"The trials contradict themselves about {trial.a} and {trial.b}."
            raise UsageError(msg, advice="Other lines say that they show the same person; this pair says they do not.")
    numbers = {name: number for number, name in enumerate(sorted({root(name) for name in parent}))}
    return {name: numbers[root(name)] for name in parent}


def subjects_of(trials: Iterable[Trial]) -> dict[str, str]:
    """Whom each photo shows, where the file says so.

    Raises:
        UsageError: a photo has two names, or the photos of a mated pair have different ones.
    """
    names: dict[str, str] = {}
    for trial in trials:
        both = {trial.a_subject, trial.b_subject} - {""}
        given = [(trial.a, trial.a_subject), (trial.b, trial.b_subject)]
        twice = next((photo for photo, name in given if name and names.setdefault(photo, name) != name), None)
        if twice is not None or (trial.mated and len(both) > 1):
            msg = f"The trials contradict themselves about whom {twice or trial.b} shows."
            raise UsageError(msg, advice="Give every photo one name, and the photos of a mated pair the same.")
    return names


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of trials, one row per trial.

    Attributes:
        scores: (n,) float64; ``NO_SCORE`` where a photo gave no template.
        mated: (n,) bool.
        subjects: (n, 2) number of the person in each photo.
    """

    scores: NDArray[np.float64]
    mated: NDArray[np.bool_]
    subjects: NDArray[np.intp]


def score(trials: Iterable[Trial], templates: Mapping[str, Templates]) -> Scored:
    """Cosine score of every trial.

    Args:
        trials: the pairs.
        templates: (d,) float32 of unit length by photo name; photos without a face are missing from it.
    """
    listed = list(trials)
    people = people_of(listed)
    scores = np.array([_cosine(templates.get(trial.a), templates.get(trial.b)) for trial in listed])
    mated = np.array([trial.mated for trial in listed])
    subjects = np.array([(people[trial.a], people[trial.b]) for trial in listed], dtype=np.intp)
    return Scored(scores, mated, subjects)


def _cosine(a: Templates | None, b: Templates | None) -> float:
    if a is None or b is None:
        return NO_SCORE
    return float(a.astype(np.float64) @ b.astype(np.float64))
