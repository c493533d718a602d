"""Who can be found or recognised in a released file: the eyes of ``redacted.py``, which know nothing of our check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.cleared import OUR_GREY, is_filled, read
from benchmarks.places import SHARED
from countenance.core.arrays import Boxes, Landmarks, Pixels, Templates
from countenance.core.geometry import overlap, suppress
from countenance.settings import ClearSettings, Settings
from countenance.vision.align import align
from countenance.vision.clearing import open_clearing
from countenance.vision.detect import clearing_face_px, detect, open_detector, smallest_face_px
from countenance.vision.embed import open_embedder
from countenance.vision.packs import load_pack
from countenance.vision.pyramid import Pyramid
from countenance.vision.session import Session

FLAT: Final = 6
"""Levels by which a pixel of a fill may differ from its grey after JPEG."""
SHOWN_OVERLAP: Final = 0.3
"""Overlap with a shown face from which a detection is that face."""
ULTRAFACE_FROM, ULTRAFACE_SIDES = 0.7, (640, 480)
AROUND: Final = 3.0
PACKS: Final = {"mtcnn": "default", "yunet": "recommended"}


@dataclass(frozen=True, slots=True)
class Released:
    """One released file: its name in the source, its path, and every face of the photo, hidden or not."""

    name: str
    path: Path
    boxes: Boxes
    landmarks: Landmarks
    hidden: NDArray[np.bool_]


@dataclass(slots=True)
class Opinion:
    """What was found.

    Attributes:
        eyes: who looked.
        found: faces found again under fills, by who found them.
        found_at: each of them.
        beside: detections whose middle lies under a fill and that are a shown face beside it, by who found them.
        beside_at: each of them.
        highest: highest score of any hidden face with anybody enrolled, by pack.
        recognised: hidden faces whose templates match somebody.
        elsewhere: faces found in released files that match somebody who did not say yes best.
    """

    eyes: tuple[str, ...] = ()
    found: Counter[str] = field(default_factory=Counter)
    found_at: list[dict[str, Any]] = field(default_factory=list)
    beside: Counter[str] = field(default_factory=Counter)
    beside_at: list[dict[str, Any]] = field(default_factory=list)
    highest: dict[str, float] = field(default_factory=dict)
    recognised: list[dict[str, Any]] = field(default_factory=list)
    elsewhere: list[dict[str, Any]] = field(default_factory=list)

    def add(self, other: Opinion) -> None:
        """Take over what another process found."""
        self.eyes = other.eyes
        self.found += other.found
        self.found_at += other.found_at
        self.beside += other.beside
        self.beside_at += other.beside_at
        self.recognised += other.recognised
        self.elsewhere += other.elsewhere
        for pack, score in other.highest.items():
            self.highest[pack] = max(score, self.highest.get(pack, -1.0))


class Eyes:
    """Each detector alone, for finding and for clearing, and UltraFace."""

    def __init__(self, settings: Settings) -> None:
        """Open them."""
        alone = replace(settings, clear=replace(ClearSettings(), second_detector="none"))
        self.settings = settings
        self.finding = {kind: open_detector(load_pack(name, settings), settings) for kind, name in PACKS.items()}
        self.clearing = {kind: open_clearing(load_pack(name, alone), alone) for kind, name in PACKS.items()}
        self._ultraface = Session(SHARED / "weights/ultraface/version-RFB-640.onnx")
        self.names = (*(f"{kind} {how}" for kind in PACKS for how in ("finding", "clearing")), "ultraface")

    def look(self, pixels: Pixels, regions: Boxes) -> dict[str, Boxes]:
        """Boxes that each of them finds in R, G, B pixels."""
        height, width = pixels.shape[:2]
        photo, found = Pyramid(pixels), {}
        for kind in PACKS:
            smallest = smallest_face_px(self.settings, width, height, 1.0)
            found[f"{kind} finding"] = detect(self.finding[kind], [photo], [smallest])[0].boxes
            smallest = clearing_face_px(self.settings, width, height, 1.0)
            found[f"{kind} clearing"] = self.clearing[kind].look([photo], [smallest])[0].boxes
        parts = [(0, 0, width, height)]
        for left, top, w, h in regions:
            x, y, half = left + w / 2, top + h / 2, max(w, h) * AROUND / 2
            parts.append(
                (max(0, int(x - half)), max(0, int(y - half)), min(width, int(x + half)), min(height, int(y + half)))
            )
        found["ultraface"] = np.concatenate([self._small(pixels, part) for part in parts])
        return found

    def _small(self, pixels: Pixels, part: tuple[int, int, int, int]) -> Boxes:
        """Faces of one part of a photo by UltraFace, each once."""
        left, top, right, bottom = part
        if right - left < 1 or bottom - top < 1:
            return np.empty((0, 4), dtype=np.float32)
        shown = cv2.resize(pixels[top:bottom, left:right], ULTRAFACE_SIDES).astype(np.float32)
        scores, corners = self._ultraface.run({"input": ((shown - 127) / 128).transpose(2, 0, 1)[None]})
        good = np.flatnonzero(scores[0, :, 1] >= ULTRAFACE_FROM)
        sides = np.array([right - left, bottom - top] * 2, dtype=np.float32)
        boxes = corners[0, good] * sides + np.array([left, top] * 2, dtype=np.float32)
        boxes = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
        kept = suppress(boxes.astype(np.float32), scores[0, good, 1], SHOWN_OVERLAP)
        return np.asarray(boxes[kept], dtype=np.float32)


class Memory:
    """Everybody who is enrolled, as one pack sees them."""

    def __init__(self, kind: str, settings: Settings, people: Mapping[str, bytes], no: set[str]) -> None:
        """Read the portraits again, not the archive."""
        self.pack = load_pack(PACKS[kind], settings)
        self._embedder = open_embedder(self.pack, settings)
        detector, rows, self.names = open_detector(self.pack, settings), [], list[str]()
        for name, portrait in people.items():
            pixels = cv2.imdecode(np.frombuffer(portrait, dtype=np.uint8), cv2.IMREAD_COLOR)
            if pixels is None:
                continue
            photo = Pyramid(np.ascontiguousarray(pixels[:, :, ::-1], dtype=np.uint8))
            height, width = photo.pixels.shape[:2]
            faces = detect(detector, [photo], [smallest_face_px(settings, width, height, 1.0)])[0]
            if len(faces):
                largest = int(np.argmax(faces.boxes[:, 3]))
                rows.append(self.templates(photo, faces.landmarks[largest : largest + 1])[0])
                self.names.append(name)
        self._gallery = np.array(rows, dtype=np.float32)
        self.refused = np.array([name in no for name in self.names], dtype=np.bool_)

    def templates(self, photo: Pyramid, marks: Landmarks) -> Templates:
        """Templates at these landmarks."""
        return self._embedder.embed(align(photo, marks, self.pack.embedder))

    def scores(self, photo: Pyramid, marks: Landmarks) -> NDArray[np.float32]:
        """(n, people) cosines."""
        if not len(marks) or not len(self._gallery):
            return np.empty((0, len(self.names)), dtype=np.float32)
        return np.asarray(self.templates(photo, marks) @ self._gallery.T, dtype=np.float32)


def look(given: Sequence[Released], settings: Settings, people: Mapping[str, bytes], no: set[str]) -> Opinion:
    """The opinion on some released files; ``no`` are those enrolled people who did not say yes."""
    eyes, opinion = Eyes(settings), Opinion()
    opinion.eyes = eyes.names
    memories = {kind: Memory(kind, settings, people, no) for kind in PACKS}
    for each in given:
        pixels = np.ascontiguousarray(read(each.path)[:, :, ::-1])
        photo = Pyramid(pixels)
        if each.hidden.any():
            _find(each, pixels, eyes, opinion)
        for kind, memory in memories.items():
            _recognise(each, photo, kind, memory, eyes, opinion)
    return opinion


def _find(each: Released, pixels: Pixels, eyes: Eyes, opinion: Opinion) -> None:
    height, width = pixels.shape[:2]
    under = fills(pixels, each.boxes[each.hidden])
    shown = each.boxes[~each.hidden]
    for who, boxes in eyes.look(pixels, each.boxes[each.hidden]).items():
        for box in boxes:
            x, y = (int(v) for v in np.clip(box[:2] + box[2:] / 2, 0, [width - 1, height - 1]))
            if not under[y, x]:
                continue
            where = {"photo": each.name, "by": who, "box": [round(float(v), 1) for v in box]}
            if len(shown) and overlap(box[None], shown).max() >= SHOWN_OVERLAP:
                opinion.beside[f"{who}, a shown face"] += 1
                opinion.beside_at.append(where)
                continue
            opinion.found[who] += 1
            opinion.found_at.append(where)


def _recognise(each: Released, photo: Pyramid, kind: str, memory: Memory, eyes: Eyes, opinion: Opinion) -> None:
    name, match = PACKS[kind], memory.pack.match
    if not memory.names:
        return
    for row in memory.scores(photo, each.landmarks[each.hidden]):
        best = int(row.argmax())
        opinion.highest[name] = max(float(row[best]), opinion.highest.get(name, -1.0))
        if not row[best] < match:
            opinion.recognised.append(
                {"photo": each.name, "pack": name, "as": memory.names[best], "score": float(row[best])}
            )
    height, width = photo.pixels.shape[:2]
    found = detect(eyes.finding[kind], [photo], [smallest_face_px(eyes.settings, width, height, 1.0)])[0]
    for box, row in zip(found.boxes, memory.scores(photo, found.landmarks), strict=True):
        best = int(row.argmax())
        if not row[best] < match and memory.refused[best]:
            opinion.elsewhere.append(
                {
                    "photo": each.name,
                    "pack": name,
                    "as": memory.names[best],
                    "score": float(row[best]),
                    "best_who_said_yes": float(row[~memory.refused].max(initial=-1.0)),
                    "box": [round(float(v), 1) for v in box],
                }
            )


def fills(pixels: Pixels, boxes: Boxes) -> NDArray[np.bool_]:
    """(height, width) True under fills: the ellipse in each box, and what is flat and grey around it."""
    height, width = pixels.shape[:2]
    planned = np.zeros((height, width), dtype=np.uint8)
    for left, top, w, h in boxes.tolist():
        middle, half = (round(left + w / 2), round(top + h / 2)), (max(1, round(w / 2)), max(1, round(h / 2)))
        cv2.ellipse(planned, middle, half, 0, 0, 360, 1, thickness=-1)
    grey = is_filled(pixels, OUR_GREY, FLAT).astype(np.uint8)
    _, labels = cv2.connectedComponents(grey, connectivity=4)
    touched = np.unique(labels[(planned > 0) & (grey > 0)])
    return np.asarray((planned > 0) | (np.isin(labels, touched) & (grey > 0)))
