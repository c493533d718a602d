"""P4. Redaction cannot be undone and is checked: end to end, with real detectors, on people who do not exist."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from countenance.core.arrays import Pixels
from countenance.core.policy import DEFAULT_POLICY, parse_policy
from countenance.flows import clear
from countenance.flows.clear import Request
from countenance.flows.release import Release
from countenance.ingest.decoder import Decoder
from countenance.redact.fill import fill
from countenance.redact.plan import Region
from countenance.settings import DecodeLimits, Settings
from tests.calibrated import calibrate
from tests.drawn import CLUB, Club, scene
from tests.gala import guests_of
from tests.pretend import released, verdicts
from tests.unit.redact.test_render import NAMES, stuffed

ANN, POLICY = 0, parse_policy(DEFAULT_POLICY)
PLACES = {"a.jpg": ((0, 1, 2), 0), "b.jpg": ((0, 3), 1), "e.jpg": ((5,), 4)}
PHOTOS = tuple(PLACES)
"""Ann with others, Ann with one other, and a stranger alone."""


@pytest.fixture(scope="module")
def gala(tmp_path_factory: pytest.TempPathFactory, story_settings: Settings) -> Path:
    """A closed archive: Ann said yes to the website, and the photos, stuffed as cameras do it, were looked at."""
    folder = tmp_path_factory.mktemp("p4")
    pictures = {name: stuffed(pixels_of(scene(*place))) for name, place in PLACES.items()}
    with Club.make(folder, story_settings, pictures) as made:
        made.enrol(ANN, made.form(purposes=("publication",)))
        calibrate(made.archive, CLUB)
        made.archive.rescan(CLUB)
        run(made, made.photos, folder / "first")
    return folder


@pytest.fixture
def club(gala: Path, tmp_path: Path, story_settings: Settings) -> Iterator[Club]:
    with Club.open_copy(gala, tmp_path, story_settings) as copy:
        yield copy


def run(club: Club, photos: Path, out: Path) -> clear.Cleared:
    return clear.clear(club.archive._scope(CLUB), [photos], Request("website", out, POLICY, "office"))


def pixels_of(content: bytes) -> Pixels:
    with Decoder(DecodeLimits()) as decoder:
        return decoder.decode(content).pixels


def skipped(pixels: Pixels, _regions: Sequence[Region], _style: str) -> Pixels:
    return pixels


def half_transparent(pixels: Pixels, regions: Sequence[Region], style: str) -> Pixels:
    hidden = fill(pixels, regions, style)
    return ((pixels.astype(np.uint16) + hidden) // 2).astype(np.uint8)


def beside(pixels: Pixels, regions: Sequence[Region], style: str) -> Pixels:
    return fill(pixels, [replace(each, x=each.x + 2 * each.across) for each in regions], style)


@pytest.mark.parametrize("sabotage", [skipped, half_transparent, beside])
def test_a_sabotaged_fill_is_caught_every_time(
    club: Club,
    gala: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sabotage: Callable[[Pixels, Sequence[Region], str], Pixels],
) -> None:
    monkeypatch.setattr(clear, "Release", partial(Release, filler=sabotage))
    out = tmp_path / "out"
    for _ in range(2):
        result = run(club, gala / "photos", out)
        assert verdicts(result) == dict.fromkeys(PHOTOS, "review")
        for outcome in result.outcomes:
            assert outcome.problems
            assert outcome.output is None
        assert released(out) == {}
        assert list((out / "thumbnails").iterdir()) == []


def test_in_released_files_nothing_of_a_hidden_face_is_left(gala: Path) -> None:
    files = released(gala / "first")
    assert {name.removeprefix("redacted/") for name in files} == set(PHOTOS), "somebody is hidden in each"
    for name in PHOTOS:
        source = pixels_of((gala / "photos" / name).read_bytes())
        content = files[f"redacted/{name}"]
        written = pixels_of(content)
        assert written.shape == source.shape
        for seat, face in guests_of(name).items():
            before, after = (middle_of(pixels, face.box) for pixels in (source, written))
            if seat == ANN:
                assert np.abs(before - after).mean() < 8, "her face stays as it is"
            else:
                assert before.std() > 10
                assert np.ptp(after.reshape(-1, 3), axis=0).max() <= 12, "one colour, but for what JPEG does to it"


def middle_of(pixels: Pixels, box: Sequence[float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    x, y, w, h = (round(float(value)) for value in box)
    return pixels[y + h // 5 : y + 4 * h // 5, x + w // 5 : x + 4 * w // 5].astype(np.float64)


def test_nothing_that_cameras_and_picture_desks_put_in_gets_out(gala: Path) -> None:
    everything = [path for path in sorted((gala / "first").rglob("*")) if path.suffix == ".jpg"]
    assert len(everything) == 2 * len(PHOTOS)
    for name in PHOTOS:
        source = (gala / "photos" / name).read_bytes()
        assert source.count(b"\xff\xd8\xff") >= 3
        assert all(needle in source for needle in (*NAMES, b"Exif", b"ns.adobe.com", b"MPF", b"Photoshop"))
    for path in everything:
        content = path.read_bytes()
        assert content.count(b"\xff\xd8\xff") == 1
        assert content.endswith(b"\xff\xd9")
        for needle in (*NAMES, b"Exif", b"adobe", b"MPF", b"Photoshop", b"GPS", b"MAKER", b"http"):
            assert needle not in content
        with Image.open(io.BytesIO(content)) as picture:
            assert not picture.getexif()
            assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "icc_profile", "dpi"}
