"""Lists for one-to-many trials: which photos are enrolled, which ask, and whom they show.

A probe whose person has a reference is a mated search, any other a non-mated one. Where every probe's person has one,
each probe asks a second time with its own person left out, and that is the non-mated search.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import Templates
from countenance.errors import UsageError
from countenance.measure.rates import NO_SCORE
from countenance.measure.searches import Searches
from countenance.measure.trials import Scored

COLUMNS = ("photo", "subject", "role")
REFERENCE, PROBE = "reference", "probe"
MOST_PAIRS = 1_000_000
"""Non-mated comparisons of a probe with a reference that are counted; of more, so many are drawn."""
_ADVICE = "The file needs the columns photo,subject,role: a photo's name, whom it shows, and reference or probe."
_BLOCK = 1_024


@dataclass(frozen=True, slots=True)
class Entry:
    """One photo of a list: its name, whom it shows, and whether it is enrolled (``reference``) or asks (``probe``)."""

    photo: str
    subject: str
    role: str


@dataclass(frozen=True, slots=True)
class ListSearches:
    """Outcome of a list's searches.

    Attributes:
        found: mated and non-mated searches; the two may differ in number.
        mate_owners: (n, 1) number of the person of each mated search.
        alarm_owners: (m, 1) number of the person of each non-mated search.
        n_people: people with references, whether or not these gave a template.
        left_out: True when the non-mated searches are the mated ones with their own person left out.
    """

    found: Searches
    mate_owners: NDArray[np.intp]
    alarm_owners: NDArray[np.intp]
    n_people: int
    left_out: bool


def read_list(path: Path) -> list[Entry]:
    """Entries of a CSV file with the columns ``photo,subject,role``, in its order.

    Raises:
        UsageError: the file is missing, is not such a table, names a photo twice, or lacks one of the roles.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            entries = _entries(reader, path.name)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        msg = f"The list {path.name} cannot be read."
        raise UsageError(msg, advice=_ADVICE) from error
    if {entry.role for entry in entries} != {REFERENCE, PROBE}:
        msg = f"The list {path.name} needs references and probes."
        raise UsageError(msg, advice=_ADVICE)
    return entries


def _entries(reader: csv.DictReader[str], name: str) -> list[Entry]:
    if not set(COLUMNS) <= set(reader.fieldnames or ()):
        msg = f"The list {name} has no columns {', '.join(COLUMNS)}."
        raise UsageError(msg, advice=_ADVICE)
    entries, seen = [], set()
    for row in reader:
        photo, subject, role = (str(row[column] or "").strip() for column in COLUMNS)
        if not photo or not subject or role not in {REFERENCE, PROBE}:
            msg = f"Line {reader.line_num} of {name} is not an entry."
            raise UsageError(msg, advice=_ADVICE)
        if photo in seen:
            msg = f"Line {reader.line_num} of {name} names {photo} a second time."
            raise UsageError(
                msg, advice="A photo is one reference or one probe: compared with itself it proves nothing."
            )
        seen.add(photo)
        entries.append(Entry(photo, subject, role))
    return entries


def number_people(entries: Sequence[Entry]) -> dict[str, int]:
    """Number of each person of a list, from 0 on."""
    return {subject: number for number, subject in enumerate(sorted({entry.subject for entry in entries}))}


def search_list(entries: Sequence[Entry], templates: Mapping[str, Templates]) -> ListSearches:
    """Every probe of a list against its references; several references of one person count as one candidate.

    Args:
        entries: the list.
        templates: (d,) float32 of unit length by photo name; photos without a face are missing from it.

    Raises:
        UsageError: no probe has a mate, or no search can be non-mated.
    """
    numbers = number_people(entries)
    references = [entry for entry in entries if entry.role == REFERENCE]
    people = sorted({entry.subject for entry in references})
    probes = [entry for entry in entries if entry.role == PROBE]
    best = _best_scores(probes, references, people, templates)
    place = {subject: column for column, subject in enumerate(people)}
    mated = np.array([entry.subject in place for entry in probes])
    owner = np.array([[numbers[entry.subject]] for entry in probes], dtype=np.intp)
    left_out = bool(mated.all())
    if not mated.any() or (left_out and len(people) < 2):  # noqa: PLR2004 - leaving one out must leave somebody
        msg = "The list has no probe whose person has a reference." if not mated.any() else "The list has one person."
        raise UsageError(msg, advice="A list needs mated searches, and probes or references of other people.")
    rows = np.flatnonzero(mated)
    own = np.array([place[probes[row].subject] for row in rows], dtype=np.intp)
    mates = best[rows, own]
    others = best[rows]
    others[np.arange(len(rows)), own] = -np.inf
    ranks = np.where(mates > NO_SCORE, 1 + (others >= mates[:, None]).sum(axis=1), len(people)).astype(np.int64)
    alarms = np.maximum(others.max(axis=1), NO_SCORE) if left_out else best[~mated].max(axis=1)
    found = Searches(mates, ranks, alarms)
    return ListSearches(found, owner[mated], owner[mated] if left_out else owner[~mated], len(people), left_out)


