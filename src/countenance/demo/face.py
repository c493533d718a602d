"""The bare head: outline, relief, light on skin, ears and neck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from countenance.demo.person import Person
from countenance.demo.plane import Field, Plane, Window, bell, ellipse, mottle, rise

CROWN_Y = -1.58
"""y of the top of the skull, in face units."""


@dataclass(frozen=True, slots=True)
class Mood:
    """What a face does in one picture.

    Attributes:
        smile: 0 at rest to 1 for a broad smile.
        open: 0 closed lips to 1 for a mouth that shows teeth.
        eyes: 1 normal, less for narrowed eyes, more for wide ones.
        brows: how far the brows are raised, face units.
        gaze: how far the eyes look to the viewer's right, face units.
    """

    smile: float = 0.0
    open: float = 0.0
    eyes: float = 1.0
    brows: float = 0.0
    gaze: float = 0.0


@dataclass(frozen=True, slots=True)
class Light:
    """Where light comes from.

    Attributes:
        x: from the viewer's right when positive.
        y: from above when negative.
        softness: share of light that comes from everywhere, in [0, 1].
        warmth: red against blue; 0 is neutral.
        strength: overall factor, about 1.
    """

    x: float = 0.0
    y: float = -0.4
    softness: float = 0.55
    warmth: float = 0.0
    strength: float = 1.0


def _profile(who: Person) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Heights from crown to chin, and half the width of the head there before its ends are rounded off."""
    wide = who.face_width
    full = 0.02 + 0.03 * who.cheeks
    heights = np.array([CROWN_Y, -0.65, -0.1, 0.3, 0.75, 1.1, 1.4, 1.6])
    heights[4:] *= who.chin_y / 1.6
    chin, jaw, top = who.chin * wide, who.jaw * wide, who.temple * wide
    widths = np.array([top, top, 0.99 * wide, 0.985 * wide, 0.0, 0.0, 0.0, 0.95 * chin])
    widths[4] = 0.45 * wide + 0.55 * jaw + full
    widths[5] = 0.93 * jaw + full
    widths[6] = max(0.51 * jaw + 0.41 * chin, 1.15 * chin)
    spots = np.linspace(CROWN_Y, who.chin_y, 160)
    kernel = np.hanning(27)
    smooth = np.convolve(
        np.pad(np.interp(spots, heights, widths), 13, mode="edge"), kernel / kernel.sum(), mode="valid"
    )
    return spots, smooth


def half_width(who: Person, y: Field) -> Field:
    """Half the width of the bare head at height ``y`` (face units); 0 above the crown and below the chin."""
    spots, widths = _profile(who)
    share = (spots - spots[0]) / (spots[-1] - spots[0])
    dome = np.sqrt(np.clip(1 - (np.minimum(spots + 0.45, 0) / (CROWN_Y + 0.45)) ** 2, 0, 1))
    ends = dome * np.sqrt(np.clip(1 - share**16, 0, 1))
    return np.asarray(np.interp(y, spots, widths * ends, left=0, right=0), dtype=np.float32)


def outline(plane: Plane, who: Person, window: Window) -> Field:
    """Signed distance to the outline of the bare head, nearly (negative inside)."""
    u, v = plane.u[window], plane.v[window]
    step = 0.02
    here = half_width(who, v)
    slope = (half_width(who, v + np.float32(step)) - half_width(who, v - np.float32(step))) / (2 * step)
    side = (np.abs(u) - here) / np.sqrt(1 + np.minimum(slope * slope, 9))
    return np.asarray(np.maximum(side, np.maximum(CROWN_Y - v, v - who.chin_y)), dtype=np.float32)


