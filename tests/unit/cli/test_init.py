from __future__ import annotations

import stat
from pathlib import Path

import pytest

from countenance.cli.configure import read_settings
from countenance.errors import StoreError
from countenance.flows.policy import gaps
from countenance.settings import Settings
from countenance.store.connection import Store
from tests.terminal import Here


def test_an_archive_with_a_new_key_file(run: Here, tmp_path: Path) -> None:
    answer = run("init", "club", "--key-file", "club.key", "--json")
    missing = gaps((tmp_path / "club" / "policy.html").read_text("utf-8"))
    assert len(missing) > 5
    assert answer.json == {
        "ok": True,
        "archive": "club",
        "key_file": "club.key",
        "settings": "club/countenance.toml",
        "policy_page": {"file": "club/policy.html", "to_fill_in": missing},
    }
    assert stat.S_IMODE((tmp_path / "club.key").stat().st_mode) == 0o600
    assert read_settings(tmp_path / "club") == read_settings(tmp_path)
    assert run("collection", "list", "--archive", "club", "--key-file", "club.key").code == 0


def test_what_it_says_next_can_be_run(run: Here, tmp_path: Path) -> None:
    (tmp_path / "our club").mkdir()
    said = run("init", "our club/photos", "--key-file", "our club/key").out
    assert "Keep a copy" in said
    assert "Next: countenance --archive 'our club/photos' --key-file 'our club/key' collection create NAME" in said


def test_it_says_where_the_policy_page_is_and_what_to_do_with_it(run: Here, tmp_path: Path) -> None:
    said = run("init", "club", "--key-file", "key").out
    (line,) = [
        line for line in said.splitlines() if line.startswith("Policy page: club/policy.html, which people read")
    ]
    assert "Fill in its " in line
    assert line.endswith("then: countenance --archive club --key-file key policy publish")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "policy.html").write_text("Our own page.", encoding="utf-8")
    said = run("init", "own", "--key-file", "key").out
    assert "Publish it: countenance --archive own --key-file key policy publish\n" in said
    assert (tmp_path / "own" / "policy.html").read_text("utf-8") == "Our own page."


def test_the_folder_we_are_in(run: Here, tmp_path: Path) -> None:
    said = run("init", "--key-file", "key").out
    assert f"New archive in {tmp_path}\n" in said
    assert "Next: countenance --key-file key collection create NAME" in said
    assert run("collection", "list", "--key-file", "key").code == 0


def test_a_key_file_may_open_several_archives(run: Here, tmp_path: Path) -> None:
    assert run("init", "one", "--key-file", "key").code == 0
    before = (tmp_path / "key").read_bytes()
    assert run("init", "two", "--key-file", "key").code == 0
    assert (tmp_path / "key").read_bytes() == before


def test_a_second_time_changes_nothing(run: Here, tmp_path: Path) -> None:
    run("init", "club", "--key-file", "key")
    before = {path: path.read_bytes() for path in (tmp_path / "club").rglob("*") if path.is_file()}
    assert run("init", "club", "--key-file", "other.key").code == 1
    assert not (tmp_path / "other.key").exists()
    assert {path: path.read_bytes() for path in (tmp_path / "club").rglob("*") if path.is_file()} == before


def test_the_pack_of_new_collections(run: Here, tmp_path: Path) -> None:
    run("init", "club", "--key-file", "key", "--pack", "recommended")
    assert read_settings(tmp_path / "club").pack == "recommended"
    shown = run("collection", "create", "gala", "--archive", "club", "--key-file", "key", "--json").json
    assert shown["collection"]["pack"].startswith("recommended@")


def test_settings_that_lie_there_already_are_kept(run: Here, tmp_path: Path) -> None:
    (tmp_path / "club").mkdir()
    settings = tmp_path / "club" / "countenance.toml"
    settings.write_text('pack = "recommended"\n', encoding="utf-8")
    assert run("init", "club", "--key-file", "key", "--pack", "default").code == 2
    assert not (tmp_path / "key").exists()
    assert run("init", "club", "--key-file", "key").code == 0
    assert settings.read_text(encoding="utf-8") == 'pack = "recommended"\n'


def test_a_failure_leaves_nothing_and_can_be_repeated(
    run: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, **_: object) -> Store:
        path.touch()
        msg = "The disk is full, so nothing was written."
        raise StoreError(msg)

    with monkeypatch.context() as patched:
        patched.setattr(Store, "open", full)
        answer = run("init", "club", "--key-file", "key")
    assert answer.code == 1
    assert "disk is full" in answer.err
    assert [path.name for path in tmp_path.rglob("*")] == ["club"]
    assert run("init", "club", "--key-file", "key").code == 0


def test_keys_of_a_lost_database_are_never_replaced(run: Here, tmp_path: Path) -> None:
    run("init", "club", "--key-file", "key")
    run("collection", "create", "gala", "--archive", "club", "--key-file", "key")
    for path in (tmp_path / "club").glob("countenance.db*"):
        path.unlink()
    before = (tmp_path / "club" / "keys" / "keys.sqlite").read_bytes()
    answer = run("init", "club", "--key-file", "key")
    assert answer.code == 1
    assert "key store" in answer.err
    assert (tmp_path / "club" / "keys" / "keys.sqlite").read_bytes() == before


def test_defaults_do_not_depend_on_the_folder() -> None:
    assert Settings().cache_dir.is_absolute()
