"""Error rates of groups that the organisation declares itself: in a table of its own making, under its own words.

Nothing here looks at a face to say to which group somebody belongs, and no column has a meaning to this program.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countenance.errors import UsageError
from countenance.measure.intervals import Interval, share_by_subject
from countenance.measure.outcome import FMR_LIMITS, needed
from countenance.measure.rates import threshold_at_fmr
from countenance.measure.trials import Scored

KEYS = ("subject", "photo")
FEWEST_PEOPLE = 10
"""People with comparisons of a kind below which a group is called too small for that rate."""
_ADVICE = "The file needs the column subject or photo, and every column that --group names."


@dataclass(frozen=True, slots=True)
class People:
    """A table of people.

    Attributes:
        key: ``subject`` or ``photo``: what its rows are named by.
        columns: by which groups are compared, in the order of the report.
        rows: by that name, the value of each column asked for; empty where nothing is stated.
    """

    key: str
    columns: tuple[str, ...]
    rows: Mapping[str, Mapping[str, str]]


def read_people(path: Path, columns: Sequence[str]) -> People:
    """A CSV file with a column ``subject`` or ``photo`` and the columns of interest.

    Raises:
        UsageError: the file cannot be read, lacks a column, or contradicts itself.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            names = [name for name in reader.fieldnames or () if name]
            key = next((name for name in KEYS if name in names), None)
            missing = [column for column in columns if column not in names]
            if key is None or missing:
                what = f"no column {missing[0]!r}" if missing else "neither a column subject nor photo"
                msg = f"{path.name} has {what}; its columns are: {', '.join(names)}."
                raise UsageError(msg, advice=_ADVICE)
            rows: dict[str, dict[str, str]] = {}
            for row in reader:
                name = str(row[key] or "").strip()
                stated = {column: str(row[column] or "").strip() for column in columns}
                if rows.setdefault(name, stated) != stated:
                    msg = f"{path.name} says different things of {name}."
                    raise UsageError(msg, advice="Give each person one row, or rows that agree.")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        msg = f"The table of people {path.name} cannot be read."
        raise UsageError(msg, advice=_ADVICE) from error
    return People(key, tuple(columns), rows)


def place_people(people: People, column: str, photos: Mapping[str, int], subjects: Mapping[str, str]) -> dict[int, str]:
    """Which group each numbered person is in, by one column; people of whom nothing is stated are missing.

    Args:
        people: the table.
        column: of it.
        photos: number of the person in each photo.
        subjects: whom each photo shows, where the trials say so.

    Raises:
        UsageError: the table is by subject and the trials name nobody, it is about nobody in the trials, or two photos
            of one person are in different groups.
    """
    if people.key == "subject" and not subjects:
        msg = "The table of people names subjects, and the trials do not say whom a photo shows."
        raise UsageError(msg, advice="Add the columns a_subject,b_subject to the pairs, or give a table by photo.")
    placed: dict[int, str] = {}
    for photo, number in photos.items():
        name = subjects.get(photo, "") if people.key == "subject" else photo
        group = people.rows.get(name, {}).get(column, "")
        if group and placed.setdefault(number, group) != group:
            msg = f"The photos of the person in {photo} are in different groups of {column}."
            raise UsageError(msg, advice="A person is in one group of a column; correct the table of people.")
    if not placed:
        msg = f"The column {column} says nothing about anybody in the trials."
        raise UsageError(msg, advice=f"Write the column {people.key} as the trials spell it.")
    return placed


def compare_groups(scored: Scored, placed: Mapping[int, str], *, seed: int) -> dict[str, Any]:
    """FNMR and FMR within each group, all at one threshold.

    The threshold is that of the lowest FMR over all comparisons which two groups at least are large enough to show;
    where no two are, of the highest.

    Args:
        scored: comparisons.
        placed: group by number of the person.
        seed: of the intervals' draws.

    Returns:
        ``fmr_limit``, ``threshold``, ``groups`` by name (``people``, ``mated``, ``non_mated``, ``fnmr`` and ``fmr``
        with interval, or None when the group is too small), ``not_stated`` (people), ``ratios`` by rate.
    """
    names = sorted(set(placed.values()))
    number_of = {name: number for number, name in enumerate(names)}
    table = np.full(int(scored.subjects.max()) + 1, -1)
    for person, group in placed.items():
        if person < len(table):
            table[person] = number_of[group]
    sides = table[scored.subjects]
    within = np.where(sides[:, 0] == sides[:, 1], sides[:, 0], -1)
    alarms = [int(((within == number) & ~scored.mated).sum()) for number in range(len(names))]
    n_alarms = int((~scored.mated).sum())
    shown = [
        limit
        for limit in FMR_LIMITS
        if n_alarms >= needed(limit) and sum(count >= needed(limit) for count in alarms) > 1
    ]
    limit = shown[-1] if shown else FMR_LIMITS[0]
    threshold = threshold_at_fmr(scored.scores[~scored.mated], limit)
    groups = {name: _rates_of(scored, within == number_of[name], threshold, limit, seed=seed) for name in names}
    stated = np.unique(scored.subjects[sides >= 0])
    return {
        "fmr_limit": limit,
        "threshold": threshold,
        "groups": groups,
        "not_stated": len(np.unique(scored.subjects)) - len(stated),
        "ratios": {rate: ratio_of(groups, rate) for rate in ("fnmr", "fmr")},
    }


def _rates_of(
    scored: Scored, members: NDArray[np.bool_], threshold: float, limit: float, *, seed: int
) -> dict[str, Any]:
    mated, alarms = members & scored.mated, members & ~scored.mated
    people = np.unique(scored.subjects[mated])
    found: dict[str, Any] = {
        "people": len(np.unique(scored.subjects[members])),
        "mated": int(mated.sum()),
        "non_mated": int(alarms.sum()),
        "fnmr": None,
        "fmr": None,
    }
    if len(people) >= FEWEST_PEOPLE:
        missed = scored.scores[mated] < threshold
        found["fnmr"] = share_by_subject(missed, scored.subjects[mated, :1], seed=seed).as_json()
    if found["non_mated"] >= needed(limit) and len(np.unique(scored.subjects[alarms])) >= FEWEST_PEOPLE:
        matched = scored.scores[alarms] >= threshold
        found["fmr"] = share_by_subject(matched, scored.subjects[alarms], seed=seed).as_json()
    return found


def ratio_of(groups: Mapping[str, Mapping[str, Any]], rate: str) -> dict[str, Any] | None:
    """How many times the highest rate is the lowest; None where fewer than two groups are large enough.

    Returns:
        ``highest`` and ``lowest`` (names), ``value`` (None where the lowest rate is 0, for then no number says it),
        ``overlap`` (True when the two intervals share a value, so that chance may explain the difference).
    """
    known = {
        name: Interval(found[rate]["value"], found[rate]["low"], found[rate]["high"])
        for name, found in groups.items()
        if found[rate] is not None
    }
    if len(known) < 2:  # noqa: PLR2004 - a ratio has two sides
        return None
    highest = max(known, key=lambda name: known[name].value)
    lowest = min(known, key=lambda name: known[name].value)
    top, bottom = known[highest], known[lowest]
    value = top.value / bottom.value if bottom.value > 0 else (1.0 if top.value == 0 else None)
    return {"highest": highest, "lowest": lowest, "value": value, "overlap": top.low <= bottom.high}
