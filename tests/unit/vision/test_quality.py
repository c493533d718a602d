from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.core.arrays import Crops, Landmarks
from countenance.vision.quality import PARTS, WORTH_TELLING, judge, rate, reasons

SIDE = 150
FRONTAL = np.array([[[180, 200], [240, 200], [210, 235], [190, 265], [230, 265]]], dtype=np.float32)
SURE = np.ones(1, dtype=np.float32)
PHOTO = (420, 470)


def crop(*, blur: float = 0.0, light: float = 1.0, offset: float = 0.0) -> Crops:
    """A picture with detail everywhere, made softer, darker or brighter."""
    chance = np.random.default_rng(1)
    grey = cv2.GaussianBlur(chance.normal(0, 400, (SIDE, SIDE)).astype(np.float32), (0, 0), 3) + 120
    grey += np.asarray(chance.normal(0, 6, grey.shape), dtype=np.float32)
    grey = cv2.GaussianBlur(grey, (0, 0), blur) if blur else grey
    made = np.asarray(np.clip(grey * light + offset, 0, 255), dtype=np.uint8)
    return np.repeat(made[None, :, :, None], 3, axis=3)


def faults(crops: Crops, landmarks: Landmarks = FRONTAL, sure: float = 1.0) -> tuple[str, ...]:
    rating = judge(crops, landmarks, SURE * sure, PHOTO)
    return reasons(rating.parts[0])


def turned(by: float) -> Landmarks:
    """The nose so far from the middle between the eyes, in eye distances."""
    moved = FRONTAL.copy()
    moved[0, 2, 0] += 60 * by
    return moved


def test_a_good_face_has_no_reason_to_refuse_it() -> None:
    assert faults(crop()) == ()
    assert rate(crop(), FRONTAL, SURE, PHOTO)[0] > 90


CASES = {
    "small": faults(crop(), (FRONTAL - FRONTAL.mean(axis=1)) / 6 + 200),
    "blurred": faults(crop(blur=6)),
    "dark": faults(crop(blur=1, light=0.03)),
    "faint": faults(crop(blur=1, light=0.03, offset=150)),
    "overexposed": faults(crop(light=1, offset=170)),
    "turned": faults(crop(), turned(0.5)),
    "cut-off": faults(crop(), FRONTAL - np.array([210, 0], dtype=np.float32)),
    "low-confidence": faults(crop(), sure=0.5),
}


@pytest.mark.parametrize("reason", PARTS)
def test_every_reason_is_told_by_its_own_fault(reason: str) -> None:
    assert CASES[reason][0] == reason
    assert len(CASES[reason]) == 1


def test_the_weakest_part_is_the_quality_and_the_first_reason() -> None:
    both = judge(crop(blur=6), turned(0.45), SURE, PHOTO)
    assert both.qualities[0] == pytest.approx(100 * both.parts[0].min())
    assert reasons(both.parts[0])[0] == PARTS[int(both.parts[0].argmin())]
    assert set(reasons(both.parts[0])) == {"blurred", "turned"}


@pytest.mark.parametrize("quality", [0, 10, 19.9])
def test_whatever_is_too_poor_has_a_reason(quality: float) -> None:
    parts = np.ones(len(PARTS), dtype=np.float32)
    parts[4] = quality / 100
    assert reasons(parts) == ("overexposed",)
    assert WORTH_TELLING > 0.2


def test_enlarging_a_photo_does_not_improve_a_face() -> None:
    small = ((FRONTAL - 200) / 5 + 40).astype(np.float32)
    assert rate(crop(), small, SURE)[0] < rate(crop(), FRONTAL, SURE)[0]


def test_cut_off_is_only_known_where_the_photo_ends() -> None:
    at_edge = FRONTAL - np.array([210, 0], dtype=np.float32)
    assert rate(crop(), at_edge, SURE)[0] > 90
    assert rate(crop(), at_edge, SURE, PHOTO)[0] < 40
    assert rate(crop(), FRONTAL, SURE, PHOTO)[0] > 90


def test_no_faces_no_qualities() -> None:
    none = judge(np.empty((0, SIDE, SIDE, 3), dtype=np.uint8), np.empty((0, 5, 2), np.float32), np.empty(0, np.float32))
    assert none.qualities.shape == (0,)
    assert none.parts.shape == (0, len(PARTS))


@given(
    st.lists(st.floats(-500, 900, width=32), min_size=10, max_size=10),
    st.floats(0, 1, width=32),
    st.integers(0, 255),
)
def test_any_face_gets_a_number(points: list[float], sure: float, grey: int) -> None:
    landmarks = np.array(points, dtype=np.float32).reshape(1, 5, 2)
    rating = judge(np.full((1, 40, 40, 3), grey, dtype=np.uint8), landmarks, SURE * np.float32(sure), PHOTO)
    assert ((rating.parts >= 0) & (rating.parts <= 1)).all()
    assert 0 <= rating.qualities[0] <= 100


@pytest.mark.parametrize("worse", [2.0, 3.0, 4.0])
def test_more_blur_is_never_better(worse: float) -> None:
    assert rate(crop(blur=worse), FRONTAL, SURE)[0] <= rate(crop(blur=worse - 1), FRONTAL, SURE)[0]
