from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.errors import DamagedError
from countenance.store.sealing import row_context, seal, unseal

KEYS = st.binary(min_size=32, max_size=32)


@given(KEYS, st.binary(max_size=300), st.binary(max_size=40))
def test_sealed_values_open_again_and_are_never_the_same(key: bytes, plaintext: bytes, context: bytes) -> None:
    sealed = seal(key, plaintext, context)
    assert unseal(key, sealed, context) == plaintext
    assert len(sealed) == len(plaintext) + 29
    assert seal(key, plaintext, context) != sealed


@given(KEYS, st.binary(max_size=60), st.data())
def test_any_change_is_damage(key: bytes, plaintext: bytes, data: st.DataObject) -> None:
    sealed = seal(key, plaintext, b"here")
    place = data.draw(st.integers(0, len(sealed) - 1))
    bit = data.draw(st.integers(0, 7))
    flipped = sealed[:place] + bytes([sealed[place] ^ 1 << bit]) + sealed[place + 1 :]
    other_key = bytes([key[0] ^ 1]) + key[1:]
    for wrong in (
        (key, flipped, b"here"),
        (key, sealed[:place], b"here"),
        (key, sealed, b"there"),
        (other_key, sealed, b"here"),
    ):
        with pytest.raises(DamagedError):
            unseal(*wrong)


NAMES = st.lists(st.text("ab\0é", max_size=3), min_size=1, max_size=3)


@given(NAMES, NAMES)
def test_contexts_of_different_rows_differ(one: list[str], other: list[str]) -> None:
    assert (row_context(*one) == row_context(*other)) == (one == other)
