from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from countenance.core.arrays import Boxes, Landmarks, Pixels
from countenance.core.geometry import overlap
from countenance.demo.draw import Portrait
from countenance.errors import PackError
from countenance.settings import ClearSettings, Settings
from countenance.vision.clearing import (
    ClearingEye,
    Sight,
    _Seen,
    describe_clearing,
    merged,
    not_known,
    open_clearing,
    same_face,
)
from countenance.vision.detect import open_detector
from countenance.vision.packs import Pack
from countenance.vision.pyramid import Pyramid
from tests.unit.vision.scenes import find, row_of, scaled


def with_second(settings: Settings, second: str) -> Settings:
    return replace(settings, clear=ClearSettings(second_detector=second))


@pytest.fixture(scope="module")
def alone(default_pack: Pack, vision_settings: Settings) -> ClearingEye:
    return open_clearing(default_pack, with_second(vision_settings, "none"))


@pytest.fixture(scope="module")
def both(default_pack: Pack, recommended_pack: Pack, vision_settings: Settings) -> ClearingEye:
    assert recommended_pack.name == "recommended"  # asked for so that it is installed
    return open_clearing(default_pack, vision_settings)


def small_boxes(boxes: Boxes, photo: Pixels, small: Pixels) -> Boxes:
    return np.asarray(boxes * np.float32(small.shape[0] / photo.shape[0]), dtype=np.float32)


def look(eye: ClearingEye, *photos: Pixels, smallest_px: float = 16) -> list[Sight]:
    return eye.look([Pyramid(photo) for photo in photos], [smallest_px] * len(photos))


def check_seen(sight: Sight, boxes: Boxes, landmarks: Landmarks) -> None:
    """Every drawn face once and surely, in its place, with its landmarks in their order."""
    assert len(sight) == len(boxes)
    shared = overlap(boxes, sight.boxes)
    owner = shared.argmax(axis=1)
    assert sorted(owner.tolist()) == list(range(len(boxes)))
    assert shared.max(axis=1).min() > 0.4
    assert sight.sure.all()
    away = np.linalg.norm(sight.landmarks[owner] - landmarks, axis=2) / boxes[:, 3:]
    assert away.max() < 0.25
    assert not sight.signs_of_people


# ------------------------------------------------------------------------------------------------ with the default pack


def test_it_sees_every_face_that_finding_finds(
    alone: ClearingEye, default_pack: Pack, vision_settings: Settings, portraits: list[Portrait]
) -> None:
    photo, boxes, landmarks = row_of(portraits)
    sight = look(alone, photo)[0]
    check_seen(sight, boxes, landmarks)
    found = find(open_detector(default_pack, vision_settings), photo)[0]
    assert (overlap(found.boxes, sight.boxes).max(axis=1) > 0.6).all()
    assert not sight.turned
    assert [str(one.dtype) for one in (sight.boxes, sight.landmarks, sight.sure)] == ["float32", "float32", "bool"]


def test_several_photos_at_once_give_what_they_give_alone(alone: ClearingEye, portraits: list[Portrait]) -> None:
    photo, boxes, _ = row_of(portraits[:2])
    blank, tiny = np.full((90, 200, 3), 128, np.uint8), np.zeros((1, 1, 3), np.uint8)
    together = look(alone, blank, photo, tiny)
    assert [len(sight) for sight in together] == [0, len(boxes), 0]
    assert np.abs(together[1].landmarks - look(alone, photo)[0].landmarks).max() < 1e-3
    for sight in (together[0], together[2]):
        assert (sight.boxes.shape, sight.landmarks.shape, sight.confidences.shape) == ((0, 4), (0, 5, 2), (0,))
        assert (sight.signs_of_people, sight.turned) == (False, False)
    assert alone.look([], []) == []


