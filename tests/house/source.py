"""The project's own files, as the house tests read them."""

from __future__ import annotations

import ast
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "src/countenance"
GENERATED = frozenset(
    {
        ".cache",
        ".git",
        ".hypothesis",
        ".import_linter_cache",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".venv",
        "__pycache__",
        "build",
        "demo-archive",
        "dist",
    }
)


@dataclass(frozen=True)
class Module:
    """One Python file: its path from the project root (with `/`) and its text."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def inner(self) -> str:
        """Path inside the package, such as `vision/session.py`."""
        return self.path.removeprefix(PACKAGE + "/")


@cache
def files() -> tuple[str, ...]:
    """Every file of the checkout that is not generated, as a path from the root."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in GENERATED and not name.endswith(".egg-info")]
        inner = Path(folder).relative_to(ROOT)
        found += [(inner / name).as_posix() for name in names if not name.startswith(".coverage")]
    return tuple(sorted(found))


def modules(under: str) -> list[Module]:
    """Python files below a folder of the project."""
    paths = [path for path in files() if path.startswith(under + "/") and path.endswith(".py")]
    return [Module(path, (ROOT / path).read_text(encoding="utf-8")) for path in paths]


def imported(module: Module) -> list[tuple[int, str]]:
    """(line, full dotted name) of everything a module imports, at any depth and by any of the usual means.

    `from a import b` gives `a.b`: whether `b` is a module or a name cannot be told from the text. Names given as text
    to `import_module` and `__import__` count too; `find_spec` does not import and so does not count.
    """
    found = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [(node.lineno, f"{node.module or ''}.{alias.name}") for alias in node.names]
        elif isinstance(node, ast.Call) and called(node) in {"import_module", "__import__"} and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                found.append((node.lineno, first.value))
    return found


def called(node: ast.Call) -> str:
    """Last part of what a call calls: `f` in `a.b.f()`."""
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def within(name: str, package: str) -> bool:
    """True when a dotted name is the package or lies in it."""
    return name == package or name.startswith(package + ".")
