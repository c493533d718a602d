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
    whole, squares = _crops(Pyramid(photo), square(100, 50, 96), 48)
    assert squares == pytest.approx(square(100, 50, 96))
    assert whole.shape == (1, 48, 48, 3)
    assert whole.min() == 200
    half = _crops(Pyramid(photo), square(52, 50, 96), 48)[0][0]
    assert half[:, :23].max() == 0
    assert half[:, 25:].min() == 200


def test_crops_outside_the_photo_are_black() -> None:
    white = np.full((100, 100, 3), 255, np.uint8)
    corner = _crops(Pyramid(white), square(-24, -24, 48), 24)[0][0]
    assert corner[12:, 12:].min() == 255
    assert corner[:12].max() == 0
    assert corner[:, :12].max() == 0
    assert _crops(Pyramid(white), square(500, 500, 48), 24)[0].max() == 0
    assert _crops(Pyramid(white), square(10, 10, 0.4), 24)[0].max() == 0


@pytest.mark.parametrize(("left", "top", "side"), [(10.4, 20.6, 47.7), (33.3, 12.9, 100.2), (5.1, 7.7, 203.4)])
def test_crops_say_which_pixels_they_were_cut_from(left: float, top: float, side: float) -> None:
    """A plane of light: its mean in a crop tells where the crop's middle lies."""
    rows, columns = np.mgrid[:240, :240]
    photo = np.stack([columns, rows, rows], axis=2).astype(np.uint8)
    crops, squares = _crops(Pyramid(photo), square(left, top, side), 24)
    x, y, width, height = squares[0]
    assert np.abs(squares - square(left, top, side)).max() < 8
    middle = (x + width / 2 - 0.5, y + height / 2 - 0.5)  # pixels count from their centres
    assert crops[0, ..., :2].mean(axis=(0, 1)) == pytest.approx(middle, abs=0.6)
