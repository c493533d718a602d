"""What people wear: clothes and glasses."""

from __future__ import annotations

import numpy as np

from countenance.demo.face import Light
from countenance.demo.palette import Colour, mix
from countenance.demo.person import Person
from countenance.demo.plane import Field, Plane, Window, box, ellipse, mottle, rise


def paint_body(plane: Plane, who: Person, light: Light, colour: Colour) -> None:
    """Paint shoulders and trunk, down to the end of the picture.

    Args:
        plane: where to paint; the coordinates that do not turn with the head are used.
        who: the person, for neck and collar.
        light: for the sides of the body.
        colour: of the upper cloth.
    """
    base = who.chin_y + 0.42
    window = _below(plane, base - 0.45)
    a, b = plane.x[window], plane.y[window]
    side = np.abs(a)
    slope = base + 0.05 + 0.21 * np.clip(side - 0.5, 0, None) + 0.50 * np.clip(side - 1.7, 0, None) ** 2.2
    neck_hole = ellipse(a, b - base + 0.02, who.neck + 0.16, 0.34 if who.collar == 0 else 0.30)
    edge = np.maximum(np.maximum(slope - b, side - 2.72 - 0.03 * (b - base)), -neck_hole)
    folds = 0.06 * mottle(a * 1.6, b * 0.8, who.seed + 20)
    lit = np.clip(0.92 + folds + 0.14 * light.x * a - 0.035 * a * a, 0.3, 1.2)
    arms = 0.22 * np.exp(-(((side - 1.9) / 0.05) ** 2)) * rise(base + 1.1, base + 1.7, b)
    paint = np.asarray(colour, np.float32) * (lit - arms)[..., None]
    plane.lay(window, plane.soft(edge, 0.02), paint)
    if who.collar == 0:
        rib = np.abs(neck_hole - 0.04) - 0.035
        plane.tint(window, plane.soft(rib, 0.02) * plane.soft(edge, 0.02), (0.82, 0.82, 0.82))
    else:
        _paint_collar(plane, who, colour, base)


def _paint_collar(plane: Plane, who: Person, colour: Colour, base: float) -> None:
    """Paint a shirt collar; with a jacket, also the shirt and the lapels."""
    window = _below(plane, base - 0.45)
    a, b = plane.x[window], plane.y[window]
    side = np.abs(a)
    shirt = mix(colour, (0.95, 0.95, 0.96), 0.85)
    down = b - base
    if who.collar == 2:
        opening = np.maximum(side - (who.neck + 0.12) * (1 - down / 2.2), 0.12 - down)
        plane.lay(window, plane.soft(opening, 0.02), shirt)
        lapel = np.abs(side - (who.neck + 0.2) * (1 - down / 2.2) - 0.05) - 0.10 * rise(1.8, 0.2, down)
        mask = plane.soft(np.maximum(lapel, 0.05 - down), 0.02) * rise(2.0, 1.7, down)
        plane.tint(window, mask, (0.80, 0.80, 0.82))
        if who.seed % 2:
            tie = np.maximum(side - 0.09 - 0.05 * down, 0.25 - down)
            plane.lay(window, plane.soft(tie, 0.02) * rise(2.0, 1.7, down), mix(colour, who.glasses_colour, 0.6))
    wing = _wing(side, down, who.neck)
    plane.lay(window, plane.soft(wing, 0.015), mix(shirt, colour, 0.0 if who.collar == 2 else 0.55))
    plane.tint(window, plane.soft(np.abs(wing) - 0.012, 0.03) * rise(-0.3, 0.0, down), (0.72, 0.72, 0.74))


def _below(plane: Plane, y: float) -> Window:
    """All pixels lower than ``y`` (face units)."""
    return slice(int(np.searchsorted(plane.y[:, 0], y)), None), slice(None)


def _wing(side: Field, down: Field, neck: float) -> Field:
    """Signed distance to one side of a collar."""
    inner = (neck + 0.02) * (1 - (down + 0.16) / 0.56)
    outer = inner + 0.06 + 0.5 * np.clip(down + 0.16, 0, 0.5)
    tip = down - 0.36 - 0.45 * side
    return np.asarray(np.maximum(np.maximum(inner - side, side - outer), np.maximum(-0.16 - down, tip)), np.float32)


def paint_glasses(plane: Plane, who: Person, light: Light) -> None:
    """Paint spectacles, if the person wears any."""
    if who.glasses == "none":
        return
    tall = who.glasses_size
    wide = {"round": tall * 1.1, "square": tall * 1.4, "wide": 0.33, "thick": tall * 1.35}[who.glasses]
    line = 0.042 if who.glasses == "thick" else 0.022
    corner = {"round": min(tall, wide) * 0.99, "square": 0.06, "wide": 0.10, "thick": 0.11}[who.glasses]
    wide = min(wide, who.eye_x - 0.06)
    corner = min(corner, wide * 0.99, tall * 0.99)
    window = plane.window(-1.15, -0.45, 1.15, 0.5)
    u, v = plane.u[window], plane.v[window]
    side = np.abs(u)
    lens = box(side - np.float32(who.eye_x), v - 0.03, wide, tall, corner)
    rim = np.abs(lens) - line
    bridge = np.maximum(np.abs(v + 0.05 - 0.25 * side * side) - line, side - (who.eye_x - wide))
    temple = np.maximum(np.abs(v + 0.04) - line, np.maximum(who.eye_x + wide - side, side - who.face_width * 0.99))
    frame = np.minimum(rim, np.minimum(bridge, temple))
    shade = 1 - who.glasses_shade
    plane.tint(window, plane.soft(lens), (0.97 * shade, 0.97 * shade, 0.98 * shade))
    glare = np.exp(-(((u * np.sign(light.x or 1) + 1.3 * v - np.where(u > 0, 0.42, -0.42)) / 0.05) ** 2))
    plane.lay(window, (0.14 * glare) * plane.soft(lens), (1.0, 1.0, 1.0))
    plane.tint(window, 0.35 * plane.soft(np.abs(lens - 0.05) - line, 0.07) * rise(-0.05, 0.1, v), (0.7, 0.65, 0.63))
    plane.lay(window, plane.soft(frame, 0.012), who.glasses_colour)
