"""Faces -> the regions that hide whole heads: where each one lies, how large it is, how it is turned.

Detectors give a face, and people are known by hair, ears and chin as well. The size of a head follows from its
landmarks and its box, whichever says more, because each of them is sometimes too small: eyes come close in a turned
head, and boxes of some detectors end at the brows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import Boxes, Landmarks
from countenance.errors import UsageError
from countenance.settings import ClearSettings

SHAPES: Final = ("ellipse", "box")

ATTEMPTS: Final = (("ellipse", 1.0), ("ellipse", 1.25), ("box", 1.4))
"""Shape and growth to try in turn until a written photo passes."""

# In units of the distance from the eyes to the mouth (or between the eyes, whichever is longer).
_EYES_TO_MOUTH: Final = 1.05
_UNIT_OF_BOX: Final = 0.29
_ACROSS, _ALONG, _ABOVE = 1.45, 2.1, 0.25
_MOST_ASIDE: Final = 0.7
"""How far the nose may lie aside of the line from the eyes to the mouth; more is taken for a misplaced landmark."""
CORE: Final = 0.6
"""Middle part of a face box that its region must hold, in shares of its sides."""
_SLACK: Final = 1.02
_REACH, _SMALLEST, _LARGEST = 0.65, 0.12, 0.7
"""How far landmarks may lie from the middle of their box, and how small and large their unit may be, in shares of its
longer side, before the box alone is followed."""


@dataclass(frozen=True, slots=True)
class Region:
    """One head to hide, in pixels of the photo that was searched; x and y count from the centre of the first pixel.

    Attributes:
        face: row of the face that it hides.
        x: of its centre.
        y: of its centre.
        across: semi-axis (ellipse) or half side (box) from ear to ear.
        along: the same from chin to crown.
        turn_deg: turn in the plane of the photo; positive is clockwise as seen.
        shape: one of ``SHAPES``.
    """

    face: int
    x: float
    y: float
    across: float
    along: float
    turn_deg: float
    shape: str


def plan_regions(
    boxes: Boxes, landmarks: Landmarks, rows: Sequence[int], clear: ClearSettings, *, grow: float = 1.0
) -> tuple[Region, ...]:
    """One region for each face that is to be hidden.

    Args:
        boxes: (n, 4) of all faces.
        landmarks: (n, 5, 2) of all faces.
        rows: faces to hide.
        clear: shape and margin.
        grow: factor on both axes, at least 1.

    Raises:
        UsageError: the settings name no shape that we have, or a margin below 0.
    """
    if clear.shape not in SHAPES or not 0 <= clear.margin <= 10:  # noqa: PLR2004 - more would hide whole photos
        msg = f"A region of shape {clear.shape!r} with a margin of {clear.margin} cannot be drawn."
        raise UsageError(msg, advice=f"Set clear.shape to one of {', '.join(SHAPES)} and clear.margin to 0 or more.")
    return tuple(_region(row, boxes[row], landmarks[row], clear, grow) for row in rows)


def attempts_for(clear: ClearSettings) -> tuple[tuple[str, float], ...]:
    """``ATTEMPTS`` from the shape on that the settings ask for, that shape at its own size first.

    Args:
        clear: shape.
    """
    rest = ATTEMPTS if clear.shape == ATTEMPTS[0][0] else tuple(each for each in ATTEMPTS if each[0] == clear.shape)
    return rest if rest and rest[0][1] == 1 else ((clear.shape, 1.0), *rest)


def mask_of(region: Region, height: int, width: int) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
    """The pixels that a region covers.

    Args:
        region: the region.
        height: of the photo.
        width: of the photo.

    Returns:
        Rows and columns of the smallest part of the photo that holds it (empty when the region lies outside), and which
        pixels of that part are covered.
    """
    across, along = region.across, region.along
    turn = np.radians(region.turn_deg)
    cos, sin = float(np.cos(turn)), float(np.sin(turn))
    if region.shape == "ellipse":
        reach_x, reach_y = float(np.hypot(across * cos, along * sin)), float(np.hypot(across * sin, along * cos))
    else:
        reach_x, reach_y = abs(across * cos) + abs(along * sin), abs(across * sin) + abs(along * cos)
    rows, columns = _span(region.y, reach_y, height), _span(region.x, reach_x, width)
    y = np.arange(rows.start, rows.stop, dtype=np.float64)[:, None]
    x = np.arange(columns.start, columns.stop, dtype=np.float64)[None, :]
    return (rows, columns), covers(region, x, y)


def covers(region: Region, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points lie in a region; its rim belongs to it.

    Args:
        region: the region.
        x: of the points, in pixels of the photo.
        y: of the points; the shapes of both broadcast.
    """
    side, up = _shares(region, x, y)
    if region.shape == "ellipse":
        return np.asarray(side * side + up * up <= 1)
    return np.asarray((np.abs(side) <= 1) & (np.abs(up) <= 1))


