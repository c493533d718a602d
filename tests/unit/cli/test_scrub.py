"""``countenance doctor --scrub``."""

from __future__ import annotations

from pathlib import Path

from countenance.archive import DATABASE
from tests.terminal import Here


def test_a_sound_archive(run: Here, archive: Path) -> None:
    del archive
    said = run("doctor", "--scrub", "--json").done
    assert said["ok"] is True
    assert said["damaged"] == 0
    assert {"database", "write-ahead log", "keys", "ledger"} <= {each["store"] for each in said["checks"]}


def test_damage_is_named_with_what_to_do(run: Here, archive: Path) -> None:
    content = bytearray((archive / DATABASE).read_bytes())
    content[-9] ^= 4
    (archive / DATABASE).write_bytes(content)
    said = run("doctor", "--scrub", "--json")
    assert said.code == 1
    assert said.json["ok"] is False
    assert said.json["error"]["code"] == "damaged"
    assert said.json["damaged"] >= 1
    (page,) = [each for each in said.json["checks"] if each["store"] == "database"]
    assert "not as they were written" in page["what"]
    text = run("doctor", "--scrub")
    assert text.code == 1
    assert "DAMAGED database" in text.out
    assert bytes(content) == (archive / DATABASE).read_bytes()
