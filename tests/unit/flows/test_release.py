from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import pytest

from countenance.core.arrays import Boxes, Confidences, Landmarks, Pixels, Templates
from countenance.flows import release
from countenance.flows.release import Copy, Release
from countenance.flows.stages import Decode
from countenance.ingest.decoder import Decoder
from countenance.redact.render import encode_jpeg, render_jpeg
from countenance.run.stage import Batch
from countenance.settings import ClearSettings, DecodeLimits, Settings
from countenance.vision.packs import load_pack

SETTINGS = Settings(clear=ClearSettings(second_detector="none"))


class Judge:
    """Finds ``n_found`` times a face in the middle of the picture, then nothing; recognises nobody."""

    match = 0.9

    def __init__(self, n_found: int = 0) -> None:
        self.sizes = (0, 0, 1.0)
        self.n_found, self.n_asked = n_found, 0

    def faces(self, _pixels: Pixels) -> tuple[Boxes, Landmarks, Confidences]:
        self.n_asked += 1
        rows = int(self.n_asked <= self.n_found)
        boxes = np.array([[80, 60, 40, 50]] * rows, dtype=np.float32).reshape(-1, 4)
        return boxes, marks_of(boxes), np.ones(rows, dtype=np.float32)

    def templates(self, _pixels: Pixels, landmarks: Landmarks) -> Templates:
        return np.eye(4, dtype=np.float32)[: len(landmarks)] * np.float32(0)


def marks_of(boxes: Boxes) -> Landmarks:
    shares = np.array([[0.3, 0.35], [0.7, 0.35], [0.5, 0.55], [0.35, 0.75], [0.65, 0.75]], dtype=np.float32)
    return np.asarray(boxes[:, None, :2] + shares * boxes[:, None, 2:], dtype=np.float32)


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Judge:
    made = Judge()
    monkeypatch.setattr(release, "_Judge", lambda *_: made)
    return made


@pytest.fixture
def stage() -> Iterator[Release]:
    made = Release(SETTINGS, load_pack("default", SETTINGS))
    yield made
    made.close()


def copy(hidden: tuple[int, ...] = (0,), number: int = 0) -> Copy:
    """A decoded photo with one face, on its way out."""
    y, x = np.mgrid[:160, :240]
    content = encode_jpeg(np.stack([x, y, 255 - x], axis=2).astype(np.uint8))
    made = Copy(b"/a.jpg", b"", hashlib.sha256(content).digest(), len(content), content, number=number, hidden=hidden)
    made.boxes = np.array([[80, 60, 40, 50]], dtype=np.float32)
    made.landmarks, made.confidences = marks_of(made.boxes), np.ones(1, dtype=np.float32)
    decode = Decode(SETTINGS, SETTINGS.clear.full_side_px)
    try:
        decode(Batch([made]))
    finally:
        decode.close()
    assert made.pyramid is not None
    made.looked_px = made.width, made.height
    return made


@pytest.mark.usefixtures("judge")
def test_what_passes_is_written_with_a_small_picture_of_it(stage: Release) -> None:
    work = copy()
    stage(Batch([work]))
    assert (work.problems, work.pyramid) == ((), None)
    assert work.written is not None
    with Decoder(DecodeLimits()) as decoder:
        written, preview = decoder.decode(work.written).pixels, decoder.decode(work.preview).pixels
    assert written.shape == (160, 240, 3)
    assert max(preview.shape) <= release.THUMBNAIL_PX
    middle = written[70:100, 90:110].reshape(-1, 3).astype(int)
    assert np.ptp(middle, axis=0).max() < 12, "the head is one colour"
    assert np.ptp(written[:20].reshape(-1, 3), axis=0).max() > 100, "the rest is as it was"


def test_what_does_not_pass_is_tried_with_larger_regions(stage: Release, judge: Judge) -> None:
    judge.n_found = 1
    work = copy()
    stage(Batch([work]))
    assert judge.n_asked == 2
    assert (work.written is not None, work.problems) == (True, ())


def test_what_never_passes_is_given_up(stage: Release, judge: Judge) -> None:
    judge.n_found = 99
    work = copy()
    stage(Batch([work]))
    assert judge.n_asked == 3
    assert (work.written, work.preview, work.problems) == (None, b"", ("face-found",))
    assert work.pyramid is None


def test_a_photo_with_nobody_to_hide_is_written_and_not_searched_again(stage: Release, judge: Judge) -> None:
    work = copy(hidden=())
    judge.n_found = 99
    stage(Batch([work]))
    assert (judge.n_asked, work.problems) == (0, ())
    assert work.written is not None


@pytest.mark.usefixtures("judge")
def test_one_that_cannot_be_read_back_costs_only_itself(stage: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = render_jpeg
    broken = iter([b"\xff\xd8\xffnothing"])
    monkeypatch.setattr(release, "render_jpeg", lambda *words: next(broken, None) or whole(*words))
    first, second = copy(), copy(number=1)
    stage(Batch([first, second]))
    assert (first.written, first.problems) == (None, (release.NOT_READABLE,))
    assert (second.written is not None, second.problems) == (True, ())


def test_photos_that_were_refused_pass_through(stage: Release, judge: Judge) -> None:
    work = copy()
    work.refuse("changed", "It was changed.")
    stage(Batch([work]))
    assert (work.written, judge.n_asked) == (None, 0)


def test_a_photo_that_is_decoded_to_another_size_than_was_looked_at_stays_in(stage: Release, judge: Judge) -> None:
    for hidden in ((0,), ()):
        work = copy(hidden=hidden)
        work.looked_px = work.height, work.width
        stage(Batch([work]))
        assert (judge.n_asked, work.written, work.problems) == (0, None, ("other-size",))
