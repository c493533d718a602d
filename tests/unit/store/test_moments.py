from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.errors import DamagedError, StoreError
from countenance.store.moments import LENGTH, from_text, to_text

AWARE = st.datetimes(
    min_value=datetime(1, 1, 3),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(9999, 12, 29),  # noqa: DTZ001
    timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)


@given(AWARE, AWARE)
def test_texts_come_back_and_sort_as_time_does(one: datetime, other: datetime) -> None:
    texts = to_text(one), to_text(other)
    assert {len(text) for text in texts} == {LENGTH}
    assert from_text(texts[0]) == one
    assert from_text(texts[0]).tzinfo is UTC
    assert (texts[0] < texts[1]) == (one < other)


def test_a_moment_without_zone_is_refused() -> None:
    with pytest.raises(StoreError, match="time zone"):
        to_text(datetime(2026, 11, 22))  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize(
    "text", ["", "2026-11-22", "2026-11-22T22:00:00Z", "2026-13-22T22:00:00.000000Z", "2026-11-22T22:00:00.000+00:00"]
)
def test_other_texts_are_damage(text: str) -> None:
    with pytest.raises(DamagedError):
        from_text(text)
