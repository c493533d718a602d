"""What stands behind people: plain studio colours, a wall, a garden, a hall."""

from __future__ import annotations

from typing import Final

import numpy as np

from countenance.demo.plane import Field, Paint, mottle, rise

PLACES: Final = ("studio", "wall", "garden", "hall")
"""Names that ``paint_backdrop`` knows."""


def paint_backdrop(place: str, seed: int, width_px: int, height_px: int) -> Paint:
    """An empty picture of a place.

    Args:
        place: one of ``PLACES``.
        seed: varies colours and details.
        width_px: columns, > 0.
        height_px: rows, > 0.

    Returns:
        (height_px, width_px, 3) float32, R, G, B in [0, 1].
    """
    rng = np.random.default_rng((0xBACD, seed))
    x = (np.arange(width_px, dtype=np.float32) / max(width_px, height_px))[None, :]
    y = (np.arange(height_px, dtype=np.float32) / max(width_px, height_px))[:, None]
    painter = {"studio": _studio, "wall": _wall, "garden": _garden, "hall": _hall}[place]
    picture = painter(rng, np.broadcast_to(x, (height_px, width_px)), np.broadcast_to(y, (height_px, width_px)), seed)
    return np.ascontiguousarray(np.clip(picture, 0, 1), dtype=np.float32)


def _studio(rng: np.random.Generator, x: Field, y: Field, seed: int) -> Paint:
    """A plain colour with a soft glow in the middle."""
    colour = rng.uniform(0.25, 0.85, 3) * 0.5 + rng.uniform(0.25, 0.8) * 0.5
    middle = 0.5 * float(x[0, -1]) + rng.uniform(-0.15, 0.15)
    glow = 0.82 + 0.28 * np.exp(-(((x - middle) / 0.45) ** 2) - ((y - 0.4) / 0.5) ** 2)
    glow = glow + 0.03 * mottle(x * 4, y * 4, seed)
    return np.asarray(np.asarray(colour, np.float32) * np.asarray(glow, np.float32)[..., None], np.float32)


def _wall(rng: np.random.Generator, x: Field, y: Field, seed: int) -> Paint:
    """A painted wall with panelling."""
    colour = rng.uniform(0.45, 0.85, 3) * 0.4 + rng.uniform(0.4, 0.75) * 0.6
    spacing = rng.uniform(0.09, 0.2)
    groove = np.abs((x / spacing) % 1 - 0.5)
    rail = float(rng.uniform(0.25, 0.45))
    lit = (
        1
        - 0.12 * rise(0.47, 0.5, groove) * rise(rail, rail + 0.01, y)
        - 0.10 * rise(rail + 0.012, rail + 0.004, np.abs(y - rail) + rail)
    )
    lit = lit * (1.05 - 0.2 * y) + 0.02 * mottle(x * 9, y * 9, seed)
    return np.asarray(colour * np.asarray(lit, np.float32)[..., None], np.float32)


def _garden(rng: np.random.Generator, x: Field, y: Field, seed: int) -> Paint:
    """Sky, a hedge out of focus, and grass."""
    sky = np.array([0.66, 0.80, 0.93], np.float32) + (0.25 * y)[..., None]
    leaves = 0.75 + 0.22 * mottle(x * 9, y * 9, seed) + 0.14 * mottle(x * 22, y * 22, seed + 1)
    hedge = np.array([0.24, 0.40, 0.19], np.float32) * leaves[..., None]
    blades = 0.9 + 0.10 * mottle(x * 50, y * 16, seed + 2)
    grass = np.array([0.44, 0.58, 0.27], np.float32) * blades[..., None]
    line = float(rng.uniform(0.06, 0.16)) + 0.04 * mottle(x * 5, y * 0, seed + 3)
    picture = sky + rise(-0.02, 0.03, y - line)[..., None] * (hedge - sky)
    lawn = float(rng.uniform(0.42, 0.55))
    return np.asarray(picture + rise(lawn - 0.01, lawn + 0.02, y)[..., None] * (grass - picture), np.float32)


def _hall(rng: np.random.Generator, x: Field, y: Field, seed: int) -> Paint:
    """A warm hall with columns, lamps out of focus and a floor."""
    warm = np.array([0.55, 0.42, 0.32], np.float32) * np.float32(rng.uniform(0.8, 1.15))
    spacing = float(rng.uniform(0.16, 0.26))
    phase = (x / spacing + rng.uniform()) % 1
    column = rise(0.30, 0.22, np.abs(phase - 0.5))
    lit = 0.72 + 0.32 * column * (0.75 + 0.5 * np.cos((phase - 0.5) * 6)) + 0.03 * mottle(x * 6, y * 6, seed)
    picture = warm * lit[..., None]
    for _ in range(9):
        cx, cy, radius = rng.uniform(0, float(x[0, -1])), rng.uniform(0.0, 0.14), rng.uniform(0.008, 0.022)
        distance = np.hypot(x - cx, y - cy)
        glow = rise(radius * 1.15, radius * 0.8, distance) * 0.55 + 0.18 * np.exp(-((distance / (3.5 * radius)) ** 2))
        picture = picture + glow[..., None] * np.array([1.0, 0.86, 0.58], np.float32)
    floor = np.array([0.36, 0.24, 0.17], np.float32) * (1 + 0.06 * mottle(x * 20, y * 60, seed + 4))[..., None]
    line = float(rng.uniform(0.46, 0.56))
    return np.asarray(picture + rise(line, line + 0.006, y)[..., None] * (floor - picture), np.float32)
