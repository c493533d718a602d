from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from countenance.core.arrays import FloatArray, Pixels
from countenance.vision.pyramid import Pyramid


def ramp(height: int, width: int, *, x: float, y: float, start: float = 10) -> Pixels:
    """A photo whose value is a plane, so that averaging and interpolation are exact up to rounding."""
    rows, columns = np.mgrid[:height, :width]
    return np.repeat(np.round(start + x * columns + y * rows)[..., None], 3, axis=2).astype(np.uint8)


def spots(height: int, width: int, places: FloatArray, spread_px: float) -> Pixels:
    """Soft light spots on black."""
    rows, columns = np.mgrid[:height, :width]
    picture = np.zeros((height, width))
    for x, y in places:
        picture = np.maximum(picture, 250 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * spread_px**2)))
    return np.repeat(np.round(picture)[..., None], 3, axis=2).astype(np.uint8)


def centre_near(picture: Pixels, x: float, y: float, reach_px: int) -> tuple[float, float]:
    """Centre of light around a place."""
    left, top = round(x) - reach_px, round(y) - reach_px
    window = picture[top : top + 2 * reach_px + 1, left : left + 2 * reach_px + 1, 0].astype(np.float64)
    rows, columns = np.mgrid[: window.shape[0], : window.shape[1]]
    return left + (window * columns).sum() / window.sum(), top + (window * rows).sum() / window.sum()


@pytest.mark.parametrize(
    ("reduction", "depth"), [(0.2, 0), (1, 0), (1.9, 0), (2, 1), (3.9, 1), (4, 2), (8, 3), (1_000, 5)]
)
def test_a_level_keeps_at_least_the_resolution_asked_for(reduction: float, depth: int) -> None:
    photo = Pyramid(ramp(64, 128, x=1, y=1))
    pixels, scale = photo.level(reduction)
    assert scale == 0.5**depth
    assert pixels.shape == (64 >> depth, 128 >> depth, 3)


def test_halves_are_averages_of_four_pixels() -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (10, 14, 3)).astype(np.uint8)
    half, _ = Pyramid(pixels).level(2)
    expected = pixels.reshape(5, 2, 7, 2, 3).mean(axis=(1, 3))
    assert np.abs(half - expected).max() <= 0.51


def test_odd_sides_lose_their_last_row_not_their_place() -> None:
    half, _ = Pyramid(ramp(21, 33, x=4, y=2)).level(2)
    assert half.shape == (10, 16, 3)
    assert half[0, 0, 0] == pytest.approx(10 + 0.5 * 4 + 0.5 * 2, abs=0.6)
    assert half[9, 15, 0] == pytest.approx(10 + 30.5 * 4 + 18.5 * 2, abs=0.6)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 300), (3, 3), (2, 5)])
def test_tiny_photos_have_one_level(height: int, width: int) -> None:
    pixels, scale = Pyramid(ramp(height, width, x=0, y=0)).level(64)
    assert scale == 1
    assert pixels.shape == (height, width, 3)


def test_levels_are_made_once() -> None:
    photo = Pyramid(ramp(64, 64, x=1, y=1))
    assert photo.level(4)[0] is photo.level(5)[0]


@pytest.mark.parametrize("scale", [1.0, 0.83, 0.5, 0.31, 0.1, 0.001])
def test_resized_photos_have_the_size_and_the_light_of_the_original(scale: float) -> None:
    pixels = ramp(150, 200, x=0.6, y=0.4)
    small = Pyramid(pixels).resized(scale)
    assert small.shape == (max(1, round(150 * scale)), max(1, round(200 * scale)), 3)
    if min(small.shape[:2]) > 8:
        assert small.mean() == pytest.approx(pixels.mean(), rel=0.02)


def test_a_photo_at_its_own_size_is_not_copied() -> None:
    pixels = ramp(20, 20, x=1, y=1)
    assert Pyramid(pixels).resized(1.0) is pixels


def turn(angle_deg: float, zoom: float, source: FloatArray, target: FloatArray) -> NDArray[np.float64]:
    """Similarity that sends one point to another."""
    angle = np.radians(angle_deg)
    linear = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(np.column_stack([linear, target - linear @ source]), dtype=np.float64)


@pytest.mark.parametrize("zoom", [2.0, 1.0, 0.7, 0.5, 0.3, 0.25, 0.13, 0.06])
@pytest.mark.parametrize("angle_deg", [0, 30, 90, 200])
def test_crops_show_what_lies_under_them_to_a_fraction_of_a_pixel(zoom: float, angle_deg: float) -> None:
    """Values of a plane, read at the place where the crop's pixel comes from, at every level of the pyramid."""
    photo = ramp(900, 900, x=0.15, y=0.1)
    matrix = turn(angle_deg, zoom, np.array([450.0, 450.0]), np.array([20.0, 20.0]))
    crop = Pyramid(photo).warp(matrix[None], 41)[0]
    assert crop.shape == (41, 41, 3)
    inverse = np.linalg.inv(matrix[:, :2])
    for x, y in ((20, 20), (12, 25), (27, 15)):
        source = inverse @ (np.array([x, y]) - matrix[:, 2])
        # A whole level of grey is 5 pixels of the photo: half a pixel of a crop at zoom 0.06 would show as 1.2.
        assert crop[y, x, 0] == pytest.approx(10 + 0.15 * source[0] + 0.1 * source[1], abs=1.01)


@pytest.mark.parametrize("zoom", [1.0, 0.5, 0.3, 0.2, 0.1])
def test_spots_land_where_the_matrix_sends_them(zoom: float) -> None:
    places = np.array([[300.0, 320.0], [501.0, 333.0], [404.0, 489.0]])
    photo = spots(800, 800, places, spread_px=1.6 / zoom)
    matrix = turn(20, zoom, places.mean(axis=0), np.array([130.0, 130.0]))
    crop = Pyramid(photo).warp(matrix[None], 260)[0]
    for place in places:
        x, y = matrix[:, :2] @ place + matrix[:, 2]
        assert centre_near(crop, x, y, 6) == pytest.approx((x, y), abs=0.08)


def test_outside_the_photo_crops_are_black() -> None:
    white = np.full((50, 50, 3), 255, np.uint8)
    crop = Pyramid(white).warp(np.array([[[1.0, 0, 10], [0, 1.0, 10]]]), 80)[0]
    assert crop[:9].max() == 0
    assert crop[12:58, 12:58].min() == 255
    assert crop[62:].max() == 0


def test_no_matrices_are_no_crops() -> None:
    assert Pyramid(ramp(9, 9, x=1, y=1)).warp(np.empty((0, 2, 3)), 16).shape == (0, 16, 16, 3)


def test_a_matrix_that_shrinks_everything_to_a_point_is_survived() -> None:
    crop = Pyramid(ramp(64, 64, x=1, y=1)).warp(np.zeros((1, 2, 3)), 16)
    assert crop.shape == (1, 16, 16, 3)
