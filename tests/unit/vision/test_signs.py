from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from countenance.core.arrays import Pixels
from countenance.demo.draw import Portrait
from countenance.demo.palette import SKIN_TONES
from countenance.vision.pyramid import Pyramid
from countenance.vision.signs import LEAST_SHARE, shows_skin, skin_share


def patch(colour: tuple[float, ...], share: float = 0.09) -> Pixels:
    """A dull grey-blue room with one smooth square in a colour, in shares of the photo."""
    pixels = np.full((200, 200, 3), (90, 110, 140), dtype=np.uint8)
    side = round(200 * share**0.5)
    pixels[40 : 40 + side, 60 : 60 + side] = np.round(np.array(colour) * 255)
    return pixels


def test_the_share_is_that_of_the_largest_patch() -> None:
    both = patch(SKIN_TONES[3], 0.09)
    both[150:170, 150:170] = both[50, 70]
    assert skin_share(Pyramid(both)) == pytest.approx(0.09, abs=0.02)
    large = np.asarray(cv2.resize(both, (1_600, 1_600), interpolation=cv2.INTER_NEAREST), dtype=np.uint8)
    assert skin_share(Pyramid(large)) == pytest.approx(skin_share(Pyramid(both)), abs=0.01)


@pytest.mark.parametrize("tone", SKIN_TONES[:7])
def test_skin_is_seen_whatever_its_tone(tone: tuple[float, ...]) -> None:
    assert shows_skin(Pyramid(patch(tone)))


@pytest.mark.parametrize(
    "colour",
    [(0.2, 0.5, 0.2), (0.3, 0.4, 0.8), (0.5, 0.5, 0.5), (1, 1, 1), (0, 0, 0), (0.9, 0.1, 0.1), (0.9, 0.8, 0.1)],
)
def test_other_colours_are_no_skin(colour: tuple[float, ...]) -> None:
    assert skin_share(Pyramid(patch(colour))) == 0


def test_rough_things_in_the_colours_of_skin_are_no_skin() -> None:
    pixels = patch(SKIN_TONES[3], 0.5)
    noise = np.random.default_rng(1).integers(-60, 60, (50, 50, 1)).repeat(4, axis=0).repeat(4, axis=1)
    rough = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    assert skin_share(Pyramid(pixels)) > 0.4
    assert skin_share(Pyramid(rough)) < LEAST_SHARE


def test_specks_are_no_skin_and_small_photos_break_nothing() -> None:
    assert not shows_skin(Pyramid(patch(SKIN_TONES[3], 0.0004)))
    for shape in ((1, 1, 3), (2, 300, 3), (300, 2, 3)):
        assert skin_share(Pyramid(np.full(shape, 120, np.uint8))) == 0


def test_drawn_people_show_skin_with_their_eyes_covered(portraits: list[Portrait]) -> None:
    seen = 0
    for one in portraits:
        left, top, width, height = (round(value) for value in one.box)
        covered = one.pixels.copy()
        covered[top : top + round(0.5 * height), left : left + width] = 0
        seen += shows_skin(Pyramid(covered))
    assert seen >= 5


@pytest.mark.shared
def test_necks_are_signs_of_people_and_lamps_seldom(shared: Path) -> None:
    def share(paths: list[Path], top: float) -> float:
        shown = 0
        for path in paths:
            pixels = cv2.imread(str(path))
            assert pixels is not None
            cut = pixels[round(top * len(pixels)) :, :, ::-1]
            shown += shows_skin(Pyramid(np.ascontiguousarray(cut, dtype=np.uint8)))
        return shown / len(paths)

    necks = sorted((shared / "photos/london").glob("*_neutral.jpg"))[:30]
    things = [
        path for kind in ("lamp", "watch", "ferry") for path in sorted((shared / "photos/noface").glob(f"{kind}*"))
    ]
    assert share(necks, 0.75) >= 0.85
    assert share(things, 0) <= 0.35
