from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.e2e.drawn import write_portrait, write_scene
from tests.terminal import Here, Terminal

ANN, BO, CLEO = 0, 1, 3


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all whole-line tests, so that networks are converted once."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn photos: `photos` to ingest (with two files that are none), references, and a signed form."""
    folder = tmp_path_factory.mktemp("drawn")
    photos = folder / "photos"
    for name, seat in (("ann", ANN), ("bo", BO), ("cleo", CLEO)):
        write_portrait(folder / f"{name}.jpg", seat, 0)
        write_portrait(folder / f"{name}-again.jpg", seat, 2)
        write_portrait(photos / f"{name}-1.jpg", seat, 1)
    write_portrait(photos / "ann-2.jpg", ANN, 3)
    write_scene(photos / "scenes" / "gala.jpg", (ANN, BO), 1)
    (photos / "broken.jpg").write_bytes((photos / "ann-1.jpg").read_bytes()[:300])
    (photos / "list.csv").write_text("name,class\n", encoding="utf-8")
    (folder / "form.txt").write_text("yes", encoding="utf-8")
    return folder


@pytest.fixture
def terminal(tmp_path: Path, model_cache: Path, drawn: Path) -> Terminal:
    """A folder with the drawn photos and a new archive with the collection `gala`."""
    made = Terminal(tmp_path / "work", model_cache)
    shutil.copytree(drawn, made.folder)
    return made


@pytest.fixture
def here(terminal: Terminal, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """The same in this process, with the collection `gala` made."""
    for name, value in terminal.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(terminal.folder)
    run = Here(capsys)
    assert run("init", "archive").code == 0
    assert run("collection", "create", "gala").code == 0
    return run
