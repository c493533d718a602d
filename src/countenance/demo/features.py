"""Eyes, brows, nose, mouth, lines and marks, painted on a finished head."""

from __future__ import annotations

import numpy as np

from countenance.demo.face import Light, Mood, half_width
from countenance.demo.palette import mix
from countenance.demo.person import Person
from countenance.demo.plane import Plane, bell, ellipse, rise, rotate, streaks

EYE_Y = 0.0
"""y of the pupils."""


def mouth_corner(who: Person, mood: Mood) -> tuple[float, float]:
    """X (of the viewer-right corner) and y of the corners of the mouth, in face units."""
    half = who.mouth_width * (1 + 0.12 * mood.smile)
    return half, who.mouth_y - who.mouth_curve - 0.075 * mood.smile


def paint_eyes(plane: Plane, who: Person, mood: Mood) -> None:
    """Paint both eyes with lids and lashes."""
    for sign in (-1, 1):
        _paint_eye(plane, who, mood, sign)


def _paint_eye(plane: Plane, who: Person, mood: Mood, sign: int) -> None:
    """Paint one eye; ``sign`` -1 is the viewer's left one."""
    wide, tall = who.eye_width, who.eye_height * mood.eyes * (1 - 0.16 * mood.smile)
    x0 = sign * who.eye_x
    window = plane.window(x0 - 0.42, EYE_Y - 0.34, x0 + 0.42, EYE_Y + 0.32)
    x, y = rotate((plane.u[window] - x0) * sign, plane.v[window] - EYE_Y, -who.eye_tilt)
    t = np.clip(x / wide, -1.25, 1.25)
    dome = np.clip(1 - t * t, 0, None)
    top = -tall * dome**0.62 * (1 + 0.10 * t) - 0.006
    bottom = 0.72 * tall * dome**0.75 * (1 - 0.15 * t)
    inside = np.maximum(np.maximum(top - y, y - bottom), np.abs(x) - wide)
    dark = mix(who.skin, (0.16, 0.08, 0.06), 0.62)
    plane.tint(window, bell(x, y + 0.03, 1.35 * wide, 2.1 * who.eye_height), (0.86, 0.80, 0.79))
    lid_shade = bell(x, y + 0.6 * who.eye_height + 0.03, 1.2 * wide, 0.9 * who.eye_height + 0.02)
    plane.tint(window, 0.8 * who.liner * lid_shade, (0.62, 0.55, 0.58))
    opening = plane.soft(inside)
    ball = np.array([0.93, 0.91, 0.89], np.float32) * (0.95 - 0.22 * np.abs(t))[..., None]
    shaded = ball * (1 - 0.42 * np.exp(-np.clip(y - top, 0, None) / (0.35 * tall)))[..., None]
    plane.lay(window, opening, shaded)
    ix, iy = x - sign * mood.gaze, y + 0.06 * tall
    radius = 0.06 + 0.19 * wide
    iris = ellipse(ix, iy, radius, radius)
    rim = mix(who.eye_colour, (0.03, 0.02, 0.02), 0.6)
    plane.lay(window, plane.soft(iris) * opening, rim)
    plane.lay(window, plane.soft(iris + 0.022, 0.03) * opening, who.eye_colour)
    plane.lay(window, plane.soft(ellipse(ix, iy, 0.043, 0.043), 0.02) * opening, (0.03, 0.02, 0.02))
    plane.tint(window, opening * np.exp(-np.clip(y - top, 0, None) / (0.3 * tall)), (0.5, 0.48, 0.47))
    spark = ellipse(x * sign + 0.03, y + 0.04, 0.018, 0.018)
    plane.lay(window, plane.soft(spark, 0.012) * opening, (0.97, 0.97, 0.97))
    lash = np.abs(y - top + 0.004) - (0.012 + 0.016 * who.liner) * (1 + 0.5 * t)
    edge = rise(1.16, 1.0, np.abs(t))
    plane.lay(window, 0.92 * plane.soft(lash, 0.022) * edge, mix(who.hair_colour, (0.07, 0.04, 0.04), 0.7))
    lower = np.abs(y - bottom) - 0.006
    plane.lay(window, 0.5 * plane.soft(lower, 0.02) * rise(1.0, 0.8, np.abs(t)), dark)
    fold_y = top - (0.030 + 0.055 * who.lid) * (0.55 + 0.45 * dome)
    fold = np.abs(y - fold_y) - 0.007
    plane.lay(window, 0.6 * plane.soft(fold, 0.03) * rise(1.15, 0.85, np.abs(t)), dark)
    bag_y = bottom + 0.085 + 0.03 * t
    bag = np.exp(-(((y - bag_y) / 0.02) ** 2)) * rise(1.05, 0.5, np.abs(t))
    plane.tint(window, 0.6 * who.bags * bag, (0.72, 0.66, 0.64))


