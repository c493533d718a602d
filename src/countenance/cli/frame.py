"""What every command shares: where the archive is, who acts, and how results and errors are printed."""

from __future__ import annotations

import functools
import getpass
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import click
from rich.console import Console

from countenance.archive import Archive, require_archive
from countenance.cli.configure import read_settings
from countenance.errors import CountenanceError, KeyStoreError
from countenance.settings import Settings
from countenance.store.keyfile import Master

PARTLY_DONE = 3
Command = TypeVar("Command", bound=Callable[..., Any])
SHARED_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--archive", type=click.Path(path_type=Path), help="Folder of the archive (default: this one)."),
    click.option("--key-file", type=click.Path(path_type=Path), help="Key file of the archive."),
    click.option("--actor", help="Who does this, for the record (default: your account)."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else."),
)
"""Options that every command takes, and that may also stand before the command's name."""


@dataclass(slots=True)
class Frame:
    """Options that may stand before or after the command's name."""

    archive: Path | None = None
    key_file: Path | None = None
    as_json: bool = False
    actor: str | None = None

    @property
    def folder(self) -> Path:
        """The archive's folder: option, environment, or the current folder."""
        return self.archive or Path(os.environ.get("COUNTENANCE_ARCHIVE") or ".")

    @property
    def settings(self) -> Settings:
        """Settings of that archive."""
        return read_settings(self.folder)

    @property
    def who(self) -> str:
        """Who acts: option, environment, or the account's name."""
        return self.actor or os.environ.get("COUNTENANCE_ACTOR") or getpass.getuser()

    @property
    def chosen_key_file(self) -> Path | None:
        """The key file of the option or the environment."""
        named = os.environ.get("COUNTENANCE_KEY_FILE")
        return self.key_file or (Path(named) if named else None)

    def master(self, *, new: bool = False) -> Master:
        """The key that opens the archive.

        Raises:
            KeyStoreError: no key file was named and nobody is there to ask.
        """
        if self.chosen_key_file is not None:
            return Master.from_key_file(self.chosen_key_file)
        if not sys.stdin.isatty():
            msg = "The archive needs its key file or passphrase, and there is no terminal to ask on."
            raise KeyStoreError(msg, advice="Give --key-file FILE or set COUNTENANCE_KEY_FILE.")
        return Master.from_passphrase(
            click.prompt("Passphrase of this archive", hide_input=True, confirmation_prompt=new, err=True)
        )

    def open(self) -> Archive:
        """The archive, opened; use it in a ``with`` block."""
        require_archive(self.folder)
        return Archive.open(self.folder, self.master(), self.settings)

    def print(self, result: Mapping[str, Any], text: str) -> None:
        """One JSON object on stdout, or text for people."""
        if self.as_json:
            click.echo(json.dumps({"ok": True, **result}, ensure_ascii=True))
        elif text:
            click.echo(printable(text))

    def partly(self) -> None:
        """End with the exit code for work that is done in part; the result has been printed."""
        raise click.exceptions.Exit(PARTLY_DONE)


def with_frame(command: Command) -> Command:
    """Give a command the shared options and a ``frame`` argument."""

    @functools.wraps(command)
    def framed(*args: object, **options: Any) -> object:  # noqa: ANN401 - whatever the command takes
        before = click.get_current_context().find_object(Frame) or Frame()
        frame = Frame(
            options.pop("archive") or before.archive,
            options.pop("key_file") or before.key_file,
            options.pop("as_json") or before.as_json,
            options.pop("actor") or before.actor,
        )
        return command(frame, *args, **options)

    for option in reversed(SHARED_OPTIONS):
        framed = option(framed)
    return cast("Command", framed)


def screen() -> Console:
    """Where progress goes: always stderr."""
    return Console(stderr=True)


def printable(text: str) -> str:
    """Text that any terminal and any pipe can take: names that are not valid UTF-8 are escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def report(error: CountenanceError, *, as_json: bool) -> int:
    """Print an error in the one shape that all commands share; gives its exit code."""
    if as_json:
        click.echo(json.dumps(error.as_json(), ensure_ascii=True))
    else:
        click.echo(printable(f"Error: {error.message}\n{error.advice}"), err=True)
    return error.exit_code
