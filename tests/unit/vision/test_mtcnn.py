from __future__ import annotations

import numpy as np
import pytest

from countenance.demo.draw import Portrait
from countenance.settings import Settings
from countenance.vision.detect import Detector, open_detector
from countenance.vision.mtcnn import _crops
from countenance.vision.packs import Pack
from countenance.vision.pyramid import Pyramid
from tests.unit.vision.scenes import check_contract, check_faces, find, row_of


@pytest.fixture(scope="module")
def detector(default_pack: Pack, vision_settings: Settings) -> Detector:
    return open_detector(default_pack, vision_settings)


def test_drawn_people_are_found_with_their_landmarks(detector: Detector, portraits: list[Portrait]) -> None:
    photo, boxes, landmarks = row_of(portraits)
    check_faces(find(detector, photo)[0], boxes, landmarks)


def test_it_keeps_what_a_detector_promises(detector: Detector, portraits: list[Portrait]) -> None:
    check_contract(detector, portraits)


def square(left: float, top: float, side: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.array([[left, top, side, side]], dtype=np.float32)


def test_crops_are_the_squares_asked_for() -> None:
    photo = np.zeros((200, 300, 3), np.uint8)
    photo[50:146, 100:196] = 200
    whole = _crops(Pyramid(photo), square(100, 50, 96), 48)
    assert whole.shape == (1, 48, 48, 3)
    assert whole.min() == 200
    half = _crops(Pyramid(photo), square(52, 50, 96), 48)[0]
    assert half[:, :23].max() == 0
    assert half[:, 25:].min() == 200


def test_crops_outside_the_photo_are_black() -> None:
    white = np.full((100, 100, 3), 255, np.uint8)
    corner = _crops(Pyramid(white), square(-24, -24, 48), 24)[0]
    assert corner[12:, 12:].min() == 255
    assert corner[:12].max() == 0
    assert corner[:, :12].max() == 0
    assert _crops(Pyramid(white), square(500, 500, 48), 24).max() == 0
    assert _crops(Pyramid(white), square(10, 10, 0.4), 24).max() == 0
