"""Hair, beards and head coverings."""

from __future__ import annotations

from typing import Final

import numpy as np

from countenance.demo.face import CROWN_Y, Light, Mood, half_width, outline
from countenance.demo.features import mouth_corner
from countenance.demo.palette import mix
from countenance.demo.person import Person
from countenance.demo.plane import Field, Paint, Plane, Window, bell, ellipse, mottle, rise, streaks

_CURLY: Final = ("curls", "round")
_LENGTHS: Final = {"bob": 1.25, "long": 2.5, "wavy": 2.3, "fringe": 1.75, "round": 0.35}
"""How far hair hangs behind the head, y in face units."""


def _strands(plane: Plane, who: Person, window: Window, light: Light) -> Paint:
    """Colour of hair at every pixel: strands, sheen and light."""
    u, v = plane.u[window], plane.v[window]
    x, y = u - np.float32(0.6 * who.parting), v - np.float32(CROWN_Y - 0.1)
    ring = np.hypot(x, y)
    turn = np.arctan2(x, np.abs(y) + 0.2)
    if who.hair_style in _CURLY:
        texture = 0.6 * mottle(u * 13, v * 13, who.seed + 7) + 0.5 * mottle(u * 24, v * 24, who.seed + 8)
    else:
        wave = 0.10 * np.sin(ring * 9 + who.seed) if who.hair_style == "wavy" else 0.02 * np.sin(ring * 4)
        phase = turn + wave
        texture = 0.6 * streaks(phase * 22, who.seed + 7) + 0.55 * streaks(phase * 60 + ring, who.seed + 8)
    sheen = np.exp(-(((ring - 0.62 + 0.25 * light.x * u) / 0.16) ** 2)) * rise(0.9, 0.2, np.abs(u - 0.35 * light.x))
    sides = np.clip(1 - (u / 1.5) ** 2 * 0.45 + 0.22 * light.x * u, 0.2, 1.4)
    lit = (0.80 + 0.20 * texture) * sides * (1.04 - 0.06 * np.clip(v + 0.8, -1, 3))
    base = np.asarray(who.hair_colour, np.float32) * lit[..., None]
    glow = (sheen * (0.6 + 0.5 * texture) * 0.16)[..., None]
    return np.asarray(base + glow * (0.4 + np.asarray(who.hair_colour, np.float32)), np.float32)


def _silhouette(plane: Plane, who: Person, window: Window) -> Field:
    """Signed distance to the outer edge of the hair on top and at the sides, down to the ears."""
    u, v = plane.u[window], plane.v[window]
    top, side = who.hair_top, who.hair_side
    style = who.hair_style
    if style in ("crop", "receding", "bald"):
        top, side = 0.05 + 0.15 * top, 0.015 + 0.12 * side
    if style == "round":
        top, side = 0.25 + 0.9 * top, 0.22 + 0.9 * side
    if style == "curls":
        top, side = 0.10 + top, 0.06 + 0.7 * side
    lift = np.float32(0.0)
    if style == "quiff":
        lift = 0.16 * np.exp(-(((u - 0.4 * who.parting) / 0.62) ** 4))
    half = who.face_width * 0.99 + side
    tall = -CROWN_Y + top - 0.35 + lift
    edge = ellipse(u, (v + 0.35) / tall * half, half, half)
    if style in _CURLY:
        edge = edge + np.float32(0.05) * mottle(u * 7, v * 7, who.seed + 9)
    return edge


def paint_hair_behind(plane: Plane, who: Person, light: Light) -> None:
    """Paint the hair that hangs behind face and neck."""
    length = _LENGTHS.get(who.hair_style)
    if who.hair_style == "bun":
        _paint_bun(plane, who, light)
    if length is None:
        return
    reach = who.face_width + who.hair_side + 0.55
    window = plane.window(-reach, CROWN_Y - 0.8, reach, length + 0.3)
    u, v = plane.u[window], plane.v[window]
    swing = 0.05 * np.sin(v * 6 + who.seed) if who.hair_style == "wavy" else np.float32(0.0)
    fall = _fall(who, v) - 0.3 * rise(length - 0.5, length + 0.15, v) + swing
    hang = np.maximum(np.abs(u) - fall, np.maximum(v - length, -0.35 - v))
    edge = np.minimum(hang, _silhouette(plane, who, window))
    paint = _strands(plane, who, window, light) * np.float32(0.72)
    plane.lay(window, plane.soft(edge, 0.05), paint)


def _fall(who: Person, v: Field) -> Field:
    """Half the width of long hair at height ``v``."""
    return np.asarray(
        who.face_width * 0.99 + who.hair_side + (0.06 + 0.25 * who.hair_side) * rise(-0.35, 0.9, v), np.float32
    )


