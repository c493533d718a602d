from __future__ import annotations

from pathlib import Path

import pytest

from tests.terminal import Here


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.csv"
    path.write_text("a,b,mated\n" + "".join(f"{n}a.jpg,{n}b.jpg,1\n{n}a.jpg,{n + 1}b.jpg,0\n" for n in range(12)))
    return path


def refused(run: Here, *words: str | Path) -> dict[str, str]:
    answer = run("evaluate", *words, "--json")
    assert answer.json["ok"] is False
    found: dict[str, str] = answer.json["error"]
    assert found["advice"]
    return {**found, "exit": str(answer.code)}


def test_it_takes_a_table_with_its_columns_or_neither(run: Here, pairs: Path, tmp_path: Path) -> None:
    for words in (["--group", "house"], ["--people", pairs]):
        error = refused(run, pairs, "--out", tmp_path / "out", *words)
        assert (error["code"], error["exit"]) == ("usage", "2")
        assert "belong together" in error["message"]
    assert not (tmp_path / "out").exists()


def test_what_is_wrong_is_told_before_a_photo_is_looked_at(run: Here, pairs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "cannot be read" in refused(run, tmp_path / "none.csv", "--out", out)["message"]
    assert "no model pack called 'none'" in refused(run, pairs, "--out", out, "--pack", "none")["message"]
    people = tmp_path / "people.csv"
    people.write_text("photo,house\n0a.jpg,red\n")
    error = refused(run, pairs, "--out", out, "--people", people, "--group", "town")
    assert "its columns are: photo, house" in error["message"]
    assert "Missing option '--out'" in refused(run, pairs)["message"]
    assert not out.exists()


def test_it_needs_no_archive_and_no_key(run: Here, pairs: Path, tmp_path: Path) -> None:
    error = refused(run, pairs, "--out", tmp_path / "out")
    assert "None of the 25 photos that pairs.csv names can be used: 25 unreadable" in error["message"]
    assert "--photos" in error["advice"]
