from __future__ import annotations

import numpy as np
import pytest

from countenance.vision.pyramid import Pyramid
from countenance.vision.turning import TURNS, Turn

HEIGHT, WIDTH = 5, 8
POINTS = ((1, 1), (6, 1), (4, 2), (1, 3), (7, 4))


def marked(order: tuple[int, ...] = (0, 1, 2, 3, 4)) -> Pyramid:
    """A dark photo whose five points have grey levels of their own."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    for at, which in enumerate(order):
        x, y = POINTS[which]
        pixels[y, x] = 100 + at
    return Pyramid(pixels)


def places(photo: Pyramid) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Where the five points are, in the order of their grey levels."""
    spots = [np.argwhere(photo.pixels[:, :, 0] == 100 + at)[0] for at in range(5)]
    return np.array([[(x, y) for y, x in spots]], dtype=np.float32)


@pytest.mark.parametrize("turn", [*TURNS, Turn(), Turn(1, mirrored=True), Turn(3, mirrored=True)])
def test_what_is_found_in_a_turned_photo_goes_back_to_where_it_is(turn: Turn) -> None:
    photo = marked()
    held = turn.turned(photo)
    landmarks = places(held)
    low, high = landmarks.min(axis=1) - 0.5, landmarks.max(axis=1) + 0.5  # from the edges of their pixels
    boxes = np.concatenate([low + 0.5, high - low], axis=1)
    back, marks = turn.back(boxes, landmarks, WIDTH, HEIGHT)
    expected = places(photo)
    if turn.mirrored:  # the viewer's left eye of a mirrored face is the right one
        expected = expected[:, [1, 0, 2, 4, 3]]
    assert marks.tolist() == expected.tolist()
    assert back.tolist() == [[1, 1, 7, 4]]


def test_every_turn_shows_another_photo_and_keeps_its_pixels() -> None:
    photo = marked()
    seen = [turn.turned(photo).pixels for turn in (Turn(), *TURNS)]
    assert all(sorted(pixels.ravel().tolist()) == sorted(photo.pixels.ravel().tolist()) for pixels in seen)
    assert len({(pixels.shape, pixels.tobytes()) for pixels in seen}) == 5
    assert all(pixels.flags.c_contiguous for pixels in seen)


def test_nothing_found_stays_nothing() -> None:
    empty = np.empty((0, 4), np.float32), np.empty((0, 5, 2), np.float32)
    for turn in TURNS:
        boxes, landmarks = turn.back(*empty, WIDTH, HEIGHT)
        assert (boxes.shape, landmarks.shape) == ((0, 4), (0, 5, 2))