def paint_brows(plane: Plane, who: Person, mood: Mood) -> None:
    """Paint both brows, hair by hair in tone if not in number."""
    dark = mix(who.hair_colour, (0.14, 0.09, 0.07), 0.45)
    for sign in (-1, 1):
        x0 = sign * (who.brow_gap + who.brow_length)
        y0 = who.brow_y - mood.brows
        window = plane.window(x0 - 0.45, y0 - 0.25, x0 + 0.45, y0 + 0.25)
        x, y = rotate((plane.u[window] - x0) * sign, plane.v[window] - y0, -who.brow_tilt)
        t = x / who.brow_length
        spine = 0.8 * who.brow_arch * (np.clip(t - 0.1, -1.2, 1.1) ** 2 - 0.45)
        thick = who.brow_size * np.clip(1.05 - 0.55 * np.clip(t, -0.3, 1.2), 0.15, None) * rise(-1.15, -0.8, t)
        distance = np.maximum(np.abs(y - spine) - thick, np.abs(x) - who.brow_length * 1.05)
        hairs = 0.80 + 0.2 * streaks((x * 38 + y * 26), who.seed + 5)
        mask = plane.soft(distance, 0.035) * (who.brow_strength * hairs)
        plane.lay(window, np.clip(mask, 0, 1), dark)


def paint_nose(plane: Plane, who: Person, light: Light) -> None:
    """Paint nostrils, wings and the shadow below the nose; the relief has done the rest."""
    tip, wide = who.nose_length, who.nose_width
    window = plane.window(-0.55, -0.1, 0.55, tip + 0.4)
    u, v = plane.u[window], plane.v[window]
    side = np.abs(u)
    plane.tint(
        window,
        (0.4 + 0.4 * who.depth) * bell(u - 0.06 * light.x * -1, v - tip - 0.15, 0.9 * wide, 0.07),
        (0.74, 0.66, 0.63),
    )
    x, y = rotate(side - 0.47 * wide, v - tip - 0.075, 0.25)
    hole = ellipse(x, y, 0.30 * wide + 0.008, 0.030)
    plane.lay(window, 0.85 * plane.soft(hole, 0.035), mix(who.skin, (0.10, 0.04, 0.03), 0.78))
    wing = np.abs(np.hypot((side - 0.80 * wide) / 0.9, v - tip - 0.01) - 0.095)
    mask = np.exp(-((wing / 0.022) ** 2)) * rise(0.70 * wide, 0.98 * wide, side) * rise(tip - 0.16, tip - 0.02, v)
    plane.tint(window, (0.3 + 0.45 * who.depth) * mask, (0.62, 0.54, 0.52))
    bridge = np.exp(-(((side - who.nose_bridge - 0.075) / 0.05) ** 2)) * rise(-0.3, -0.05, v) * rise(0.5 * tip, 0.05, v)
    plane.tint(window, 0.5 * who.depth * bridge, (0.80, 0.74, 0.72))


