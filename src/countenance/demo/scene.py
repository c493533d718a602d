"""Group pictures: several invented people in one place, in rows, of different sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import Pixels
from countenance.demo.backdrop import paint_backdrop
from countenance.demo.draw import develop, draw_light, draw_mood, draw_person, place_box, place_landmarks
from countenance.demo.palette import mix
from countenance.demo.person import Person
from countenance.demo.plane import Pose

PLACES: Final = ("hall", "garden", "wall")
"""Where groups stand."""

ROW_LENGTH: Final = 6
"""People in one row at most."""

_ABOVE, _BELOW, _CHEST, _SHOULDERS = 2.5, 2.0, 2.6, 3.1
"""Room for one person above the eyes, from them to the chin, below the chin, and from side to side (face units)."""


@dataclass(frozen=True, slots=True)
class SceneFace:
    """One face of a group picture.

    Attributes:
        person: index into the people given to ``draw_scene``.
        box: left, top, width, height in pixels; no face covers another.
        landmarks: (5, 2) float32 x, y in pixels: viewer-left pupil, viewer-right pupil, tip of the nose,
            viewer-left and viewer-right corner of the mouth.
    """

    person: int
    box: tuple[float, float, float, float]
    landmarks: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scene:
    """A group picture.

    Attributes:
        pixels: (height, width, 3) uint8 RGB.
        faces: one per person, in the order of the people given.
        place: one of ``PLACES``.
    """

    pixels: Pixels
    faces: tuple[SceneFace, ...]
    place: str


def _stand(rng: np.random.Generator, count: int, width_px: int, height_px: int) -> list[tuple[float, float, float]]:
    """Where each person stands, back row first: column and row of the eyes, and pixels per face unit."""
    n_rows = -(-count // ROW_LENGTH) if count > ROW_LENGTH or rng.random() < 0.4 or count == 1 else min(2, count)
    sizes = [len(part) for part in np.array_split(np.arange(count), n_rows)]
    growth = np.linspace(0.74, 1.0, n_rows) if n_rows > 1 else np.ones(1)
    tall = float(np.sum(growth) * (_ABOVE + _BELOW) + _CHEST)
    scale = min(height_px / tall, width_px / (_SHOULDERS * max(sizes))) * float(rng.uniform(0.72, 1.0))
    spare = height_px - scale * tall
    y = float(rng.uniform(0.1, 0.6)) * spare
    spots = []
    for row, (size, share) in enumerate(zip(sizes, growth, strict=True)):
        y += _ABOVE * scale * share
        step = width_px / (size + (0.5 if n_rows > 1 else 0.0))
        for column in range(size):
            own = scale * share * float(rng.uniform(0.84, 1.0))
            x = (column + (0.75 if row % 2 else 0.5)) * step + float(rng.uniform(-0.5, 0.5)) * max(
                0.0, step - _SHOULDERS * own
            )
            spots.append((x, y + float(rng.uniform(-0.12, 0.12)) * own, own))
        y += _BELOW * scale * share
    return spots


def draw_scene(people: Sequence[Person], scene_seed: int, width_px: int = 1600, height_px: int = 1067) -> Scene:
    """A group picture of these people; the seed chooses the place, who stands where, faces, light and clothes.

    Args:
        people: at least one; each appears once.
        scene_seed: any integer >= 0; the same people and seed give the same picture.
        width_px: columns, at least 64.
        height_px: rows, at least 64.

    Returns:
        The picture with the true place of every face.

    Raises:
        ValueError: nobody is given, or the picture is smaller than 64 pixels.
    """
    if not people or min(width_px, height_px) < 64:
        msg = "A scene needs at least one person and 64 by 64 pixels."
        raise ValueError(msg)
    rng = np.random.default_rng((0x5CE2E, scene_seed, *(who.seed for who in people)))
    place = PLACES[int(rng.integers(len(PLACES)))]
    paint = paint_backdrop(place, int(rng.integers(1 << 30)), width_px, height_px)
    light = draw_light(rng)
    order = rng.permutation(len(people))
    faces: dict[int, SceneFace] = {}
    for index, (x, y, scale) in zip(order.tolist(), _stand(rng, len(people), width_px, height_px), strict=True):
        who, mood = people[index], draw_mood(rng)
        roll, yaw, pitch = (float(rng.uniform(-reach, reach)) for reach in (0.10, 0.12, 0.05))
        pose = Pose(x=x, y=y, scale_px=scale, roll=roll, yaw=yaw, pitch=pitch, skew=who.skew, bend=who.bend)
        r, g, b = (float(part) for part in rng.uniform(0.1, 0.75, 3))
        cloth = who.cloth_colour if who.hair_style == "scarf" else mix(who.cloth_colour, (r, g, b), 0.6)
        draw_person(paint, who, pose, mood, light, cloth)
        faces[index] = SceneFace(index, place_box(who, pose), place_landmarks(who, pose, mood))
    pixels = develop(paint, rng, light, noise=float(rng.uniform(0.004, 0.012)), blur=float(rng.uniform(0, 0.12)))
    return Scene(pixels, tuple(faces[index] for index in range(len(people))), place)
