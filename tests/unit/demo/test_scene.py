"""Group pictures: everybody is in them once, and no face covers another."""

from __future__ import annotations

import numpy as np
import pytest

from countenance.core.geometry import overlap
from countenance.demo.backdrop import PLACES, paint_backdrop
from countenance.demo.person import person
from countenance.demo.scene import Scene, draw_scene

WIDTH, HEIGHT = 400, 267


def group(count: int, seed: int) -> Scene:
    return draw_scene([person(index) for index in range(count)], seed, WIDTH, HEIGHT)


def test_the_same_seed_gives_the_same_scene() -> None:
    one, two = group(3, 5), group(3, 5)
    assert np.array_equal(one.pixels, two.pixels)
    assert [face.box for face in one.faces] == [face.box for face in two.faces]
    assert not np.array_equal(one.pixels, group(3, 6).pixels)


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_everybody_is_in_the_picture_once(count: int) -> None:
    for seed in range(3):
        scene = group(count, seed)
        assert scene.pixels.shape == (HEIGHT, WIDTH, 3)
        assert scene.pixels.dtype == np.uint8
        assert [face.person for face in scene.faces] == list(range(count))
        for face in scene.faces:
            left, top, width, height = face.box
            x, y = face.landmarks[:, 0], face.landmarks[:, 1]
            assert np.all((x > left) & (x < left + width) & (y > top) & (y < top + height))
            assert left > 0
            assert top > 0
            assert left + width < WIDTH
            assert top + height < HEIGHT
        boxes = np.array([face.box for face in scene.faces], dtype=np.float32)
        shared = overlap(boxes, boxes) - np.eye(count, dtype=np.float32)
        assert shared.max() < 0.01


def test_people_come_in_different_sizes_and_places() -> None:
    scenes = [group(5, seed) for seed in range(8)]
    spread = [max(face.box[3] for face in scene.faces) / min(face.box[3] for face in scene.faces) for scene in scenes]
    assert max(spread) > 1.25
    assert len({scene.place for scene in scenes}) > 1


def test_an_empty_group_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one person"):
        draw_scene([], 0, WIDTH, HEIGHT)


@pytest.mark.parametrize("place", PLACES)
def test_backdrops_fill_the_picture(place: str) -> None:
    paint = paint_backdrop(place, 3, 90, 60)
    assert paint.shape == (60, 90, 3)
    assert paint.dtype == np.float32
    assert paint.min() >= 0
    assert paint.max() <= 1
    assert paint.std() > 0.01
