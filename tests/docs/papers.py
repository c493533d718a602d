"""The project's Markdown, as the docs tests read it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.house.source import ROOT, files

CODE = re.compile(r"(?ms)^(```+)[^\n]*\n(.*?)^\1\s*$|(?:^ {4}[^\n]*\n)+")
TOML = re.compile(r"(?ms)^```toml\n(.*?)^```\s*$")


@dataclass(frozen=True)
class Paper:
    """One Markdown file: its path from the project root and its text."""

    path: str
    text: str

    @property
    def code(self) -> list[str]:
        """Lines of fenced and of indented blocks, without the shell's prompt."""
        blocks = "\n".join(match.group(2) or match.group(0) for match in CODE.finditer(self.text))
        return [line.strip().removeprefix("$ ") for line in blocks.splitlines() if line.strip()]

    @property
    def spans(self) -> list[str]:
        """What stands between single backquotes, outside blocks."""
        return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", self.prose)

    @property
    def prose(self) -> str:
        """The text without its blocks."""
        return CODE.sub("\n", self.text)

    def section(self, title: str) -> str:
        """What stands below a heading, up to the next one."""
        return self.text.split(f"# {title}\n", 1)[1].split("\n#", 1)[0]


def papers() -> list[Paper]:
    """Every Markdown file of the project."""
    return [read(path) for path in files() if path.endswith(".md")]


def read(path: str) -> Paper:
    """One of them."""
    return Paper(path, (ROOT / path).read_text(encoding="utf-8"))


def rows(text: str) -> list[list[str]]:
    """Cells of every table row, without heads and rules, and without backquotes around a cell."""
    found = []
    for table in re.findall(r"(?m)(?:^\|.*\|\n?)+", text):
        lines = table.splitlines()[2:]
        found += [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in lines]
    return [[cell.strip().strip("`") for cell in row] for row in found]
