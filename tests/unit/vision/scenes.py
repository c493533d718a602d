"""What both detectors are asked: drawn faces in scenes whose faces and landmarks are known."""

from __future__ import annotations

import cv2
import numpy as np

from countenance.core.arrays import Boxes, Landmarks, Pixels
from countenance.core.geometry import overlap
from countenance.demo.draw import Portrait
from countenance.vision.detect import Detections, Detector, detect
from countenance.vision.pyramid import Pyramid


def find(detector: Detector, *photos: Pixels, smallest_px: float = 32) -> list[Detections]:
    return detect(detector, [Pyramid(photo) for photo in photos], [smallest_px] * len(photos))


def row_of(portraits: list[Portrait]) -> tuple[Pixels, Boxes, Landmarks]:
    """Portraits side by side: one photo, its face boxes and landmarks."""
    photo = np.concatenate([one.pixels for one in portraits], axis=1)
    left = np.cumsum([0, *(one.pixels.shape[1] for one in portraits[:-1])])
    boxes = np.array([one.box for one in portraits], dtype=np.float32)
    boxes[:, 0] += left
    landmarks = np.stack([one.landmarks for one in portraits])
    landmarks[:, :, 0] += left[:, None]
    return photo, boxes, landmarks


def scaled(photo: Pixels, scale: float) -> Pixels:
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(photo, None, fx=scale, fy=scale, interpolation=how), dtype=np.uint8)


def check_faces(found: Detections, boxes: Boxes, landmarks: Landmarks) -> None:
    """Every drawn face once, in its place, with its landmarks; nothing else."""
    assert len(found) == len(boxes)
    shared = overlap(boxes, found.boxes)
    owner = shared.argmax(axis=1)
    assert sorted(owner.tolist()) == list(range(len(boxes)))
    assert shared.max(axis=1).min() > 0.45
    away = np.linalg.norm(found.landmarks[owner] - landmarks, axis=2) / boxes[:, 3:]
    assert away.mean() < 0.08  # networks that learnt from photos place the points of a drawing less exactly
    assert away.max() < 0.25
    assert (np.diff(found.confidences) <= 0).all()


def check_contract(detector: Detector, portraits: list[Portrait]) -> None:
    """What any detector promises, whatever it finds."""
    photo, boxes, landmarks = row_of(portraits[:3])
    grey = np.full((90, 200, 3), 128, np.uint8)
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    tiny = [np.zeros(shape, np.uint8) for shape in ((1, 1, 3), (3, 500, 3), (11, 11, 3))]

    # Nothing there: empty rows of the right shape and type.
    for nothing in (grey, *tiny):
        found = find(detector, nothing)[0]
        assert (found.boxes.shape, found.landmarks.shape, found.confidences.shape) == ((0, 4), (0, 5, 2), (0,))
        assert {found.boxes.dtype, found.landmarks.dtype, found.confidences.dtype} == {np.dtype(np.float32)}
    assert len(find(detector, noise)[0]) == 0
    assert find(detector) == []

    # Several photos at once give what they give alone.
    together = find(detector, grey, photo, portraits[3].pixels, tiny[0])
    assert [len(found) for found in together] == [0, 3, 1, 0]
    alone = find(detector, photo)[0]
    assert np.abs(together[1].boxes - alone.boxes).max() < 1e-3
    assert np.abs(together[1].landmarks - alone.landmarks).max() < 1e-3
    check_faces(alone, boxes, landmarks)

    # Coordinates are those of the photo that was given, at any size.
    for scale in (0.4, 2.0):
        check_faces(find(detector, scaled(photo, scale))[0], boxes * scale, landmarks * scale)

    # A face that is cut by the edge has a box inside the photo.
    left, top, width, height = (round(value) for value in portraits[0].box)
    cut = portraits[0].pixels[: top + height + 20, left + round(width * 0.15) :]
    for found in find(detector, np.ascontiguousarray(cut)):
        assert len(found) == 1
        corner, opposite = found.boxes[:, :2], found.boxes[:, :2] + found.boxes[:, 2:]
        assert corner.min() >= 0
        assert (opposite <= [cut.shape[1], cut.shape[0]]).all()

    # Faces below the smallest that is wanted need not be found; those well above it are.
    small = scaled(portraits[0].pixels, 60 / portraits[0].box[3])
    assert len(find(detector, small, smallest_px=40)[0]) == 1
    assert len(find(detector, small, smallest_px=200)[0]) == 0
