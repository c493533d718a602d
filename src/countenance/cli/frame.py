"""What every command shares: where the archive is, who acts, and how results and errors are printed."""

from __future__ import annotations

import contextlib
import functools
import getpass
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from countenance.cli.configure import read_settings
from countenance.cli.values import FOLDER, LINE, PATH
from countenance.errors import CountenanceError, KeyStoreError, UsageError
from countenance.settings import Settings

if TYPE_CHECKING:
    from countenance.archive import Archive
    from countenance.store.keyfile import Master

PARTLY_DONE = 3
_KEPT = "\n\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"  # the joiners belong to the spelling of many names
Command = TypeVar("Command", bound=Callable[..., Any])
SHARED_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--archive", type=FOLDER, help="Folder of the archive (default: this one)."),
    click.option("--key-file", type=PATH, help="Key file of the archive."),
    click.option("--actor", type=LINE, help="Who does this, for the record (default: your account)."),
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
        if self.actor:
            return self.actor
        try:
            named = LINE.convert(os.environ.get("COUNTENANCE_ACTOR", ""), None, None)
        except click.UsageError as error:
            msg = f"COUNTENANCE_ACTOR is not a name: {error.message}"
            raise UsageError(msg, advice="Set it to your name, or give --actor.") from error
        if named:
            return named
        try:
            return getpass.getuser()
        except (OSError, KeyError):  # an account without a name, as in many containers
            return f"uid {os.getuid()}"

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
        from countenance.store.keyfile import Master  # noqa: PLC0415 - as in open

        if self.chosen_key_file is not None:
            return Master.from_key_file(self.chosen_key_file)
        if not somebody_there():
            msg = "The archive needs its key file or passphrase, and there is no terminal to ask on."
            raise KeyStoreError(msg, advice="Give --key-file FILE or set COUNTENANCE_KEY_FILE.")
        return Master.from_passphrase(
            click.prompt("Passphrase of this archive", hide_input=True, confirmation_prompt=new, err=True)
        )

    def open(self, **changes: Any) -> Archive:  # noqa: ANN401 - settings have several types
        """The archive, opened, with some settings changed; use it in a ``with`` block."""
        # Half a second, which --help and usage errors need not wait for.
        from countenance.archive import Archive, require_archive  # noqa: PLC0415

        require_archive(self.folder)
        settings = replace(self.settings, **changes)
        return Archive.open(self.folder, self.master(), settings, actor=self.who)

    def print(self, result: Mapping[str, Any], text: str) -> None:
        """One JSON object on stdout, or text for people."""
        if self.as_json:
            click.echo(as_line({"ok": True, **result}))
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
        click.get_current_context().obj = frame  # so that a group hands it on to its commands
        return command(frame, *args, **options)

    for option in reversed(SHARED_OPTIONS):
        framed = option(framed)
    return cast("Command", framed)


def somebody_there() -> bool:
    """Whether a person can be asked. Standard input may be closed altogether."""
    return sys.stdin is not None and sys.stdin.isatty()


def printable(text: str) -> str:
    """Text for any terminal and any pipe, line by line: whatever cannot be printed is escaped, colours included."""
    return "".join(c if c.isprintable() or c in _KEPT else _escaped(c) for c in text)


def one_line(text: str) -> str:
    """The same for a name, which must not break the line it stands in."""
    return printable(text).replace("\n", "\\n")


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number with what it counts, in the singular where it is one."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def as_line(result: Mapping[str, Any]) -> str:
    """One line of JSON that every parser takes: names that are not valid UTF-8 are escaped."""
    return json.dumps(_valid(result), ensure_ascii=True)


def _valid(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, str):
        return "".join(_escaped(c) if _is_smuggled(c) else c for c in value)
    if isinstance(value, Mapping):
        return {_valid(name): _valid(inner) for name, inner in value.items()}
    return [_valid(inner) for inner in value] if isinstance(value, list | tuple) else value


def _is_smuggled(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte that was not UTF-8, as Python smuggles it
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def report(error: CountenanceError, *, as_json: bool) -> int:
    """Print an error in the one shape that all commands share; gives its exit code."""
    if as_json:
        try:
            click.echo(as_line(error.as_json()))
        except OSError:  # nobody listens any more, or the disk behind stdout is full
            as_json = False
    if not as_json:
        with contextlib.suppress(OSError):
            click.echo(printable(f"Error: {error.message}\n{error.advice}"), err=True)
    return error.exit_code
