"""Files that break decoders: each ends as decoded, partial or refused, in time, and the parent lives (P10)."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from countenance.errors import PhotoRefusedError
from countenance.ingest.decoded import Reason
from countenance.ingest.decoder import Decoder
from countenance.ingest.source import open_sources
from countenance.settings import DecodeLimits

SLOWEST_S = 30.0
LIMITS = DecodeLimits()
NAMED = {
    "jpeg_200MP_phone": "decoded",
    "gif_3000_frames": "decoded",
    "jpeg_500MP": "too-many-pixels",
    "png_60k_1bit": "too-many-pixels",
    "tiff_deflate_30k": "too-many-pixels",
    "gif_20k": "too-many-pixels",
    "webp_16383": "too-many-pixels",
}


def run_through(folder: Path, every: int) -> tuple[int, Counter[str]]:
    """How many files were given, and how each of them ended."""
    items = list(open_sources([folder]))[::every]
    ends: Counter[str] = Counter()
    with Decoder(LIMITS) as decoder:
        for item in items:
            start = time.monotonic()
            try:
                done = decoder.decode(item.read(LIMITS.max_bytes))
            except PhotoRefusedError as error:
                ends[Reason(error.reason)] += 1
            else:
                assert done.pixels.shape[2] == 3
                assert max(done.pixels.shape) <= 2 * LIMITS.work_side_px
                ends["partial" if done.partial else "decoded"] += 1
            assert time.monotonic() - start < SLOWEST_S, item.display()
    return len(items), ends


def test_every_twentieth_file(shared: Path) -> None:
    given, ends = run_through(shared / "badimages", 20)
    assert given >= 150
    assert ends.total() == given
    assert min(ends["decoded"], ends["partial"], ends["damaged"], ends["not-an-image"], ends["unsupported-format"]) > 0
    assert ends["decoder-crashed"] == ends["too-slow"] == 0


@pytest.mark.long
def test_every_file(shared: Path) -> None:
    given, ends = run_through(shared / "badimages", 1)
    assert given >= 3_000
    assert ends.total() == given
    assert ends["decoded"] + ends["partial"] >= 1_000
    assert ends["decoder-crashed"] == ends["too-slow"] == 0


@pytest.mark.parametrize("name", sorted(NAMED))
def test_bombs(shared: Path, name: str) -> None:
    (item,) = open_sources([shared / "badimages" / "generated" / name])
    with Decoder(LIMITS) as decoder:
        try:
            decoder.decode(item.read(LIMITS.max_bytes))
            end = "decoded"
        except PhotoRefusedError as error:
            end = error.reason
    assert end == NAMED[name]