def must_hold(box: Boxes, marks: Landmarks) -> NDArray[np.float64]:
    """Points (k, 2) that a region for this face has to hold: the middle of its box, and landmarks that go with it.

    Args:
        box: (4,) of the face.
        marks: (5, 2) of the face.
    """
    left, top, width, height = (float(value) for value in box)
    shares = np.linspace((1 - CORE) / 2, (1 + CORE) / 2, 3)
    points = np.stack(np.meshgrid(left + width * shares, top + height * shares), axis=-1).reshape(-1, 2)
    return np.concatenate([points, marks.astype(np.float64)]) if fit_box(box, marks) else points


def fit_box(box: Boxes, marks: Landmarks) -> bool:
    """Whether the landmarks of a face go with its box; others say nothing about where its head is.

    Args:
        box: (4,) of the face.
        marks: (5, 2) of the face.
    """
    middle, longer = box[:2] + box[2:] / 2, max(float(box[2]), float(box[3]), 1.0)
    near = (np.abs(marks - middle) <= _REACH * longer).all()
    return bool(near and _SMALLEST <= _unit(marks) / longer <= _LARGEST)


def _unit(marks: Landmarks) -> float:
    """Distance in pixels between the eyes, or from them to the mouth, whichever says that the head is larger."""
    down = marks[3:].mean(axis=0) - marks[:2].mean(axis=0)
    return max(float(np.hypot(*(marks[1] - marks[0]))), float(np.hypot(*down)) / _EYES_TO_MOUTH)


def union_of(regions: Sequence[Region], height: int, width: int) -> NDArray[np.bool_]:
    """(height, width) True for pixels that any of the regions covers.

    Args:
        regions: the regions.
        height: of the photo.
        width: of the photo.
    """
    covered = np.zeros((height, width), dtype=np.bool_)
    for region in regions:
        part, mask = mask_of(region, height, width)
        covered[part] |= mask
    return covered


def _distance(region: Region, points: NDArray[np.float64]) -> float:
    """Distance of the farthest of points (k, 2) from the centre of a region, such that its rim has 1."""
    side, up = _shares(region, points[:, 0], points[:, 1])
    return float((np.hypot(side, up) if region.shape == "ellipse" else np.maximum(np.abs(side), np.abs(up))).max())


def _shares(
    region: Region, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where points lie along the two axes of a region, in shares of each."""
    turn = np.radians(region.turn_deg)
    cos, sin = float(np.cos(turn)), float(np.sin(turn))
    x, y = x - region.x, y - region.y
    across, along = region.across, region.along
    return x * (cos / across) + y * (sin / across), y * (cos / along) - x * (sin / along)


def _span(middle: float, reach: float, size: int) -> slice:
    start = int(np.clip(np.floor(middle - reach), 0, size))
    return slice(start, int(np.clip(np.ceil(middle + reach) + 1, start, size)))


def _region(row: int, box: Boxes, marks: Landmarks, clear: ClearSettings, grow: float) -> Region:
    """One region, made larger where it would not hold what ``must_hold`` says."""
    longer = max(float(box[2]), float(box[3]), 1.0)
    unit, room = _UNIT_OF_BOX * longer, clear.margin * longer
    if not fit_box(box, marks):
        # Landmarks that do not go with their box say nothing: a round region that holds a head turned either way.
        centre, turn = (box[:2] + box[2:] / 2).astype(np.float64), 0.0
        across = along = _ALONG * unit + room
    else:
        points = marks.astype(np.float64)
        eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
        between, down = points[1] - points[0], mouth - eyes
        unit = max(unit, _unit(marks))
        turn = float(np.arctan2(between[1] - down[0], between[0] + down[1]))
        right, up = np.array([np.cos(turn), np.sin(turn)]), np.array([np.sin(turn), -np.cos(turn)])
        # The nose points where the head is turned to; the rest of the head lies on the other side.
        aside = float(np.clip((points[2] - (eyes + mouth) / 2) @ right / unit, -_MOST_ASIDE, _MOST_ASIDE))
        centre = eyes + up * _ABOVE * unit - right * aside * unit
        across, along = (_ACROSS + abs(aside)) * unit + room, _ALONG * unit + room
    region = Region(row, float(centre[0]), float(centre[1]), across, along, float(np.degrees(turn)), clear.shape)
    grow *= max(1.0, _distance(region, must_hold(box, marks)) * _SLACK)
    return replace(region, across=across * grow, along=along * grow)
