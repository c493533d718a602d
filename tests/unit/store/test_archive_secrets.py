"""Secrets with names of their own: put, kept through a new epoch, and of a length that can be wrapped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from countenance.errors import KeyStoreError
from countenance.store.keys import KeyStore
from tests.unit.store.world import cheap_master


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[KeyStore]:
    with KeyStore.create(tmp_path / "keys", cheap_master()) as store:
        yield store


def test_a_secret_can_be_put_in_the_place_of_another(keys: KeyStore) -> None:
    assert keys.kept_secret("head") is None
    for content in (bytes(24), bytes(range(40)), bytes(64)):
        keys.put_secret("head", content)
        keys.rotate_epoch()
        assert keys.kept_secret("head") == content
    assert keys.has_secret("head")
    keys.drop_secret("head")
    assert not keys.has_secret("head")


@pytest.mark.parametrize("n_bytes", [0, 16, 25, 72])
def test_what_cannot_be_wrapped_is_refused(keys: KeyStore, n_bytes: int) -> None:
    with pytest.raises(KeyStoreError, match="cannot be wrapped"):
        keys.put_secret("head", bytes(n_bytes))
    assert not keys.has_secret("head")
