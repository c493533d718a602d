"""Values that commands take: moments, evidence files, and options that take several words."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from countenance.errors import UsageError


class _Moment(click.ParamType[datetime]):
    """A date or a date and time as aware UTC; a bare date is its beginning in UTC."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ANN401
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a date; write it as 2027-07-31.", param, ctx)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


class _LastDay(_Moment):
    """The same, but a bare date counts to its end: a consent until 31 July holds on 31 July."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ANN401
        moment = super().convert(value, param, ctx)
        bare = isinstance(value, str) and len(value) == len("2027-07-31")
        return moment + timedelta(days=1) if bare else moment


MOMENT = _Moment()
LAST_DAY = _LastDay()


def hash_evidence(path: Path) -> str:
    """Hex SHA-256 of the signed form or recording.

    Raises:
        UsageError: the file cannot be read or is empty.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        msg = f"The evidence {path} cannot be read: {error.strerror}."
        raise UsageError(msg, advice="Name the signed form or the recording.") from error
    if not content:
        msg = f"The evidence {path} is empty."
        raise UsageError(msg, advice="Name the signed form or the recording.")
    return hashlib.sha256(content).hexdigest()


class SeveralWords(click.Command):
    """A command whose repeatable options also take several words at once: ``--photo a.jpg b.jpg``.

    Tried only when the usual reading fails, so that arguments behind an option are never swallowed.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as usual, or with every repeatable option spread over the words behind it."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError:
            spread = self._spread(given)
            if spread == given:
                raise
        ctx.params.clear()
        return super().parse_args(ctx, spread)

    def _spread(self, args: list[str]) -> list[str]:
        repeatable = {
            name
            for option in self.params
            if isinstance(option, click.Option) and option.multiple
            for name in option.opts
        }
        spread: list[str] = []
        current, fresh = "", False
        for word in args:
            if word.startswith("-") and word != "-":
                current, fresh = (word, True) if word in repeatable else ("", False)
                spread.append(word)
            elif current and not fresh:
                spread += [current, word]
            else:
                spread.append(word)
                fresh = False
        return spread
