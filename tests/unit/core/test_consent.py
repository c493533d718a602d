"""The consent rules, at every boundary. Nothing but this file is needed to kill their mutants."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import permutations

import pytest

from countenance.core.consent import (
    CHANNELS,
    COMPARING,
    FINDING,
    PARENTAL,
    PUBLICATION,
    PURPOSES,
    Consent,
    Standing,
    Term,
    comes_of_age,
    expiring,
    lapsing,
    last_day,
    refusal,
    standing,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
GOOD = Consent(
    subject="s-1",
    purpose="find-my-photos",
    channels=("website",),
    from_at=NOW - timedelta(days=1),
    until_at=NOW + timedelta(days=1),
    evidence_sha256="ab" * 32,
)


TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)


def test_a_complete_consent_is_not_refused() -> None:
    assert refusal(GOOD, now=NOW) is None


def test_the_lists_are_closed() -> None:
    assert PURPOSES == ("find-my-photos", "internal-tagging", "publication", "case-search")
    assert CHANNELS == ("website", "social", "print", "press", "newsletter", "intranet", "exhibition", "internal")
    assert {"find-my-photos", "internal-tagging"} == FINDING
    assert PUBLICATION == "publication"
    assert {"find-my-photos", "internal-tagging", "publication"} == COMPARING, "never case-search"
    assert PARENTAL == "parental responsibility"


def test_a_consent_is_what_was_said() -> None:
    assert (GOOD.minor, GOOD.guardian, GOOD.authority, GOOD.withdrawn_at) == (False, None, PARENTAL, None)
    with pytest.raises(FrozenInstanceError):
        GOOD.purpose = "case-search"  # type: ignore[misc]
    assert not hasattr(GOOD, "__dict__"), "a misspelt attribute is an error, not a second truth"


PURPOSE_LIST = "find-my-photos, internal-tagging, publication, case-search"
CHANNEL_LIST = "website, social, print, press, newsletter, intranet, exhibition, internal"
EVIDENCE = "A consent needs evidence: the SHA-256 of the signed form or recording."
GUARDIAN = "A minor's consent needs the name of a guardian."
AUTHORITY = "A guardian's consent must say what gives the guardian the right to sign."


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"subject": ""}, "A consent must name its subject."),
        ({"purpose": "marketing"}, f"Unknown purpose 'marketing'; choose from: {PURPOSE_LIST}."),
        ({"channels": ()}, "A consent must name at least one channel."),
        ({"channels": ("website", "billboard", "x")}, f"Unknown channel 'billboard'; choose from: {CHANNEL_LIST}."),
        ({"until_at": GOOD.from_at}, "A consent must end after it begins."),
        ({"until_at": GOOD.from_at - TICK}, "A consent must end after it begins."),
        ({"from_at": NOW - 3 * DAY, "until_at": NOW}, "This consent has already ended."),
        ({"from_at": NOW - 3 * DAY, "until_at": NOW - TICK}, "This consent has already ended."),
        ({"evidence_sha256": ""}, EVIDENCE),
        ({"evidence_sha256": "ab" * 31 + "a"}, EVIDENCE),
        ({"evidence_sha256": "ab" * 32 + "a"}, EVIDENCE),
        ({"evidence_sha256": "AB" * 32}, EVIDENCE),
        ({"evidence_sha256": "ab" * 31 + "ag"}, EVIDENCE),
        ({"evidence_sha256": "ab" * 31 + "0X"}, EVIDENCE),
        ({"minor": True}, GUARDIAN),
        ({"minor": True, "guardian": ""}, GUARDIAN),
        ({"minor": True, "guardian": "  "}, GUARDIAN),
        ({"minor": True, "guardian": "A. Parent", "authority": ""}, AUTHORITY),
        ({"minor": True, "guardian": "A. Parent", "authority": " \t"}, AUTHORITY),
    ],
)
def test_what_is_missing_is_named(change: dict[str, object], says: str) -> None:
    assert refusal(replace(GOOD, **change), now=NOW) == says  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"from_at": NOW, "until_at": NOW + TICK},
        {"from_at": NOW - TICK, "until_at": NOW + TICK},
        {"evidence_sha256": "0123456789abcdef" * 4},
        {"minor": True, "guardian": "A. Parent"},
        {"minor": True, "guardian": "A. Parent", "authority": "court order"},
        {"authority": ""},
        {"guardian": " "},
    ],
    ids=str,
)
def test_what_is_just_enough_is_not_refused(change: dict[str, object]) -> None:
    assert refusal(replace(GOOD, **change), now=NOW) is None  # type: ignore[arg-type]


def test_checks_come_in_the_documented_order() -> None:
    nothing = Consent("", "", (), NOW, NOW, "", minor=True, authority="")
    expected = ["subject", "purpose", "one channel", "Unknown channel", "end after", "already", "evidence", "guardian."]
    steps = [
        {},
        {"subject": "s"},
        {"purpose": "publication"},
        {"channels": ("nowhere",)},
        {"channels": ("print",)},
        {"from_at": NOW - DAY},
        {"until_at": NOW + DAY},
        {"evidence_sha256": "0" * 64},
    ]
    consent = nothing
    for words, step in zip(expected, steps, strict=True):
        consent = replace(consent, **step)  # type: ignore[arg-type]
        assert words in str(refusal(consent, now=NOW))
    consent = replace(consent, guardian="A. Parent")
    assert refusal(consent, now=NOW) == AUTHORITY
    assert refusal(replace(consent, authority="custody"), now=NOW) is None


@pytest.mark.parametrize("purpose", PURPOSES)
def test_every_listed_purpose_is_known(purpose: str) -> None:
    assert refusal(replace(GOOD, purpose=purpose), now=NOW) is None


def test_settings_may_add_channels() -> None:
    with_kiosk = replace(GOOD, channels=("kiosk",))
    assert refusal(with_kiosk, now=NOW) is not None
    assert refusal(with_kiosk, now=NOW, channels=(*CHANNELS, "kiosk")) is None
    only = refusal(GOOD, now=NOW, channels=("kiosk", "tv"))
    assert only == "Unknown channel 'website'; choose from: kiosk, tv."


def test_a_consent_holds_from_its_first_moment_and_not_at_its_last() -> None:
    assert GOOD.holds_at(GOOD.from_at)
    assert not GOOD.holds_at(GOOD.from_at - timedelta(microseconds=1))
    assert GOOD.holds_at(GOOD.until_at - timedelta(microseconds=1))
    assert not GOOD.holds_at(GOOD.until_at)
    assert not GOOD.holds_at(GOOD.until_at + timedelta(microseconds=1))


def test_a_withdrawn_consent_ends_at_its_withdrawal() -> None:
    withdrawn = replace(GOOD, withdrawn_at=NOW)
    assert withdrawn.holds_at(NOW - timedelta(microseconds=1))
    assert not withdrawn.holds_at(NOW)


def test_a_consent_may_begin_later() -> None:
    later = replace(GOOD, from_at=NOW + timedelta(days=1), until_at=NOW + timedelta(days=2))
    assert refusal(later, now=NOW) is None
    assert not later.holds_at(NOW)


def test_a_withdrawal_counts_from_its_moment() -> None:
    withdrawn = replace(GOOD, withdrawn_at=NOW)
    assert not GOOD.withdrawn_by(NOW)
    assert [withdrawn.withdrawn_by(moment) for moment in (NOW - TICK, NOW, NOW + TICK)] == [False, True, True]


# Where a person stands ------------------------------------------------------------------------------------------------

BEGUN = NOW - 10 * DAY
HELD = Consent("s-1", "publication", ("website",), BEGUN, NOW + DAY, "ab" * 32)
ENDED = replace(HELD, until_at=NOW)
WITHDRAWN = replace(HELD, withdrawn_at=NOW)
LATER = replace(HELD, from_at=NOW + TICK)
PRINT = {"channels": ("print",)}
STANDINGS: dict[str, tuple[list[Consent], Standing]] = {
    "nothing was ever said": ([], Standing.MISSING),
    "it holds": ([HELD], Standing.HOLDS),
    "it holds from this moment": ([replace(HELD, from_at=NOW)], Standing.HOLDS),
    "it holds for this last moment": ([replace(HELD, until_at=NOW + TICK)], Standing.HOLDS),
    "it holds among several channels": ([replace(HELD, channels=("print", "website", "press"))], Standing.HOLDS),
    "it begins in a moment": ([LATER], Standing.MISSING),
    "it was withdrawn before it begins": ([replace(LATER, withdrawn_at=NOW - DAY)], Standing.MISSING),
    "it ended at this moment": ([ENDED], Standing.EXPIRED),
    "it was withdrawn at this moment": ([WITHDRAWN], Standing.WITHDRAWN),
    "it will be withdrawn in a moment": ([replace(HELD, withdrawn_at=NOW + TICK)], Standing.HOLDS),
    "withdrawn, then over": ([replace(WITHDRAWN, until_at=NOW - TICK, withdrawn_at=NOW - DAY)], Standing.WITHDRAWN),
    "over, then withdrawn": ([replace(ENDED, withdrawn_at=NOW + DAY)], Standing.EXPIRED),
    "withdrawn, and another over": ([ENDED, WITHDRAWN], Standing.WITHDRAWN),
    "withdrawn, and renewed": ([WITHDRAWN, HELD], Standing.HOLDS),
    "over, and renewed": ([ENDED, HELD], Standing.HOLDS),
    "over, and renewed from later on": ([ENDED, LATER], Standing.EXPIRED),
    "another purpose": ([replace(HELD, purpose="find-my-photos")], Standing.MISSING),
    "another purpose was withdrawn": ([replace(WITHDRAWN, purpose="find-my-photos")], Standing.MISSING),
    "another channel": ([replace(HELD, **PRINT)], Standing.OTHER_CHANNEL),  # type: ignore[arg-type]
    "another channel is over": ([replace(ENDED, **PRINT)], Standing.EXPIRED),  # type: ignore[arg-type]
    "another channel was withdrawn": ([replace(WITHDRAWN, **PRINT)], Standing.WITHDRAWN),  # type: ignore[arg-type]
    "another channel, from later on": ([replace(LATER, **PRINT)], Standing.MISSING),  # type: ignore[arg-type]
    "another channel holds, one is over": (
        [replace(HELD, **PRINT), replace(ENDED, channels=("press",))],  # type: ignore[arg-type]
        Standing.OTHER_CHANNEL,
    ),
    "this one over, another channel holds": ([ENDED, replace(HELD, **PRINT)], Standing.EXPIRED),  # type: ignore[arg-type]
    "this one withdrawn, another channel holds": (
        [WITHDRAWN, replace(HELD, **PRINT)],  # type: ignore[arg-type]
        Standing.WITHDRAWN,
    ),
    "this one over, another channel withdrawn": (
        [ENDED, replace(WITHDRAWN, **PRINT)],  # type: ignore[arg-type]
        Standing.EXPIRED,
    ),
    "this one holds, another channel withdrawn": (
        [HELD, replace(WITHDRAWN, **PRINT)],  # type: ignore[arg-type]
        Standing.HOLDS,
    ),
}


@pytest.mark.parametrize("case", STANDINGS)
def test_where_a_person_stands(case: str) -> None:
    given, expected = STANDINGS[case]
    for order in permutations(given):
        assert standing(iter(order), "publication", "website", NOW) is expected


def test_one_purpose_says_nothing_of_another() -> None:
    for asked in PURPOSES:
        said = "".join(list(asked))  # another object, as it comes from a database
        assert standing([replace(HELD, purpose=said)], asked, "website", NOW) is Standing.HOLDS
        others = [replace(HELD, purpose=purpose) for purpose in PURPOSES if purpose != asked]
        assert standing(others, asked, "website", NOW) is Standing.MISSING


def test_the_moment_of_a_refusal_is_named() -> None:
    with pytest.raises(TypeError):
        refusal(GOOD, NOW)  # type: ignore[call-arg]


def test_the_words_of_standings_are_stable() -> None:
    assert [each.value for each in Standing] == ["holds", "other-channel", "withdrawn", "expired", "missing"]


# Coming of age --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("born_on", "years", "moment"),
    [
        (date(2010, 5, 1), 18, datetime(2028, 5, 1, tzinfo=UTC)),
        (date(2010, 12, 31), 18, datetime(2028, 12, 31, tzinfo=UTC)),
        (date(2010, 1, 1), 16, datetime(2026, 1, 1, tzinfo=UTC)),
        (date(2008, 2, 29), 18, datetime(2026, 3, 1, tzinfo=UTC)),
        (date(2008, 2, 29), 20, datetime(2028, 2, 29, tzinfo=UTC)),
        (date(2007, 2, 28), 21, datetime(2028, 2, 28, tzinfo=UTC)),
    ],
)
def test_a_year_of_life_is_complete_when_its_day_begins(born_on: date, years: int, moment: datetime) -> None:
    assert comes_of_age(born_on, years) == moment


def test_what_a_guardian_signed_lapses_at_the_coming_of_age() -> None:
    signed = replace(GOOD, minor=True, guardian="A. Parent")
    end = signed.until_at
    assert lapsing(signed, None) == signed
    assert lapsing(signed, end) == signed
    assert lapsing(signed, end + TICK) == signed
    assert lapsing(signed, end - TICK) == replace(signed, until_at=end - TICK)
    assert lapsing(GOOD, end - TICK) == GOOD, "nobody's own consent lapses"


# Renewal --------------------------------------------------------------------------------------------------------------

MONTH = timedelta(days=30)
ENDING = replace(HELD, until_at=NOW + MONTH)
RENEWED = replace(ENDING, from_at=ENDING.until_at, until_at=ENDING.until_at + DAY)


def due(*consents: Consent, within: timedelta = MONTH) -> list[Consent]:
    return expiring(iter(consents), NOW, within)


def test_what_ends_within_the_span_is_due() -> None:
    assert due(ENDING) == [ENDING]
    assert due(ENDING, within=MONTH - TICK) == []
    assert due(replace(ENDING, until_at=ENDING.until_at + TICK)) == []
    assert due(replace(ENDING, until_at=NOW + TICK), within=timedelta(0)) == []
    assert due(replace(ENDING, until_at=NOW + TICK), within=TICK) == [replace(ENDING, until_at=NOW + TICK)]


def test_what_does_not_hold_is_not_due() -> None:
    assert due(ENDED, WITHDRAWN, replace(LATER, until_at=NOW + DAY)) == []


@pytest.mark.parametrize(
    ("change", "renewed"),
    [
        ({}, True),
        ({"channels": ("print", "website")}, True),
        ({"from_at": BEGUN}, True),
        ({"from_at": ENDING.until_at + TICK}, False),
        ({"from_at": BEGUN, "until_at": ENDING.until_at}, False),
        ({"from_at": BEGUN, "until_at": ENDING.until_at + TICK}, True),
        ({"channels": ("print",)}, False),
        ({"purpose": "find-my-photos"}, False),
        ({"subject": "s-2"}, False),
        ({"withdrawn_at": NOW}, False),
        ({"withdrawn_at": ENDING.until_at}, False),
        ({"withdrawn_at": ENDING.until_at + TICK}, True),
    ],
    ids=str,
)
def test_what_is_renewed_is_not_due(change: dict[str, object], renewed: bool) -> None:  # noqa: FBT001 - a table
    later = replace(RENEWED, **change)  # type: ignore[arg-type]
    assert (ENDING not in due(ENDING, later)) is renewed
    assert (ENDING not in due(later, ENDING)) is renewed


def test_every_channel_has_to_be_renewed_and_several_may_do_it_together() -> None:
    two = replace(ENDING, channels=("website", "print"))
    assert due(two, RENEWED) == [two]
    assert due(two, RENEWED, replace(RENEWED, channels=("print",))) == []


def test_the_soonest_comes_first() -> None:
    soon = replace(ENDING, until_at=NOW + DAY, subject="z")
    by_subject = replace(soon, subject="a", purpose="find-my-photos")
    by_purpose = replace(soon, subject="a")
    last = replace(ENDING, subject="0")
    for order in permutations([soon, by_subject, by_purpose, last]):
        assert due(*order) == [by_subject, by_purpose, soon, last]


@pytest.mark.parametrize(
    ("until_at", "last"),
    [
        (datetime(2028, 8, 1, tzinfo=UTC), date(2028, 7, 31)),
        (datetime(2028, 8, 1, 0, 0, 0, 1, tzinfo=UTC), date(2028, 8, 1)),
        (datetime(2028, 8, 1, 14, tzinfo=UTC), date(2028, 8, 1)),
        (datetime(2028, 8, 1, 2, tzinfo=timezone(timedelta(hours=2))), date(2028, 7, 31)),
    ],
    ids=str,
)
def test_the_last_day_is_the_one_that_was_signed(until_at: datetime, last: date) -> None:
    assert last_day(until_at) == last


def test_a_term_says_when_it_begins_and_ends_by_itself() -> None:
    start, end = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
    term = Term("anna", "publication", start, end, None)
    before, between = start - timedelta(days=1), start + timedelta(days=1)
    assert [term.changes_after(at) for at in (before, start, between, end)] == [[start, end], [end], [end], []]
    taken_back = term._replace(withdrawn_at=between)
    assert taken_back.changes_after(before) == [start, between]
    assert taken_back.changes_after(between) == []
    assert term._replace(withdrawn_at=end + timedelta(days=1)).changes_after(start) == [end]
