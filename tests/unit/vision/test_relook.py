from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from countenance.core.arrays import Crops, Landmarks, Pixels
from countenance.core.geometry import similarity
from countenance.demo.draw import Portrait
from countenance.settings import Settings
from countenance.vision.detect import Detector, detect, open_detector
from countenance.vision.packs import BUILT_IN, load_pack
from countenance.vision.pyramid import Pyramid
from countenance.vision.relook import MAX_LOOKS, doubtful, look_again, misfit, tilt_deg

FACE = np.array([[34.0, 40.0], [66.0, 40.0], [50.0, 57.0], [36.0, 73.0], [64.0, 73.0]])


def turned(points: NDArray[np.float64], angle_deg: float, zoom: float = 1.0) -> Landmarks:
    angle = np.radians(angle_deg)
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = points.mean(axis=0)
    return np.asarray((points - middle) @ turn.T + middle, dtype=np.float32)[None]


class Eye:
    """Stands in for a detector: sees the points it is told to see, and remembers what it was shown."""

    upright_px = 100
    upright_points = FACE
    usual_misfit = 0.15

    def __init__(self, *answers: Landmarks) -> None:
        self.answers = list(answers)
        self.shown: list[Crops] = []

    def place(self, crops: Crops) -> Landmarks:
        self.shown.append(crops)
        return self.answers.pop(0)


BOX = np.array([[10.0, 0.0, 80.0, 100.0]], dtype=np.float32)
PHOTO = Pyramid(np.zeros((100, 100, 3), np.uint8))


@pytest.mark.parametrize("angle_deg", [0, 11, -30, 90, -120, 179])
def test_tilt_is_the_turn_of_the_eyes(angle_deg: float) -> None:
    assert tilt_deg(turned(FACE, angle_deg))[0] == pytest.approx(angle_deg, abs=1e-4)


def test_misfit_ignores_place_size_and_turn_and_sees_shape() -> None:
    assert misfit(turned(FACE, 70, 3.0) + 200, FACE)[0] == pytest.approx(0, abs=1e-5)
    profile = FACE.copy()
    profile[2, 0] += 12
    worse = FACE.copy()
    worse[2, 0] += 24
    slight, strong = misfit(np.stack([profile, worse]).astype(np.float32), FACE)
    assert 0.1 < slight < strong


def test_upright_faces_are_not_looked_at_again() -> None:
    assert not doubtful(BOX, turned(FACE, 0), Eye())[0]
    assert not doubtful(BOX, turned(FACE, 11), Eye())[0]
    eye = Eye()
    assert look_again(PHOTO, BOX, turned(FACE, 3), eye) == pytest.approx(turned(FACE, 3))
    assert eye.shown == []


def test_tilted_misplaced_and_misshapen_faces_are() -> None:
    assert doubtful(BOX, turned(FACE, 13), Eye())[0]
    assert doubtful(BOX, turned(FACE, -13), Eye())[0]
    assert doubtful(BOX, turned(FACE - [0, 10], 0), Eye())[0]
    odd = turned(FACE, 0).copy()
    odd[0, 2, 0] += 16
    assert doubtful(BOX, odd, Eye())[0]


def test_no_faces_are_no_landmarks() -> None:
    none = np.empty((0, 5, 2), np.float32)
    assert look_again(PHOTO, np.empty((0, 4), np.float32), none, Eye()).shape == (0, 5, 2)


def test_what_is_seen_upright_is_sent_back_to_its_place() -> None:
    """The first look is 5 degrees and some pixels off; the second, upright, is right."""
    true, first = turned(FACE, 40, 0.6), turned(FACE, 35, 0.55) + np.float32(2)
    matrix = similarity(first, FACE)[0]
    eye = Eye((true[0] @ matrix[:, :2].T + matrix[:, 2])[None])
    found = look_again(PHOTO, BOX, first, eye)
    assert found == pytest.approx(true, abs=1e-3)
    assert found.dtype == np.float32
    assert [crops.shape for crops in eye.shown] == [(1, 100, 100, 3)]


def test_a_face_that_is_still_tilted_gets_one_more_look_and_no_third() -> None:
    still = turned(FACE, 20)
    eye = Eye(*[still] * 5)
    found = look_again(PHOTO, BOX, turned(FACE, 30), eye)
    assert len(eye.shown) == MAX_LOOKS == 2
    assert tilt_deg(found)[0] == pytest.approx(30 + 20 + 20, abs=0.5)


def test_a_face_that_is_not_seen_again_keeps_its_landmarks() -> None:
    both = np.concatenate([turned(FACE, 30), turned(FACE, 50)])
    unseen = np.full((1, 5, 2), np.nan, np.float32)
    eye = Eye(np.concatenate([unseen, FACE[None]]).astype(np.float32))
    found = look_again(PHOTO, np.repeat(BOX, 2, axis=0), both, eye)
    assert found[0] == pytest.approx(both[0])
    assert found[1] == pytest.approx(both[1], abs=1e-3)  # the eye confirmed it


def test_landmarks_that_fall_together_are_survived() -> None:
    point = np.full((1, 5, 2), 50, np.float32)
    found = look_again(PHOTO, BOX, point, Eye(FACE[None].astype(np.float32)))
    assert found == pytest.approx(point)


@pytest.fixture(params=BUILT_IN)
def detector(request: pytest.FixtureRequest, vision_settings: Settings) -> Detector:
    if request.param == "recommended":
        request.getfixturevalue("recommended_pack")  # skips where its files are not
    return open_detector(load_pack(request.param, vision_settings), vision_settings)


def tilt_photo(photo: Pixels, angle_deg: float) -> tuple[Pixels, NDArray[np.float64]]:
    height, width = photo.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -angle_deg, 1.0)
    tilted = cv2.warpAffine(photo, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(tilted, dtype=np.uint8), np.asarray(matrix, dtype=np.float64)


def test_landmarks_of_tilted_drawn_people_get_better(detector: Detector, portraits: list[Portrait]) -> None:
    before: list[float] = []
    after: list[float] = []
    for one in portraits:
        photo, matrix = tilt_photo(one.pixels, 30)
        true = one.landmarks @ matrix[:, :2].T + matrix[:, 2]
        pyramid = Pyramid(photo)
        first = detector.find([pyramid], [40])[0][1]
        second = detect(detector, [pyramid], [40])[0].landmarks
        assert len(first) == len(second)
        for found, errors in ((first, before), (second, after)):
            away = np.linalg.norm(found - true, axis=2).mean(axis=1) / one.box[3]
            errors.append(float(away.min()) if len(away) else 1.0)
    assert np.median(after) < np.median(before)
    assert np.median(after) < 0.15


def test_an_empty_crop_shows_no_face_or_places_finite_points(detector: Detector) -> None:
    side = detector.upright_px
    placed = detector.place(np.zeros((2, side, side, 3), np.uint8))
    assert placed.shape == (2, 5, 2)
    assert np.isfinite(placed).all() or np.isnan(placed).all()
    assert detector.place(np.empty((0, side, side, 3), np.uint8)).shape == (0, 5, 2)
