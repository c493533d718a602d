from __future__ import annotations

from pathlib import Path

import pytest

from countenance.archive import DATABASE, KEYS, LEDGER, Archive
from countenance.errors import ConflictError, NotFoundError, StoreError
from countenance.flows import policy
from countenance.settings import Settings
from countenance.store.keyfile import Master, write_key_file


@pytest.fixture
def master(tmp_path: Path) -> Master:
    write_key_file(tmp_path / "key")
    return Master.from_key_file(tmp_path / "key")


def test_an_archive_is_made_once(tmp_path: Path, master: Master) -> None:
    Archive.create(tmp_path / "a", master, Settings()).close()
    before = (tmp_path / "a" / DATABASE).read_bytes()
    with pytest.raises(ConflictError):
        Archive.create(tmp_path / "a", master, Settings())
    assert (tmp_path / "a" / DATABASE).read_bytes() == before
    with Archive.open(tmp_path / "a", master, Settings()) as archive:
        assert archive.collections() == []


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path, master: Master) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be made an archive"):
        Archive.create(tmp_path / "file" / "a", master, Settings())


@pytest.mark.parametrize("step", ["before the keys", "before the name"])
def test_an_interrupted_creation_is_simply_begun_again(
    tmp_path: Path, master: Master, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    folder = tmp_path / "a"
    with monkeypatch.context() as patch:
        if step == "before the keys":
            patch.setattr("countenance.archive.opened.KeyStore.create", killed)
        else:
            patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            Archive.create(folder, master, Settings())
    with pytest.raises(NotFoundError):
        Archive.open(folder, master, Settings())
    Archive.create(folder, master, Settings()).close()
    with Archive.open(folder, master, Settings()) as archive:
        archive.create_collection("gala")
    assert sorted(path.name for path in folder.iterdir()) == [DATABASE, f"{DATABASE}-sums", KEYS, LEDGER, policy.FILE]


def test_keys_whose_database_is_lost_are_never_replaced(tmp_path: Path, master: Master) -> None:
    Archive.create(tmp_path / "a", master, Settings()).close()
    kept = (tmp_path / "a" / KEYS / "epoch.key").read_bytes()
    (tmp_path / "a" / DATABASE).unlink()
    with pytest.raises(ConflictError):
        Archive.create(tmp_path / "a", master, Settings())
    assert (tmp_path / "a" / KEYS / "epoch.key").read_bytes() == kept
