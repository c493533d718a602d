"""Values that commands take: moments, evidence files, and options that take several words."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from countenance.errors import UsageError

LONGEST_LINE = 200


class _Line(click.ParamType[str]):
    """A name or a remark: one line of valid text, without the blanks around it."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401
        text = str(value).strip()
        if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text):
            self.fail("it must be one line of valid UTF-8 text, without control characters.", param, ctx)
        if len(text) > LONGEST_LINE:
            self.fail(f"it has {len(text)} characters, and {LONGEST_LINE} are the most.", param, ctx)
        return text


class _Place(click.Path):
    """A path, as bytes that no name is too odd for; an empty one is somebody's unset variable."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        if not os.fspath(value):
            self.fail("the path is empty.", param, ctx)
        return super().convert(value, param, ctx)


class _Moment(click.ParamType[datetime]):
    """A date or a date and time as aware UTC; a bare date is its beginning in UTC."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ANN401
        try:
            moment = datetime.fromisoformat(str(value))
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a date; write it as 2027-07-31.", param, ctx)


class _LastDay(_Moment):
    """The same, but a bare date counts to its end: a consent until 31 July holds on 31 July."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:  # noqa: ANN401
        moment = super().convert(value, param, ctx)
        try:
            date.fromisoformat(str(value))
        except ValueError:
            return moment  # a time of day stands in it
        return moment + timedelta(days=1) if moment < _LAST_MIDNIGHT else _END_OF_TIME


class _Day(click.ParamType[date]):
    """A date without a time, such as a date of birth."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:  # noqa: ANN401
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a date; write it as 2014-05-31.", param, ctx)


class _Duration(click.ParamType[timedelta]):
    """A length of time: ``12h``, ``30d`` or ``2w``."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:  # noqa: ANN401
        found = _DURATION.fullmatch(str(value).strip())
        if found is None:
            self.fail(f"{value!r} is not a length of time; write it as 12h, 30d or 2w.", param, ctx)
        span = int(found[1]) * _UNITS[found[2]]
        if span > LONGEST_SPAN:
            self.fail(f"{value!r} is longer than {LONGEST_SPAN.days // 365} years.", param, ctx)
        return span


_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_DURATION = re.compile(r"([0-9]{1,6})([hdw])")
LONGEST_SPAN = timedelta(days=100 * 365)
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)
_LAST_MIDNIGHT = _END_OF_TIME - timedelta(days=1)

LINE = _Line()
PATH = _Place(path_type=Path)
FOLDER = _Place(path_type=Path, file_okay=False)
MOMENT = _Moment()
LAST_DAY = _LastDay()
DAY = _Day()
DURATION = _Duration()


def hash_evidence(path: Path) -> str:
    """Hex SHA-256 of the signed form or recording.

    Raises:
        UsageError: the file cannot be read, is no regular file, or is empty.
    """
    advice = "Name the signed form or the recording."
    try:
        if path.exists() and not path.is_file():
            msg = f"The evidence {path} is not a file."
            raise UsageError(msg, advice=advice)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            if not file.tell():
                msg = f"The evidence {path} is empty."
                raise UsageError(msg, advice=advice)
    except OSError as error:
        msg = f"The evidence {path} cannot be read: {error.strerror}."
        raise UsageError(msg, advice=advice) from error
    return digest


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
