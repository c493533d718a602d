from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from countenance.erase.files import Fate, going_of, read_file, remove_file
from countenance.errors import StoreError
from countenance.store.written import UNFINISHED, part_of

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
    assert remove_file(os.fsencode(file), OURS) is Fate.GONE
    assert not file.exists()
    assert len(other.read_bytes()) == len(CONTENT)
    assert b"released" not in other.read_bytes()


def test_the_folder_goes_when_it_is_empty_and_only_then(file: Path) -> None:
    neighbour = file.with_name("neighbour.jpg")
    neighbour.touch()
    assert remove_file(os.fsencode(file), OURS) is Fate.GONE
    assert neighbour.exists()
    neighbour.write_bytes(CONTENT)
    assert remove_file(os.fsencode(neighbour), OURS) is Fate.GONE
    assert not file.parent.exists()


def test_what_somebody_put_in_its_place_stays(file: Path, tmp_path: Path) -> None:
    file.write_bytes(b"my holiday")
    assert remove_file(os.fsencode(file), OURS) is Fate.CHANGED
    assert file.read_bytes() == b"my holiday"
    elsewhere = tmp_path / "mine.jpg"
    elsewhere.write_bytes(CONTENT)
    file.unlink()
    file.symlink_to(elsewhere)
    assert remove_file(os.fsencode(file), OURS) is Fate.CHANGED
    assert elsewhere.read_bytes() == CONTENT


def test_a_file_that_was_being_written_goes_whatever_it_holds(file: Path) -> None:
    file.write_bytes(CONTENT[:50])
    assert remove_file(os.fsencode(file), UNFINISHED) is Fate.GONE
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
    assert os.fsencode(left) == going_of(os.fsencode(file))
    assert remove_file(os.fsencode(file), OURS) is Fate.GONE
    assert not file.parent.exists()


def test_what_is_gone_already_is_gone_but_a_missing_folder_may_come_back(file: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "other").touch()
    file.unlink()
    assert remove_file(os.fsencode(file), OURS) is Fate.GONE
    assert remove_file(os.fsencode(tmp_path / "no" / "photo.jpg"), OURS) is Fate.UNREACHABLE
    assert read_file(os.fsencode(tmp_path / "no" / "photo.jpg")) == b""


def test_what_a_killed_writer_left_goes_too(file: Path) -> None:
    left = Path(os.fsdecode(part_of(os.fsencode(file))))
    left.write_bytes(b"half of it")
    assert remove_file(os.fsencode(file), OURS) is Fate.GONE
    assert not left.exists()


def test_a_name_of_any_length_can_be_removed(file: Path) -> None:
    long = file.with_name("x" * 251 + ".jpg")
    file.rename(long)
    assert remove_file(os.fsencode(long), OURS) is Fate.GONE


def test_a_failing_disk_is_said(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "rename", broken)
    with pytest.raises(StoreError, match="Input/output error") as caught:
        remove_file(os.fsencode(file), OURS)
    assert "--resume" in caught.value.advice
    assert file.read_bytes() == CONTENT
