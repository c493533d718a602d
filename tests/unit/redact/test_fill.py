from __future__ import annotations

import numpy as np
import pytest

from countenance.core.arrays import Pixels
from countenance.errors import UsageError
from countenance.redact.fill import COLOUR, SAFE_STYLES, UNSAFE_STYLES, fill
from countenance.redact.plan import Region, union_of

REGIONS = (Region(0, 60, 50, 25, 35, 20, "ellipse"), Region(1, 120, 70, 20, 30, -40, "box"))


@pytest.fixture
def noise() -> Pixels:
    return np.random.default_rng(1).integers(0, 256, (120, 160, 3), dtype=np.uint8)


@pytest.mark.parametrize("style", sorted(SAFE_STYLES | UNSAFE_STYLES))
def test_only_the_regions_change_and_in_a_new_buffer(noise: Pixels, style: str) -> None:
    before = noise.copy()
    filled = fill(noise, REGIONS, style)
    under = union_of(REGIONS, *noise.shape[:2])
    assert (noise == before).all()
    assert (filled[~under] == noise[~under]).all()
    assert (filled[under] != noise[under]).any(axis=1).mean() > 0.98


def test_a_solid_fill_is_one_colour_up_to_its_hard_edge(noise: Pixels) -> None:
    assert (fill(noise, REGIONS, "solid")[union_of(REGIONS, 120, 160)] == COLOUR).all()


@pytest.mark.parametrize("style", sorted(SAFE_STYLES))
def test_safe_styles_do_not_depend_on_what_was_there(noise: Pixels, style: str) -> None:
    under = union_of(REGIONS, *noise.shape[:2])
    assert (fill(noise, REGIONS, style)[under] == fill(255 - noise, REGIONS, style)[under]).all()


@pytest.mark.parametrize("style", sorted(UNSAFE_STYLES))
def test_unsafe_styles_do(noise: Pixels, style: str) -> None:
    under = union_of(REGIONS, *noise.shape[:2])
    assert (fill(noise, REGIONS, style)[under] != fill(255 - noise, REGIONS, style)[under]).any()


def test_a_smiley_stands_upright_on_its_head() -> None:
    plain = np.zeros((200, 200, 3), dtype=np.uint8)
    upright = fill(plain, [Region(0, 100, 100, 60, 80, 0, "ellipse")], "emoji")
    upside_down = fill(plain, [Region(0, 100, 100, 60, 80, 180, "ellipse")], "emoji")
    assert len(np.unique(upright.reshape(-1, 3), axis=0)) == 4  # nothing, plain, skin, ink
    ink = np.argwhere((upright == upright[:, :, 2].max(axis=(0, 1))).all(axis=2) | (upright[:, :, 0] == 70))
    assert ink[:, 0].mean() > 100, "the mouth is larger than the eyes"
    assert (np.argwhere(upside_down[:, :, 0] == 70)[:, 0]).mean() < 100


def test_cells_are_few() -> None:
    ramp = np.tile(np.arange(200, dtype=np.uint8)[None, :, None], (200, 1, 3))
    cells = fill(ramp, [Region(0, 100, 100, 50, 50, 0, "box")], "pixelate")[60:140, 60:140, 0]
    assert 3 <= len(np.unique(cells)) <= 6


def test_a_region_outside_the_photo_changes_nothing(noise: Pixels) -> None:
    outside = [Region(0, -300, 50, 20, 20, 0, "ellipse"), Region(0, 60, 900, 20, 20, 0, "box")]
    for style in sorted(SAFE_STYLES | UNSAFE_STYLES):
        assert (fill(noise, outside, style) == noise).all()


def test_an_unknown_style_is_refused(noise: Pixels) -> None:
    with pytest.raises(UsageError, match="no way of hiding called 'swirl'"):
        fill(noise, REGIONS, "swirl")
