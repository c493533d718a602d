"""Pixels -> faces: the detector of a pack, whichever kind it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from countenance.core.arrays import Boxes, Confidences, Landmarks
from countenance.core.geometry import clip_boxes
from countenance.settings import Settings
from countenance.vision.cache import networks
from countenance.vision.mtcnn import Mtcnn
from countenance.vision.packs import Pack
from countenance.vision.pyramid import Pyramid
from countenance.vision.relook import SecondLook, look_again
from countenance.vision.session import Session
from countenance.vision.yunet import YuNet


@dataclass(frozen=True, slots=True)
class Detections:
    """Faces of one photo, strongest first.

    Attributes:
        boxes: (n, 4) in pixels of the photo that was searched.
        landmarks: (n, 5, 2) in the same pixels.
        confidences: (n,) in [0, 1]; comparable within one pack only.
    """

    boxes: Boxes
    landmarks: Landmarks
    confidences: Confidences

    def __len__(self) -> int:
        """How many faces."""
        return len(self.boxes)


class Detector(SecondLook, Protocol):
    """What every kind of detector can do."""

    def find(
        self, photos: Sequence[Pyramid], smallest_px: Sequence[float]
    ) -> list[tuple[Boxes, Landmarks, Confidences]]:
        """Faces of each photo, at least ``smallest_px`` high, strongest first."""


def open_detector(pack: Pack, settings: Settings) -> Detector:
    """The detector of a pack, ready to run.

    Raises:
        PackError: its files are missing, altered or cannot be loaded.
    """
    roles = networks(pack, settings, "detector")
    if pack.detector.kind == "mtcnn":
        nets = {name: Session(roles[name], settings.device) for name in ("pnet", "rnet", "onet")}
        return Mtcnn(nets["pnet"], nets["rnet"], nets["onet"], pack.detector.threshold)
    return YuNet(Session(roles["detector"], settings.device), pack.detector.threshold)


def smallest_face_px(settings: Settings, full_width: int, full_height: int, scale: float) -> float:
    """Height in pixels of the decoded photo below which no face is looked for.

    Args:
        settings: ``smallest_face_px`` and ``smallest_face_share``.
        full_width: of the photo as taken.
        full_height: of the photo as taken.
        scale: decoded pixels per pixel as taken, in (0, 1].
    """
    longer = max(full_width, full_height)
    return max(settings.smallest_face_px, settings.smallest_face_share * longer) * scale


def clearing_face_px(settings: Settings, full_width: int, full_height: int, scale: float) -> float:
    """The same when photos are cleared, where smaller faces count.

    Args:
        settings: ``clear.smallest_face_px`` and ``clear.smallest_face_share``.
        full_width: of the photo as taken.
        full_height: of the photo as taken.
        scale: decoded pixels per pixel as taken, in (0, 1].
    """
    longer = max(full_width, full_height)
    return max(settings.clear.smallest_face_px, settings.clear.smallest_face_share * longer) * scale


def detect(detector: Detector, photos: Sequence[Pyramid], smallest_px: Sequence[float]) -> list[Detections]:
    """Faces of each photo in pixels of that photo; boxes are clipped to the photo, empty ones dropped.

    Doubtful faces (tilted, or with landmarks that lie oddly) are looked at a second time.
    """
    found = []
    for photo, (boxes, landmarks, confidences) in zip(photos, detector.find(photos, smallest_px), strict=True):
        height, width = photo.pixels.shape[:2]
        clipped = clip_boxes(boxes, width, height)
        real = (clipped[:, 2] >= 1) & (clipped[:, 3] >= 1)
        marks = look_again(photo, boxes[real], landmarks[real], detector)
        found.append(Detections(clipped[real], marks, confidences[real]))
    return found
