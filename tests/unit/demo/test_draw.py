"""Portraits: the same seed the same picture, and the truth lies where the paint is."""

from __future__ import annotations

import numpy as np
import pytest

from countenance.demo.cast import CAST
from countenance.demo.draw import Portrait, draw_portrait
from countenance.demo.person import person
from countenance.demo.plane import Plane, Pose

SIDE = 128


def portraits(seeds: range, pictures: range = range(1)) -> list[Portrait]:
    return [draw_portrait(person(seed), picture, SIDE) for seed in seeds for picture in pictures]


def inside(box: tuple[float, float, float, float], points: np.ndarray, margin: float = 0.0) -> bool:
    left, top, width, height = box
    x, y = points[:, 0], points[:, 1]
    in_x = (x > left + margin * width) & (x < left + width - margin * width)
    return bool(np.all(in_x & (y > top + margin * height) & (y < top + height - margin * height)))


def test_the_same_seeds_give_the_same_picture() -> None:
    one, two = (draw_portrait(person(CAST[0]), 3, SIDE) for _ in range(2))
    assert np.array_equal(one.pixels, two.pixels)
    assert np.array_equal(one.landmarks, two.landmarks)
    assert one.box == two.box


def test_picture_seeds_and_people_change_the_picture() -> None:
    pictures = portraits(range(3), range(2))
    distinct = {picture.pixels.tobytes() for picture in pictures}
    assert len(distinct) == len(pictures)


def test_pixels_are_eight_bit_rgb_of_the_size_asked_for() -> None:
    for size in (64, 200):
        picture = draw_portrait(person(1), 0, size)
        assert picture.pixels.shape == (size, size, 3)
        assert picture.pixels.dtype == np.uint8
        assert picture.pixels.flags.c_contiguous


def test_too_small_a_portrait_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 64"):
        draw_portrait(person(1), 0, 63)


def test_landmarks_lie_in_the_box_and_the_box_in_the_picture() -> None:
    for picture in portraits(range(12), range(2)):
        assert picture.landmarks.shape == (5, 2)
        assert picture.landmarks.dtype == np.float32
        assert inside(picture.box, picture.landmarks, margin=0.03)
        left, top, width, height = picture.box
        assert left > 0
        assert top > 0
        assert left + width < SIDE
        assert top + height < SIDE
        assert 0.25 * SIDE < height < 0.8 * SIDE


def test_landmarks_are_in_their_order() -> None:
    for picture in portraits(range(12), range(2)):
        left_eye, right_eye, nose, left_mouth, right_mouth = picture.landmarks
        assert left_eye[0] < nose[0] < right_eye[0]
        assert left_mouth[0] < right_mouth[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


def test_pupils_are_darker_than_the_face() -> None:
    found = 0
    for picture in portraits(range(12)):
        grey = picture.pixels.mean(axis=2)
        left, top, width, height = (round(part) for part in picture.box)
        face = grey[top : top + height, left : left + width]
        for x, y in np.round(picture.landmarks[:2]).astype(int):
            found += grey[y - 1 : y + 2, x - 1 : x + 2].min() < np.median(face)
    assert found >= 22


def test_one_person_looks_more_like_themself_than_like_others() -> None:
    def patch(picture: Portrait) -> np.ndarray:
        left, top, width, height = picture.box
        rows = np.clip(np.linspace(top, top + height, 16), 0, SIDE - 1).astype(int)
        columns = np.clip(np.linspace(left, left + width, 16), 0, SIDE - 1).astype(int)
        return np.asarray(picture.pixels[np.ix_(rows, columns)], dtype=np.float64)

    first = [patch(draw_portrait(person(seed), 0, SIDE)) for seed in CAST[:8]]
    second = [patch(draw_portrait(person(seed), 1, SIDE)) for seed in CAST[:8]]
    distance = np.array([[np.abs(a - b).mean() for b in second] for a in first])
    own = np.diag(distance)
    others = distance[~np.eye(len(own), dtype=bool)]
    assert own.mean() < 0.75 * others.mean()


def test_place_undoes_the_turn_of_the_head() -> None:
    pose = Pose(x=60, y=50, scale_px=22, roll=0.1, yaw=0.12, pitch=-0.06, skew=0.04, bend=0.05)
    plane = Plane(np.zeros((SIDE, SIDE, 3), dtype=np.float32), pose)
    points = np.array([(-0.45, 0.0), (0.45, 0.0), (0.0, 0.5), (-0.4, 1.0), (0.4, 1.0), (0.0, 1.6)])
    for (u, v), (x, y) in zip(points, pose.place(points), strict=True):
        column, row = round(float(x)), round(float(y))
        assert plane.u[row, column] == pytest.approx(u, abs=0.05)
        assert plane.v[row, column] == pytest.approx(v, abs=0.05)
