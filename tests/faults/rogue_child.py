"""A decoder child that misbehaves as the photo's first bytes ask; run by tests in place of the real one."""

from __future__ import annotations

import ctypes
import os
import time
from typing import Any

import numpy as np

from countenance.core.arrays import Pixels
from countenance.ingest import decode_child
from countenance.ingest.decoded import Decoded
from countenance.settings import DecodeLimits

_answers = -1


def _decode(data: memoryview, limits: DecodeLimits, into: memoryview) -> Decoded:  # noqa: ARG001, C901, PLR0912 - a list
    word, _, rest = bytes(data[:200]).partition(b" ")
    match word:
        case b"HANG":
            while True:
                time.sleep(9)
        case b"SPIN":
            while True:
                pass
        case b"ABORT":
            os.abort()
        case b"EXIT":
            os._exit(0)
        case b"SEGV":
            ctypes.string_at(0)
        case b"GREED":
            held = []
            while True:
                held.append(bytearray(16_000_000))
        case b"RAISE":
            raise RuntimeError
        case b"RAW":
            os.write(_answers, rest)
        case b"FLOOD":
            while True:
                os.write(_answers, b"\xff" * 4096)
        case b"LIE":
            name, value = rest.split(b"=")
            return _lying(into, name.decode(), int(value))
    return Decoded(_pixels(into), 2, 2, 1.0, "png")


def _pixels(into: memoryview) -> Pixels:
    pixels = np.frombuffer(into, np.uint8, 12).reshape(2, 2, 3)
    pixels[:] = 7
    return pixels


def _lying(into: memoryview, name: str, value: int) -> Decoded:
    fields: dict[str, Any] = {"full_width": 2, "full_height": 2, "scale": 1.0, "format": "png"}
    if name == "width":

        class Wide:
            shape = (2, value, 3)

        return Decoded(Wide(), **fields)  # type: ignore[arg-type]
    return Decoded(_pixels(into), **{**fields, name: value})


def main(arguments: list[str]) -> None:
    """As the real child's, with another decoder."""
    global _answers  # noqa: PLW0603 - the child has nothing else
    _answers = int(arguments[1])
    decode_child.main(arguments, _decode)
