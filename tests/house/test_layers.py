"""Imports go only downwards: the contracts of pyproject.toml, on the package and on packages that break them."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house.source import ROOT


def lint(folder: Path, source: Path) -> subprocess.CompletedProcess[str]:
    """Runs import-linter with this project's contracts on the package below `source`."""
    command = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); from importlinter import cli; cli.lint_imports_command()"
    )
    config = str(ROOT / "pyproject.toml")
    return subprocess.run(  # noqa: S603 - our own interpreter on our own arguments
        [sys.executable, "-c", command, str(source), "--config", config, "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def build(folder: Path, extra: dict[str, str]) -> Path:
    """A package of empty modules that the contracts name and `src` has, with some files of its own."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    rows = config["contracts"][0]["layers"]
    names = [name.strip() for row in rows for name in row.split("|") if not name.strip().startswith("(")]
    texts = {"__init__.py": "", **{f"{name}/__init__.py": "" for name in names}, **extra}
    for name, text in texts.items():
        path = folder / "src" / "countenance" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "src"


def test_the_package_keeps_its_layers(tmp_path: Path) -> None:
    result = lint(tmp_path, ROOT / "src")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 broken" in result.stdout


def test_an_empty_house_keeps_its_layers(tmp_path: Path) -> None:
    result = lint(tmp_path, build(tmp_path, {}))
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    "extra",
    [
        {"core/x.py": "import countenance.store"},
        {"vision/x.py": "def f():\n    from countenance.index import flat\n"},
        {"store/x.py": "from countenance import demo"},
        {"flows/x.py": "from countenance.demo import person"},
        {"tools/__init__.py": ""},
    ],
    ids=["upwards", "sideways", "store to demo", "flows to demo", "unlisted module"],
)
def test_a_breach_is_seen(tmp_path: Path, extra: dict[str, str]) -> None:
    source = build(tmp_path, {"demo/person.py": "", "index/flat.py": "", **extra})
    result = lint(tmp_path, source)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "broken" in result.stdout.lower() or "not listed as layers" in result.stdout
