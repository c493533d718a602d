from __future__ import annotations

import numpy as np
import pytest

from countenance.core.geometry import overlap
from countenance.demo.draw import Portrait
from countenance.settings import Settings
from countenance.vision.cache import networks
from countenance.vision.detect import Detector, open_detector
from countenance.vision.mtcnn import FINDING, Mtcnn, Stages, _crops
from countenance.vision.packs import Pack
from countenance.vision.pyramid import Pyramid
from countenance.vision.session import Session
from tests.unit.vision.scenes import check_contract, check_faces, find, row_of


@pytest.fixture(scope="module")
def detector(default_pack: Pack, vision_settings: Settings) -> Detector:
    return open_detector(default_pack, vision_settings)


def test_drawn_people_are_found_with_their_landmarks(detector: Detector, portraits: list[Portrait]) -> None:
    photo, boxes, landmarks = row_of(portraits)
    check_faces(find(detector, photo)[0], boxes, landmarks)


def test_it_keeps_what_a_detector_promises(detector: Detector, portraits: list[Portrait]) -> None:
    check_contract(detector, portraits)


def test_finding_goes_by_the_thresholds_of_the_authors(detector: Detector) -> None:
    assert isinstance(detector, Mtcnn)
    assert Stages(propose=0.6, refine=0.7, doubt=0.4, settled=None) == FINDING
    assert (detector._stages, detector._threshold, detector._settled) == (FINDING, 0.8, 0.8)


def test_lower_stages_see_more_and_lose_nothing_that_is_sure(
    detector: Detector, default_pack: Pack, vision_settings: Settings, portraits: list[Portrait]
) -> None:
    roles = networks(default_pack, vision_settings, "detector")
    pnet, rnet, onet = (Session(roles[name]) for name in ("pnet", "rnet", "onet"))
    lenient = Mtcnn(pnet, rnet, onet, 0.3, Stages(propose=0.4, refine=0.3, settled=0.8))
    photo, _, _ = row_of(portraits)
    noise = np.random.default_rng(5).normal(0, 90, photo.shape)
    poor = Pyramid(np.clip(photo + noise, 0, 255).astype(np.uint8))
    more, fewer = lenient.find([poor], [32.0])[0], detector.find([poor], [32.0])[0]
    assert len(more[0]) > len(fewer[0])
    assert 0.3 <= more[2].min() < 0.8
    assert (overlap(fewer[0], more[0]).max(axis=1) > 0.5).all()


def test_the_last_network_vouches_for_faces_and_not_for_walls(detector: Detector, portraits: list[Portrait]) -> None:
    assert isinstance(detector, Mtcnn)
    photo, boxes, _ = row_of(portraits)
    walls = np.array([(2, 2, 40, 50), (photo.shape[1] - 60, 4, 50, 40)], dtype=np.float32)
    word = detector.vouch(Pyramid(photo), np.concatenate([boxes, walls]))
    assert word[:-2].min() > 0.5
    assert word[-2:].max() < 0.2
    assert detector.vouch(Pyramid(photo), boxes[:0]).shape == (0,)


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
