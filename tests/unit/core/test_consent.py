from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from countenance.core.consent import CHANNELS, PURPOSES, Consent, refusal

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
GOOD = Consent(
    subject="s-1",
    purpose="find-my-photos",
    channels=("website",),
    from_at=NOW - timedelta(days=1),
    until_at=NOW + timedelta(days=1),
    evidence_sha256="ab" * 32,
)


def test_a_complete_consent_is_not_refused() -> None:
    assert refusal(GOOD, now=NOW) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"subject": ""}, "subject"),
        ({"purpose": "marketing"}, "purpose"),
        ({"channels": ()}, "channel"),
        ({"channels": ("website", "billboard")}, "billboard"),
        ({"until_at": NOW - timedelta(days=1)}, "end after it begins"),
        ({"from_at": NOW - timedelta(days=3), "until_at": NOW}, "already ended"),
        ({"evidence_sha256": ""}, "evidence"),
        ({"evidence_sha256": "ab" * 31}, "evidence"),
        ({"evidence_sha256": "AB" * 32}, "evidence"),
        ({"evidence_sha256": "zz" * 32}, "evidence"),
        ({"minor": True}, "guardian"),
        ({"minor": True, "guardian": "  "}, "guardian"),
    ],
)
def test_what_is_missing_is_named(change: dict[str, object], says: str) -> None:
    reason = refusal(replace(GOOD, **change), now=NOW)  # type: ignore[arg-type]
    assert reason is not None
    assert says in reason
    assert reason.endswith(".")


def test_checks_come_in_the_documented_order() -> None:
    nothing = Consent("", "", (), NOW, NOW, "", minor=True)
    expected = ["subject", "purpose", "channel", "end after", "evidence", "guardian"]
    steps = [
        {},
        {"subject": "s"},
        {"purpose": "publication"},
        {"channels": ("print",)},
        {"until_at": NOW + timedelta(days=1)},
        {"evidence_sha256": "0" * 64},
    ]
    consent = nothing
    for words, step in zip(expected, steps, strict=True):
        consent = replace(consent, **step)  # type: ignore[arg-type]
        assert words in str(refusal(consent, now=NOW))
    assert refusal(replace(consent, guardian="A. Parent"), now=NOW) is None


@pytest.mark.parametrize("purpose", PURPOSES)
def test_every_listed_purpose_is_known(purpose: str) -> None:
    assert refusal(replace(GOOD, purpose=purpose), now=NOW) is None


def test_settings_may_add_channels() -> None:
    with_kiosk = replace(GOOD, channels=("kiosk",))
    assert refusal(with_kiosk, now=NOW) is not None
    assert refusal(with_kiosk, now=NOW, channels=(*CHANNELS, "kiosk")) is None


def test_a_consent_holds_from_its_first_moment_and_not_at_its_last() -> None:
    assert GOOD.holds_at(GOOD.from_at)
    assert not GOOD.holds_at(GOOD.from_at - timedelta(microseconds=1))
    assert GOOD.holds_at(GOOD.until_at - timedelta(microseconds=1))
    assert not GOOD.holds_at(GOOD.until_at)


def test_a_withdrawn_consent_ends_at_its_withdrawal() -> None:
    withdrawn = replace(GOOD, withdrawn_at=NOW)
    assert withdrawn.holds_at(NOW - timedelta(microseconds=1))
    assert not withdrawn.holds_at(NOW)


def test_a_consent_may_begin_later() -> None:
    later = replace(GOOD, from_at=NOW + timedelta(days=1), until_at=NOW + timedelta(days=2))
    assert refusal(later, now=NOW) is None
    assert not later.holds_at(NOW)