def _best_scores(
    probes: Sequence[Entry], references: Sequence[Entry], people: Sequence[str], templates: Mapping[str, Templates]
) -> NDArray[np.float64]:
    """(probes, people) best score of each person's references; ``NO_SCORE`` where there is no template."""
    best = np.full((len(probes), len(people)), NO_SCORE)
    usable = sorted((entry for entry in references if entry.photo in templates), key=lambda entry: entry.subject)
    asking = [row for row, entry in enumerate(probes) if entry.photo in templates]
    if not usable or not asking:
        return best
    gallery = np.stack([templates[entry.photo] for entry in usable]).astype(np.float64)
    there = sorted({entry.subject for entry in usable})
    starts = np.searchsorted([entry.subject for entry in usable], there)
    columns = np.searchsorted(people, there)
    for first in range(0, len(asking), _BLOCK):
        rows = asking[first : first + _BLOCK]
        scores = np.stack([templates[probes[row].photo] for row in rows]).astype(np.float64) @ gallery.T
        best[np.ix_(np.array(rows), columns)] = np.maximum.reduceat(scores, starts, axis=1)
    return best


def score_list(entries: Sequence[Entry], templates: Mapping[str, Templates], *, seed: int) -> Scored:
    """Every probe of a list compared with every reference, one to one.

    Args:
        entries: the list.
        templates: (d,) float32 of unit length by photo name; photos without a face are missing from it.
        seed: of the draw, where there are more than ``MOST_PAIRS`` non-mated comparisons.
    """
    numbers = number_people(entries)
    sides = [[entry for entry in entries if entry.role == role] for role in (PROBE, REFERENCE)]
    probe, reference = (np.array([numbers[entry.subject] for entry in side], dtype=np.intp) for side in sides)
    mated = np.argwhere(probe[:, None] == reference[None, :])
    n_all = len(probe) * len(reference)
    flat = np.arange(n_all)
    if n_all - len(mated) > MOST_PAIRS:
        flat = np.unique(np.random.default_rng(seed).integers(n_all, size=MOST_PAIRS))
    others = np.stack(np.divmod(flat, len(reference)), axis=1)
    others = others[probe[others[:, 0]] != reference[others[:, 1]]]
    pairs = np.concatenate([mated, others])
    is_mated = np.arange(len(pairs)) < len(mated)
    scores = _scores_of(pairs, *([templates.get(entry.photo) for entry in side] for side in sides))
    return Scored(scores, is_mated, np.stack([probe[pairs[:, 0]], reference[pairs[:, 1]]], axis=1))


def _scores_of(
    pairs: NDArray[np.intp], probes: Sequence[Templates | None], references: Sequence[Templates | None]
) -> NDArray[np.float64]:
    scores = np.full(len(pairs), NO_SCORE)
    size = next((len(row) for row in (*probes, *references) if row is not None), 1)
    there = [np.array([row is not None for row in side]) for side in (probes, references)]
    rows = [np.stack([np.zeros(size) if row is None else row for row in side]) for side in (probes, references)]
    usable = np.flatnonzero(there[0][pairs[:, 0]] & there[1][pairs[:, 1]])
    for first in range(0, len(usable), 64 * _BLOCK):
        part = usable[first : first + 64 * _BLOCK]
        left, right = rows[0][pairs[part, 0]], rows[1][pairs[part, 1]]
        scores[part] = np.einsum("nd,nd->n", left.astype(np.float64), right.astype(np.float64))
    return scores
