from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from countenance.erase.files import read_file, remove_file
from countenance.errors import StoreError
from countenance.store.written import UNFINISHED

CONTENT = b"a released photo" * 100
OURS = hashlib.sha256(CONTENT).digest()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "out" / "photo.jpg"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


def test_a_file_of_ours_is_overwritten_before_it_goes(file: Path) -> None:
    other = file.with_name("same-inode.jpg")
    os.link(file, other)
    assert remove_file(os.fsencode(file), OURS)
    assert not file.exists()
    assert len(other.read_bytes()) == len(CONTENT)
    assert b"released" not in other.read_bytes()


def test_the_folder_goes_when_it_is_empty_and_only_then(file: Path) -> None:
    neighbour = file.with_name("neighbour.jpg")
    neighbour.touch()
    assert remove_file(os.fsencode(file), OURS)
    assert neighbour.exists()
    neighbour.write_bytes(CONTENT)
    assert remove_file(os.fsencode(neighbour), OURS)
    assert not file.parent.exists()


def test_what_somebody_put_in_its_place_stays(file: Path, tmp_path: Path) -> None:
    file.write_bytes(b"my holiday")
    assert not remove_file(os.fsencode(file), OURS)
    assert file.read_bytes() == b"my holiday"
    elsewhere = tmp_path / "mine.jpg"
    elsewhere.write_bytes(CONTENT)
    file.unlink()
    file.symlink_to(elsewhere)
    assert not remove_file(os.fsencode(file), OURS)
    assert elsewhere.read_bytes() == CONTENT


def test_a_file_that_was_being_written_goes_whatever_it_holds(file: Path) -> None:
    file.write_bytes(CONTENT[:50])
    assert remove_file(os.fsencode(file), UNFINISHED)
    assert not file.exists()


def test_an_interrupted_removal_is_taken_up_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(Exception):  # noqa: N818 - no error of ours
        pass

    def stop(_: object) -> None:
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", stop)
        with pytest.raises(Stopped):
            remove_file(os.fsencode(file), OURS)
    (left,) = file.parent.iterdir()
    assert left.name.endswith(".countenance-erasing")
    assert remove_file(os.fsencode(file), OURS)
    assert not file.parent.exists()


def test_what_is_gone_already_is_gone(tmp_path: Path) -> None:
    assert remove_file(os.fsencode(tmp_path / "no" / "photo.jpg"), OURS)
    assert read_file(os.fsencode(tmp_path / "no" / "photo.jpg")) == b""


def test_a_failing_disk_is_said(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "rename", broken)
    with pytest.raises(StoreError, match="Input/output error") as caught:
        remove_file(os.fsencode(file), OURS)
    assert "--resume" in caught.value.advice
    assert file.read_bytes() == CONTENT
