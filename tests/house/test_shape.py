"""The shape of the house: sizes, folders and names."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from tests.house.source import Module, files, modules

MOST_LINES = 400
VAGUE = frozenset({"data", "helper", "helpers", "info", "manager", "managers", "misc", "util", "utils"})
PYTHON_FOLDERS = ("src", "tests", "benchmarks")


def too_long(module: Module) -> list[str]:
    n_lines = len(module.text.splitlines())
    return [f"{module.path}: {n_lines} lines, at most {MOST_LINES}"] if n_lines > MOST_LINES else []


def vague_names(path: str) -> list[str]:
    parts = [*PurePosixPath(path).parts[:-1], PurePosixPath(path).stem]
    return [f"{path}: {part!r} says nothing about what is in it" for part in parts if part in VAGUE]


def folders_without_init(paths: tuple[str, ...]) -> list[str]:
    """Folders below a package root that hold Python, themselves or further down, and have no `__init__.py`."""
    known = set(paths)
    missing = set()
    for path in paths:
        if not path.endswith(".py") or not path.startswith(("src/countenance/", "tests/", "benchmarks/")):
            continue
        for folder in PurePosixPath(path).parents:
            if folder.as_posix() in {".", "src"}:
                break
            if f"{folder}/__init__.py" not in known:
                missing.add(f"{folder}: no __init__.py")
    return sorted(missing)


@pytest.mark.parametrize("root", PYTHON_FOLDERS)
def test_no_module_is_longer_than_one_sitting(root: str) -> None:
    assert [finding for module in modules(root) for finding in too_long(module)] == []


def test_a_long_module_is_seen() -> None:
    assert too_long(Module("src/countenance/x.py", "a = 1\n" * MOST_LINES)) == []
    assert too_long(Module("src/countenance/x.py", "a = 1\n" * (MOST_LINES + 1))) != []


def test_every_folder_is_a_package() -> None:
    assert folders_without_init(files()) == []


@pytest.mark.parametrize("path", ["src/countenance/new/x.py", "tests/unit/new/test_x.py", "benchmarks/new/x.py"])
def test_a_folder_without_init_is_seen(path: str) -> None:
    assert any("new" in finding for finding in folders_without_init((*files(), path)))


def test_every_folder_of_the_package_says_what_it_is() -> None:
    inits = [module for module in modules("src") if module.path.endswith("__init__.py")]
    assert [module.path for module in inits if not module.text.startswith('"""')] == []
    assert len(inits) > 5


def test_names_say_something() -> None:
    assert [finding for path in files() if path.endswith(".py") for finding in vague_names(path)] == []


@pytest.mark.parametrize(
    "path", ["src/countenance/store/utils.py", "src/countenance/helpers/x.py", "tests/unit/info.py"]
)
def test_a_vague_name_is_seen(path: str) -> None:
    assert vague_names(path) != []


def test_the_rules_look_at_something() -> None:
    assert {"src/countenance/errors.py", "src/countenance/core/permit.py"} <= {module.path for module in modules("src")}
    assert "pyproject.toml" in files()
    assert not [path for path in files() if path.startswith((".git/", ".venv/")) or "__pycache__" in path]
