"""Colours of skin, hair, eyes and cloth."""

from __future__ import annotations

from typing import Final

from countenance.demo.dice import Dice

Colour = tuple[float, float, float]
"""Red, green, blue in [0, 1]."""

SKIN_TONES: Final[tuple[Colour, ...]] = (
    (0.97, 0.85, 0.78),
    (0.95, 0.79, 0.69),
    (0.91, 0.72, 0.58),
    (0.84, 0.64, 0.47),
    (0.77, 0.56, 0.39),
    (0.67, 0.47, 0.32),
    (0.56, 0.38, 0.26),
    (0.46, 0.31, 0.22),
    (0.37, 0.25, 0.18),
)
HAIR_COLOURS: Final[tuple[Colour, ...]] = (
    (0.10, 0.08, 0.08),
    (0.19, 0.13, 0.10),
    (0.33, 0.21, 0.13),
    (0.47, 0.31, 0.18),
    (0.60, 0.29, 0.13),
    (0.82, 0.66, 0.41),
    (0.90, 0.80, 0.60),
    (0.62, 0.61, 0.60),
    (0.88, 0.88, 0.88),
)
EYE_COLOURS: Final[tuple[Colour, ...]] = (
    (0.20, 0.12, 0.07),
    (0.33, 0.20, 0.10),
    (0.42, 0.35, 0.16),
    (0.30, 0.42, 0.26),
    (0.32, 0.46, 0.60),
    (0.45, 0.50, 0.53),
)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """The colour ``share`` in [0, 1] of the way from one to the other."""
    r, g, b = (a + (z - a) * share for a, z in zip(one, other, strict=True))
    return (r, g, b)


def ramp(tones: tuple[Colour, ...], place: float) -> Colour:
    """The colour at ``place`` in [0, 1] along a row of tones."""
    spot = place * (len(tones) - 1)
    low = min(int(spot), len(tones) - 2)
    return mix(tones[low], tones[low + 1], spot - low)


def pick_hair_colour(dice: Dice, darkness: float, *, grey: bool) -> Colour:
    """Grey, or a colour that goes with the skin."""
    if grey:
        return HAIR_COLOURS[7 + int(dice.happens(0.5))]
    return ramp(HAIR_COLOURS[:7], dice.evenly(0, 1.0 if darkness < 0.4 else 0.3))


def pick_frame_colour(dice: Dice) -> Colour:
    """A colour for glasses: mostly dark, sometimes metal or bright."""
    colours: tuple[Colour, ...] = (
        (0.07, 0.07, 0.09),
        (0.28, 0.15, 0.08),
        (0.55, 0.45, 0.25),
        (0.45, 0.08, 0.10),
        (0.12, 0.2, 0.42),
    )
    return colours[int(dice.rng.choice(5, p=(0.45, 0.2, 0.13, 0.11, 0.11)))]


def pick_cloth_colour(dice: Dice) -> Colour:
    """A muted colour of any hue."""
    r, g, b = (float(part) for part in dice.rng.uniform(0.12, 0.8, 3))
    return mix((r, g, b), (0.4, 0.4, 0.42), 0.3)
