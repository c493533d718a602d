from __future__ import annotations

import numpy as np

from countenance.core.arrays import Pixels
from countenance.demo.draw import Portrait
from countenance.vision.exposure import lit, shaded
from countenance.vision.pyramid import Pyramid


def scaled(pixels: Pixels, gain: float) -> Pyramid:
    return Pyramid(np.clip(pixels * gain, 0, 255).astype(np.uint8))


def test_a_dark_photo_is_raised_and_an_ordinary_one_left_alone(portrait: Pixels) -> None:
    ordinary, dark = Pyramid(portrait), scaled(portrait, 0.2)
    assert lit(ordinary) is ordinary
    raised = lit(dark)
    assert 200 <= np.percentile(raised.pixels.mean(axis=2), 98) <= 225
    assert raised.pixels.shape == dark.pixels.shape
    # The order of light and dark stays: brighter pixels are brighter still.
    before, after = dark.pixels.astype(int).ravel(), raised.pixels.astype(int).ravel()
    assert (after >= before).all()
    assert np.corrcoef(before, after)[0, 1] > 0.99


def test_a_black_photo_is_raised_without_dividing_by_nothing() -> None:
    assert lit(Pyramid(np.zeros((40, 60, 3), np.uint8))).pixels.max() == 0
    assert lit(Pyramid(np.zeros((1, 1, 3), np.uint8))).pixels.shape == (1, 1, 3)
    faint = np.full((40, 60, 3), 3, np.uint8)
    assert lit(Pyramid(faint)).pixels.max() == 24  # never more than eight times: noise is no face


def test_only_a_bright_photo_is_shaded(portraits: list[Portrait]) -> None:
    pale = Pyramid(np.full((40, 60, 3), 220, np.uint8))
    darker = shaded(pale)
    assert darker is not None
    assert 180 < darker.pixels.max() < 190
    assert shaded(scaled(portraits[0].pixels, 0.2)) is None
