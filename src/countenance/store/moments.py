"""Moments as the database keeps them: fixed-width UTC text that sorts as time does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import String
from sqlalchemy.types import TypeDecorator

from countenance.errors import DamagedError, StoreError

if TYPE_CHECKING:
    from sqlalchemy import Dialect

LENGTH = len("2026-11-22T22:00:00.000000Z")


def to_text(at: datetime) -> str:
    """The moment as ``YYYY-MM-DDTHH:MM:SS.ffffffZ``.

    Args:
        at: aware moment of any zone.

    Raises:
        StoreError: the moment has no zone, so it names no moment.
    """
    if at.utcoffset() is None:
        msg = "A moment without a time zone cannot be stored."
        raise StoreError(msg)
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def from_text(text: str) -> datetime:
    """The aware UTC moment of a stored text.

    Raises:
        DamagedError: the text is not in the stored form.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or len(text) != LENGTH or text[-1] != "Z":
        msg = "A stored moment is not in the form this archive writes."
        raise DamagedError(msg)
    return moment


class Moment(TypeDecorator[datetime]):
    """Column type: an aware datetime outside, sortable text inside."""

    impl = String(LENGTH)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """To the stored text."""
        del dialect
        return None if value is None else to_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """From the stored text."""
        del dialect
        return None if value is None else from_text(value)
