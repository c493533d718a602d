from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from countenance.core.arrays import Boxes, Confidences, Landmarks, Pixels, Templates
from countenance.demo.cast import CAST
from countenance.demo.person import person
from countenance.demo.scene import draw_scene
from countenance.settings import Settings
from countenance.vision.align import align
from countenance.vision.detect import Detections, Detector, detect, open_detector
from countenance.vision.embed import Embedder, open_embedder
from countenance.vision.packs import Pack, load_pack
from countenance.vision.pyramid import Pyramid

LOW = 0.5
"""Confidence from which the judge of these tests sees a face."""


@dataclass(frozen=True)
class Eyes:
    """A judge of real networks."""

    detector: Detector
    embedder: Embedder
    pack: Pack
    match: float

    def see(self, pixels: Pixels) -> Detections:
        return detect(self.detector, [Pyramid(pixels)], [16])[0]

    def faces(self, pixels: Pixels) -> tuple[Boxes, Landmarks, Confidences]:
        seen = self.see(pixels)
        return seen.boxes, seen.landmarks, seen.confidences

    def templates(self, pixels: Pixels, landmarks: Landmarks) -> Templates:
        return self.embedder.embed(align(Pyramid(pixels), landmarks, self.pack.embedder))


@dataclass(frozen=True)
class Group:
    """A drawn photo and the faces that the judge sees in it."""

    pixels: Pixels
    seen: Detections


@pytest.fixture(scope="session")
def eyes(story_settings: Settings) -> Eyes:
    pack = load_pack("default", story_settings)
    low = replace(pack, detector=replace(pack.detector, threshold=LOW))
    return Eyes(open_detector(low, story_settings), open_embedder(pack, story_settings), pack, match=0.945)


@pytest.fixture(scope="session")
def group(eyes: Eyes) -> Group:
    """Three drawn people."""
    pixels = draw_scene([person(CAST[seat]) for seat in (0, 1, 2)], 0, 480, 320).pixels
    seen = eyes.see(pixels)
    assert len(seen) == 3
    return Group(pixels, seen)
