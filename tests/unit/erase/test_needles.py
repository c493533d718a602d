from __future__ import annotations

import base64
import os
import unicodedata

import numpy as np
import pytest

from countenance.core.rotation import rotation
from countenance.erase.needles import Needles, of_files, of_names, of_templates, spelled
from countenance.erase.sieve import Sieve
from countenance.errors import DamagedError
from tests.unit.store.world import vectors

FORMS = ("float32", "float16", "int8", "hex", "HEX", "base64")
TEMPLATE = vectors(1, 7, 128)[0]
TURN = rotation(b"a secret of 32 bytes for the test", 128)


def kinds_in(needles: Needles, text: bytes) -> set[str]:
    return set(Sieve(needles).found_in(text))


@pytest.mark.parametrize(("number", "form"), list(enumerate(FORMS)))
@pytest.mark.parametrize("before", range(9))
def test_each_form_is_found_at_every_offset(number: int, form: str, before: int) -> None:
    text = os.urandom(1000 + before) + spelled(TEMPLATE)[number] + os.urandom(77)

    found = Sieve(of_templates(TEMPLATE)).found_in(text)

    assert found == {f"plain {form}": 1000 + before}


@pytest.mark.parametrize(("number", "form"), list(enumerate(FORMS)))
@pytest.mark.parametrize("kept", ["first", "second"])
def test_half_of_a_form_is_enough(number: int, form: str, kept: str) -> None:
    whole = spelled(TEMPLATE)[number]
    half = len(whole) // 2
    left = whole[:half] + b"\0" * half if kept == "first" else b"\0" * half + whole[half:]

    assert kinds_in(of_templates(TEMPLATE), b"x" * 5 + left + b"y" * 5) == {f"plain {form}"}


@pytest.mark.parametrize("before", range(6))
def test_base64_is_found_inside_a_larger_stream(before: int) -> None:
    record = os.urandom(before) + TEMPLATE.tobytes() + os.urandom(11)

    assert kinds_in(of_templates(TEMPLATE), base64.b64encode(record)) == {"plain base64"}


def test_the_turned_template_is_another_needle() -> None:
    needles = of_templates(TEMPLATE, turn=TURN)

    assert kinds_in(needles, spelled(TEMPLATE @ TURN.T)[1]) == {"turned float16"}
    assert kinds_in(of_templates(TEMPLATE), spelled(TEMPLATE @ TURN.T)[1]) == set()


def test_a_template_that_was_turned_and_turned_back_is_found() -> None:
    back = (TEMPLATE @ TURN.T) @ TURN
    assert back.tobytes() != TEMPLATE.tobytes()

    assert kinds_in(of_templates(back), b"abc" + TEMPLATE.tobytes()) == {"plain float32"}


def test_a_small_template_is_found_in_every_form() -> None:
    template = vectors(1, 3, 16)[0]

    assert kinds_in(of_templates(template), b"-".join(spelled(template))) == {f"plain {form}" for form in FORMS}


@pytest.mark.parametrize("code", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("before", range(4))
def test_a_name_is_found_however_it_is_written(code: str, form: str, before: int) -> None:
    text = b"\x01" * before + unicodedata.normalize(form, "Zoë Åkesson").encode(code)  # type: ignore[arg-type]

    assert Sieve(of_names(["Zoë Åkesson"])).found_in(text) == {f"name {code}": before}


def test_a_name_that_anybody_may_have_is_left_out() -> None:
    needles = of_names(["Ann", "Bo"])

    assert needles.kinds() == {"name utf-16-be": 1, "name utf-16-le": 1}  # "Ann" has 6 bytes there
    assert needles.too_short == 4


def test_long_and_short_names_stand_beside_each_other() -> None:
    needles = of_names(["Li Wei", "Wolfeschlegelsteinhausenbergerdorff the Elder"])

    assert kinds_in(needles, b"..Li Wei..") == {"name utf-8"}
    assert kinds_in(needles, "Wolfeschlegelsteinhausenbergerdorff the Elder".encode("utf-16-le")) == {"name utf-16-le"}
    assert kinds_in(needles, b"..Li We..") == set()


def test_pieces_of_a_file_are_found_when_the_rest_is_overwritten() -> None:
    picture = b"\xff\xd8 headers \xff\xda" + os.urandom(5000).replace(b"\xff", b"\xfe")
    needles = of_files([picture])

    assert needles.kinds() == {"file block": 1}
    assert kinds_in(needles, b"\0" * 2_500 + picture[2_500:]) == {"file block"}
    assert kinds_in(needles, picture[:2_500]) == {"file block"}


def test_what_every_file_has_is_no_needle() -> None:
    flat = b"\xff\xd8 headers \xff\xda" + b"\x28\xa2\x8a\0" * 500

    assert of_files([flat, b"", b"tiny"]).kinds() == {}
    assert (of_files([flat]).too_plain, of_files([b"tiny"]).too_short) == (1, 1)
    assert len(of_templates(np.zeros((1, 128), np.float32))) == 0


def test_nothing_is_found_in_noise() -> None:
    needles = of_templates(vectors(300, 5, 128)) + of_names(["Ann Smith"]) + of_files([os.urandom(4000)])

    assert kinds_in(needles, os.urandom(4 << 20)) == set()


@pytest.mark.parametrize("text", [b"", b"a", b"abc", b"0123456789abcde"])
def test_a_text_shorter_than_a_needle_is_no_problem(text: bytes) -> None:
    assert kinds_in(of_templates(TEMPLATE) + of_names(["Ann Smith"]), text) == set()


def test_no_needles_find_nothing() -> None:
    assert kinds_in(Needles(), b"anything") == set()
    assert kinds_in(of_templates(np.empty((0, 128), np.float32)), b"anything at all, and more of it") == set()


def test_of_very_many_templates_some_are_looked_for_and_the_rest_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("countenance.erase.needles.MOST_TEMPLATES", 10)
    everybody = vectors(100, 2, 128)

    needles = Needles.from_bytes((of_templates(everybody) + of_names(["Ann Smith"])).to_bytes())

    assert (needles.kinds()["plain int8"], needles.too_many) == (10, 90)
    assert kinds_in(needles, everybody[0].tobytes()) == kinds_in(needles, everybody[-1].tobytes()) == {"plain float32"}


def test_needles_are_kept_as_bytes() -> None:
    made = of_templates(vectors(2, 1, 128), turn=TURN) + of_names(["Ann Smith", "Bo"]) + of_files([os.urandom(3000)])

    again = Needles.from_bytes(made.to_bytes())

    assert again.kinds() == made.kinds()
    assert (len(again), again.too_short, again.too_plain) == (len(made), made.too_short, made.too_plain)
    assert kinds_in(again, TEMPLATE.tobytes() + b"Ann Smith") == {"name utf-8"}
    assert kinds_in(again, vectors(2, 1, 128)[1].tobytes()) == {"plain float32"}
    assert again.to_bytes() == made.to_bytes()


def test_damaged_needles_are_refused() -> None:
    content = of_names(["Ann Smith"]).to_bytes()

    for damaged in (b"", content[:-1], content + b"\0", b"X" + content[1:], content[:12] + b"[" + content[13:]):
        with pytest.raises(DamagedError):
            Needles.from_bytes(damaged)


def test_needles_say_only_how_many_they_are() -> None:
    needles = of_names(["Ann Smith"])

    assert repr(needles) == "Needles(3 of 3 kinds)"
    assert "Ann" not in repr(needles.groups)
