"""How the decoder's parent and child talk: JSON objects with their length before them; pixels go through memory."""

from __future__ import annotations

import json
import math
import os
import re
import select
import time
from dataclasses import asdict, dataclass
from typing import Any, Final

from countenance.ingest.confine import Layers
from countenance.ingest.decoded import FORMATS, Reason

MAX_MESSAGE_BYTES: Final = 16 * 1024
_TAKEN_AT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[+-]\d\d:\d\d)?")
_MAX_NOTES: Final = 8
_MAX_TEXT: Final = 240


class WireError(Exception):
    """The other side broke off or said something that is not a message."""


class LateError(Exception):
    """No whole message came in time."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the child says about one photo, every field checked.

    Attributes:
        width: columns of the pixels in the shared memory.
        height: rows of them.
        full_width: columns of the upright photo as taken.
        full_height: rows of it.
        factor: pixels as taken per pixel, along one side.
        format: one of ``FORMATS``.
        orientation: 1-8.
        partial: only a part of the photo is there.
        taken_at: ISO 8601 text or None.
        notes: printable remarks.
        rights: copyright notice and credit, one printable line each, or empty.
    """

    width: int
    height: int
    full_width: int
    full_height: int
    factor: int
    format: str
    orientation: int
    partial: bool
    taken_at: str | None
    notes: tuple[str, ...]
    rights: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class Refused:
    """The child's refusal: a reason and a printable sentence."""

    reason: Reason
    detail: str


def send(handle: int, message: dict[str, Any]) -> None:
    """Write one message.

    Args:
        handle: file descriptor of a pipe.
        message: JSON object.

    Raises:
        OSError: the other side is gone.
    """
    body = json.dumps(message, separators=(",", ":")).encode("ascii")
    whole = memoryview(len(body).to_bytes(4, "little") + body)
    while whole:
        whole = whole[os.write(handle, whole) :]


def receive(handle: int, deadline: float | None = None) -> dict[str, Any]:
    """Read one message.

    Args:
        handle: file descriptor of a pipe.
        deadline: moment on the monotonic clock after which waiting ends; None waits for ever.

    Raises:
        WireError: the pipe ended, or what came is no JSON object of a sane length.
        LateError: the deadline passed.
    """
    length = int.from_bytes(_exactly(handle, 4, deadline), "little")
    if not 0 < length <= MAX_MESSAGE_BYTES:
        msg = f"a message of {length} bytes"
        raise WireError(msg)
    try:
        message = json.loads(_exactly(handle, length, deadline))
    except (ValueError, RecursionError) as error:
        msg = "a message that is not JSON"
        raise WireError(msg) from error
    if not isinstance(message, dict):
        msg = "a message that is not an object"
        raise WireError(msg)
    return message


def _exactly(handle: int, length: int, deadline: float | None) -> bytes:
    parts, missing = [], length
    while missing:
        if deadline is not None:
            waiting = select.poll()
            waiting.register(handle, select.POLLIN)
            if not waiting.poll(max(0, math.ceil((deadline - time.monotonic()) * 1000))):
                raise LateError
        part = os.read(handle, missing)
        if not part:
            msg = "the pipe ended"
            raise WireError(msg)
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def check_answer(message: dict[str, Any], serial: int, buffer_bytes: int, max_pixels: int) -> Answer | Refused:
    """The child's message as an answer that can be relied on, whatever the child has become.

    Args:
        message: what was received.
        serial: number of the question.
        buffer_bytes: size of the shared memory that pixels lie in.
        max_pixels: limit on width times height as taken.

    Raises:
        WireError: any field is missing, of the wrong kind, out of range or at odds with another.
    """
    if not _is_int(message.get("serial"), serial, serial):
        msg = "an answer to another question"
        raise WireError(msg)
    if "reason" in message:
        word, detail = message["reason"], message.get("detail")
        if not (isinstance(word, str) and word in set(Reason) and isinstance(detail, str)):
            msg = "a refusal without a known reason"
            raise WireError(msg)
        return Refused(Reason(word), _printable(detail))
    sides: list[Any] = [message.get(name) for name in ("width", "height", "full_width", "full_height")]
    rest: list[Any] = [message.get(name) for name in ("factor", "format", "notes", "taken_at")]
    factor, kind, notes, taken_at = rest
    rights: Any = message.get("rights", ["", ""])
    good = (
        all(_is_int(side, 1, max_pixels) for side in sides)
        and _is_int(factor, 1, max_pixels)
        and _is_int(message.get("orientation"), 1, 8)
        and isinstance(message.get("partial"), bool)
        and kind in FORMATS
        and (taken_at is None or (isinstance(taken_at, str) and _TAKEN_AT.fullmatch(taken_at) is not None))
        and isinstance(notes, list)
        and len(notes) <= _MAX_NOTES
        and all(isinstance(note, str) for note in notes)
        and isinstance(rights, list)
        and [type(text) for text in rights] == [str, str]
    )
    if not good:
        msg = "an answer with a field that is missing or out of range"
        raise WireError(msg)
    width, height, full_width, full_height = sides
    fits = 3 * width * height <= buffer_bytes and full_width * full_height <= max_pixels
    if not fits or (width, height) != (-(-full_width // factor), -(-full_height // factor)):
        msg = "an answer whose sizes do not agree"
        raise WireError(msg)
    return Answer(
        width,
        height,
        full_width,
        full_height,
        factor,
        kind,
        message["orientation"],
        message["partial"],
        taken_at,
        tuple(_printable(note) for note in notes),
        (_one_line(rights[0]), _one_line(rights[1])),
    )


def check_layers(message: dict[str, Any]) -> Layers:
    """The layers that the child reports when it is ready.

    Args:
        message: the first message of a child.

    Raises:
        WireError: it is something else.
    """
    said = message.get("layers")
    model = asdict(Layers())
    if not isinstance(said, dict) or said.keys() != model.keys():
        msg = "a greeting without its layers"
        raise WireError(msg)
    if any(type(said[name]) is not type(value) for name, value in model.items()):
        msg = "a greeting with layers of the wrong kind"
        raise WireError(msg)
    return Layers(**{**said, "seccomp": _printable(said["seccomp"])})


def _is_int(value: object, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _one_line(text: str) -> str:
    """Names have letters of every script; nothing but letters that can be printed comes through."""
    return "".join(c for c in text[:_MAX_TEXT] if c.isprintable())


def _printable(text: str) -> str:
    return "".join(c if " " <= c <= "~" else "?" for c in text[:_MAX_TEXT])
