from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click
import pytest

from countenance.cli.values import (
    DAY,
    DURATION,
    LAST_DAY,
    LINE,
    LONGEST_LINE,
    LONGEST_SPAN,
    MOMENT,
    PATH,
    SeveralWords,
    hash_evidence,
)
from countenance.errors import UsageError

TEACHER = "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{SCHOOL}"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-07-31", datetime(2027, 7, 31, tzinfo=UTC)),
        ("20270731", datetime(2027, 7, 31, tzinfo=UTC)),
        ("2027-07-31T10:30", datetime(2027, 7, 31, 10, 30, tzinfo=UTC)),
        ("2027-07-31T10:30+02:00", datetime(2027, 7, 31, 8, 30, tzinfo=UTC)),
        ("2027-07-31 10:30Z", datetime(2027, 7, 31, 10, 30, tzinfo=UTC)),
    ],
)
def test_moments_are_utc(text: str, moment: datetime) -> None:
    assert MOMENT.convert(text, None, None) == moment
    assert MOMENT.convert(text, None, None).tzinfo is UTC


@pytest.mark.parametrize("text", ["2027-07-31", "20270731", "2027-W30-6"])
def test_a_bare_last_day_counts_to_its_end(text: str) -> None:
    assert LAST_DAY.convert(text, None, None) == datetime(2027, 8, 1, tzinfo=UTC)


def test_a_last_moment_is_taken_as_it_is() -> None:
    assert LAST_DAY.convert("2027-07-31T10:30", None, None) == datetime(2027, 7, 31, 10, 30, tzinfo=UTC)


def test_for_ever_does_not_overflow() -> None:
    assert LAST_DAY.convert("9999-12-31", None, None) == datetime.max.replace(tzinfo=UTC)
    assert LAST_DAY.convert("9999-12-30", None, None) == datetime(9999, 12, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "2027-02-30", "31.07.2027", "0001-01-01T00:00+14:00", "9999-12-31T23:00-14:00"]
)
@pytest.mark.parametrize("kind", [MOMENT, LAST_DAY])
def test_no_date(text: str, kind: click.ParamType[datetime]) -> None:
    with pytest.raises(click.BadParameter, match="is not a date"):
        kind.convert(text, None, None)


def test_a_day_is_a_date_without_a_time() -> None:
    assert DAY.convert("2014-05-31", None, None) == date(2014, 5, 31)
    for text in ("", "31.5.2014", "2014-02-30", "2014-05-31T10:00", "May"):
        with pytest.raises(click.BadParameter, match="is not a date"):
            DAY.convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("12h", timedelta(hours=12)),
        ("30d", timedelta(days=30)),
        (" 2w", timedelta(days=14)),
        ("0d", timedelta(0)),
        ("36500d", LONGEST_SPAN),
    ],
)
def test_lengths_of_time(text: str, span: timedelta) -> None:
    assert DURATION.convert(text, None, None) == span


@pytest.mark.parametrize("text", ["", "30", "d", "-3d", "1.5d", "3 d", "30D", "2m", "3d4h", "1" * 40 + "d", "٣d"])
def test_no_length_of_time(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a length of time; write it as 12h, 30d or 2w"):
        DURATION.convert(text, None, None)


@pytest.mark.parametrize("text", ["36501d", "999999w"])
def test_too_long_a_time(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is longer than 100 years"):
        DURATION.convert(text, None, None)


@pytest.mark.parametrize("text", ["Zoë", "Ann  Lee", TEACHER, "x" * LONGEST_LINE, "", "نور\N{ZERO WIDTH NON-JOINER}"])
def test_lines(text: str) -> None:
    assert LINE.convert(f" {text}\t", None, None) == text


@pytest.mark.parametrize(
    "text", ["a\nb", "a\rb", "\x1b[31m", "bad\udcff", "a\N{LINE SEPARATOR}b", "a\0b", "x" * (LONGEST_LINE + 1)]
)
def test_no_line(text: str) -> None:
    with pytest.raises(click.BadParameter):
        LINE.convert(text, None, None)


def test_paths_may_be_any_bytes_but_not_nothing() -> None:
    assert PATH.convert("bad\udcff\n", None, None) == Path("bad\udcff\n")
    with pytest.raises(click.BadParameter, match="empty"):
        PATH.convert("", None, None)


def test_evidence_is_hashed_whole(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5_000
    (tmp_path / "form.pdf").write_bytes(content)
    assert hash_evidence(tmp_path / "form.pdf") == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("name", "why"), [("nosuch", "No such file"), ("folder", "not a file"), ("empty", "is empty"), ("/dev/zero", "not")]
)
def test_no_evidence(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").touch()
    with pytest.raises(UsageError, match=why):
        hash_evidence(tmp_path / name)


@click.command(cls=SeveralWords)
@click.argument("first")
@click.argument("second", required=False)
@click.option("--photo", "-p", "photos", multiple=True)
@click.option("--note")
@click.option("--yes", is_flag=True)
def spread(**given: object) -> dict[str, object]:
    return given


def parsed(*words: str) -> dict[str, object]:
    given = spread.main(list(words), standalone_mode=False)
    return {name: value for name, value in given.items() if value}


@pytest.mark.parametrize(
    "words",
    [
        ("one", "two", "--photo", "a", "b", "c"),
        ("one", "two", "--photo", "a", "--photo", "b", "--photo", "c"),
        ("one", "two", "-p", "a", "b", "-p", "c"),
        ("--photo", "a", "--photo", "b", "--photo", "c", "one", "two"),
    ],
)
def test_options_take_several_words(words: tuple[str, ...]) -> None:
    assert parsed(*words) == {"first": "one", "second": "two", "photos": ("a", "b", "c")}


def test_other_options_end_the_list() -> None:
    given = parsed("one", "two", "--photo", "a", "b", "--yes", "--note", "x", "--photo", "c")
    assert given == {"first": "one", "second": "two", "photos": ("a", "b", "c"), "yes": True, "note": "x"}


def test_arguments_behind_an_option_are_not_swallowed() -> None:
    assert parsed("--photo", "a", "one", "two") == {"first": "one", "second": "two", "photos": ("a",)}


@pytest.mark.parametrize("words", [(), ("one", "two", "three"), ("one", "--nosuch"), ("one", "two", "--note")])
def test_what_cannot_be_read_either_way_is_a_usage_error(words: tuple[str, ...]) -> None:
    with pytest.raises(click.UsageError):
        parsed(*words)
