"""Boxes, overlap and the similarity transform that alignment uses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import Boxes, Confidences, FloatArray


def overlap(one: Boxes, many: Boxes) -> NDArray[np.float32]:
    """Intersection over union of every pair.

    Args:
        one: (n, 4) left, top, width, height.
        many: (m, 4), same layout.

    Returns:
        (n, m) float32 in [0, 1]; boxes without area overlap nothing.
    """
    a, b = one[:, None, :], many[None, :, :]
    width = np.minimum(a[..., 0] + a[..., 2], b[..., 0] + b[..., 2]) - np.maximum(a[..., 0], b[..., 0])
    height = np.minimum(a[..., 1] + a[..., 3], b[..., 1] + b[..., 3]) - np.maximum(a[..., 1], b[..., 1])
    shared = np.clip(width, 0, None) * np.clip(height, 0, None)
    union = a[..., 2] * a[..., 3] + b[..., 2] * b[..., 3] - shared
    return np.asarray(np.where(union > 0, shared / np.where(union > 0, union, 1), 0), dtype=np.float32)


def clip_boxes(boxes: Boxes, width: float, height: float) -> Boxes:
    """The part of each box that lies in a photo of ``width`` x ``height`` pixels; without area when none does.

    Args:
        boxes: (n, 4) left, top, width, height.
        width: of the photo.
        height: of the photo.
    """
    limits = np.array([width, height], dtype=np.float32)
    corner = np.clip(boxes[:, :2], 0, limits)
    opposite = np.clip(boxes[:, :2] + boxes[:, 2:], 0, limits)
    return np.asarray(np.concatenate([corner, opposite - corner], axis=1), dtype=np.float32)


def suppress(boxes: Boxes, confidences: Confidences, threshold: float, *, by_smaller: bool = False) -> NDArray[np.intp]:
    """Greedy non-maximum suppression.

    Args:
        boxes: (n, 4) left, top, width, height in pixels.
        confidences: (n,) higher wins; ties go to the lower index.
        threshold: overlap in [0, 1] above which the weaker box goes.
        by_smaller: measure overlap as intersection over the smaller area (nested boxes go too).

    Returns:
        Kept indices, strongest first.
    """
    left, top = boxes[:, 0], boxes[:, 1]
    right, bottom = left + boxes[:, 2], top + boxes[:, 3]
    area = boxes[:, 2] * boxes[:, 3]
    order = np.argsort(-confidences, kind="stable")
    kept = []
    while order.size:
        first, rest = order[0], order[1:]
        kept.append(first)
        width = np.clip(np.minimum(right[first], right[rest]) - np.maximum(left[first], left[rest]), 0, None)
        height = np.clip(np.minimum(bottom[first], bottom[rest]) - np.maximum(top[first], top[rest]), 0, None)
        shared = width * height
        base = np.minimum(area[first], area[rest]) if by_smaller else area[first] + area[rest] - shared
        order = rest[shared <= threshold * base]
    return np.asarray(kept, dtype=np.intp)


def similarity(source: FloatArray, target: FloatArray) -> NDArray[np.float64]:
    """Least-squares similarity transforms (rotation, uniform scale, shift) from source to target points.

    Args:
        source: (n, k, 2) points (x, y).
        target: (k, 2) points that every row of ``source`` is sent to.

    Returns:
        (n, 2, 3) float64 matrices ``m`` with ``target ~ m[:, :2] @ point + m[:, 2]``; never a mirror image.

    Source:
        S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
        IEEE PAMI 13(4), 1991; in the plane it is one complex regression coefficient.
    """
    points = np.asarray(source, dtype=np.float64)
    goal = np.asarray(target, dtype=np.float64)
    centre, goal_centre = points.mean(axis=1), goal.mean(axis=0)
    z = (points - centre[:, None]) @ np.array([1, 1j])
    w = (goal - goal_centre) @ np.array([1, 1j])
    power = np.sum(np.abs(z) ** 2, axis=1)
    turn = (np.conj(z) @ w) / np.where(power > 0, power, 1)
    result = np.empty((len(points), 2, 3))
    result[:, 0, 0] = result[:, 1, 1] = turn.real
    result[:, 0, 1], result[:, 1, 0] = -turn.imag, turn.imag
    result[:, :, 2] = goal_centre - np.einsum("nij,nj->ni", result[:, :, :2], centre)
    return result
