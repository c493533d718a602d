"""Portraits: one invented person, one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import Pixels
from countenance.demo.backdrop import PLACES, paint_backdrop
from countenance.demo.face import Light, Mood, half_width, paint_ears, paint_head, paint_neck
from countenance.demo.features import EYE_Y, mouth_corner, paint_brows, paint_eyes, paint_lines, paint_mouth, paint_nose
from countenance.demo.hair import paint_beard, paint_drape, paint_hair, paint_hair_behind
from countenance.demo.outfit import paint_body, paint_glasses
from countenance.demo.palette import Colour, mix
from countenance.demo.person import Person
from countenance.demo.plane import Paint, Plane, Pose

BOX_TOP: Final = -0.92
"""y of the top of a face box (face units): high on the forehead, as detectors have it."""


@dataclass(frozen=True, slots=True)
class Portrait:
    """A picture of one person.

    Attributes:
        pixels: (height, width, 3) uint8 RGB.
        box: left, top, width, height of the face in pixels.
        landmarks: (5, 2) float32 x, y in pixels: viewer-left pupil, viewer-right pupil, tip of the nose,
            viewer-left and viewer-right corner of the mouth.
    """

    pixels: Pixels
    box: tuple[float, float, float, float]
    landmarks: NDArray[np.float32]


def draw_mood(rng: np.random.Generator) -> Mood:
    """An everyday expression."""
    smile = float(rng.choice((0.2, 0.4, 0.6, 0.9))) * float(rng.uniform(0.7, 1))
    open_ = float(rng.uniform(0.3, 0.9)) if smile > 0.5 and rng.random() < 0.5 else 0.0
    eyes, brows = float(rng.uniform(0.92, 1.08)), float(rng.uniform(-0.01, 0.03))
    return Mood(smile=smile, open=open_, eyes=eyes, brows=brows, gaze=float(rng.uniform(-0.02, 0.02)))


def draw_light(rng: np.random.Generator) -> Light:
    """Everyday light: from above, from one side or the other."""
    return Light(
        x=float(rng.uniform(-0.33, 0.33)),
        y=float(rng.uniform(-0.6, -0.2)),
        softness=float(rng.uniform(0.58, 0.75)),
        warmth=float(rng.uniform(-0.03, 0.05)),
        strength=float(rng.uniform(0.92, 1.08)),
    )


def draw_person(paint: Paint, who: Person, pose: Pose, mood: Mood, light: Light, cloth: Colour) -> None:
    """Paint head, hair, neck and body over a picture.

    Args:
        paint: (height, width, 3) float32 in [0, 1], changed in place.
        who: the person.
        pose: where and how large.
        mood: what the face does.
        light: where light comes from.
        cloth: colour of the clothes.
    """
    height, width = paint.shape[:2]
    scale = pose.scale_px
    left, right = (int(np.clip(pose.x + side * 3.2 * scale, 0, width)) for side in (-1, 1))
    top, bottom = int(np.clip(pose.y - 3.0 * scale, 0, height)), int(np.clip(pose.y + 3.4 * scale, 0, height))
    trunk = Plane(paint[bottom:, left:right], pose, left, bottom)
    if trunk.paint.size:
        paint_body(trunk, who, light, cloth)
    plane = Plane(paint[top:bottom, left:right], pose, left, top)
    if plane.paint.size == 0:
        return
    paint_hair_behind(plane, who, light)
    paint_neck(plane, who, light)
    paint_body(plane, who, light, cloth)
    paint_drape(plane, who, light)
    if who.hair_style not in ("scarf", "bob", "long", "wavy", "fringe"):
        paint_ears(plane, who, light)
    paint_head(plane, who, mood, light)
    paint_nose(plane, who, light)
    paint_lines(plane, who, mood)
    paint_eyes(plane, who, mood)
    paint_beard(plane, who, mood)
    paint_mouth(plane, who, mood)
    paint_brows(plane, who, mood)
    paint_glasses(plane, who, light)
    paint_hair(plane, who, light)


def place_landmarks(who: Person, pose: Pose, mood: Mood) -> NDArray[np.float32]:
    """The five landmarks of a painted face: (5, 2) float32 x, y in pixels."""
    half, corner_y = mouth_corner(who, mood)
    eye, tip = who.eye_x, who.nose_length - 0.03
    points = np.array([(-eye, EYE_Y), (eye, EYE_Y), (0.0, tip), (-half, corner_y), (half, corner_y)])
    return np.asarray(pose.place(points), dtype=np.float32)


def place_box(who: Person, pose: Pose) -> tuple[float, float, float, float]:
    """Left, top, width, height in pixels of a painted face, from the forehead to the chin."""
    heights = np.linspace(BOX_TOP, who.chin_y, 25, dtype=np.float32)
    widths = half_width(who, heights)
    rim = np.concatenate([np.stack([-widths, heights], axis=1), np.stack([widths, heights], axis=1)])
    spots = pose.place(rim)
    (left, top), (right, bottom) = spots.min(axis=0), spots.max(axis=0)
    return (float(left), float(top), float(right - left), float(bottom - top))


def develop(paint: Paint, rng: np.random.Generator, light: Light, *, noise: float, blur: float) -> Pixels:
    """Turn paint into a photograph: tint of the light, a little blur, noise, eight bits.

    Args:
        paint: (height, width, 3) float32 in [0, 1].
        rng: source of the noise.
        light: for tint and exposure.
        noise: standard deviation in [0, 1].
        blur: weight of the four neighbours in [0, 0.25].

    Returns:
        (height, width, 3) uint8.
    """
    tint = np.array([1 + light.warmth, 1, 1 - light.warmth], dtype=np.float32) * np.float32(light.strength)
    picture = paint * tint
    if blur > 0:
        for axis in (0, 1):
            picture = (1 - 2 * blur) * picture + blur * (np.roll(picture, 1, axis) + np.roll(picture, -1, axis))
    if noise > 0:
        picture = picture + np.float32(noise) * rng.standard_normal(picture.shape, dtype=np.float32)
    return np.asarray(np.clip(picture * 255 + 0.5, 0, 255), dtype=np.uint8)


def draw_portrait(who: Person, picture_seed: int, size_px: int = 512) -> Portrait:
    """One picture of one person; the seed chooses expression, light, pose, clothes and background.

    Args:
        who: the person.
        picture_seed: any integer >= 0; the same seed gives the same picture.
        size_px: rows and columns, at least 64.

    Returns:
        The picture with the true place of the face.

    Raises:
        ValueError: ``size_px`` is below 64.
    """
    if size_px < 64:
        msg = "A portrait needs at least 64 pixels."
        raise ValueError(msg)
    rng = np.random.default_rng((0xF070, who.seed, picture_seed))
    mood, light = draw_mood(rng), draw_light(rng)
    scale = size_px * float(rng.uniform(0.175, 0.235))
    pose = Pose(
        x=size_px * float(rng.uniform(0.46, 0.54)),
        y=size_px * float(rng.uniform(0.41, 0.47)),
        scale_px=scale,
        roll=float(rng.uniform(-0.12, 0.12)),
        yaw=float(rng.uniform(-0.10, 0.10)),
        pitch=float(rng.uniform(-0.06, 0.06)),
        skew=who.skew,
        bend=who.bend,
    )
    place = str(rng.choice(PLACES))
    paint = paint_backdrop(place, int(rng.integers(1 << 30)), size_px, size_px)
    r, g, b = (float(part) for part in rng.uniform(0.1, 0.8, 3))
    cloth = who.cloth_colour if who.hair_style == "scarf" else mix(who.cloth_colour, (r, g, b), 0.6)
    draw_person(paint, who, pose, mood, light, cloth)
    pixels = develop(paint, rng, light, noise=float(rng.uniform(0.004, 0.016)), blur=float(rng.uniform(0, 0.2)))
    return Portrait(pixels=pixels, box=place_box(who, pose), landmarks=place_landmarks(who, pose, mood))
