"""Who said what, what runs out, and who must not appear at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from countenance.core.consent import Consent
from countenance.errors import NotFoundError, StoreError
from countenance.flows import consent
from countenance.flows.consent import Entry, State, state_of
from tests.unit.flows.office import FIND, PUBLISH, Office, open_office
from tests.unit.store.conftest import world  # noqa: F401 - a fixture
from tests.unit.store.world import EVIDENCE, World

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


@pytest.fixture
def office(world: World) -> Office:  # noqa: F811 - the fixture
    return open_office(world)


BEGINS = datetime(2026, 5, 1, tzinfo=UTC)
WINDOW = Consent("s", PUBLISH, ("website",), BEGINS, BEGINS + 2 * DAY, EVIDENCE)


@pytest.mark.parametrize(
    ("change", "moment", "state"),
    [
        ({}, WINDOW.from_at - TICK, State.NOT_YET),
        ({}, WINDOW.from_at, State.HOLDS),
        ({}, WINDOW.until_at - TICK, State.HOLDS),
        ({}, WINDOW.until_at, State.EXPIRED),
        ({"withdrawn_at": WINDOW.from_at + DAY}, WINDOW.from_at + DAY - TICK, State.HOLDS),
        ({"withdrawn_at": WINDOW.from_at + DAY}, WINDOW.from_at + DAY, State.WITHDRAWN),
        ({"withdrawn_at": WINDOW.from_at - DAY}, WINDOW.from_at - TICK, State.WITHDRAWN),
        ({"withdrawn_at": WINDOW.from_at + DAY}, WINDOW.until_at, State.WITHDRAWN),
    ],
)
def test_what_became_of_a_consent(change: dict[str, datetime], moment: datetime, state: State) -> None:
    assert state_of(replace(WINDOW, **change), moment) is state  # type: ignore[arg-type]


def test_the_list_is_of_the_archive_a_collection_or_a_person(office: Office) -> None:
    bob, ann = office.person("bob"), office.person("Ann")
    other = replace(office, club=office.world.collection("other").id)
    eve = other.person("Eve")
    for each in (bob, ann, eve):
        office.grant(each, PUBLISH, FIND)

    def listed(**only: str) -> list[tuple[str, str, str]]:
        found = consent.listing(office.desk, **only)
        return [(entry.subject.name, entry.collection, entry.stored.consent.purpose) for entry in found]

    here = [(name, "club", purpose) for name in ("Ann", "bob") for purpose in (FIND, PUBLISH)]
    there = [("Eve", "other", purpose) for purpose in (FIND, PUBLISH)]
    assert listed() == here + there
    assert listed(collection=office.club) == here
    assert listed(subject=bob) == here[2:]
    assert listed(subject=eve, collection=office.club) == []


def test_the_renewal_list(office: Office) -> None:
    ann, bob, tim = office.person("Ann"), office.person("Bob"), office.person("Tim")
    office.grant(ann, PUBLISH, FIND, days=20)
    office.grant(bob, days=10)
    office.grant(tim, days=31)
    office.grant(ann, PUBLISH, from_at=office.now + 19 * DAY, until_at=office.now + 99 * DAY)

    def due(days: float, entries: list[Entry] | None = None) -> list[tuple[str, str]]:
        entries = consent.listing(office.desk) if entries is None else entries
        found = consent.renewals(office.desk, entries, timedelta(days=days))
        return [(entry.subject.name, entry.stored.consent.purpose) for entry in found]

    assert due(30) == [("Bob", PUBLISH), ("Ann", FIND)]
    assert due(31) == [("Bob", PUBLISH), ("Ann", FIND), ("Tim", PUBLISH)]
    assert due(9) == []
    assert due(30, consent.listing(office.desk, subject=bob)) == [("Bob", PUBLISH)]
    consent.withdraw(office.desk, bob)
    assert due(30) == [("Ann", FIND)]


def test_a_renewal_by_the_person_who_remains_counts_for_who_was_merged(office: Office) -> None:
    ann, anne = office.person("Ann"), office.person("Anne")
    office.grant(ann, days=10)
    office.merge(ann, into=anne)
    entries = consent.listing(office.desk)
    assert [entry.subject.id for entry in consent.renewals(office.desk, entries, 30 * DAY)] == [ann]
    office.grant(anne, days=90)
    assert consent.renewals(office.desk, consent.listing(office.desk), 30 * DAY) == []


# Must not appear ------------------------------------------------------------------------------------------------------


def test_who_must_not_appear_is_known_and_why_only_to_the_steward(office: Office) -> None:
    ann = office.person("Ann")
    office.grant(ann)
    hidden = consent.must_not_appear(office.desk, ann, "hides from a stalker")
    assert (hidden.subject.must_not_appear, hidden.reason, hidden.compared) == (True, "hides from a stalker", True)
    assert consent.why_hidden(office.desk, ann) == hidden
    seen: list[object] = [office.subject(ann), consent.listing(office.desk)]
    assert "stalker" not in repr(seen)
    lifted = consent.must_not_appear(office.desk, ann, None)
    assert (lifted.subject.must_not_appear, lifted.reason) == (False, None)


@pytest.mark.parametrize(
    ("purpose", "compared"),
    [(PUBLISH, True), (FIND, True), ("internal-tagging", True), ("case-search", False)],
)
def test_whether_the_machine_may_look_for_somebody_is_told(office: Office, purpose: str, compared: bool) -> None:  # noqa: FBT001 - a table
    ann = office.person("Ann")
    assert not consent.why_hidden(office.desk, ann).compared
    office.grant(ann, purpose)
    assert consent.why_hidden(office.desk, ann).compared is compared
    consent.withdraw(office.desk, ann)
    assert not consent.why_hidden(office.desk, ann).compared


def test_hiding_means_everybody_who_was_merged(office: Office) -> None:
    ann, anne = office.person("Ann"), office.person("Anne")
    office.merge(ann, into=anne)
    assert consent.must_not_appear(office.desk, ann, "x").subject.id == anne
    assert all(office.subject(each).must_not_appear for each in (ann, anne))
    consent.must_not_appear(office.desk, anne, None)
    assert not any(office.subject(each).must_not_appear for each in (ann, anne))


def test_a_reason_that_only_an_old_name_has_is_found(office: Office) -> None:
    ann, anne = office.person("Ann"), office.person("Anne")
    consent.must_not_appear(office.desk, ann, "x")
    office.merge(ann, into=anne)
    assert consent.why_hidden(office.desk, anne).reason == "x"


def test_hiding_needs_a_reason_and_a_person(office: Office) -> None:
    ann = office.person("Ann")
    calls: list[tuple[Callable[..., object], tuple[object, ...], type[Exception]]] = [
        (consent.must_not_appear, (office.desk, ann, " "), StoreError),
        (consent.must_not_appear, (office.desk, "nobody", "x"), NotFoundError),
        (consent.why_hidden, (office.desk, "nobody"), NotFoundError),
    ]
    for call, arguments, error in calls:
        with pytest.raises(error):
            call(*arguments)
    assert not office.subject(ann).must_not_appear
