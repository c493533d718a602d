from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.core.arrays import Boxes, Landmarks
from countenance.errors import UsageError
from countenance.redact.plan import (
    ATTEMPTS,
    SHAPES,
    Region,
    attempts_for,
    covers,
    mask_of,
    must_hold,
    plan_regions,
    union_of,
)
from countenance.settings import ClearSettings
from tests.unit.redact.conftest import Group

_FRONT = np.array([[-0.5, -0.35], [0.5, -0.35], [0.0, 0.2], [-0.4, 0.7], [0.4, 0.7]])
"""Landmarks of a face that looks at us, in units of the distance between its eyes, from the middle of its box."""

finite = st.floats(-40, 340)
shapes = st.sampled_from(SHAPES)


def face(x: float, y: float, unit: float, turn_deg: float = 0.0) -> tuple[Boxes, Landmarks]:
    """One face with its box, turned about the middle of the box."""
    turn = np.radians(turn_deg)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    marks = (_FRONT * unit) @ matrix.T + (x, y)
    box = np.array([[x - 1.2 * unit, y - 1.5 * unit, 2.4 * unit, 3 * unit]], dtype=np.float32)
    return box, marks[None].astype(np.float32)


def only(box: Boxes, marks: Landmarks, clear: ClearSettings | None = None, grow: float = 1.0) -> Region:
    (region,) = plan_regions(box, marks, [0], clear or ClearSettings(), grow=grow)
    return region


@given(finite, finite, st.floats(4, 80), st.floats(-180, 180), shapes)
def test_a_region_holds_its_face_however_it_is_turned(x: float, y: float, unit: float, turn: float, shape: str) -> None:
    box, marks = face(x, y, unit, turn)
    region = only(box, marks, ClearSettings(shape=shape))
    points = must_hold(box[0], marks[0])
    assert len(points) == 14
    assert covers(region, points[:, 0], points[:, 1]).all()


@given(finite, finite, st.floats(4, 80), st.floats(-180, 180))
def test_a_region_turns_with_its_face(x: float, y: float, unit: float, turn: float) -> None:
    region = only(*face(x, y, unit, turn))
    assert abs((region.turn_deg - turn + 180) % 360 - 180) < 0.1
    upright = only(*face(x, y, unit))
    assert region.along == pytest.approx(upright.along, rel=1e-3)
    assert region.across == pytest.approx(upright.across, rel=1e-3)


def test_a_region_holds_hair_chin_and_ears() -> None:
    region = only(*face(100, 100, 20))
    crown, chin, ear = (100, 100 - 20 * 2.6), (100, 100 + 20 * 1.6), (100 + 20 * 1.35, 100 - 5)
    for x, y in (crown, chin, ear):
        assert covers(region, np.array([x]), np.array([y])).all()
    assert not covers(region, np.array([100.0]), np.array([100.0 + 20 * 2.6])).any(), "the chest may stay"
    assert not covers(region, np.array([100.0 + 20 * 2.4]), np.array([100.0])).any(), "a neighbour may stay"


def test_a_head_turned_aside_is_covered_behind_the_ear() -> None:
    box, marks = face(200, 100, 20)
    aside = marks.copy()
    aside[0, 2, 0] -= 10  # the nose points to the viewer's left, the back of the head is on the right
    front, turned = only(box, marks), only(box, aside)
    assert turned.x + turned.across > front.x + front.across + 15
    assert turned.x - turned.across == pytest.approx(front.x - front.across, abs=0.1)


@pytest.mark.parametrize("broken", ["nan", "elsewhere", "tiny"])
def test_landmarks_that_do_not_go_with_their_box_are_not_followed(broken: str) -> None:
    box, marks = face(100, 100, 20)
    bad = {"nan": np.full_like(marks, np.nan), "elsewhere": marks + 200, "tiny": marks * 0.02 + 98}[broken]
    region = only(box, bad.astype(np.float32))
    assert (region.x, region.y) == pytest.approx((100, 100))
    assert region.across == region.along
    assert region.along > 45, "a head turned either way"
    points = must_hold(box[0], bad[0])
    assert len(points) == 9
    assert covers(region, points[:, 0], points[:, 1]).all()


def test_margin_and_growth_make_it_larger() -> None:
    box, marks = face(100, 100, 20)
    small, usual = only(box, marks, ClearSettings(margin=0)), only(box, marks)
    assert usual.across - small.across == pytest.approx(0.15 * 60)
    assert usual.along - small.along == pytest.approx(0.15 * 60)
    assert only(box, marks, grow=1.25).along == pytest.approx(1.25 * usual.along)


@pytest.mark.parametrize("clear", [ClearSettings(shape="star"), ClearSettings(margin=-0.1)])
def test_settings_that_hide_nothing_are_refused(clear: ClearSettings) -> None:
    with pytest.raises(UsageError, match="cannot be drawn"):
        plan_regions(*face(100, 100, 20), [0], clear)


def test_only_the_rows_asked_for_are_hidden(group: Group) -> None:
    regions = plan_regions(group.seen.boxes, group.seen.landmarks, [2, 0], ClearSettings())
    assert [region.face for region in regions] == [2, 0]


@given(finite, finite, st.floats(0.5, 90), st.floats(0.5, 90), st.floats(-180, 180), shapes)
def test_a_mask_is_what_covers_says_on_every_pixel(
    x: float, y: float, across: float, along: float, turn: float, shape: str
) -> None:
    region, height, width = Region(0, x, y, across, along, turn, shape), 37, 53
    part, mask = mask_of(region, height, width)
    whole = np.zeros((height, width), dtype=np.bool_)
    assert whole[part].shape == mask.shape
    whole[part] = mask
    pixels = np.mgrid[:height, :width].astype(np.float64)
    assert (whole == covers(region, pixels[1], pixels[0])).all()
    assert (union_of([region, region], height, width) == whole).all()


def test_attempts_grow_and_begin_with_what_was_asked_for() -> None:
    assert attempts_for(ClearSettings()) == ATTEMPTS
    for shape in SHAPES:
        tried = attempts_for(ClearSettings(shape=shape))
        assert tried[0] == (shape, 1.0)
        growth = [grow for _, grow in tried]
        assert growth == sorted(set(growth))
        assert len(tried) > 1
        for wanted, grow in tried:
            assert only(*face(100, 100, 20), replace(ClearSettings(), shape=wanted), grow).shape == wanted