def _paint_bun(plane: Plane, who: Person, light: Light) -> None:
    """Paint a knot of hair above the head."""
    y0 = CROWN_Y - 0.5 * who.hair_top - 0.18
    window = plane.window(-0.6, y0 - 0.5, 0.6, y0 + 0.6)
    edge = ellipse(plane.u[window] - np.float32(0.3 * who.parting), plane.v[window] - np.float32(y0), 0.42, 0.36)
    plane.lay(window, plane.soft(edge, 0.03), _strands(plane, who, window, light))


def _hairline(who: Person, u: Field, v: Field) -> Field:
    """Positive where hair grows over the forehead and the temples."""
    style = who.hair_style
    side = np.abs(u) / who.face_width
    line = np.float32(who.hairline_y) + who.hairline_peak * np.exp(-((u / 0.28) ** 2))
    burns = 0.35 if who.beard in ("full", "long") else 0.12
    if style == "receding":
        line = line - 0.10 - 0.30 * rise(0.10, 0.45, np.abs(u))
    if style == "fringe":
        line = np.float32(-0.46) + 0.05 * streaks(u * 9, who.seed + 3) + 0.10 * u * u
    elif style in ("parted", "bob", "long", "wavy"):
        slant = (u - who.parting) * (1 if who.parting < 0 else -1)
        fold = np.where(slant > 0, 0.42 * np.clip(slant, 0, 1) ** 0.8, 0.30 * np.clip(-slant, 0, 1) ** 0.9)
        line = line - 0.12 + fold
    drop = rise(0.62, 0.97, side)
    edge = line * (1 - drop) + burns * drop
    return np.asarray(edge - v, np.float32)


def paint_hair(plane: Plane, who: Person, light: Light) -> None:
    """Paint the hair in front of the head, or what covers it."""
    if who.hair_style in ("scarf", "turban"):
        _paint_covering(plane, who, light)
        return
    reach = who.face_width + 0.6
    window = plane.window(-reach, CROWN_Y - 0.9, reach, 2.6)
    u, v = plane.u[window], plane.v[window]
    grown = _hairline(who, u, v)
    skull = outline(plane, who, window)
    bare = np.minimum(-grown, np.maximum(-skull - 0.02, v - 0.1))
    edge = np.maximum(_silhouette(plane, who, window), bare)
    if who.hair_style == "bald":
        stubble = plane.soft(np.maximum(skull, -grown - 0.1), 0.3)
        plane.lay(window, 0.22 * stubble, who.hair_colour)
        return
    length = _LENGTHS.get(who.hair_style)
    if length is not None and who.hair_style != "round":
        locks = who.face_width * (
            0.95 - 0.19 * who.hair_frame + 0.05 * np.sin(v * 3 + who.seed) * rise(0, 0.5, v)
        ) + 0.10 * rise(0.6, 1.6, v)
        outer = _fall(who, v) - 0.25 * rise(length - 0.6, length, v)
        strand = np.maximum(locks - np.abs(u), np.abs(u) - outer)
        edge = np.minimum(edge, np.maximum(strand, np.maximum(-0.36 - v, v - length + 0.1)))
    paint = _strands(plane, who, window, light)
    shadow = plane.soft(edge - 0.03, 0.14) * plane.soft(skull, 0.03)
    plane.tint(window, 0.55 * shadow, (0.62, 0.55, 0.53))
    ragged = edge + np.float32(0.018) * streaks(u * 26, who.seed + 4)
    density = 0.82 if who.hair_style in ("crop", "receding") else 1.0
    plane.lay(window, np.float32(density) * plane.soft(ragged, 0.05), paint)


def _cloth(who: Person, u: Field, v: Field, light: Light, folds: Field) -> Paint:
    """Colour of cloth with folds."""
    lit = (0.88 + 0.16 * folds) * np.clip(1.05 - 0.30 * (u / 1.4) ** 2 + 0.2 * light.x * u - 0.05 * v, 0.3, 1.3)
    return np.asarray(np.asarray(who.cloth_colour, np.float32) * lit[..., None], np.float32)


def paint_drape(plane: Plane, who: Person, light: Light) -> None:
    """Paint the part of a scarf that lies round the neck and on the shoulders, if the person wears one."""
    if who.hair_style != "scarf":
        return
    window = plane.window(-1.8, -0.6, 1.8, 2.9)
    u, v = plane.u[window], plane.v[window]
    wide = who.face_width + 0.13 + 0.40 * rise(1.0, 2.6, v)
    edge = np.maximum(np.abs(u) - wide, np.maximum(v - 2.65 + 0.42 * u * u, -0.4 - v))
    folds = streaks(u * 3 + v * 5 * np.sign(u), who.seed + 6)
    plane.lay(window, plane.soft(edge, 0.03), _cloth(who, u, v, light, folds))


