"""Links between papers lead somewhere, and so do references to decision records."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.docs.papers import Paper, papers
from tests.house.source import PACKAGE, ROOT, modules

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def broken(paper: Paper) -> list[str]:
    """Relative links of a paper to files or headings that do not exist."""
    found = []
    for target in LINK.findall(paper.prose):
        parts = urlsplit(target)
        if parts.scheme:
            continue
        place = ROOT / Path(paper.path).parent / parts.path if parts.path else ROOT / paper.path
        there = place.exists() and (place.is_dir() or not parts.fragment or parts.fragment in anchors(place))
        found += [] if there else [f"{paper.path}: {target}"]
    return found


def anchors(place: Path) -> set[str]:
    """Names of a paper's headings, as renderers make them."""
    titles = re.findall(r"(?m)^#+ (.+)$", place.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_relative_link_resolves() -> None:
    assert [finding for paper in papers() for finding in broken(paper)] == []
    assert sum(len(LINK.findall(paper.prose)) for paper in papers()) > 5


@pytest.mark.parametrize("target", ["nosuch.md", "../nosuch.md", "settings.md#nosuch", "#nosuch", "../adr/0001-x.md"])
def test_a_broken_link_is_seen(target: str) -> None:
    assert broken(Paper("docs/guide/models.md", f"See [this]({target}).")) != []


def test_whole_links_pass() -> None:
    text = "[a](settings.md) [b](settings.md#environment) [c](https://example.org/x) [d](../adr/)"
    assert broken(Paper("docs/guide/models.md", text)) == []


def test_records_that_are_named_exist() -> None:
    known = {path.name[:4] for path in (ROOT / "docs" / "adr").glob("[0-9]*.md")}
    texts = [(module.path, module.text) for module in modules(PACKAGE)] + [(each.path, each.text) for each in papers()]
    named = [(path, number) for path, text in texts for number in re.findall(r"ADR (\d{4})", text)]
    assert [found for found in named if found[1] not in known] == []
    assert named
