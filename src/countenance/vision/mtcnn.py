"""MTCNN: proposals on a pyramid, refined twice, batched over the faces of all photos.

Source:
    K. Zhang et al., "Joint face detection and alignment using multi-task cascaded convolutional networks", IEEE SPL
    23(10), 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import Boxes, Confidences, Crops, Landmarks
from countenance.core.geometry import suppress
from countenance.vision.pyramid import Pyramid
from countenance.vision.session import Session

CELL_PX, STRIDE_PX = 12, 2
FACTOR = 0.709
OVERLAP_LEVEL, OVERLAP_PHOTO, OVERLAP_OUTPUT = 0.5, 0.7, 0.7
BATCH_CROPS = 256
_UPRIGHT = np.array([[0.336, 0.401], [0.677, 0.401], [0.500, 0.594], [0.348, 0.765], [0.652, 0.765]])
"""Where the landmarks of an upright face lie in its square box, in shares of its side; the mean over 49 portraits."""


@dataclass(frozen=True, slots=True)
class Stages:
    """Confidences in [0, 1] that decide which boxes each network hands on.

    Attributes:
        propose: from which a window of the first network becomes a candidate.
        refine: from which the second network keeps a candidate.
        doubt: from which the last network is asked again, in the box that it corrected.
        settled: from which it is not asked again; None for the confidence from which a face counts.
    """

    propose: float = 0.6
    refine: float = 0.7
    doubt: float = 0.4
    settled: float | None = None


FINDING = Stages()
"""As its authors set them, with a second question to the last network."""


class Mtcnn:
    """The detector; see ``vision.detect.Detector``."""

    upright_px = 48
    upright_points = _UPRIGHT * 48 - 0.5
    usual_misfit = 0.18

    def __init__(self, pnet: Session, rnet: Session, onet: Session, threshold: float, stages: Stages = FINDING) -> None:
        """Keep the three networks, the confidence in [0, 1] from which a face counts, and those before it."""
        self._pnet, self._rnet, self._onet = pnet, rnet, onet
        self._threshold, self._stages = threshold, stages
        self._settled = threshold if stages.settled is None else stages.settled

    def find(
        self, photos: Sequence[Pyramid], smallest_px: Sequence[float]
    ) -> list[tuple[Boxes, Landmarks, Confidences]]:
        """Faces of each photo, strongest first."""
        if not photos:
            return []
        boxes = [self._propose(photo, smallest) for photo, smallest in zip(photos, smallest_px, strict=True)]
        boxes = self._refine(photos, boxes)
        return self._finish(photos, boxes)

    def place(self, crops: Crops) -> Landmarks:
        """Landmarks (n, 5, 2) of the one face in each upright crop, by the last of the three networks."""
        marks = np.concatenate(_batched(self._onet, [crops], ["points"]))
        shares = np.stack([marks[:, :5], marks[:, 5:]], axis=2)
        return np.asarray(shares * self.upright_px - 0.5, dtype=np.float32)

    def vouch(self, photo: Pyramid, boxes: Boxes) -> Confidences:
        """The last network's confidences (n,) in faces that another detector is not sure of, in their boxes (n, 4).

        A box is judged as it is and as the network corrects it; the higher confidence counts.
        """
        if not len(boxes):
            return np.empty(0, dtype=np.float32)
        moved, _, first = self._judge([photo], [_squared(boxes)])[0]
        _, _, second = self._judge([photo], [_squared(moved)])[0]
        return np.maximum(first, second)

    def _propose(self, photo: Pyramid, smallest_px: float) -> NDArray[np.float32]:
        """Square candidate boxes (n, 4) of one photo."""
        scale = min(CELL_PX / max(smallest_px, CELL_PX), 1.0)
        shorter = min(photo.pixels.shape[:2])
        found: list[NDArray[np.float32]] = []
        while shorter * scale >= CELL_PX:
            pixels = photo.resized(scale)
            box, p = self._pnet.run({"crops": pixels[None]}, ["box", "p"])
            score = p[0, 0]
            rows, columns = np.nonzero(score > self._stages.propose)
            corner = np.stack([columns, rows], axis=1) * STRIDE_PX
            boxes = _corrected(
                np.concatenate([corner, np.full_like(corner, CELL_PX)], axis=1).astype(np.float32),
                box[0][:, rows, columns].T,
            )
            kept = suppress(boxes, score[rows, columns], OVERLAP_LEVEL)
            ratio = photo.pixels.shape[1] / pixels.shape[1]
            found.append(np.concatenate([boxes[kept] * ratio, score[rows, columns][kept, None]], axis=1))
            scale *= FACTOR
        if not found:
            return np.empty((0, 4), dtype=np.float32)
        candidates = np.concatenate(found).astype(np.float32)
        kept = suppress(candidates[:, :4], candidates[:, 4], OVERLAP_PHOTO)
        return _squared(candidates[kept, :4])

    def _refine(self, photos: Sequence[Pyramid], boxes: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        cut = [_crops(photo, part, 24) for photo, part in zip(photos, boxes, strict=True)]
        box, p = _batched(self._rnet, [crops for crops, _ in cut], ["box", "p"])
        refined = []
        for (_, part), shift, score in zip(cut, _split(box, boxes), _split(p[:, 0], boxes), strict=True):
            good = score > self._stages.refine
            moved = _corrected(part[good], shift[good])
            refined.append(_squared(moved[suppress(moved, score[good], OVERLAP_PHOTO)]))
        return refined

    def _finish(
        self, photos: Sequence[Pyramid], boxes: list[NDArray[np.float32]]
    ) -> list[tuple[Boxes, Landmarks, Confidences]]:
        """Faces that the last network is sure of; those it nearly is are judged once more, in the box it corrected."""
        judged = self._judge(photos, boxes)
        nearly = [(score >= self._stages.doubt) & (score < self._settled) for _, _, score in judged]
        if any(rows.any() for rows in nearly):
            centred = [_squared(moved[rows]) for (moved, _, _), rows in zip(judged, nearly, strict=True)]
            second = self._judge(photos, centred)
            judged = [
                (np.concatenate([a[0], b[0]]), np.concatenate([a[1], b[1]]), np.concatenate([a[2], b[2]]))
                for a, b in zip(judged, second, strict=True)
            ]
        found = []
        for moved, landmarks, score in judged:
            good = np.flatnonzero(score >= self._threshold)
            kept = good[suppress(moved[good], score[good], OVERLAP_OUTPUT, by_smaller=True)]
            found.append((moved[kept], landmarks[kept], score[kept]))
        return found

    def _judge(
        self, photos: Sequence[Pyramid], boxes: list[NDArray[np.float32]]
    ) -> list[tuple[Boxes, Landmarks, Confidences]]:
        """The last network's word on square boxes: corrected boxes, landmarks and confidences of each photo."""
        cut = [_crops(photo, part, 48) for photo, part in zip(photos, boxes, strict=True)]
        box, points, p = _batched(self._onet, [crops for crops, _ in cut], ["box", "points", "p"])
        shifts, marks, scores = _split(box, boxes), _split(points, boxes), _split(p[:, 0], boxes)
        judged = []
        for (_, square), shift, mark, score in zip(cut, shifts, marks, scores, strict=True):
            xs, ys = mark[:, :5], mark[:, 5:]
            # Shares of the square, whose edges lie half a pixel before the centres of its first pixels.
            landmarks = np.stack([xs, ys], axis=2) * square[:, None, 2:] + square[:, None, :2] - np.float32(0.5)
            judged.append((_corrected(square, shift), landmarks.astype(np.float32), score))
        return judged


