"""Who may sign, at every boundary."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from countenance.core.consent import Consent
from countenance.core.signing import (
    ADULT_AGE_YEARS,
    birth_refusal,
    coming_of_age,
    is_minor,
    signer_refusal,
)
from countenance.settings import Settings

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
ALONE = Consent("s-1", "publication", ("website",), NOW, NOW + timedelta(days=900), "ab" * 32)
SIGNED_FOR = replace(ALONE, minor=True, guardian="A. Parent")


def test_the_age_is_the_one_of_the_settings() -> None:
    assert Settings().clear.adult_age_years == ADULT_AGE_YEARS


def test_a_date_of_birth_lies_in_a_lifetime() -> None:
    today = date(2026, 5, 1)
    assert birth_refusal(today, today) is None
    assert birth_refusal(date(1906, 1, 1), today) is None
    assert birth_refusal(date(2026, 5, 2), today) == "2026-05-02 is still to come, so it is nobody's date of birth."
    assert birth_refusal(date(1905, 12, 31), today) == "1905-12-31 is more than 120 years ago; check the date of birth."


def test_coming_of_age_is_known_with_the_date_of_birth_only() -> None:
    assert coming_of_age(None, 18) is None
    assert coming_of_age(date(2010, 5, 1), 16) == datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize("recorded", [True, False])
def test_the_date_of_birth_counts_more_than_what_was_recorded(recorded: bool) -> None:  # noqa: FBT001 - a table
    assert is_minor(recorded, None, NOW) is recorded
    assert is_minor(recorded, NOW, NOW - TICK) is True
    assert is_minor(recorded, NOW, NOW) is False


@pytest.mark.parametrize(
    ("consent", "minor", "adult_at", "says"),
    [
        (ALONE, False, None, None),
        (ALONE, False, NOW, None),
        (ALONE, True, None, "This subject is a minor, so the consent needs the name of a guardian."),
        (
            ALONE,
            True,
            NOW + timedelta(days=1),
            "This subject is a minor until 2026-05-02, so the consent needs the name of a guardian.",
        ),
        (SIGNED_FOR, True, None, None),
        (SIGNED_FOR, True, NOW + TICK, None),
        (
            SIGNED_FOR,
            True,
            NOW,
            "This consent begins when its subject has come of age (2026-05-01), so a guardian cannot sign.",
        ),
        (SIGNED_FOR, False, None, "This subject is recorded as an adult, so nobody else can sign."),
        (SIGNED_FOR, False, NOW, "This subject came of age on 2026-05-01, so nobody else can sign."),
    ],
)
def test_who_may_sign(consent: Consent, minor: bool, adult_at: datetime | None, says: str | None) -> None:  # noqa: FBT001 - a table
    assert signer_refusal(consent, minor=minor, adult_at=adult_at) == says