def test_smaller_faces_are_seen_than_finding_looks_for(
    alone: ClearingEye, default_pack: Pack, vision_settings: Settings, portraits: list[Portrait]
) -> None:
    photo, boxes, _ = row_of(portraits)
    small = scaled(photo, 20 / float(np.median(boxes[:, 3])))
    found = find(open_detector(default_pack, vision_settings), small)[0]
    sight = look(alone, small)[0]
    assert len(found) <= 5
    assert (overlap(small_boxes(boxes, photo, small), sight.boxes).max(axis=1) > 0.3).sum() >= 7


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_photo_on_its_side_is_turned(alone: ClearingEye, portraits: list[Portrait], quarters: int) -> None:
    one = portraits[3]  # one that is seen lying in none of these ways
    height, width = one.pixels.shape[:2]
    held = np.ascontiguousarray(np.rot90(one.pixels, quarters))
    sight = look(alone, held)[0]
    assert sight.turned
    # Where the face is after the turn, worked out from the middle of the photo.
    turn = np.array([[0, 1], [-1, 0]])  # a quarter turn against the clock, where y points down
    middle, there = np.array([width - 1, height - 1]) / 2, np.array([held.shape[1] - 1, held.shape[0] - 1]) / 2
    marks = (one.landmarks - middle) @ np.linalg.matrix_power(turn, quarters).T + there
    left, top, wide, high = one.box
    corners = (np.array([[left, top], [left + wide, top + high]]) - middle) @ np.linalg.matrix_power(
        turn, quarters
    ).T + there
    box = np.concatenate([corners.min(axis=0), np.ptp(corners, axis=0)])[None].astype(np.float32)
    best = int(overlap(box, sight.boxes)[0].argmax())
    assert overlap(box, sight.boxes)[0, best] > 0.4
    assert (np.linalg.norm(sight.landmarks[best] - marks, axis=1) / one.box[3]).max() < 0.25


def test_a_dark_photo_is_raised_before_it_is_searched(alone: ClearingEye, portraits: list[Portrait]) -> None:
    photo, boxes, landmarks = row_of(portraits)
    check_seen(look(alone, (photo * 0.1).astype(np.uint8))[0], boxes, landmarks)


def test_boxes_end_where_the_photo_ends(alone: ClearingEye, portraits: list[Portrait]) -> None:
    left, top, width, height = (round(value) for value in portraits[0].box)
    cut = np.ascontiguousarray(portraits[0].pixels[: top + height - 10, left + round(width * 0.2) :])
    sight = look(alone, cut)[0]
    assert len(sight) >= 1
    assert sight.boxes[:, :2].min() >= 0
    assert (sight.boxes[:, :2] + sight.boxes[:, 2:] <= [cut.shape[1], cut.shape[0]]).all()


def test_sure_faces_come_first_and_doubtful_ones_stay_doubtful(alone: ClearingEye, portraits: list[Portrait]) -> None:
    photo, _, _ = row_of(portraits)
    noise = np.random.default_rng(3).normal(0, 110, photo.shape)
    sight = look(alone, np.clip(photo + noise, 0, 255).astype(np.uint8))[0]
    order = list(zip(~sight.sure, -sight.confidences, strict=True))
    assert order == sorted(order)
    assert (sight.sure == (sight.confidences >= 0.8)).all()
    assert 0 < sight.sure.sum() < len(sight)


def test_skin_without_a_face_is_a_sign_of_people(alone: ClearingEye) -> None:
    wall = np.full((200, 300, 3), (90, 110, 140), dtype=np.uint8)
    arm = wall.copy()
    arm[80:120, 30:270] = (214, 163, 120)
    plain, shown = look(alone, wall, arm)
    assert (len(plain), plain.signs_of_people) == (0, False)
    assert (len(shown), shown.signs_of_people) == (0, True)


# ----------------------------------------------------------------------------------------------------- which detectors


def test_a_second_detector_that_is_not_installed_is_done_without(default_pack: Pack, tmp_path: Path) -> None:
    bare = Settings(cache_dir=tmp_path, device="cpu")
    eye = open_clearing(default_pack, bare)
    assert eye.second == ""
    assert eye.id == open_clearing(default_pack, with_second(bare, "none")).id
    with pytest.raises(PackError):
        open_clearing(default_pack, with_second(bare, "recommended"))
    with pytest.raises(PackError):
        open_clearing(default_pack, with_second(bare, "nobody"))


def test_how_small_and_at_what_size_faces_are_looked_for_makes_another_eye(default_pack: Pack, tmp_path: Path) -> None:
    bare = Settings(cache_dir=tmp_path, device="cpu")
    clears = [
        ClearSettings(),
        ClearSettings(smallest_face_px=20),
        ClearSettings(smallest_face_share=0.02),
        ClearSettings(full_side_px=2_000),
        ClearSettings(style="emoji", margin=0.5),
    ]
    ids = [describe_clearing(default_pack, replace(bare, clear=clear))[0] for clear in clears]
    assert len(set(ids[:4])) == 4
    assert ids[4] == ids[0], "how a head is hidden is not how it is seen"


