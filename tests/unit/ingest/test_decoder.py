"""The decoder in its child: same pixels, private memory, forks and threads."""

from __future__ import annotations

import gc
import multiprocessing
import os
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from countenance.errors import CountenanceError, PhotoRefusedError
from countenance.ingest.decode import decode_bytes
from countenance.ingest.decoder import Decoder
from countenance.settings import DecodeLimits
from tests.unit.ingest.pictures import HEIC, exif, noise, saved, swapped_profile

LIMITS = DecodeLimits()


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder(LIMITS) as made:
        yield made


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize(
    "data",
    [
        saved("JPEG", exif=exif(6, "2020:01:02 03:04:05")),
        saved("JPEG", Image.fromarray(noise(3300, 900))),
        saved("JPEG", icc_profile=swapped_profile()),
        saved("JPEG", Image.fromarray(noise(64, 48)).convert("CMYK")),
        saved("JPEG", Image.fromarray(noise(64, 48)))[:900],
        saved("PNG", Image.fromarray(noise(64, 48)).convert("RGBA")),
        saved("WEBP"),
        saved("TIFF", compression="tiff_lzw"),
        saved("GIF"),
        saved("BMP"),
        saved("AVIF"),
        HEIC,
    ],
)
def test_child_gives_what_decoding_here_gives(decoder: Decoder, data: bytes) -> None:
    there, here = decoder.decode(data), decode_bytes(data, LIMITS)
    np.testing.assert_array_equal(there.pixels, here.pixels)
    names = ("full_width", "full_height", "scale", "format", "orientation", "partial", "taken_at", "notes")
    assert [getattr(there, name) for name in names] == [getattr(here, name) for name in names]


def test_refusals_keep_their_reason(decoder: Decoder) -> None:
    for data, reason in ((b"", "empty"), (b"text", "not-an-image"), (b"%PDF-1", "unsupported-format")):
        with pytest.raises(PhotoRefusedError) as caught:
            decoder.decode(data)
        assert caught.value.reason == reason


def test_pixels_outlive_the_next_photo(decoder: Decoder) -> None:
    first = decoder.decode(saved("PNG", Image.new("RGB", (9, 9), (1, 2, 3))))
    before = first.pixels.copy()
    decoder.decode(saved("PNG", Image.new("RGB", (9, 9), (200, 2, 3))))
    np.testing.assert_array_equal(first.pixels, before)
    assert first.pixels.flags.owndata or first.pixels.base.flags.owndata  # type: ignore[union-attr]
    assert first.pixels.flags.writeable


def test_any_bytes_like(decoder: Decoder) -> None:
    data = saved("JPEG")
    shapes = {decoder.decode(given).pixels.shape for given in (data, bytearray(data), memoryview(data))}
    assert shapes == {(48, 64, 3)}


def test_layers_of_this_kernel(decoder: Decoder) -> None:
    layers = decoder.layers
    assert layers.memory_limit
    assert layers.other_limits
    status = Path(f"/proc/{decoder.child_pid}/status").read_text(encoding="ascii")
    assert layers.no_new_privs == ("NoNewPrivs:\t1" in status)
    assert bool(layers.seccomp) == ("Seccomp:\t2" in status)


def test_nothing_of_our_environment_reaches_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTENANCE_KEY_FILE", "/secret/key")
    seen: list[dict[str, str]] = []
    real = subprocess.Popen

    def popen(*args: object, **options: object) -> object:
        seen.append(options["env"])  # type: ignore[arg-type]
        return real(*args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", popen)
    with Decoder(LIMITS) as other:
        other.decode(saved("JPEG"))
    assert len(seen) == 1
    assert not any("COUNTENANCE" in name for name in seen[0])


def test_close_leaves_nothing_behind() -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count is all
    made = Decoder(LIMITS)
    made.decode(saved("JPEG"))
    pid = made.child_pid
    assert pid is not None
    assert not gone(pid)
    made.close()
    assert gone(pid)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - a count is all
    assert made.decode(saved("JPEG")).pixels.shape == (48, 64, 3)
    again = made.child_pid
    assert again is not None
    del made
    gc.collect()
    assert gone(again)


def _in_fork(decoder: Decoder, answers: multiprocessing.Queue[tuple[tuple[int, ...], int | None]]) -> None:
    shape = decoder.decode(saved("JPEG")).pixels.shape
    answers.put((shape, decoder.child_pid))
    decoder.close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_gets_its_own_child(decoder: Decoder) -> None:
    decoder.decode(saved("JPEG"))
    ours = decoder.child_pid
    context = multiprocessing.get_context("fork")
    answers: multiprocessing.Queue[tuple[tuple[int, ...], int | None]] = context.Queue()
    process = context.Process(target=_in_fork, args=(decoder, answers))
    process.start()
    shape, theirs = answers.get(timeout=30)
    process.join(30)
    assert process.exitcode == 0
    assert shape == (48, 64, 3)
    assert theirs != ours
    assert decoder.child_pid == ours
    assert decoder.decode(saved("JPEG")).pixels.shape == (48, 64, 3)


def test_threads_take_turns(decoder: Decoder) -> None:
    pictures = [saved("PNG", Image.new("RGB", (20, 20), (n, 0, 0))) for n in range(8)]
    wrong: list[int] = []

    def work(n: int) -> None:
        for _ in range(5):
            seen = int(decoder.decode(pictures[n]).pixels[0, 0, 0])
            wrong.extend([n] * (seen != n))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_outlives_the_thread_that_made_it() -> None:
    made: list[Decoder] = []

    def make() -> None:
        made.append(Decoder(LIMITS))
        made[0].decode(saved("JPEG"))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    with made[0] as found:
        for _ in range(5):
            assert found.decode(saved("JPEG")).pixels.shape == (48, 64, 3)


def test_a_child_that_cannot_start_is_an_error_not_a_bad_photo() -> None:
    with Decoder(LIMITS, child="countenance.no_such_module") as broken, pytest.raises(CountenanceError) as caught:
        broken.decode(saved("JPEG"))
    assert not isinstance(caught.value, PhotoRefusedError)
    assert caught.value.advice


def test_overhead_is_small(decoder: Decoder) -> None:
    data = saved("JPEG", Image.fromarray(noise(900, 900)), quality=85)

    def median_ms(decode: object) -> float:
        times = []
        for _ in range(15):
            start = time.perf_counter()
            decode()  # type: ignore[operator]
            times.append(time.perf_counter() - start)
        return statistics.median(times) * 1000

    decoder.decode(data)
    extra = median_ms(lambda: decoder.decode(data)) - median_ms(lambda: decode_bytes(data, LIMITS))
    assert extra < 5  # the bar is 2 ms on a quiet machine; benchmarks measure it, this catches a change of kind