def _corrected(boxes: NDArray[np.float32], shift: NDArray[np.float32]) -> NDArray[np.float32]:
    """Boxes with both corners moved by ``shift`` (n, 4), in shares of width and height."""
    size = boxes[:, 2:]
    corner, opposite = boxes[:, :2] + shift[:, :2] * size, boxes[:, :2] + size + shift[:, 2:] * size
    return np.concatenate([corner, np.maximum(opposite - corner, 0)], axis=1).astype(np.float32)


def _squared(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    side = boxes[:, 2:].max(axis=1, keepdims=True) if len(boxes) else boxes[:, 2:3]
    return np.concatenate([boxes[:, :2] + (boxes[:, 2:] - side) / 2, side, side], axis=1).astype(np.float32)


def _crops(photo: Pyramid, boxes: NDArray[np.float32], side_px: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Square crops (n, side, side, 3), and the boxes (n, 4) in whole pixels of a level that they were really cut from.

    Outside the photo they are zero, as the networks were trained.
    """
    squares = boxes.copy()
    crops = np.zeros((len(boxes), side_px, side_px, 3), dtype=np.uint8)
    for row, (left, top, side, _) in enumerate(boxes):
        if side < 1:
            continue
        level, scale = photo.level(side / side_px)
        height, width = level.shape[:2]
        x0, y0 = round(float(left) * scale), round(float(top) * scale)
        n = max(1, round(float(side) * scale))
        squares[row] = x0 / scale, y0 / scale, n / scale, n / scale
        inside = level[max(y0, 0) : min(y0 + n, height), max(x0, 0) : min(x0 + n, width)]
        if not inside.size:
            continue
        if inside.shape[:2] != (n, n):
            whole = np.zeros((n, n, 3), dtype=np.uint8)
            dy, dx = max(-y0, 0), max(-x0, 0)
            whole[dy : dy + inside.shape[0], dx : dx + inside.shape[1]] = inside
            inside = whole
        crops[row] = cv2.resize(
            inside, (side_px, side_px), interpolation=cv2.INTER_AREA if n > side_px else cv2.INTER_LINEAR
        )
    return crops, squares


def _batched(session: Session, crops: list[NDArray[np.uint8]], outputs: list[str]) -> list[NDArray[np.float32]]:
    """One network over the crops of all photos together."""
    together = np.concatenate(crops)
    starts = range(0, max(len(together), 1), BATCH_CROPS)
    parts = [session.run({"crops": together[at : at + BATCH_CROPS]}, outputs) for at in starts]
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def _split(rows: NDArray[np.float32], boxes: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    return np.split(rows, np.cumsum([len(part) for part in boxes])[:-1])