@pytest.mark.shared
def test_packs_lend_each_other_their_detectors(
    both: ClearingEye, alone: ClearingEye, recommended_pack: Pack, vision_settings: Settings
) -> None:
    other = open_clearing(recommended_pack, vision_settings)
    single = open_clearing(recommended_pack, with_second(vision_settings, "none"))
    assert (both.second, other.second, single.second) == ("yunet", "mtcnn", "")
    assert len({both.id, other.id, single.id, alone.id}) == 4
    assert describe_clearing(recommended_pack, vision_settings) == (other.id, "mtcnn")
    assert describe_clearing(recommended_pack, with_second(vision_settings, "none")) == (single.id, "")


@pytest.mark.shared
def test_two_detectors_see_each_face_once(both: ClearingEye, portraits: list[Portrait]) -> None:
    photo, boxes, landmarks = row_of(portraits)
    for scale in (0.3, 1.0):
        check_seen(look(both, scaled(photo, scale))[0], boxes * np.float32(scale), landmarks * np.float32(scale))


@pytest.mark.shared
@pytest.mark.parametrize("pack", ["default", "recommended"])
def test_with_two_detectors_the_landmarks_are_those_of_the_pack(
    pack: str, default_pack: Pack, recommended_pack: Pack, vision_settings: Settings, portraits: list[Portrait]
) -> None:
    own = {"default": default_pack, "recommended": recommended_pack}[pack]
    photo, _, _ = row_of(portraits[:3])
    found = find(open_detector(own, vision_settings), photo)[0]
    sight = look(open_clearing(own, vision_settings), photo)[0]
    rows = overlap(found.boxes, sight.boxes).argmax(axis=1)
    away = np.linalg.norm(found.landmarks - sight.landmarks[rows], axis=2) / found.boxes[:, 3:]
    assert away.mean() < 0.03


@pytest.mark.shared
def test_yunet_alone_sees_large_and_small_faces(
    recommended_pack: Pack, vision_settings: Settings, portraits: list[Portrait]
) -> None:
    eye = open_clearing(recommended_pack, with_second(vision_settings, "none"))
    photo, boxes, landmarks = row_of(portraits[:4])
    for scale in (0.2, 1.0, 3.0):
        check_seen(look(eye, scaled(photo, scale))[0], boxes * np.float32(scale), landmarks * np.float32(scale))


# ------------------------------------------------------------------------------------------------------- one face, once


def seen(boxes: list[tuple[float, float, float, float]], *, sure: list[bool], look_of: list[int]) -> _Seen:
    n = len(boxes)
    return _Seen(
        np.array(boxes, dtype=np.float32),
        np.arange(n, dtype=np.float32)[:, None, None] * np.ones((n, 5, 2), dtype=np.float32),
        np.linspace(0.9, 0.8, n, dtype=np.float32),
        np.array(sure),
        np.array(look_of),
        np.array(look_of),
        np.zeros(n, dtype=np.bool_),
    )


def test_one_face_in_two_looks_is_kept_once_and_surely() -> None:
    twice = seen([(10, 10, 50, 60), (14, 4, 44, 70)], sure=[False, True], look_of=[0, 1])
    kept = merged(twice)
    assert kept.landmarks[:, 0, 0].tolist() == [1]
    assert kept.sure.tolist() == [True]


def test_neighbours_and_two_faces_of_one_look_stay_apart() -> None:
    neighbours = seen([(10, 10, 50, 60), (55, 10, 50, 60)], sure=[True, True], look_of=[0, 1])
    assert len(merged(neighbours).boxes) == 2
    behind = seen([(10, 10, 50, 60), (22, 4, 44, 56)], sure=[True, True], look_of=[0, 0])
    assert len(merged(behind).boxes) == 2


def test_boxes_of_different_habits_are_one_face_and_a_nose_is_not_its_face() -> None:
    face = np.array([(10, 10, 60, 80)], dtype=np.float32)
    others = np.array([(15, 30, 50, 60), (35, 45, 15, 15), (10, 95, 60, 80), (300, 10, 60, 80)], dtype=np.float32)
    assert same_face(face, others).tolist() == [[True, False, False, False]]
    assert same_face(face, np.empty((0, 4), np.float32)).shape == (1, 0)


def test_a_known_face_stands_for_one_face_of_a_look_only() -> None:
    known = np.array([[100, 100, 50, 60], [300, 100, 50, 60]], dtype=np.float32)
    mother, child, again = [102, 98, 50, 60], [115, 112, 48, 58], [298, 102, 52, 60]
    look = np.array([child, again, mother, [500, 100, 50, 60]], dtype=np.float32)
    assert not_known(look, known).tolist() == [True, False, False, True]
    assert not_known(look, known[:0]).tolist() == [True] * 4
    assert not_known(look[:0], known).tolist() == []
