from __future__ import annotations

import cv2
import numpy as np
import pytest

from countenance.core.arrays import FloatArray, Pixels
from countenance.settings import Settings
from countenance.vision.align import align
from countenance.vision.packs import BUILT_IN, EmbedderSpec, load_pack
from countenance.vision.pyramid import Pyramid


@pytest.fixture(params=BUILT_IN)
def spec(request: pytest.FixtureRequest) -> EmbedderSpec:
    return load_pack(request.param, Settings()).embedder


def placed(spec: EmbedderSpec, side_px: float, angle_deg: float, centre: tuple[float, float]) -> FloatArray:
    """The embedder's five points as they lie in a photo: turned, scaled, moved."""
    points = (np.asarray(spec.points) - spec.side_px / 2) * side_px / spec.side_px
    angle = np.radians(angle_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(points @ turn.T + centre)


def spots(points: FloatArray, side_px: float) -> Pixels:
    """Five soft spots; what alignment moves is visible in the crop."""
    rows, columns = np.mgrid[:700, :900]
    spread = side_px * 0.015
    near = [np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * spread**2)) for x, y in points]
    return np.repeat((np.max(near, axis=0) * 250).astype(np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize("side_px", [120, 270, 520])
@pytest.mark.parametrize("angle_deg", [0, -35, 120])
def test_landmarks_land_on_the_points_of_the_embedder(spec: EmbedderSpec, side_px: float, angle_deg: float) -> None:
    landmarks = placed(spec, side_px, angle_deg, (430.3, 351.7))
    crop = align(Pyramid(spots(landmarks, side_px)), landmarks[None].astype(np.float32), spec)[0]
    assert crop.shape == (spec.side_px, spec.side_px, 3)
    for x, y in spec.points:
        left, top = round(x) - 7, round(y) - 7
        window = crop[top : top + 15, left : left + 15, 0].astype(np.float64)
        moments = cv2.moments(window)
        found = (left + moments["m10"] / moments["m00"], top + moments["m01"] / moments["m00"])
        assert found == pytest.approx((x, y), abs=0.15)


def test_each_face_of_a_photo_has_its_own_crop(spec: EmbedderSpec) -> None:
    one, two = placed(spec, 200, 0, (200, 300)), placed(spec, 200, 0, (600, 300))
    photo = spots(one, 200)  # only the first place shows anything
    crops = align(Pyramid(photo), np.stack([one, two]).astype(np.float32), spec)
    assert crops.shape == (2, spec.side_px, spec.side_px, 3)
    assert crops[0].max() > 200
    assert crops[1].max() == 0


def test_no_faces_are_no_crops(spec: EmbedderSpec) -> None:
    none = align(Pyramid(np.zeros((20, 20, 3), np.uint8)), np.empty((0, 5, 2), np.float32), spec)
    assert none.shape == (0, spec.side_px, spec.side_px, 3)
    assert none.dtype == np.uint8


def test_the_points_of_a_face_are_where_a_face_has_them(spec: EmbedderSpec) -> None:
    left_eye, right_eye, nose, left_mouth, right_mouth = np.asarray(spec.points) / spec.side_px
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < nose[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
