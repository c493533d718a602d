from __future__ import annotations

from pathlib import Path

import pytest

from tests.terminal import Here


@pytest.mark.usefixtures("archive")
def test_a_new_key_is_given_and_said(run: Here) -> None:
    assert run("collection", "rekey", "gala", "--json").json == {
        "ok": True,
        "collection": "gala",
        "references": 0,
        "templates": 0,
    }
    said = run("collection", "rekey", "gala").out
    assert "Collection gala has a new key" in said


def test_keys_change_on_the_disk(run: Here, archive: Path) -> None:
    before = (archive / "keys" / "keys.sqlite").read_bytes()
    assert run("collection", "rekey", "gala").code == 0
    assert (archive / "keys" / "keys.sqlite").read_bytes() != before


@pytest.mark.usefixtures("archive")
def test_an_unknown_collection_is_refused(run: Here) -> None:
    answer = run("collection", "rekey", "nosuch", "--json")
    assert (answer.code, answer.json["ok"]) == (1, False)