def _paint_covering(plane: Plane, who: Person, light: Light) -> None:
    """Paint a head scarf or a turban over the hair."""
    window = plane.window(-1.7, CROWN_Y - 0.8, 1.7, 2.5)
    u, v = plane.u[window], plane.v[window]
    wide = who.face_width
    if who.hair_style == "scarf":
        half = wide + 0.14
        outer = ellipse(u, (v + 0.2) / 1.55 * half, half, half)
        outer = np.minimum(
            outer, np.maximum(np.abs(u) - half - 0.1 * rise(0.2, 1.5, v), np.maximum(-0.2 - v, v - who.chin_y - 0.4))
        )
        face = ellipse(u, v - 0.36, 0.90 * wide, who.chin_y - 0.34)
        face = np.maximum(face, np.float32(who.hairline_y + 0.1) - v)
        edge = np.maximum(outer, -face)
        folds = streaks(np.hypot(u, v - 0.3) * 7 + u, who.seed + 6)
    else:
        bulge = wide + 0.16 + 0.4 * who.hair_side
        tall = 0.85 + 0.5 * who.hair_top
        outer = ellipse(u, (v + 1.05) / tall * bulge, bulge, bulge)
        edge = np.maximum(
            outer, v - np.float32(who.hairline_y + 0.18) - 0.32 * u * u + 0.15 * np.exp(-((u / 0.5) ** 2))
        )
        folds = streaks((v + 0.55 * np.abs(u)) * 9, who.seed + 6)
    shadow = plane.soft(edge - 0.04, 0.14) * plane.soft(outline(plane, who, window), 0.03)
    plane.tint(window, 0.6 * shadow, (0.60, 0.54, 0.52))
    plane.lay(window, plane.soft(edge, 0.02), _cloth(who, u, v, light, folds))


def paint_beard(plane: Plane, who: Person, mood: Mood) -> None:
    """Paint beard and moustache under the lips."""
    if who.beard == "none":
        return
    hang = 0.55 if who.beard == "long" else 0.12
    window = plane.window(-1.2, 0.0, 1.2, who.chin_y + hang + 0.15)
    u, v = plane.u[window], plane.v[window]
    side = np.abs(u)
    half, corner_y = mouth_corner(who, mood)
    edge = np.full(u.shape, 9, np.float32)
    if who.beard in ("stubble", "full", "long"):
        wide = np.maximum(half_width(who, np.minimum(v, np.float32(who.chin_y - 0.2))), 0.3)
        line = who.mouth_y - 0.12 - 0.75 * rise(0.45, 1.0, side / who.face_width) + 0.10 * bell(u, u * 0, 0.25, 1)
        lower = (
            np.float32(who.chin_y + (hang if who.beard != "stubble" else 0.0))
            - 0.9 * np.clip(side - 0.25, 0, None) ** 2
        )
        tail = np.clip((v - who.chin_y + 0.35) / (0.42 + hang), 0, 0.99)
        edge = np.maximum(np.maximum(line - v, v - lower), side - (wide + 0.03) * np.sqrt(1 - tail**2))
    if who.beard == "goatee":
        edge = ellipse(u, v - np.float32(who.chin_y - 0.1), 0.34, 0.30)
        down = np.clip((v - who.mouth_y) / (who.chin_y - 0.15 - who.mouth_y), 0, 1)
        loop = np.abs(side - half - 0.02 - down * (0.27 - half)) - 0.055
        edge = np.minimum(edge, np.maximum(loop, np.maximum(who.mouth_y - 0.08 - v, v - who.chin_y + 0.1)))
    if who.beard != "stubble":
        sweep = who.mouth_y - who.lip_upper - 0.055 + 0.11 * (side / half) ** 2
        lip = np.maximum(np.abs(v - sweep) - 0.078 * np.clip(1.25 - side / half, 0.0, 1), side - 0.93 * half)
        edge = np.minimum(edge, lip)
    hairs = 0.5 * mottle(u * 22, v * 14, who.seed + 11) + 0.5 * streaks(u * 40 + 3 * np.sin(v * 9), who.seed + 12)
    lit = np.clip(0.85 + 0.22 * hairs - 0.25 * (u / who.face_width) ** 2, 0.2, 1.3)
    keep = 1 - plane.soft(
        ellipse(
            u,
            v - np.float32(0.5 * (who.mouth_y + corner_y) + 0.03),
            half * 0.92,
            0.5 * (who.lip_upper + who.lip_lower) + 0.02,
        ),
        0.03,
    )
    if who.beard == "stubble":
        mask = 0.36 * plane.soft(edge, 0.2) * (0.85 + 0.25 * hairs)
        plane.lay(window, mask * keep, mix(who.beard_colour, (0.2, 0.18, 0.18), 0.4))
        return
    paint = np.asarray(who.beard_colour, np.float32) * lit[..., None]
    ragged = edge + np.float32(0.02) * streaks(u * 30 + v * 7, who.seed + 13)
    plane.lay(window, 0.93 * plane.soft(ragged, 0.07) * keep, paint)
