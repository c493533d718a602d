from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from countenance.erase import sweep as module
from countenance.erase.needles import Needles, of_names, of_templates, spelled
from countenance.erase.sweep import Hit, sweep
from tests.unit.store.world import World, vectors

TEMPLATE = vectors(1, 7, 128)[0]
NEEDLES = of_templates(TEMPLATE) + of_names(["Ann Smith"])


def test_every_file_below_the_roots_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "a").write_bytes(b"nothing")
    (tmp_path / "deep" / "er" / ".hidden").write_bytes(b"Ann Smith" + b"\0" * 91)
    (tmp_path / "empty").write_bytes(b"")

    swept = sweep(NEEDLES, [tmp_path, tmp_path / "deep", tmp_path / "a"])

    assert (swept.n_files, swept.n_bytes, swept.n_needles) == (3, 107, len(NEEDLES))
    assert swept.found == (Hit(tmp_path / "deep" / "er" / ".hidden", "name utf-8", 0),)
    assert swept.unreadable == ()


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("before", [-500, -17, -1, 0, 1])
def test_a_needle_across_two_parts_of_a_file_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, before: int
) -> None:
    monkeypatch.setattr(module, "_PART_BYTES", 4_096)
    monkeypatch.setattr(module, "_PARTS_OF_A_TURN", 2)
    at = 5 * 4_096 + before
    (tmp_path / "big").write_bytes(os.urandom(at) + spelled(TEMPLATE)[number] + os.urandom(9_000))

    swept = sweep(NEEDLES, [tmp_path])

    assert [hit.offset for hit in swept.found] == [at]
    assert swept.n_bytes == at + len(spelled(TEMPLATE)[number]) + 9_000


@pytest.mark.parametrize("before", range(-8, 1))
def test_a_name_across_two_parts_of_a_file_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    monkeypatch.setattr(module, "_PART_BYTES", 4_096)
    (tmp_path / "big").write_bytes(b"\0" * (4_096 + before) + b"Ann Smith and others")

    assert [hit.offset for hit in sweep(of_names(["Ann Smith"]), [tmp_path]).found] == [4_096 + before]


def test_the_first_place_of_each_kind_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"..Ann Smith....Ann Smith.." + ("Ann Smith".encode("utf-16-le") + b"....") * 2)

    swept = sweep(NEEDLES, [tmp_path])

    assert [(hit.kind, hit.offset) for hit in swept.found] == [("name utf-16-le", 26), ("name utf-8", 2)]


def test_names_of_files_and_folders_are_looked_at(tmp_path: Path) -> None:
    (tmp_path / "of Ann Smith").mkdir()
    (tmp_path / "of Ann Smith" / "x").write_bytes(b"")

    assert sweep(NEEDLES, [tmp_path]).found == (Hit(tmp_path / "of Ann Smith", "name utf-8", None),)


def test_links_are_not_followed_except_a_root(tmp_path: Path) -> None:
    elsewhere, root = tmp_path / "elsewhere", tmp_path / "root"
    elsewhere.mkdir()
    root.mkdir()
    (elsewhere / "a").write_bytes(b"Ann Smith")
    (root / "folder").symlink_to(elsewhere)
    (root / "file").symlink_to(elsewhere / "a")
    (tmp_path / "named").symlink_to(elsewhere)

    assert (sweep(NEEDLES, [root]).n_files, sweep(NEEDLES, [root]).found) == (0, ())
    assert sweep(NEEDLES, [tmp_path / "named"]).found == (Hit(elsewhere / "a", "name utf-8", 0),)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").write_bytes(b"Ann Smith")
    (tmp_path / "open").write_bytes(b"Ann Smith")
    really = os.open

    def refusing(path: str, flags: int, mode: int = 0o777) -> int:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return really(path, flags, mode)

    monkeypatch.setattr(os, "open", refusing)

    swept = sweep(NEEDLES, [tmp_path])

    assert swept.unreadable == (tmp_path / "closed",)
    assert [hit.path.name for hit in swept.found] == ["open"]


def test_what_is_no_file_is_passed_over_and_what_is_gone_is_no_remains(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    swept = sweep(NEEDLES, [tmp_path, tmp_path / "gone"])

    assert (swept.n_files, swept.found, swept.unreadable) == (0, (), ())


def test_a_sweep_for_nothing_still_reads(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")

    assert (sweep(Needles(), [tmp_path]).n_bytes, sweep(Needles(), [tmp_path]).n_needles) == (5, 0)


def test_a_database_that_is_written_to_keeps_its_locks(world: World) -> None:
    """POSIX drops a process's locks on a file when any of its descriptors is closed."""
    script = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], timeout=0.2, isolation_level=None)\n"
        "try:\n db.execute('BEGIN IMMEDIATE')\nexcept sqlite3.OperationalError as error:\n print(error)"
    )
    command = [sys.executable, "-c", script, str(world.path)]
    world.collection()
    with world.store.transaction():
        swept = sweep(of_names(["Ada Fern"]), [world.folder])
        assert swept.n_bytes > 0
        said = subprocess.run(command, capture_output=True, check=True, text=True)  # noqa: S603 - our own interpreter
    assert said.stdout == "database is locked\n"