def _relief(plane: Plane, who: Person, mood: Mood, window: Window) -> Field:
    """Height of the skin above the plane of the picture, in face units."""
    u, v = plane.u[window], plane.v[window]
    side = np.abs(u)
    wide = 1.08 * np.interp(v, *_profile(who)).astype(np.float32)
    height = 0.66 * np.sqrt(np.clip(1 - (u / wide) ** 2, 0.02, 1)) * wide
    height += 0.42 * np.sqrt(np.clip(1 - ((v - 0.05) / (0.2 + np.where(v > 0.05, who.chin_y, -CROWN_Y))) ** 2, 0, 1))
    tip, nose = who.nose_length, who.nose_height
    along = np.clip(v / tip, 0, 1.25)
    width = who.nose_bridge + (0.10 - 0.35 * who.nose_bridge) * along
    ridge = nose * (0.35 + 0.65 * along) + who.nose_bump * np.exp(-(((along - 0.45) / 0.22) ** 2))
    ridge *= rise(-0.22, 0.12, v) * rise(tip + 0.2, tip - 0.02, v)
    detail = ridge * np.exp(-((u / width) ** 2))
    detail += 0.12 * nose / 0.3 * bell(u, v - tip, 0.6 * who.nose_width + 0.02, 0.11)
    detail += 0.10 * bell(side - 0.78 * who.nose_width, v - tip - 0.03, 0.085, 0.09)
    deep = 0.05 + 0.075 * who.eye_depth
    detail -= deep * bell(side - who.eye_x * 0.92, v + 0.02, 0.24, 0.15)
    detail += 0.05 * bell(side - who.eye_x, v, 0.13, 0.085)
    detail += (0.02 + 0.06 * who.brow_ridge) * bell(side - who.eye_x * 0.85, v - who.brow_y, 0.3, 0.12)
    detail += (0.02 + 0.10 * who.cheekbones) * bell(side - 0.62 * who.face_width, v - 0.36, 0.24, 0.18)
    detail += (0.09 * who.cheeks + 0.06 * mood.smile) * bell(side - 0.52, v - 0.55 + 0.06 * mood.smile, 0.26, 0.24)
    detail += 0.09 * bell(u, v - who.mouth_y, 0.42, 0.26)
    detail += who.chin_bump * bell(u, v - who.chin_y + 0.16, 0.25, 0.14)
    fold = side - (who.nose_width + 0.06 + 0.42 * (v - tip) + 0.05 * mood.smile)
    length = bell(v * 0, v - tip - 0.22, 1, 0.26)
    detail -= (0.012 + 0.05 * who.lines + 0.035 * mood.smile) * length * np.exp(-((fold / 0.06) ** 2))
    detail -= 0.035 * bell(u, v - who.mouth_y - 0.12 - who.lip_lower, 0.2, 0.06)
    height += np.float32(who.depth) * detail
    return np.asarray(height, dtype=np.float32)


def _normals(height: Field, grain: float) -> tuple[Field, Field, Field]:
    """Unit normals of a relief whose pixels are ``grain`` wide."""
    dy, dx = np.gradient(height, grain)
    size = 1 / np.sqrt(dx * dx + dy * dy + 1)
    return np.asarray(-dx * size, np.float32), np.asarray(-dy * size, np.float32), np.asarray(size, np.float32)


def paint_head(plane: Plane, who: Person, mood: Mood, light: Light) -> None:
    """Paint the bare head with light and shade: no eyes, brows, mouth or hair yet."""
    reach = 1.15 * who.face_width
    window = plane.window(-reach, CROWN_Y - 0.1, reach, who.chin_y + 0.1)
    if min(plane.u[window].shape) < 2:
        return
    height = _relief(plane, who, mood, window)
    nx, ny, nz = _normals(height, plane.grain)
    length = np.sqrt(light.x**2 + light.y**2 + 1)
    lx, ly, lz = light.x / length, light.y / length, 1 / length
    facing = np.clip(nx * lx + ny * ly + nz * lz, 0, None) / (lz + 0.25 * (1 - lz))
    shade = light.softness * (0.55 + 0.45 * nz) + (1 - light.softness) * facing
    shade += 0.55 * np.clip(0.70 - shade, 0, None)
    skin = _skin(plane, who, window)
    red = np.clip(1 - shade, 0, 1)[..., None] * np.array([0.0, 0.06, 0.10], dtype=np.float32)
    colour = skin * (shade[..., None] - red)
    half = np.array([lx, ly, lz + 1])
    half /= np.linalg.norm(half)
    gleam = np.clip(nx * half[0] + ny * half[1] + nz * half[2], 0, 1) ** 26
    colour += (0.05 + 0.15 * who.skin_shine) * (gleam * light.strength)[..., None]
    mask = plane.soft(outline(plane, who, window))
    plane.lay(window, mask, np.asarray(colour, dtype=np.float32))


