"""What a child that has turned against us can say, and that none of it is believed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.ingest import wire
from countenance.ingest.confine import Layers
from countenance.ingest.decoded import Reason

GOOD: dict[str, Any] = {
    "serial": 7,
    "width": 50,
    "height": 34,
    "full_width": 100,
    "full_height": 67,
    "factor": 2,
    "format": "jpeg",
    "orientation": 6,
    "partial": False,
    "taken_at": "2020-01-02T03:04:05+02:00",
    "notes": ["odd"],
}


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def check(message: dict[str, Any]) -> wire.Answer | wire.Refused:
    return wire.check_answer(message, 7, 50 * 34 * 3, 6_700)


def test_a_good_answer_passes() -> None:
    said = check(GOOD)
    assert isinstance(said, wire.Answer)
    assert asdict(said) == {**{k: v for k, v in GOOD.items() if k != "serial"}, "notes": ("odd",), "rights": ("", "")}


@pytest.mark.parametrize(
    "change",
    [
        {"serial": 6},
        {"serial": True},
        {"width": 51},
        {"width": -50, "height": -34},
        {"width": 50.0},
        {"width": True},
        {"width": None},
        {"width": 10**30},
        {"height": 0},
        {"full_width": 1_000, "full_height": 1_000},
        {"full_width": 101},
        {"full_height": 670, "height": 335},
        {"factor": 0},
        {"factor": "2"},
        {"format": "svg"},
        {"format": []},
        {"orientation": 0},
        {"orientation": 9},
        {"partial": 1},
        {"taken_at": "yesterday"},
        {"taken_at": 5},
        {"notes": "text"},
        {"notes": [5]},
        {"notes": ["x"] * 9},
    ],
)
def test_a_bad_field_is_not_believed(change: dict[str, Any]) -> None:
    with pytest.raises(wire.WireError):
        check({**GOOD, **change})


@pytest.mark.parametrize("name", [name for name in GOOD if name != "taken_at"])
def test_a_missing_field_is_not_believed(name: str) -> None:
    with pytest.raises(wire.WireError):
        check({key: value for key, value in GOOD.items() if key != name})


def test_text_is_made_printable_and_short() -> None:
    said = check({**GOOD, "notes": ["\x1b[31m" + "é" * 1000]})
    assert isinstance(said, wire.Answer)
    assert said.notes[0].startswith("?[31m???")
    assert len(said.notes[0]) <= 240


def test_refusals() -> None:
    assert check({"serial": 7, "reason": "damaged", "detail": "a\nb"}) == wire.Refused(Reason.DAMAGED, "a?b")
    bad: list[Any] = ["no-such-reason", 5, None, []]
    for reason in bad:
        with pytest.raises(wire.WireError):
            check({"serial": 7, "reason": reason, "detail": ""})


def test_greetings() -> None:
    good = asdict(Layers(landlock=3, seccomp="allow-list"))
    assert wire.check_layers({"layers": good}) == Layers(landlock=3, seccomp="allow-list")
    for bad in ({}, {"layers": 5}, {"layers": {**good, "more": 1}}, {"layers": {**good, "landlock": "3"}}):
        with pytest.raises(wire.WireError):
            wire.check_layers(bad)


def test_messages_travel(pipe: tuple[int, int]) -> None:
    for message in ({"a": 1}, {"text": "é\n" * 100}):
        wire.send(pipe[1], message)
        assert wire.receive(pipe[0], time.monotonic() + 5) == message


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\x00\x00\x00",
        b"\xff\xff\xff\x7f{}",
        b"\x02\x00\x00\x00[]",
        b"\x04\x00\x00\x00nope",
        b"\x10\x27\x00\x00" + b"[" * 10_000,
    ],
)
def test_what_is_no_message_is_an_error(pipe: tuple[int, int], raw: bytes) -> None:
    os.write(pipe[1], raw)
    with pytest.raises(wire.WireError):
        wire.receive(pipe[0], time.monotonic() + 5)


def test_silence_ends_at_the_deadline(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"\x09\x00")
    start = time.monotonic()
    with pytest.raises(wire.LateError):
        wire.receive(pipe[0], start + 0.05)
    assert 0.04 < time.monotonic() - start < 2


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_fail(raw: bytes) -> None:
    reading, writing = os.pipe()
    try:
        os.write(writing, len(raw).to_bytes(4, "little") + raw)
        os.close(writing)
        try:
            message = wire.receive(reading)
            check(message)
        except wire.WireError:
            pass
    finally:
        os.close(reading)


@pytest.mark.parametrize("rights", ["Ann", ["Ann"], ["Ann", None], [1, 2], ["a", "b", "c"]])
def test_rights_are_two_texts(rights: object) -> None:
    with pytest.raises(wire.WireError):
        check({**GOOD, "rights": rights})


def test_rights_are_single_lines_that_can_be_printed() -> None:
    said = check({**GOOD, "rights": ["\xa9 Zo\xeb\n\x1b[31m\ud800", "x" * 10_000]})
    assert isinstance(said, wire.Answer)
    assert said.rights[0] == "\xa9 Zo\xeb[31m"
    assert set(said.rights[1]) == {"x"}
    assert len(said.rights[1]) < 1_000
