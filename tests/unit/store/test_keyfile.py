from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from countenance.errors import DamagedError, KeyStoreError
from countenance.store.keyfile import Master, MasterRecord, PassphraseCost, write_key_file
from tests.unit.store.world import CHEAP, cheap_master


def test_a_key_file_is_private_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "archive.key"
    write_key_file(path)
    before = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(KeyStoreError, match="not overwritten"):
        write_key_file(path)
    assert path.read_bytes() == before
    write_key_file(tmp_path / "other.key")
    assert (tmp_path / "other.key").read_bytes() != before
    with pytest.raises(KeyStoreError, match="cannot be written"):
        write_key_file(tmp_path / "nowhere" / "archive.key")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 90,
        b"countenance-key-1 00\n",
        b"countenance-key-1 " + b"zz" * 32,
        b"11" * 32,
        b"countenance-key-1 " + b"11" * 33,
        b"countenance-key-1 " + b"11" * 5_000,
    ],
)
def test_other_files_are_no_key_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "archive.key"
    path.write_bytes(content)
    with pytest.raises(KeyStoreError, match="not a Countenance key file"):
        Master.from_key_file(path)


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(KeyStoreError, match="cannot be read"):
            Master.from_key_file(path)


def test_wrapping_keys_depend_on_secret_and_salt(tmp_path: Path) -> None:
    path = tmp_path / "archive.key"
    write_key_file(path)
    for master, again, other in (
        (Master.from_key_file(path), Master.from_key_file(path), None),
        (cheap_master("ä horse"), cheap_master("a\u0308 horse"), cheap_master("a horse")),
    ):
        record = master.new_record()
        key = master.wrapping_key(record)
        assert len(key) == 32
        assert key == again.wrapping_key(MasterRecord.from_json(record.as_json()))
        assert key != master.wrapping_key(master.new_record())
        assert other is None or key != other.wrapping_key(record)


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "archive.key"
    write_key_file(path)
    secret = path.read_text().split()[1]
    for master, word in ((Master.from_key_file(path), secret), (cheap_master("open sesame"), "sesame")):
        assert word not in repr(master)
        assert word not in master.new_record().as_json()


def test_the_usual_cost_follows_the_standard() -> None:
    assert Master.from_passphrase("some words").new_record().cost == PassphraseCost(3, 65_536, 4)


@pytest.mark.parametrize("words", ["", " \n"])
def test_an_empty_passphrase_is_refused(words: str) -> None:
    with pytest.raises(KeyStoreError, match="empty"):
        Master.from_passphrase(words)


@pytest.mark.parametrize(
    "changes",
    [
        {"form": 2},
        {"kind": "guess"},
        {"kind": "key-file"},
        {"salt": "00"},
        {"salt": 5},
        {"argon2id": None},
        {"argon2id": {}, "kind": "key-file"},
        {"argon2id": {"iterations": 10**9, "memory_kib": 64, "lanes": 1}},
        {"argon2id": {"iterations": 1, "memory_kib": 10**9, "lanes": 1}},
        {"argon2id": {"iterations": 1, "memory_kib": 64, "lanes": 0}},
        {"argon2id": {"iterations": 1, "memory_kib": 64, "lanes": 1, "more": 1}},
        {"argon2id": [1]},
    ],
    ids=str,
)
def test_a_changed_record_is_damage(changes: dict[str, object]) -> None:
    good = Master.from_passphrase("words", CHEAP).new_record().as_json()
    assert MasterRecord.from_json(good).cost == CHEAP
    with pytest.raises(DamagedError, match=r"master\.json"):
        MasterRecord.from_json(json.dumps(json.loads(good) | changes))
    for text in ("", "[]", "null", "{"):
        with pytest.raises(DamagedError):
            MasterRecord.from_json(text)