def paint_mouth(plane: Plane, who: Person, mood: Mood) -> None:
    """Paint the lips and, for an open mouth, the teeth."""
    half, corner_y = mouth_corner(who, mood)
    window = plane.window(-0.75, who.mouth_y - 0.35, 0.75, who.mouth_y + 0.45)
    u, v = plane.u[window], plane.v[window]
    t = np.clip(u / half, -1.1, 1.1)
    dome = np.clip(1 - t * t, 0, None)
    rise_y = corner_y - who.mouth_y
    gap = 0.13 * mood.open
    middle = who.mouth_y + rise_y * t * t
    bow = 1 - 0.22 * np.exp(-((t / 0.13) ** 2))
    top = middle - who.lip_upper * (1 - 0.25 * mood.smile) * dome**0.8 * bow - 0.25 * gap * dome
    bottom = middle + (who.lip_lower * (1 - 0.15 * mood.smile) + gap) * dome**0.9
    upper_edge, lower_edge = middle - 0.15 * gap * dome, middle + gap * dome
    lips = mix(who.skin, (0.62, 0.20, 0.22), 0.22 + 0.45 * who.lip_redness)
    lips = (lips[0] * 0.86, lips[1] * 0.80, lips[2] * 0.80)
    whole = plane.soft(np.maximum(np.maximum(top - v, v - bottom), np.abs(u) - half), 0.025)
    rounded = 1.08 - 0.25 * rise(0.4, 1.0, (v - middle) / np.maximum(bottom - middle, 0.01))
    rounded = np.where(v < middle, 0.82, rounded) * (1 - 0.12 * np.abs(t))
    paint = np.asarray(lips, np.float32) * rounded[..., None]
    plane.lay(window, 0.92 * whole, paint)
    shine = bell(u, v - (who.mouth_y + gap + 0.5 * who.lip_lower), 0.4 * half, 0.3 * who.lip_lower)
    plane.tint(window, 0.14 * who.skin_shine * shine, (2.0, 2.0, 2.0))
    inside = plane.soft(np.maximum(upper_edge - v, v - lower_edge)) * rise(1.0, 0.93, np.abs(t))
    if mood.open > 0:
        plane.lay(window, inside, (0.24, 0.09, 0.08))
        teeth = plane.soft(v - upper_edge - 0.72 * gap * dome, 0.02) * rise(0.95, 0.75, np.abs(t))
        ivory = np.array([0.93, 0.90, 0.85], np.float32) * (1 - 0.25 * np.abs(t))[..., None]
        plane.lay(window, inside * teeth, ivory)
    line = np.abs(v - upper_edge) - 0.008
    plane.lay(window, 0.85 * plane.soft(line, 0.022) * rise(1.08, 0.95, np.abs(t)), mix(lips, (0.12, 0.03, 0.03), 0.72))
    corners = bell(np.abs(u) - half, v - corner_y, 0.05, 0.045)
    plane.tint(window, 0.6 * corners, (0.62, 0.54, 0.52))
    plane.tint(
        window, 0.7 * bell(u, v - (who.mouth_y + gap + who.lip_lower + 0.05), 0.6 * half, 0.045), (0.78, 0.70, 0.68)
    )
    groove = bell(u, v - 0.5 * (who.nose_length + 0.1 + who.mouth_y), 0.035, 0.10)
    plane.tint(window, 0.35 * groove, (0.82, 0.76, 0.74))


def paint_lines(plane: Plane, who: Person, mood: Mood) -> None:
    """Paint the lines of age and of a smile, and moles."""
    window = plane.window(-1.0, -1.0, 1.0, who.chin_y)
    u, v = plane.u[window], plane.v[window]
    side = np.abs(u)
    tip = who.nose_length
    fold_x = who.nose_width + 0.05 + 0.45 * np.clip(v - tip, 0, None) + 0.04 * mood.smile
    fold = (
        np.exp(-(((side - fold_x) / 0.025) ** 2))
        * rise(tip - 0.06, tip + 0.06, v)
        * rise(who.mouth_y + 0.1, who.mouth_y - 0.15, v)
    )
    strength = np.float32(0.10 + 0.5 * who.lines + 0.3 * mood.smile)
    lines = np.clip(strength * fold, 0, 1)
    old = max(0.0, who.lines - 0.35) / 0.65
    if old > 0:
        for y in (-0.52, -0.63, -0.74):
            wave = v - y - 0.015 * np.cos(u * 5 + who.seed)
            lines = lines + 0.40 * old * np.exp(-((wave / 0.014) ** 2)) * rise(0.6, 0.35, side)
        for k in (-1, 0, 1):
            ray = v - 0.02 - k * (0.02 + 0.55 * (side - who.eye_x - who.eye_width))
            span = rise(0.03, 0.06, side - who.eye_x - who.eye_width) * rise(0.2, 0.1, side - who.eye_x - who.eye_width)
            lines = lines + 0.45 * old * np.exp(-((ray / 0.012) ** 2)) * span
        lines = lines + 0.35 * old * np.exp(-(((side - 0.05) / 0.014) ** 2)) * bell(u * 0, v + 0.22, 1, 0.09)
    plane.tint(window, np.clip(lines, 0, 1), (0.66, 0.56, 0.53))
    for x, y, radius, darkness in who.marks:
        if abs(x) + 2 * radius > 0.97 * float(half_width(who, np.full(1, y, np.float32))[0]):
            continue  # a narrow face has no skin there
        spot = ellipse(u - np.float32(x), v - np.float32(y), radius, radius)
        plane.lay(window, np.float32(darkness) * plane.soft(spot, 0.02), mix(who.skin, (0.15, 0.07, 0.05), 0.75))
