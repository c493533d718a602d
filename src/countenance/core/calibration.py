"""What a collection's own comparisons allow to say, and for how long: the rules of calibration.

A search asks for one face among N enrolled people. When each of the N comparisons matches falsely with the rate FMR,
the search brings somebody falsely with at most

    FPIR(N) = 1 - (1 - FMR)^N

which is exact when the comparisons are independent and too high when they rise and fall together, so a threshold that
is set by it is on the safe side. FPIR grows with N: a rate says nothing without the number of people it is meant for.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from math import ceil, expm1, floor, log1p, log10
from typing import Final

FEWEST_PEOPLE: Final = 10
"""An interval over fewer people says next to nothing."""
RULE_OF_THREE: Final = 3
"""Comparisons must be this many times the reciprocal of the FMR: had none of 3/p independent trials an event, the rate
would lie below p with 95 % confidence."""
_TOO_LITTLE: Final = "There is too little to say: {}."


@dataclass(frozen=True, slots=True)
class Sample:
    """What a collection offers.

    Attributes:
        people: with faces that a person confirmed, whose consent to be compared holds.
        searches: those faces.
        comparisons: of two different people, each pair of a face and a person counted once.
        enrolled: N, for how many enrolled people the threshold is meant; at least 1.
    """

    people: int
    searches: int
    comparisons: int
    enrolled: int


@dataclass(frozen=True, slots=True)
class Bands:
    """Cosine scores in [-1, 1]: from ``suggest`` on a person is asked, from ``certain`` on nobody needs to be."""

    suggest: float
    certain: float


def fmr_for(fpir: float, enrolled: int) -> float:
    """The FMR in (0, 1) at which a search among ``enrolled`` people (>= 1) has at most this FPIR in (0, 1)."""
    return -expm1(log1p(-fpir) / enrolled)


def fpir_for(fmr: float, enrolled: int) -> float:
    """The FPIR in [0, 1] that a search among ``enrolled`` people (>= 1) has at most, at an FMR in [0, 1)."""
    return -expm1(log1p(-fmr) * enrolled)


def refusal(sample: Sample, fpir: float) -> tuple[str, str] | None:
    """Why there is too little to say: what there is and what is needed, and what one can do; None when it is enough.

    Args:
        sample: what the collection offers.
        fpir: the target in (0, 1).
    """
    if sample.people < FEWEST_PEOPLE:
        there = f"confirmed faces of {_count(sample.people, 'person', 'people')}, and {FEWEST_PEOPLE} are needed"
        return _TOO_LITTLE.format(
            there
        ), "Confirm faces of more people with `countenance review`, or enrol more people."
    needed = ceil(RULE_OF_THREE / fmr_for(fpir, sample.enrolled))
    if sample.comparisons < needed:
        given = f"{_count(sample.searches, 'confirmed face', 'confirmed faces')} of {sample.people} people"
        among = _count(sample.enrolled, "enrolled person", "enrolled people")
        there = f"{given} give {sample.comparisons:,} comparisons of different people, and {needed:,} are needed"
        least = _rounded_up(fpir_for(min(0.5, RULE_OF_THREE / sample.comparisons), sample.enrolled))
        return (
            _TOO_LITTLE.format(f"{there} for an FPIR of {fpir:g} among {among}"),
            f"Confirm more faces with `countenance review`, or ask for more: --fpir {least:g}.",
        )
    return None


def bands(certain: float, suggest: float, *, floor_suggest: float, floor_certain: float) -> Bands:
    """The two bands in order, each at or above its floor.

    A few searches of one collection may say less than was measured for the model pack on many: however easy its people
    are, nobody is believed unseen below the score at which the pack would call two templates a match.

    Args:
        certain: the upper end of the interval of the threshold for the target.
        suggest: the threshold for the rate at which suggestions may be wrong.
        floor_suggest: operating floor of the model pack; no score below it is used.
        floor_certain: its match score.
    """
    top = max(certain, floor_certain, floor_suggest)
    return Bands(min(max(suggest, floor_suggest), top), top)


def least_score(subject: str, hidden: Collection[str], suggest: float, match: float) -> float:
    """From which score a subject is suggested.

    Whoever must not appear is suggested from the pack's ``match`` on even where the collection's own ``suggest`` is
    higher: calibrating must not let anybody through who was kept back before.

    Args:
        subject: id.
        hidden: ids of those who must not appear.
        suggest: of the collection.
        match: of its model pack.
    """
    return min(suggest, match) if subject in hidden else suggest


def is_stale(enrolled_then: int, enrolled_now: int) -> bool:
    """Whether the number of people has doubled since, and with it about the FPIR."""
    return enrolled_now >= 2 * enrolled_then


def _rounded_up(rate: float) -> float:
    """To two digits, so that who asks for what is printed is not refused again."""
    scale = 10.0 ** (1 - floor(log10(rate)))
    return min(0.99, ceil(rate * scale) / scale)


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
