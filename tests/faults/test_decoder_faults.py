"""A photo that kills, hangs, eats memory or takes over the decoder costs itself and nothing else (P10)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from countenance.errors import PhotoRefusedError
from countenance.ingest.decoder import Decoder
from countenance.settings import DecodeLimits
from tests.unit.ingest.pictures import noise, saved

LIMITS = DecodeLimits(timeout_s=0.4, memory_bytes=300_000_000)


@pytest.fixture(scope="module")
def rogue() -> Iterator[Decoder]:
    with Decoder(LIMITS, child="tests.faults.rogue_child") as made:
        yield made


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def outcome(decoder: Decoder, data: bytes) -> str:
    try:
        decoder.decode(data)
    except PhotoRefusedError as error:
        return error.reason
    return "decoded"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"HANG", "too-slow"),
        (b"SPIN", "too-slow"),
        (b"ABORT", "decoder-crashed"),
        (b"EXIT", "decoder-crashed"),
        (b"SEGV", "decoder-crashed"),
        (b"RAISE", "decoder-crashed"),
        (b"GREED", "too-much-memory"),
        (b"RAW rubbish that is no message", "decoder-crashed"),
        (b"RAW \x02\x00\x00\x00{}", "decoder-crashed"),
        (b"RAW \x00\x00\x00\x00", "decoder-crashed"),
        (b"FLOOD", "decoder-crashed"),
        (b"LIE width=100000", "decoder-crashed"),
        (b"LIE width=-2", "decoder-crashed"),
        (b"LIE full_width=999999999", "decoder-crashed"),
        (b"LIE orientation=9", "decoder-crashed"),
        (b"LIE partial=5", "decoder-crashed"),
    ],
)
def test_a_child_gone_bad_is_replaced(rogue: Decoder, data: bytes, reason: str) -> None:
    assert outcome(rogue, b"fine") == "decoded"
    before = rogue.child_pid
    assert before is not None
    start = time.monotonic()
    assert outcome(rogue, data) == reason
    assert time.monotonic() - start < 5
    assert rogue.child_pid != before
    assert gone(before)
    np.testing.assert_array_equal(rogue.decode(b"fine").pixels, np.full((2, 2, 3), 7))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_killed_in_the_middle_of_a_photo(number: int) -> None:
    with Decoder(DecodeLimits(timeout_s=20), child="tests.faults.rogue_child") as decoder:
        assert outcome(decoder, b"fine") == "decoded"
        pid = decoder.child_pid
        assert pid is not None
        killer = threading.Timer(0.1, os.kill, (pid, number))
        killer.start()
        assert outcome(decoder, b"SPIN") == "decoder-crashed"
        killer.join()
        assert outcome(decoder, b"fine") == "decoded"


def test_stopped_in_the_middle_of_a_photo(rogue: Decoder) -> None:
    assert outcome(rogue, b"fine") == "decoded"
    pid = rogue.child_pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    assert outcome(rogue, b"fine") == "too-slow"
    assert gone(pid)
    assert outcome(rogue, b"fine") == "decoded"


def test_killed_while_idle_costs_no_photo(rogue: Decoder) -> None:
    assert outcome(rogue, b"fine") == "decoded"
    pid = rogue.child_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)
    assert outcome(rogue, b"fine") == "decoded"


def test_interrupted_by_the_user_the_next_answer_is_not_mixed_up(rogue: Decoder) -> None:
    assert outcome(rogue, b"fine") == "decoded"

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(KeyboardInterrupt):
            rogue.decode(b"HANG")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert outcome(rogue, b"fine") == "decoded"


def test_the_child_dies_with_its_parent() -> None:
    code = """
import os, sys
sys.path[:0] = sys.argv[1:]
from countenance.ingest.decoder import Decoder
from countenance.settings import DecodeLimits
decoder = Decoder(DecodeLimits(), child="tests.faults.rogue_child")
decoder.decode(b"fine")
print(decoder.child_pid, flush=True)
if sys.stdin.readline() == "spin\\n":
    decoder.decode(b"SPIN")
"""
    root = str(Path(__file__).parents[2])
    for last_word in ("idle", "spin"):
        command = [sys.executable, "-c", code, str(Path(root) / "src"), root]
        with subprocess.Popen(  # noqa: S603 - ourselves
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as parent:
            assert parent.stdin is not None
            assert parent.stdout is not None
            child = int(parent.stdout.readline())
            assert not gone(child)
            parent.stdin.write(last_word + "\n")
            parent.stdin.flush()
            time.sleep(0.2 if last_word == "spin" else 0)
            parent.kill()
            parent.wait()
        deadline = time.monotonic() + 5
        while not gone(child) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert gone(child)


def test_too_large_for_the_memory_limit() -> None:
    image = saved("PNG", Image.new("RGB", (4_000, 4_000)), compress_level=1)
    with Decoder(DecodeLimits(memory_bytes=150_000_000)) as decoder:
        assert outcome(decoder, image) == "too-much-memory"
        assert outcome(decoder, saved("JPEG")) == "decoded"


def test_bits_flipped_and_files_cut_at_random() -> None:
    rng = np.random.default_rng(11)
    kinds = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF")
    originals = [saved(kind, Image.fromarray(noise(96, 64))) for kind in kinds]
    originals.append(saved("JPEG", Image.fromarray(noise(96, 64)), progressive=True))
    originals.append(saved("TIFF", Image.fromarray(noise(96, 64)), compression="tiff_deflate"))
    count = 0
    with Decoder(DecodeLimits(timeout_s=5)) as decoder:
        for original in originals:
            assert outcome(decoder, original) == "decoded"
            for _ in range(25):
                data = bytearray(original[: rng.integers(1, len(original) + 1)])
                for at in rng.integers(0, len(data), rng.integers(0, 6)):
                    data[at] ^= 1 << int(rng.integers(8))
                assert outcome(decoder, bytes(data)) in {
                    *("decoded", "damaged", "not-an-image", "unsupported-format", "too-many-pixels", "too-much-memory")
                }
                count += 1
        assert outcome(decoder, originals[0]) == "decoded"
    assert count == 25 * len(originals)
