from __future__ import annotations

from pathlib import Path

import pytest

from tests.terminal import Here


@pytest.fixture(autouse=True)
def nothing_inherited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the environment of whoever runs it, or leaves files in their folders."""
    for name in ("ARCHIVE", "KEY_FILE", "ACTOR", "PACK", "DEVICE"):
        monkeypatch.delenv(f"COUNTENANCE_{name}", raising=False)
    monkeypatch.setenv("COUNTENANCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Here:
    return Here(capsys)


@pytest.fixture
def archive(run: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive with the collection `gala`, named with its key file by the environment."""
    folder, key = tmp_path / "archive", tmp_path / "archive.key"
    assert run("init", folder, "--key-file", key).code == 0
    monkeypatch.setenv("COUNTENANCE_ARCHIVE", str(folder))
    monkeypatch.setenv("COUNTENANCE_KEY_FILE", str(key))
    assert run("collection", "create", "gala").code == 0
    return folder
