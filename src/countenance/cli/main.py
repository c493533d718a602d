"""The command ``countenance``."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from countenance import __version__
from countenance.cli.frame import SHARED_OPTIONS, Frame, report
from countenance.errors import CountenanceError, UsageError

COMMANDS = {
    "demo": "Draw people who do not exist and show the whole line on them.",
    "init": "Make a new archive.",
    "collection": "Make, list and show collections.",
    "ingest": "Bring photos into a collection.",
    "enrol": "Enrol a person who said yes.",
    "consent": "Renew, take back and list consents; say who must not appear.",
    "policy": "Show and publish the page that people read before they say yes.",
    "find": "Find every photo of an enrolled person.",
    "review": "Confirm or reject what the machine suggests.",
    "clear": "Clear photos for a channel: hide whoever did not say yes.",
    "take-down": "List published copies that show a person.",
    "show-me": "Show people everything that is held on them.",
    "actor": "List who acted here, and say what they are in the organisation.",
    "subject": "Show a person, note attributes and contacts.",
    "retention": "Say how long people are kept, and destroy what is due.",
    "erase": "Erase a person, people or a photo, and prove it.",
    "receipt": "Show and verify receipts of erasures.",
    "ledger": "Verify the log of every act, sign it, prove what is in it.",
    "rescan": "Compare photos already there with people enrolled since.",
    "calibrate": "Measure from which score a collection's machine may be believed.",
    "case": "Search one to many, under a case that a second person approved.",
    "evaluate": "Judge a model pack on your own photos.",
    "models": "List, install and check model packs.",
    "doctor": "Check this machine and this archive.",
}
INTERRUPTED = 130


class _Lazy(click.Group):
    """Loads a command's file when it is called, so that --help and errors answer at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        found = importlib.import_module(f"countenance.cli.{cmd_name.replace('-', '_')}").command
        return found if isinstance(found, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.pass_context
def group(context: click.Context, /, **options: Any) -> None:  # noqa: ANN401 - the shared options
    """A face index that only knows the people who said yes."""
    context.obj = Frame(**options)


for _option in reversed(SHARED_OPTIONS):
    _option(group)


def main(arguments: list[str] | None = None) -> None:
    """Run one command and end the process with its exit code: 0 done, 1 refused or failed, 2 usage, 3 partly done."""
    run(group, "countenance", sys.argv[1:] if arguments is None else arguments)


def run(called: click.Command, name: str, given: list[str]) -> None:
    """Run a program of that name and end the process with its exit code."""
    as_json = "--json" in given
    try:
        code = called.main(given, prog_name=name, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        code = UsageError.exit_code
    except Exception as error:
        code = report(_as_ours(error, given), as_json=as_json)
        if isinstance(error, click.exceptions.Abort):
            code = INTERRUPTED
        elif not isinstance(error, CountenanceError | click.ClickException | OSError):
            raise  # a mistake of ours: the trace on stderr is what its report needs
    sys.exit(code if isinstance(code, int) else 0)


def _as_ours(error: Exception, given: list[str]) -> CountenanceError:
    """Every failure in the one shape that all commands share."""
    if isinstance(error, CountenanceError):
        return error
    if isinstance(error, click.exceptions.Abort):
        return CountenanceError("Stopped.", advice="What was saved before stays; run the same command again to go on.")
    if isinstance(error, click.ClickException):
        named = next((word for word in given if word in COMMANDS), "")
        where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else f"countenance {named}"
        return UsageError(error.format_message(), advice=f"Run `{where.strip()} --help` to see what it takes.")
    if isinstance(error, OSError):
        what = f"{error.filename}: " if error.filename else ""
        return CountenanceError(
            f"The system refused: {what}{error.strerror or error}.", advice="Check free disk space and permissions."
        )
    return CountenanceError(
        f"This is a mistake in Countenance itself: {type(error).__name__}: {error}",
        advice="Please report it with the trace that stands on stderr.",
    )