def _skin(plane: Plane, who: Person, window: Window) -> Field:
    """Colour of the skin before light falls on it: (height, width, 3)."""
    u, v = plane.u[window], plane.v[window]
    side = np.abs(u)
    lightness = 1 + 0.025 * mottle(u * 3 + 9, v * 3 + 9, who.seed) + 0.02 * mottle(u * 11, v * 11, who.seed + 1)
    for x, y, radius, change in who.tints:
        lightness += np.float32(change) * bell(u - x, v - y, radius, radius)
    skin = np.asarray(who.skin, dtype=np.float32) * lightness[..., None]
    flush = bell(side - 0.55, v - 0.42, 0.24, 0.2) + 0.7 * bell(u, v - who.nose_length, 0.16, 0.14)
    rosy = np.array([0.02, 0.13, 0.12], dtype=np.float32) * who.blush
    skin *= 1 - flush[..., None] * rosy
    under = bell(side - who.eye_x * 0.97, v - 0.15, 0.18, 0.07)
    skin *= 1 - under[..., None] * np.array([0.10, 0.13, 0.10], dtype=np.float32) * (0.3 + who.bags)
    if who.freckles > 0:
        specks = mottle(u * 26 + v * 15, v * 26 - u * 15, who.seed + 2) + 0.7 * mottle(u * 19, v * 19, who.seed + 3)
        spots = rise(0.5, 1.0, specks)
        spots *= rise(0.0, 0.25, v) * rise(0.95, 0.6, v) * who.freckles
        skin *= 1 - spots[..., None] * np.array([0.16, 0.26, 0.32], dtype=np.float32)
    return np.asarray(skin, dtype=np.float32)


def paint_ears(plane: Plane, who: Person, light: Light) -> None:
    """Paint both ears; the head covers their inner edges."""
    for sign in (-1, 1):
        wide = who.face_width
        x = sign * (0.965 * wide + who.ear_out * 0.6)
        size = who.ear_size
        window = plane.window(x - 0.3, -0.45, x + 0.3, 0.75)
        u, v = (plane.u[window] - x) * sign, plane.v[window] - 0.15
        lean = u - 0.12 * (v * -1)
        edge = ellipse(lean, v, 0.125 * size + 0.4 * who.ear_out, 0.33 * size)
        lit = np.float32(0.86 + 0.25 * light.x * sign) + 0.3 * np.clip(u, -0.2, 0.2)
        hollow = 0.30 * bell(lean + 0.02, v - 0.02, 0.06 * size, 0.19 * size)
        skin = np.asarray(who.skin, np.float32) * np.array([1.0, 0.93, 0.91], np.float32)
        colour = skin * (lit - hollow)[..., None]
        plane.lay(window, plane.soft(edge), np.asarray(colour, np.float32))
        if who.earrings:
            ring = ellipse(u, v - 0.36 * size, 0.04, 0.05)
            plane.lay(window, plane.soft(ring), (0.86, 0.78, 0.52))


def paint_neck(plane: Plane, who: Person, light: Light) -> None:
    """Paint the neck, with the shadow of the jaw on it."""
    jaw = who.chin_y
    window = plane.window(-1.3, 0.5, 1.3, jaw + 1.3)
    a, b = plane.a[window], plane.b[window]
    flare = 0.10 * rise(jaw, jaw + 0.75, b) + 0.5 * rise(jaw + 0.45, jaw + 1.1, b)
    edge = np.abs(a) - (who.neck + flare)
    bulge = np.sqrt(np.clip(1 - (a / (who.neck + flare + 0.1)) ** 2, 0, 1))
    shade = 0.48 + 0.4 * bulge + 0.3 * light.x * a
    shade *= 1 - 0.5 * rise(jaw + 0.45, jaw + 0.0, b) * bell(a, b * 0, 0.9, 1)
    cord = 0.05 * np.exp(-(((np.abs(a) - 0.3 + 0.35 * (b - jaw)) / 0.07) ** 2))
    colour = np.asarray(who.skin, np.float32) * np.array([1.0, 0.96, 0.93], np.float32) * (shade - cord)[..., None]
    mask = plane.soft(edge) * rise(0.5, 0.7, b)
    plane.lay(window, mask, np.asarray(colour, np.float32))
