from __future__ import annotations

import os
from pathlib import Path

import pytest

from countenance.errors import PackError
from countenance.settings import Settings
from countenance.vision import convert_dlib
from countenance.vision.cache import networks, write_atomically
from countenance.vision.packs import Pack


def test_networks_are_converted_once(
    default_pack: Pack, vision_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = ("detector", "embedder")
    first = [networks(default_pack, vision_settings, part) for part in parts]
    assert [set(roles) for roles in first] == [{"pnet", "rnet", "onet"}, {"embedder"}]

    def again(_: bytes) -> bytes:
        pytest.fail("converted twice")

    monkeypatch.setattr(convert_dlib, "convert_resnet", again)
    assert [networks(default_pack, vision_settings, part) for part in parts] == first


@pytest.mark.parametrize("damage", ["altered", "unsealed", "gone"])
def test_a_network_that_was_altered_in_the_cache_is_made_again(tmp_path: Path, default_pack: Pack, damage: str) -> None:
    settings = Settings(cache_dir=tmp_path)
    path = networks(default_pack, settings, "detector")["pnet"]
    whole = path.read_bytes()
    if damage == "altered":
        path.write_bytes(whole[:-1] + b"?")
    elif damage == "unsealed":
        path.with_suffix(".sha256").unlink()
    else:
        path.unlink()
    assert networks(default_pack, settings, "detector")["pnet"].read_bytes() == whole


def test_readers_see_all_of_a_file_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep" / "file"
    write_atomically(path, b"first")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PackError, match="No space left"):
        write_atomically(path, b"second")
    assert path.read_bytes() == b"first"
    assert [item.name for item in path.parent.iterdir()] == ["file"]
