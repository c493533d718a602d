from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.core.arrays import Boxes, FloatArray
from countenance.core.geometry import clip_boxes, overlap, similarity, suppress


def boxes(*rows: tuple[float, float, float, float]) -> Boxes:
    return np.array(rows, dtype=np.float32).reshape(-1, 4)


def test_overlap_of_known_boxes() -> None:
    one = boxes((0, 0, 10, 10), (5, 0, 10, 10))
    many = boxes((0, 0, 10, 10), (5, 5, 10, 10), (20, 20, 5, 5))
    expected = [[1.0, 25 / 175, 0.0], [50 / 150, 50 / 150, 0.0]]
    assert overlap(one, many) == pytest.approx(np.array(expected))
    assert overlap(one, many).dtype == np.float32


def test_overlap_of_boxes_without_area_is_zero_and_not_a_division() -> None:
    flat = boxes((3, 3, 0, 0), (3, 3, 0, 5))
    assert overlap(flat, flat).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_overlap_of_no_boxes_keeps_its_shape() -> None:
    assert overlap(boxes(), boxes((0, 0, 1, 1))).shape == (0, 1)


def test_touching_boxes_do_not_overlap() -> None:
    assert overlap(boxes((0, 0, 4, 4)), boxes((4, 0, 4, 4)))[0, 0] == 0


def test_boxes_are_cut_to_the_photo_and_lose_their_area_outside() -> None:
    given_boxes = boxes((-5, 2, 10, 4), (95, 45, 20, 20), (200, 200, 5, 5), (1, 1, 3, 3))
    clipped = clip_boxes(given_boxes, 100, 50)
    assert clipped.tolist() == [[0, 2, 5, 4], [95, 45, 5, 5], [100, 50, 0, 0], [1, 1, 3, 3]]


def test_suppress_keeps_the_strongest_of_each_heap() -> None:
    found = boxes((0, 0, 10, 10), (1, 0, 10, 10), (50, 50, 10, 10), (51, 50, 10, 10))
    confidences = np.array([0.7, 0.9, 0.8, 0.6], dtype=np.float32)
    assert suppress(found, confidences, 0.5).tolist() == [1, 2]


def test_suppress_keeps_an_overlap_that_is_just_the_threshold() -> None:
    found = boxes((0, 0, 10, 10), (5, 0, 10, 10))  # one third
    confidences = np.array([0.9, 0.8], dtype=np.float32)
    assert suppress(found, confidences, 0.334).tolist() == [0, 1]
    assert suppress(found, confidences, 0.333).tolist() == [0]


def test_suppress_breaks_ties_by_index() -> None:
    found = boxes((0, 0, 10, 10), (0, 0, 10, 10))
    assert suppress(found, np.array([0.5, 0.5], dtype=np.float32), 0.5).tolist() == [0]


def test_suppress_by_the_smaller_area_drops_nested_boxes() -> None:
    found = boxes((0, 0, 100, 100), (40, 40, 10, 10))
    confidences = np.array([0.9, 0.8], dtype=np.float32)
    assert suppress(found, confidences, 0.5).tolist() == [0, 1]
    assert suppress(found, confidences, 0.5, by_smaller=True).tolist() == [0]


def test_suppress_of_nothing_is_nothing() -> None:
    kept = suppress(boxes(), np.empty(0, dtype=np.float32), 0.5)
    assert kept.tolist() == []
    assert kept.dtype == np.intp


def apply(matrix: FloatArray, points: FloatArray) -> FloatArray:
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])


FACE = np.array([[30.0, 40.0], [70.0, 40.0], [50.0, 60.0], [35.0, 80.0], [65.0, 80.0]])


@given(
    st.floats(-np.pi, np.pi),
    st.floats(0.05, 20),
    st.floats(-500, 500),
    st.floats(-500, 500),
)
def test_similarity_finds_a_known_turn_scale_and_shift(angle: float, scale: float, x: float, y: float) -> None:
    known = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale
    source = (FACE - [x, y]) @ np.linalg.inv(known).T
    matrix = similarity(source[None], FACE)[0]
    assert matrix[:, :2] == pytest.approx(known, abs=1e-6 * scale)
    assert apply(matrix, source) == pytest.approx(FACE, abs=1e-6)


def test_similarity_is_the_least_squares_fit() -> None:
    noisy = FACE + np.random.default_rng(3).normal(scale=4, size=FACE.shape)
    matrix = similarity(noisy[None], FACE)[0]
    best = np.sum((apply(matrix, noisy) - FACE) ** 2)
    for entry in (0.001, -0.001):
        for turn, stretch in ((entry, 0), (0, entry)):
            moved = matrix.copy()
            moved[0, 0] = moved[1, 1] = matrix[0, 0] + stretch
            moved[0, 1], moved[1, 0] = matrix[0, 1] - turn, matrix[1, 0] + turn
            assert np.sum((apply(moved, noisy) - FACE) ** 2) > best


def test_similarity_never_mirrors() -> None:
    mirrored = FACE * [-1, 1]
    assert np.linalg.det(similarity(mirrored[None], FACE)[0][:, :2]) >= 0


def test_similarity_of_points_that_fall_together_sends_them_to_the_centre() -> None:
    matrix = similarity(np.full((1, 5, 2), 7.0), FACE)[0]
    assert apply(matrix, np.array([[7.0, 7.0]]))[0] == pytest.approx(FACE.mean(axis=0))


def test_similarity_of_several_faces_is_each_on_its_own() -> None:
    both = np.stack([FACE, FACE * 2 + 5])
    assert similarity(both, FACE)[1] == pytest.approx(similarity(both[1:], FACE)[0])
    assert similarity(np.empty((0, 5, 2)), FACE).shape == (0, 2, 3)
