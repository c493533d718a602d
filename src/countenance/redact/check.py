"""A written file -> what is wrong with it. A file with any finding is not released.

Order of checks:

1. the bytes hold the pixels and what the settings keep, nothing else: else ``foreign-bytes``;
2. the picture has the size of the photo: else ``other-size``, and nothing more can be said;
3. each region holds the landmarks and the middle of its face: else ``not-covered``;
4. each region looks exactly as this photo hidden here would after this encoding: else ``not-covered``;
5. under a style that can be undone, no detail of the photo is left: else ``shows-through``;
6. where something is hidden, no face is found in a region: else ``face-found``; nor one that is new: else ``new-face``;
7. the template at the landmarks of each hidden face does not match that face: else ``recognised``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import cv2
import numpy as np

from countenance.core.arrays import Boxes, Confidences, Landmarks, Pixels, Templates
from countenance.core.geometry import clip_boxes, overlap
from countenance.redact.fill import COLOUR, SAFE_STYLES, fill, smiley
from countenance.redact.plan import Region, covers, mask_of, must_hold, union_of
from countenance.redact.render import encode_jpeg
from countenance.redact.segments import is_ours
from countenance.settings import ClearSettings

SURE: Final = 0.9
"""Confidence from which a face that nobody knew of stops a file."""
TOUCHING: Final = 0.3
"""Overlap from which a face found is taken for a known one."""
NEAR, ALIKE_SIZE = 0.4, 2.0
"""Distance of two middles, in heights, up to which boxes of detectors that differ are of one face, and how much larger
one of them may be."""
MOST_MARKS: Final = 3
"""Landmarks out of five under fills from which a face belongs to them."""
MOSTLY: Final = 0.5
"""Share of a box under fills from which it belongs to them."""
TOLERANCE: Final = 3
"""Levels by which a decoded pixel may differ from what it should be."""
ALIKE: Final = 0.5
"""Correlation of details under a region with those of the photo from which they show through."""
_UNIT_PX: Final = 16
_DETAIL_PX: Final = 48


class Judge(Protocol):
    """What checking needs of detection and recognition."""

    @property
    def match(self) -> float:
        """Cosine from which two templates count as the same person."""

    def faces(self, pixels: Pixels) -> tuple[Boxes, Landmarks, Confidences]:
        """Faces of a picture, found with the settings for clearing."""

    def templates(self, pixels: Pixels, landmarks: Landmarks) -> Templates:
        """Templates (n, d) of the faces at these landmarks."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a written file.

    Attributes:
        face: row of the face that is not hidden; None when it is the whole file.
        problem: ``foreign-bytes``, ``other-size``, ``not-covered``, ``shows-through``, ``face-found``, ``new-face`` or
            ``recognised``.
    """

    face: int | None
    problem: str


def check(  # noqa: PLR0913, PLR0917 - everything that was asked for, and what came of it
    original: Pixels,
    content: bytes,
    written: Pixels,
    boxes: Boxes,
    landmarks: Landmarks,
    regions: Sequence[Region],
    clear: ClearSettings,
    judge: Judge,
    *,
    sure: float = SURE,
) -> list[Finding]:
    """What is wrong with a written file; nothing when it may be released.

    Args:
        original: (height, width, 3) uint8 that was searched.
        content: the written bytes.
        written: (height, width, 3) uint8 that our decoder made of them.
        boxes: (n, 4) of all faces of the photo.
        landmarks: (n, 5, 2) of all faces of the photo.
        regions: of the faces that are hidden.
        clear: how it was asked to be hidden and written.
        judge: detection and recognition.
        sure: confidence from which a face that nobody knew of stops the file.
    """
    findings = [] if is_ours(content, clear.keep) else [Finding(None, "foreign-bytes")]
    if written.shape != original.shape:
        return [*findings, Finding(None, "other-size")]
    hidden = _hidden(original, regions, clear.style)
    for region in regions:
        holds = _holds_face(region, boxes[region.face], landmarks[region.face], original)
        if not (holds and _is_as_hidden(region, hidden, written, clear.jpeg_quality)):
            findings.append(Finding(region.face, "not-covered"))
        if clear.style not in SAFE_STYLES and likeness(original, written, boxes[region.face]) >= ALIKE:
            findings.append(Finding(region.face, "shows-through"))
    if regions:  # else these are the pixels that were looked at already, and nothing was hidden in them
        findings += _found(judge.faces(written), boxes, regions, original, sure)
    return findings + _recognised(original, written, landmarks, regions, clear.style, judge)


def likeness(original: Pixels, written: Pixels, box: Boxes) -> float:
    """How much of a face's details can still be seen: correlation in [-1, 1] of what is left without coarse brightness.

    Args:
        original: (height, width, 3) uint8.
        written: (height, width, 3) uint8.
        box: (4,) of the face.
    """
    height, width = original.shape[:2]
    left, top, w, h = (round(float(value)) for value in clip_boxes(box[None], width, height)[0])
    seen = []
    for pixels in (original, written):
        part = pixels[top : top + h, left : left + w]
        if not part.size:
            return 0.0
        grey = cv2.resize(part, (_DETAIL_PX, _DETAIL_PX), interpolation=cv2.INTER_AREA).astype(np.float32).mean(axis=2)
        detail = grey - cv2.GaussianBlur(grey, (0, 0), _DETAIL_PX / 8)
        seen.append(detail - detail.mean())
    power = float(np.linalg.norm(seen[0]) * max(float(np.linalg.norm(seen[1])), _DETAIL_PX))
    return float((seen[0] * seen[1]).sum() / power) if power > 0 else 0.0


def _hidden(original: Pixels, regions: Sequence[Region], style: str) -> Pixels:
    """The photo as it must look before encoding; painted here, so that a fill that fails is not its own witness."""
    if style not in SAFE_STYLES:
        return fill(original, regions, style)
    painted = original.copy()
    for region in regions:
        part, mask = mask_of(region, *original.shape[:2])
        flat = np.empty_like(painted[part])
        flat[:] = COLOUR
        drawn = smiley(flat, region, part) if style == "emoji" and flat.size else flat
        np.copyto(painted[part], drawn, where=mask[:, :, None])
    return painted


def _holds_face(region: Region, box: Boxes, marks: Landmarks, original: Pixels) -> bool:
    """Whether a region holds the landmarks of its face and the middle of its box, as far as they lie in the photo."""
    points = must_hold(box, marks)
    inside = (points >= 0).all(axis=1) & (points <= np.array([original.shape[1] - 1, original.shape[0] - 1])).all(
        axis=1
    )
    return bool(covers(region, points[inside, 0], points[inside, 1]).all())


def _is_as_hidden(region: Region, hidden: Pixels, written: Pixels, jpeg_quality: int) -> bool:
    """Whether a region looks as it must after encoding and decoding.

    JPEG works on squares of 16 pixels: a part that is cut along them, with one more square on each side for the colours
    that decoding mixes across their edges, comes out exactly as in the whole photo.
    """
    height, width = hidden.shape[:2]
    (rows, columns), mask = mask_of(region, height, width)
    if not mask.any():
        return True
    under = np.zeros((height, width), dtype=np.bool_)
    under[rows, columns] = mask
    rows, columns = _squares(rows, height), _squares(columns, width)
    encoded = encode_jpeg(np.ascontiguousarray(hidden[rows, columns]), jpeg_quality)
    should = np.asarray(cv2.imdecode(np.frombuffer(encoded, dtype=np.uint8), cv2.IMREAD_COLOR_RGB))
    away = np.abs(should.astype(np.int16) - written[rows, columns])[under[rows, columns]]
    return bool(away.max(initial=0) <= TOLERANCE)


def _squares(span: slice, size: int) -> slice:
    start, stop = span.start // _UNIT_PX - 1, -(-span.stop // _UNIT_PX) + 1
    return slice(max(0, start * _UNIT_PX), min(size, stop * _UNIT_PX))


def _found(
    seen: tuple[Boxes, Landmarks, Confidences],
    boxes: Boxes,
    regions: Sequence[Region],
    original: Pixels,
    sure: float,
) -> list[Finding]:
    """Faces that may not be there.

    A face belongs to the fills when most of its box lies under them, when it is where a hidden face was, or when it is
    nobody shown and its middle or most of its landmarks lie under them. A shown face that a neighbour's fill touches is
    none of these.
    """
    found, marks, confidences = seen
    height, width = original.shape[:2]
    under = union_of(regions, height, width)
    hidden = {region.face for region in regions}
    findings = []
    for row, (left, top, w, h) in enumerate(clip_boxes(found, width, height)):
        part = under[round(top) : round(top + h), round(left) : round(left + w)]
        at = np.clip(np.nan_to_num(np.rint(marks[row])), 0, [width - 1, height - 1]).astype(np.intp)
        mostly = part.size > 0 and float(part.mean()) >= MOSTLY
        known = _known(found[row], boxes)
        shown = known is not None and known not in hidden
        middle = under[min(round(top + h / 2), height - 1), min(round(left + w / 2), width - 1)]
        filled = mostly or (not shown and (bool(middle) or int(under[at[:, 1], at[:, 0]].sum()) >= MOST_MARKS))
        if filled or known in hidden:
            findings.append(Finding(_nearest(regions, found[row]), "face-found"))
        elif known is None and confidences[row] >= sure:
            findings.append(Finding(None, "new-face"))
    return findings


def _known(box: Boxes, boxes: Boxes) -> int | None:
    """Row of the face that a box is of: the one it overlaps most, else one of about its size whose middle lies near."""
    if not len(boxes):
        return None
    shared = overlap(box[None], boxes)[0]
    if shared.max() >= TOUCHING:
        return int(shared.argmax())
    taller = np.maximum(np.maximum(boxes[:, 3], box[3]), 1e-6)
    away = np.linalg.norm(boxes[:, :2] + boxes[:, 2:] / 2 - box[:2] - box[2:] / 2, axis=1) / taller
    away[np.minimum(boxes[:, 3], box[3]) * ALIKE_SIZE < taller] = np.inf
    return int(away.argmin()) if away.min() <= NEAR else None


def _nearest(regions: Sequence[Region], box: Boxes) -> int:
    x, y = float(box[0] + box[2] / 2), float(box[1] + box[3] / 2)
    return min(regions, key=lambda region: float(np.hypot(region.x - x, region.y - y))).face


def _recognised(
    original: Pixels, written: Pixels, landmarks: Landmarks, regions: Sequence[Region], style: str, judge: Judge
) -> list[Finding]:
    """Hidden faces whose place in the written picture still gives their template.

    Some blurred or false faces have a template that is like the one of a plain fill. Under a style that shows nothing
    of the photo, being more like the bare fill than like the face is therefore no recognition.
    """
    if not regions:
        return []
    marks = landmarks[[region.face for region in regions]]
    seen = judge.templates(written, marks)
    scores = (judge.templates(original, marks) * seen).sum(axis=1)
    # Written this way round because a score that is no number proves nothing.
    suspect = ~(scores < judge.match)
    if suspect.any() and style in SAFE_STYLES:
        bare = np.empty_like(original)
        bare[:] = COLOUR
        alike = (judge.templates(_hidden(bare, regions, style), marks) * seen).sum(axis=1)
        suspect &= ~(alike > scores)
    return [Finding(region.face, "recognised") for region, bad in zip(regions, suspect, strict=True) if bad]
