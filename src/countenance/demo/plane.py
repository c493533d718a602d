"""A piece of paper with face coordinates on it, and the soft brushes everything is painted with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import FloatArray
from countenance.demo.palette import Colour

Field = NDArray[np.float32]
"""One number per pixel: (height, width) float32."""

Paint = NDArray[np.float32]
"""(height, width, 3) float32, R, G, B in [0, 1]."""

Window = tuple[slice, slice]
"""Rows and columns of a part of the paper."""

HEAD_X, HEAD_Y = 1.35, 2.3
"""Half axes of the hill that stands for the head when it turns (face units)."""

_NECK_Y = 2.0
"""y of the point about which the head tilts (face units)."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a head is and how it is turned.

    Attributes:
        x: column of the point between the eyes, in pixels.
        y: row of the same point, in pixels.
        scale_px: pixels in one face unit, > 0.
        roll: turn in the picture, radians; positive is clockwise.
        yaw: turn to the viewer's right, radians; features move by about this many face units.
        pitch: turn downwards, radians.
        skew: how far one side of the face sits lower than the other: y grows by this much per unit of x.
        bend: how far the lower face stands to the viewer's right: x grows by this much per unit of y below the eyes.
    """

    x: float
    y: float
    scale_px: float
    roll: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    skew: float = 0.0
    bend: float = 0.0

    def depth(self, a: FloatArray, b: FloatArray) -> FloatArray:
        """How far the head stands out at upright points (a, b): 0 beyond its outline, about 1 in the middle."""
        inside = 1 - (a / HEAD_X) ** 2 - ((b - 0.05) / HEAD_Y) ** 2
        return np.clip(inside, 0, None) ** 1.25 + 0.22 * np.exp(-((a / 0.22) ** 2) - ((b - 0.5) / 0.3) ** 2)

    def place(self, points: FloatArray) -> NDArray[np.float64]:
        """Pixels of points of the face.

        Args:
            points: (n, 2) x, y in face units.

        Returns:
            (n, 2) float64 column, row.
        """
        goal = np.array(points, dtype=np.float64)
        goal[:, 1] += self.skew * goal[:, 0]
        goal[:, 0] += self.bend * np.clip(goal[:, 1], 0, None)
        flat = goal.copy()
        for _ in range(12):
            depth = self.depth(flat[:, 0], flat[:, 1])
            flat = goal + np.stack([self.yaw * depth, self.pitch * depth], axis=1)
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        turned = np.stack([cos * flat[:, 0] - sin * flat[:, 1], sin * flat[:, 0] + cos * flat[:, 1]], axis=1)
        placed: NDArray[np.float64] = turned * self.scale_px + (self.x, self.y)
        return placed


class Plane:
    """Paint over one part of a picture, with the face coordinates of every pixel.

    Attributes:
        paint: the colours, changed in place by every brush.
        pose: of the head.
        u: x of every pixel in face units, following the turned head.
        v: y of every pixel in face units, following the turned head.
        a: like ``u`` but without the turn: for the neck.
        b: like ``v`` but without the turn.
        x: column in face units, for what stays upright under the neck (clothes).
        y: row in face units.
        grain: size of a pixel in face units.
    """

    def __init__(self, paint: Paint, pose: Pose, left: int = 0, top: int = 0) -> None:
        """Lay coordinates over ``paint``, whose first pixel is column ``left``, row ``top`` of the picture."""
        height, width = paint.shape[:2]
        self.paint = paint
        self.pose = pose
        self.grain = 1 / pose.scale_px
        x = np.asarray((np.arange(width) + left - pose.x) * self.grain, np.float32)[None, :]
        y = np.asarray((np.arange(height) + top - pose.y) * self.grain, np.float32)[:, None]
        self.x: Field = np.broadcast_to(x + np.float32(_NECK_Y * np.sin(pose.roll)), (height, width))
        self.y: Field = np.broadcast_to(y, (height, width))
        cos, sin = np.float32(np.cos(pose.roll)), np.float32(np.sin(pose.roll))
        self.a: Field = np.asarray(cos * x + sin * y, dtype=np.float32)
        self.b: Field = np.asarray(cos * y - sin * x, dtype=np.float32)
        depth = np.asarray(pose.depth(self.a, self.b), dtype=np.float32)
        below = self.b - np.float32(pose.pitch) * depth
        self.u: Field = self.a - np.float32(pose.yaw) * depth - np.float32(pose.bend) * np.clip(below, 0, None)
        self.v: Field = below - np.float32(pose.skew) * self.u
        self._left, self._top = left, top

    def window(self, left: float, top: float, right: float, bottom: float) -> Window:
        """The pixels that may show any of a box of the face (face units)."""
        steps = np.linspace(0, 1, 5)
        xs, ys = left + (right - left) * steps, top + (bottom - top) * steps
        rim = np.array([(x, y) for x in xs for y in ys])
        spots = self.pose.place(rim) - (self._left, self._top)
        low, high = spots.min(axis=0) - 2, spots.max(axis=0) + 3
        height, width = self.paint.shape[:2]
        column = slice(int(np.clip(low[0], 0, width)), int(np.clip(high[0], 0, width)))
        row = slice(int(np.clip(low[1], 0, height)), int(np.clip(high[1], 0, height)))
        return row, column

    def soft(self, distance: FloatArray, width: float = 0.0) -> Field:
        """1 inside (distance < 0), 0 outside, with a smooth step ``width`` face units wide, at least one pixel."""
        share = np.clip(0.5 - distance / np.float32(max(width, 1.3 * self.grain)), 0, 1)
        return np.asarray(share * share * (3 - 2 * share), dtype=np.float32)

    def lay(self, window: Window, mask: FloatArray, colour: Colour | FloatArray) -> None:
        """Cover with a colour where ``mask`` is 1, partly where it is less."""
        spot = self.paint[window]
        spot += mask[..., None] * (np.asarray(colour, dtype=np.float32) - spot)

    def tone(self, window: Window, factor: FloatArray) -> None:
        """Make lighter (> 1) or darker (< 1)."""
        self.paint[window] *= factor if factor.ndim == 3 else factor[..., None]

    def tint(self, window: Window, mask: FloatArray, factors: Colour) -> None:
        """Multiply by ``factors`` where ``mask`` is 1, partly where it is less: a shadow or a blush."""
        self.paint[window] *= 1 + mask[..., None] * (np.asarray(factors, dtype=np.float32) - 1)


def ellipse(x: FloatArray, y: FloatArray, half_width: float, half_height: float) -> Field:
    """Signed distance to an ellipse round the origin, nearly (negative inside)."""
    scaled = np.sqrt((x / half_width) ** 2 + (y / half_height) ** 2) + 1e-6
    slope = np.sqrt((x / half_width**2) ** 2 + (y / half_height**2) ** 2) + 1e-6
    return np.asarray(scaled * (scaled - 1) / slope, dtype=np.float32)


def box(x: FloatArray, y: FloatArray, half_width: float, half_height: float, corner: float) -> Field:
    """Signed distance to a box with round corners round the origin (negative inside)."""
    dx, dy = np.abs(x) - (half_width - corner), np.abs(y) - (half_height - corner)
    outer = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0))
    return np.asarray(outer + np.minimum(np.maximum(dx, dy), 0) - corner, dtype=np.float32)


def bell(x: FloatArray, y: FloatArray, half_width: float, half_height: float) -> Field:
    """A smooth hill of height 1 at the origin, exp(-1) high on the ellipse."""
    return np.asarray(np.exp(-((x / half_width) ** 2) - (y / half_height) ** 2), dtype=np.float32)


def rise(low: float, high: float, x: FloatArray) -> Field:
    """0 below ``low``, 1 above ``high``, smooth between; falls instead when ``low`` > ``high``."""
    share = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), dtype=np.float32)


def rotate(x: FloatArray, y: FloatArray, angle: float) -> tuple[Field, Field]:
    """Coordinates in a frame turned by ``angle`` radians (clockwise on the screen)."""
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return cos * x + sin * y, cos * y - sin * x


def mottle(x: FloatArray, y: FloatArray, seed: int) -> Field:
    """Smooth noise in [-1, 1] with one bump per unit square; the same seed and place give the same value."""
    lattice = np.random.default_rng((0xB10B, seed)).uniform(-1, 1, (64, 64)).astype(np.float32)
    column, row = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    fx, fy = x - column, y - row
    fx, fy = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy)
    left, right, above, below = column & 63, (column + 1) & 63, row & 63, (row + 1) & 63
    upper = lattice[above, left] * (1 - fx) + lattice[above, right] * fx
    lower = lattice[below, left] * (1 - fx) + lattice[below, right] * fx
    return np.asarray(upper * (1 - fy) + lower * fy, dtype=np.float32)


def streaks(phase: FloatArray, seed: int) -> Field:
    """Smooth one-dimensional noise in [-1, 1], one bump per unit of ``phase``: strands of hair."""
    row = np.random.default_rng((0x57A9, seed)).uniform(-1, 1, 257).astype(np.float32)
    row[256] = row[0]
    low = np.floor(phase).astype(np.int32)
    share = phase - low
    share = share * share * (3 - 2 * share)
    low &= 255
    return np.asarray(row[low] * (1 - share) + row[low + 1] * share, dtype=np.float32)
