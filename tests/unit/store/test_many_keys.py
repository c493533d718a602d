from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.errors import DamagedError
from countenance.store.keys import KeyStore
from countenance.store.sealing import named, row_context, seal, unseal_each
from countenance.store.wrapping import unwrap_twice
from tests.unit.store.world import cheap_master


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[KeyStore]:
    with KeyStore.create(tmp_path / "keys", cheap_master()) as store:
        store.new_collection_key("club")
        for subject in ("ann", "bob"):
            store.new_subject_key(subject, "club")
        yield store


def test_keys_of_many_subjects_come_at_once(keys: KeyStore) -> None:
    keys.new_collection_key("other")
    keys.new_subject_key("eve", "other")
    wanted = frozenset({"ann", "bob", "eve", "nobody"})
    assert keys.subject_keys_of("club", wanted) == {each: keys.subject_key(each) for each in ("ann", "bob")}
    assert keys.subject_keys_of("club", frozenset({"bob"})) == {"bob": keys.subject_key("bob")}


def test_a_damaged_one_among_many_is_noticed() -> None:
    with pytest.raises(DamagedError):
        unwrap_twice(bytearray(32), bytearray(32), [bytes(48)])


@given(st.text(max_size=30), st.text(max_size=300))
def test_a_row_is_named_as_everywhere(one: str, other: str) -> None:
    assert named(one, other) == row_context(one, other)


def test_each_value_is_opened_by_its_own_key() -> None:
    keys = [bytes([n]) * 32 for n in range(3)]
    sealed = [(key, seal(key, b"value %d" % n, b"here"), b"here") for n, key in enumerate(keys)]
    assert unseal_each(sealed) == [b"value 0", b"value 1", b"value 2"]
    with pytest.raises(DamagedError):
        unseal_each([(keys[1], *sealed[0][1:])])
