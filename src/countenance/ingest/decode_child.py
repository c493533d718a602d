"""Main of the decoder child: confine itself, then answer one photo after the other until the pipe ends."""

from __future__ import annotations

import gc
import mmap
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from countenance.errors import PhotoRefusedError
from countenance.ingest import wire
from countenance.ingest.confine import confine, limit_cpu
from countenance.ingest.decoded import Decoded, Reason
from countenance.settings import DecodeLimits

Decode = Callable[[memoryview, DecodeLimits, memoryview], Decoded]


def main(arguments: list[str], decode: Decode | None = None) -> None:
    """Serve until the parent closes its end.

    Args:
        arguments: file descriptors (requests, answers, photo bytes, pixels), the parent's process id and the limits:
            pixels, bytes, seconds, memory, side that is worked on, size of the pixel buffer.
        decode: what to decode with; the real decoder unless a test gives another.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends us
    requests, answers, photo_handle, pixel_handle, parent = (int(word) for word in arguments[:5])
    pixels_, bytes_, memory, side, buffer_bytes = (int(word) for word in (*arguments[5:7], *arguments[8:11]))
    limits = DecodeLimits(pixels_, bytes_, float(arguments[7]), memory, side)
    photo = memoryview(mmap.mmap(photo_handle, limits.max_bytes))
    pixels = memoryview(mmap.mmap(pixel_handle, buffer_bytes))
    os.close(photo_handle)
    os.close(pixel_handle)
    if decode is None:
        decode = _warmed_up(limits)
    layers = confine(limits.memory_bytes, parent=parent)
    wire.send(answers, {"layers": asdict(layers)})
    while True:
        try:
            request = wire.receive(requests)
        except wire.WireError:
            return
        limit_cpu(limits.timeout_s + 1)
        serial, length = int(request["serial"]), int(request["length"])
        wire.send(answers, {"serial": serial, **_answer(decode, photo[:length], limits, pixels)})


def _answer(decode: Decode, photo: memoryview, limits: DecodeLimits, pixels: memoryview) -> dict[str, Any]:
    try:
        done = decode(photo, limits, pixels)
    except PhotoRefusedError as error:
        return {"reason": error.reason, "detail": error.message[:200]}
    except MemoryError:
        gc.collect()
        return {"reason": Reason.TOO_MUCH_MEMORY.value, "detail": ""}
    return {
        "width": done.pixels.shape[1],
        "height": done.pixels.shape[0],
        "full_width": done.full_width,
        "full_height": done.full_height,
        "factor": round(1 / done.scale),
        "format": done.format,
        "orientation": done.orientation,
        "partial": done.partial,
        "taken_at": done.taken_at,
        "rights": [done.copyright, done.credit],
        "notes": [note[:200] for note in done.notes[:8]],
    }


def _warmed_up(limits: DecodeLimits) -> Decode:
    """The real decoder after it has imported all that it will ever need: later there are no files to import from."""
    from countenance.ingest.decode import decode_bytes, warm_up  # noqa: PLC0415 - a test's child does without

    warm_up(limits)
    return decode_bytes


if __name__ == "__main__":
    main(sys.argv[1:])
