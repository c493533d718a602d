"""Every command that a paper names exists, with its options and in its order of arguments."""

from __future__ import annotations

import shlex

import click
import pytest

from countenance.cli.main import COMMANDS, group
from tests.docs.papers import Paper, papers

NAME = "countenance"


@pytest.fixture
def parse_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands are read to the last word and not run."""

    def nothing(command: click.Command, context: click.Context) -> None: ...

    monkeypatch.setattr(click.Command, "invoke", nothing)


def commands_of(paper: Paper) -> list[str]:
    return [line for line in paper.code if line.startswith(f"{NAME} ")]


def why_wrong(line: str) -> str | None:
    """What the command line would answer to a line of a paper; None when it would run."""
    words = shlex.split(line, comments=True)[1:]
    try:
        group.main(words, prog_name=NAME, standalone_mode=False)
    except click.ClickException as error:
        return f"{line}: {error.format_message()}"
    return None


@pytest.mark.usefixtures("parse_only")
def test_every_command_of_every_paper_can_be_read() -> None:
    lines = [(paper.path, line) for paper in papers() for line in commands_of(paper)]
    assert [(path, why) for path, line in lines if (why := why_wrong(line)) is not None] == []
    assert len(lines) > 15


def test_every_command_named_in_a_sentence_exists() -> None:
    named = {
        (paper.path, span)
        for paper in papers()
        if not paper.path.startswith("docs/adr/")
        for span in paper.spans
        if span.startswith(f"{NAME} ")
    }
    wrong = [
        found for found in named if found[1].split()[1] not in COMMANDS and not found[1].split()[1].startswith("-")
    ]
    assert wrong == []
    assert named


def test_the_guides_show_every_command() -> None:
    shown = {
        line.split()[1] for paper in papers() for line in [*commands_of(paper), *paper.spans] if line[:12] == NAME + " "
    }
    assert shown >= set(COMMANDS)


@pytest.mark.usefixtures("parse_only")
@pytest.mark.parametrize(
    "line",
    [
        "countenance nosuch",
        "countenance ingest gala",
        "countenance ingest gala photos --nosuch",
        "countenance ingest gala photos --engine cluster",
        "countenance collection nosuch",
        "countenance collection create staff --basis release --until 2028-13-01",
        "countenance enrol gala Ada --photo a.jpg",
    ],
)
def test_a_wrong_command_is_seen(line: str) -> None:
    assert why_wrong(line) is not None
    assert commands_of(Paper("x.md", f"Do this:\n\n    $ {line}\n")) == [line]
    assert commands_of(Paper("x.md", f"```sh\n{line}\n```\n")) == [line]
