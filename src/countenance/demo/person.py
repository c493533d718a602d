"""Who is drawn: the lasting traits of one invented person.

Face units: the origin lies between the eyes, one unit is half the width of an average face, x grows to the viewer's
right and y grows downwards. An average chin then lies near y = 1.6 and the top of the skull near y = -1.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from countenance.demo.dice import Dice
from countenance.demo.palette import (
    EYE_COLOURS,
    SKIN_TONES,
    Colour,
    mix,
    pick_cloth_colour,
    pick_frame_colour,
    pick_hair_colour,
    ramp,
)

HAIR_STYLES: Final = (
    "bald", "crop", "parted", "quiff", "receding", "curls", "round",
    "bob", "long", "wavy", "fringe", "bun", "scarf", "turban",
)  # fmt: skip
BEARDS: Final = ("none", "stubble", "moustache", "goatee", "full", "long")
GLASSES: Final = ("none", "round", "square", "wide", "thick")
_COVERED: Final = ("scarf", "turban")
_LONG_HAIRED: Final = ("bob", "long", "wavy", "fringe", "bun", "scarf")


@dataclass(frozen=True, slots=True)
class Person:
    """One invented person: everything that stays the same from picture to picture.

    Lengths are in face units (see the module), angles in radians, shares and strengths in [0, 1] unless said otherwise.

    Attributes:
        seed: the number this person was made from.
        skew: how far the viewer's right half of the face sits lower, per unit of x (nobody is symmetrical).
        bend: how far the lower face stands to the viewer's right, per unit of y.
        face_width: half the width at the cheekbones.
        temple: width at the temples as a share of ``face_width``.
        jaw: width at the corners of the jaw as a share of ``face_width``.
        chin: width just above the chin as a share of ``face_width``.
        chin_y: y of the lowest point of the face.
        chin_bump: how far the chin stands out.
        cheeks: how full the cheeks are.
        cheekbones: how much the cheekbones show.
        eye_x: distance of each pupil from the middle.
        eye_width: half the width of the open part of an eye.
        eye_height: half the height of the open part of an eye.
        eye_tilt: outer corner above the inner one when positive.
        eye_depth: how deep the eyes lie.
        lid: how much of the upper lid shows.
        bags: how strong the lines below the eyes are.
        eye_colour: of the iris.
        brow_y: y of the middle of the brows (negative: above the eyes).
        brow_size: half the thickness of the brows.
        brow_arch: how far the middle of a brow rises.
        brow_tilt: outer end above the inner one when positive.
        brow_length: half the length of a brow.
        brow_gap: distance of the inner end of a brow from the middle.
        brow_strength: how dark and dense the brows are.
        brow_ridge: how far the bone above the eyes stands out.
        nose_length: y of the tip of the nose.
        nose_width: half the width at the nostrils.
        nose_bridge: half the width of the bridge.
        nose_height: how far the nose stands out.
        nose_bump: how much the middle of the bridge stands out (negative: hollow).
        mouth_y: y of the line between the lips.
        mouth_width: half the width of the mouth.
        lip_upper: height of the upper lip.
        lip_lower: height of the lower lip.
        lip_redness: how far the lips differ from the skin.
        mouth_curve: how far the corners rise at rest (may be negative).
        ear_size: relative to an average ear.
        ear_out: how far the ears stand away.
        depth: how boldly nose, eyes and cheeks are modelled; about 1.
        liner: how dark lashes and lids are.
        skin: colour of the skin in full light.
        skin_shine: strength of highlights.
        blush: redness of cheeks and nose.
        freckles: how many freckles.
        lines: how strong the lines and folds of age are.
        marks: moles as (x, y, radius, darkness).
        tints: wide patches of lighter or darker skin as (x, y, radius, change of lightness).
        hair_colour: of head and brows.
        hair_style: one of ``HAIR_STYLES``.
        hair_top: how far the hair rises above the skull.
        hair_side: how far the hair stands away from the temples.
        hairline_y: y of the hairline in the middle of the forehead.
        hairline_peak: how far the hairline dips in the middle (negative: rises).
        parting: x of the parting; its sign says to which side the hair falls.
        hair_frame: how far long hair at the sides falls over the face.
        beard: one of ``BEARDS``.
        beard_colour: of beard and moustache.
        glasses: one of ``GLASSES``.
        glasses_size: half the height of a lens.
        glasses_colour: of the frame.
        glasses_shade: how dark the lenses are, well below what hides the eyes.
        cloth_colour: of what they usually wear (also of a scarf or turban).
        collar: 0 round neck, 1 shirt, 2 jacket.
        earrings: True when small earrings are worn.
        neck: half the width of the neck.
    """

    seed: int
    skew: float
    bend: float
    face_width: float
    temple: float
    jaw: float
    chin: float
    chin_y: float
    chin_bump: float
    cheeks: float
    cheekbones: float
    eye_x: float
    eye_width: float
    eye_height: float
    eye_tilt: float
    eye_depth: float
    lid: float
    bags: float
    eye_colour: Colour
    brow_y: float
    brow_size: float
    brow_arch: float
    brow_tilt: float
    brow_length: float
    brow_gap: float
    brow_strength: float
    brow_ridge: float
    nose_length: float
    nose_width: float
    nose_bridge: float
    nose_height: float
    nose_bump: float
    mouth_y: float
    mouth_width: float
    lip_upper: float
    lip_lower: float
    lip_redness: float
    mouth_curve: float
    ear_size: float
    ear_out: float
    depth: float
    liner: float
    skin: Colour
    skin_shine: float
    blush: float
    freckles: float
    lines: float
    marks: tuple[tuple[float, float, float, float], ...]
    tints: tuple[tuple[float, float, float, float], ...]
    hair_colour: Colour
    hair_style: str
    hair_top: float
    hair_side: float
    hairline_y: float
    hairline_peak: float
    parting: float
    hair_frame: float
    beard: str
    beard_colour: Colour
    glasses: str
    glasses_size: float
    glasses_colour: Colour
    glasses_shade: float
    cloth_colour: Colour
    collar: int
    earrings: bool
    neck: float


def person(seed: int) -> Person:
    """The person of this seed: always the same traits, on every machine.

    Args:
        seed: any integer >= 0.

    Returns:
        A person who does not exist. Any likeness is chance: no trait is taken from a real face.

    Examples:
        >>> person(7) == person(7), person(7) == person(8)
        (True, False)
    """
    dice = Dice(seed)
    darkness = dice.evenly(0, 1)
    skin = ramp(SKIN_TONES, darkness)
    skin = mix(skin, (skin[0] * 1.0, skin[1] * 0.95, skin[2] * 0.86), dice.evenly(0, 1))
    age = dice.between(0, 1) * dice.evenly(0.4, 1)
    bearded = dice.happens(0.42)
    styles = tuple(name for name in HAIR_STYLES if not (bearded and name in _LONG_HAIRED))
    if not bearded:
        styles = tuple(name for name in styles if name != "turban")
    hair_style = dice.pick(styles, tuple(0.5 if name in _COVERED or name == "bald" else 1.0 for name in styles))
    grey = age > 0.6 and dice.happens(0.7)
    hair = pick_hair_colour(dice, darkness, grey=grey)
    beard = dice.pick(BEARDS[1:], (1, 1.2, 1.2, 1.6, 0.8)) if bearded else "none"
    smooth = hair_style in _LONG_HAIRED or not bearded
    nose_length = dice.between(0.42, 0.68)
    mouth_y = nose_length + dice.between(0.28, 0.50)
    return Person(
        seed=seed,
        skew=dice.between(-0.045, 0.045),
        bend=dice.between(-0.055, 0.055),
        face_width=dice.between(0.88, 1.12),
        temple=dice.between(0.86, 0.98),
        jaw=dice.between(0.64, 0.97),
        chin=dice.between(0.30, 0.52),
        chin_y=max(dice.between(1.38, 1.84), mouth_y + 0.43),
        chin_bump=dice.between(0.0, 0.16),
        cheeks=dice.between(0, 1),
        cheekbones=dice.between(0, 1),
        eye_x=dice.between(0.365, 0.52),
        eye_width=dice.between(0.145, 0.235),
        eye_height=dice.between(0.052, 0.115),
        eye_tilt=dice.between(-0.15, 0.21),
        eye_depth=dice.between(0.2, 1),
        lid=dice.between(0, 1),
        bags=dice.between(0, 1) * (0.3 + 0.7 * age),
        eye_colour=EYE_COLOURS[int(dice.rng.integers(0, 2 if darkness > 0.5 else len(EYE_COLOURS)))],
        brow_y=-dice.between(0.195, 0.40),
        brow_size=dice.between(0.02, 0.062) if smooth else dice.between(0.03, 0.08),
        brow_arch=dice.between(0.0, 0.14),
        brow_tilt=dice.between(-0.11, 0.035),
        brow_length=dice.between(0.21, 0.31),
        brow_gap=dice.between(0.10, 0.23),
        brow_strength=dice.between(0.35, 0.98),
        brow_ridge=dice.between(0, 0.4) if smooth else dice.between(0.2, 1),
        nose_length=nose_length,
        nose_width=dice.between(0.135, 0.35),
        nose_bridge=dice.between(0.05, 0.125),
        nose_height=dice.between(0.15, 0.36),
        nose_bump=dice.between(-0.05, 0.07),
        mouth_y=mouth_y,
        mouth_width=dice.between(0.27, 0.48),
        lip_upper=dice.between(0.028, 0.125),
        lip_lower=dice.between(0.05, 0.175),
        lip_redness=dice.between(0.2, 1) if smooth else dice.between(0.1, 0.45),
        mouth_curve=dice.between(0.0, 0.055),
        ear_size=dice.between(0.8, 1.25),
        ear_out=dice.between(0.02, 0.16),
        depth=dice.between(0.35, 1.2),
        liner=dice.between(0, 1) if smooth else dice.between(0, 0.3),
        skin=skin,
        skin_shine=dice.between(0.1, 1),
        blush=dice.between(0, 1),
        freckles=dice.evenly(0.4, 1) if dice.happens(0.45 if darkness < 0.4 else 0.08) else 0.0,
        lines=age,
        marks=_marks(dice),
        tints=_tints(dice),
        hair_colour=hair,
        hair_style=hair_style,
        hair_top=dice.between(0.08, 0.36),
        hair_side=dice.between(0.03, 0.22),
        hairline_y=dice.between(-1.12, -0.76),
        hairline_peak=dice.between(-0.10, 0.12),
        parting=dice.between(-0.5, 0.5),
        hair_frame=dice.between(0, 1),
        beard=beard,
        beard_colour=mix(hair, (0.85, 0.85, 0.84), 0.75) if age > 0.5 and dice.happens(0.5) else hair,
        glasses=dice.pick(GLASSES, (1.6, 0.5, 0.5, 0.4, 0.5)),
        glasses_size=dice.between(0.18, 0.29),
        glasses_colour=pick_frame_colour(dice),
        glasses_shade=dice.evenly(0.12, 0.28) if dice.happens(0.3) else 0.0,
        cloth_colour=pick_cloth_colour(dice),
        collar=0 if hair_style == "scarf" else int(dice.rng.integers(0, 3)),
        earrings=smooth and dice.happens(0.4),
        neck=dice.between(0.58, 0.76) if bearded else dice.between(0.50, 0.66),
    )


def _marks(dice: Dice) -> tuple[tuple[float, float, float, float], ...]:
    """Up to four moles, off the eyes and the mouth."""
    marks = []
    for _ in range(int(dice.rng.integers(0, 5))):
        side = -1 if dice.happens(0.5) else 1
        x, y = side * dice.evenly(0.2, 0.75), dice.evenly(0.25, 1.25) if dice.happens(0.75) else -dice.evenly(0.5, 0.75)
        marks.append((x, y, dice.evenly(0.015, 0.035), dice.evenly(0.4, 0.8)))
    return tuple(marks)


def _tints(dice: Dice) -> tuple[tuple[float, float, float, float], ...]:
    """Wide patches, one each for forehead, cheeks, nose, mouth and chin."""
    places = (
        (0.0, -0.65, 0.5),
        (-0.55, 0.5, 0.35),
        (0.55, 0.5, 0.35),
        (0.0, 0.3, 0.25),
        (0.0, 1.0, 0.45),
        (0.0, 1.45, 0.35),
        (-0.45, 0.0, 0.26),
        (0.45, 0.0, 0.26),
    )
    cheek = dice.between(-1, 1)
    around_eyes = dice.between(-2.2, 0.9)
    strengths = [
        dice.between(-1, 1),
        cheek,
        cheek,
        dice.between(-1, 1),
        dice.between(-1, 1),
        dice.between(-1, 1),
        around_eyes,
        around_eyes,
    ]
    return tuple((x, y, radius, 0.125 * strength) for (x, y, radius), strength in zip(places, strengths, strict=True))
