from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from countenance.errors import DamagedError
from countenance.store.keys import KeyStore
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
