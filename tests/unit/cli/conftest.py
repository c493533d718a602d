from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from countenance.cli.main import main


@dataclass(frozen=True)
class Answer:
    """What one command left behind: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on stdout; nothing else may stand there."""
        assert self.out.count("\n") == 1, self.out
        assert self.out.isascii()
        found: dict[str, Any] = json.loads(self.out)
        return found


Run = Callable[..., Answer]


@pytest.fixture(autouse=True)
def nothing_inherited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the environment of whoever runs it, or leaves files in their folders."""
    for name in ("ARCHIVE", "KEY_FILE", "ACTOR", "PACK", "DEVICE"):
        monkeypatch.delenv(f"COUNTENANCE_{name}", raising=False)
    monkeypatch.setenv("COUNTENANCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command; nobody sits at the terminal."""

    def answer(*words: str | Path) -> Answer:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Answer(ended.value.code, said.out, said.err)

    return answer


@pytest.fixture
def archive(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive with the collection `gala`, named with its key file by the environment."""
    folder, key = tmp_path / "archive", tmp_path / "archive.key"
    assert run("init", folder, "--key-file", key).code == 0
    monkeypatch.setenv("COUNTENANCE_ARCHIVE", str(folder))
    monkeypatch.setenv("COUNTENANCE_KEY_FILE", str(key))
    assert run("collection", "create", "gala").code == 0
    return folder
