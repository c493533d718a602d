"""Renew and take back, without any photo: what counts is what people said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from countenance.core.consent import PARENTAL
from countenance.core.permit import permit_compare, permit_show
from countenance.errors import ConsentError, NotFoundError
from countenance.flows import consent
from countenance.flows.consent import State
from countenance.settings import ClearSettings
from countenance.store import policies, stamps
from tests.unit.flows.office import FIND, PUBLISH, Office, open_office
from tests.unit.store.conftest import world  # noqa: F401 - a fixture
from tests.unit.store.world import World

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


@pytest.fixture
def office(world: World) -> Office:  # noqa: F811 - the fixture
    return open_office(world)


# Grant ----------------------------------------------------------------------------------------------------------------


def test_one_consent_for_each_purpose_and_nothing_else_is_granted_with_it(office: Office) -> None:
    ann = office.person("Ann")
    made = office.grant(ann, PUBLISH, FIND, PUBLISH, channels=("website", "yearbook"))
    assert [stored.consent.purpose for stored in made.recorded] == [PUBLISH, FIND]
    assert {stored.consent.channels for stored in made.recorded} == {("website", "yearbook")}
    assert {(each.record.granted_by, each.record.notice_version) for each in made.recorded} == {("Ms Reed", "1")}
    assert office.states(ann) == [(FIND, "holds"), (PUBLISH, "holds")]
    assert made.subject.id == ann
    assert made.subject.pending_rescan, "photos may have come in while nothing held"
    assert made.shortened == []


def test_a_renewal_leaves_what_was_said_before(office: Office) -> None:
    ann = office.person("Ann")
    (first,) = office.grant(ann, days=10).recorded
    office.now += 5 * DAY
    office.grant(ann, days=40)
    assert office.states(ann) == [(PUBLISH, "holds"), (PUBLISH, "holds")]
    office.now += 6 * DAY
    assert office.states(ann) == [(PUBLISH, "expired"), (PUBLISH, "holds")]
    assert first.consent in office.given()


def test_what_begins_later_does_not_hold_yet(office: Office) -> None:
    ann = office.person("Ann")
    office.grant(ann, from_at=office.now + DAY, until_at=office.now + 2 * DAY)
    assert office.states(ann) == [(PUBLISH, "not-yet")]
    office.now += DAY
    assert office.states(ann) == [(PUBLISH, "holds")]
    office.now += DAY
    assert office.states(ann) == [(PUBLISH, "expired")]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"purposes": ()}, "at least one purpose"),
        ({"purposes": (PUBLISH, "marketing")}, "Unknown purpose 'marketing'"),
        ({"channels": ()}, "at least one channel"),
        ({"channels": ("billboard",)}, "Unknown channel 'billboard'"),
        ({"until_at": datetime(2001, 1, 1, tzinfo=UTC)}, "end after it begins"),
        ({"evidence_sha256": ""}, "needs evidence"),
        ({"evidence_name": " "}, "name of its evidence"),
        ({"guardian": " "}, "name of a guardian"),
        ({"guardian": "Mrs Marlow", "authority": " "}, "right to sign"),
        ({"guardian": "Mrs Marlow"}, "recorded as an adult"),
        ({"born_on": date(2999, 1, 1)}, "still to come"),
        ({"born_on": date(1800, 1, 1)}, "more than 120 years ago"),
    ],
    ids=str,
)
def test_an_incomplete_form_records_nothing(office: Office, changes: dict[str, object], says: str) -> None:
    ann = office.person("Ann")
    with pytest.raises(ConsentError, match=says):
        consent.grant(office.desk, ann, replace(office.form(), **changes), "Ms Reed")  # type: ignore[arg-type]
    assert office.given() == []
    assert office.subject(ann).born_on is None


def test_nobody_consents_before_people_were_told(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = office.person("Ann")
    monkeypatch.setattr(policies, "current", lambda _: None)
    with pytest.raises(ConsentError, match="No policy page has been published") as caught:
        office.grant(ann)
    assert "countenance policy publish" in caught.value.advice
    assert office.given() == []


def test_nobody_grants_for_somebody_unknown(office: Office) -> None:
    with pytest.raises(NotFoundError):
        office.grant("nobody")


def test_a_grant_for_somebody_merged_is_one_of_the_person_who_remains(office: Office) -> None:
    ann, anne = office.person("Ann"), office.person("Anne")
    office.merge(ann, into=anne)
    made = office.grant(ann)
    assert made.subject.id == anne
    assert [stored.consent.subject for stored in made.recorded] == [anne]
    assert office.states(ann) == office.states(anne) == [(PUBLISH, "holds")]


# Minors ---------------------------------------------------------------------------------------------------------------


def adult_in(office: Office, days: int) -> date:
    """A date of birth: 18 in some days."""
    day = (office.now + timedelta(days=days)).date()
    return day.replace(year=day.year - 18, day=min(day.day, 28))


def test_a_guardian_signs_until_the_minor_comes_of_age(office: Office) -> None:
    tim = office.person("Tim", minor=True)
    born_on = adult_in(office, 60)
    made = office.signed_for(tim, days=90, born_on=born_on, authority="foster care")
    (stored,) = made.recorded
    adult_at = stored.consent.until_at
    assert (adult_at.date(), adult_at.timetz().hour) == (born_on.replace(year=born_on.year + 18), 0)
    assert (stored.consent.guardian, stored.consent.authority) == ("Mrs Marlow", "foster care")
    assert made.subject.born_on == born_on
    office.now = adult_at - TICK
    assert office.states(tim) == [(PUBLISH, "holds")]
    with pytest.raises(ConsentError, match="needs the name of a guardian"):
        office.grant(tim)
    office.now = adult_at
    assert office.states(tim) == [(PUBLISH, "expired")]
    with pytest.raises(ConsentError, match="came of age"):
        office.signed_for(tim)
    made = office.grant(tim)
    assert not made.subject.minor
    assert office.states(tim) == [(PUBLISH, "expired"), (PUBLISH, "holds")]


def test_without_a_date_of_birth_a_minor_stays_one(office: Office) -> None:
    tim = office.person("Tim", minor=True)
    (stored,) = office.signed_for(tim, days=9_000).recorded
    assert stored.consent.until_at == office.now + timedelta(days=9_000)
    assert stored.consent.authority == PARENTAL
    with pytest.raises(ConsentError, match="needs the name of a guardian") as caught:
        office.grant(tim)
    assert "--born" in caught.value.advice


def test_a_date_of_birth_that_comes_later_shortens_what_a_guardian_signed(office: Office) -> None:
    tim = office.person("Tim", minor=True)
    (long,) = office.signed_for(tim, days=9_000, channels=("print",)).recorded
    office.signed_for(tim, days=5)
    born_on = adult_in(office, 60)
    made = office.signed_for(tim, days=8, born_on=born_on)
    assert [stored.id for stored in made.shortened] == [long.id]
    running = [entry for entry in consent.listing(office.desk, subject=tim) if entry.state is State.HOLDS]
    assert len(running) == 3
    again = next(entry.stored for entry in running if entry.stored.consent.channels == ("print",))
    assert again.consent.until_at.date() == born_on.replace(year=born_on.year + 18)
    assert again.record == long.record, "the form is the same one"
    assert office.states(tim).count((PUBLISH, "withdrawn")) == 1


def test_who_turns_out_to_be_of_age_is_no_longer_signed_for(office: Office) -> None:
    tim = office.person("Tim", minor=True)
    (old,) = office.signed_for(tim, days=9_000).recorded
    made = office.grant(tim, born_on=adult_in(office, -60))
    assert [stored.id for stored in made.shortened] == [old.id]
    assert not made.subject.minor
    assert office.states(tim) == [(PUBLISH, "holds"), (PUBLISH, "withdrawn")]


def test_a_minor_who_signed_alone_by_mistake_is_put_right_in_two_steps(office: Office) -> None:
    tim = office.person("Tim")
    office.grant(tim)
    born_on = adult_in(office, 60)
    with pytest.raises(ConsentError, match="is a minor, but has signed") as caught:
        office.signed_for(tim, born_on=born_on)
    assert "countenance consent withdraw" in caught.value.advice
    assert not office.subject(tim).minor
    consent.withdraw(office.desk, tim)
    assert office.signed_for(tim, born_on=born_on).subject.minor
    assert sorted(office.states(tim)) == [(PUBLISH, "holds"), (PUBLISH, "withdrawn")]


def test_the_age_is_the_organisations(office: Office) -> None:
    tim = office.person("Tim")
    born_on = adult_in(office, 60)
    younger = replace(office.desk.settings, clear=ClearSettings(adult_age_years=16))
    desk = replace(office.desk, settings=younger)
    assert not consent.grant(desk, tim, office.form(born_on=born_on), "Ms Reed").subject.minor


# Withdrawal -----------------------------------------------------------------------------------------------------------


def test_one_withdrawal_ends_everything_and_a_second_finds_nothing(office: Office) -> None:
    ann, bob = office.person("Ann"), office.person("Bob")
    office.grant(ann, PUBLISH, FIND)
    office.grant(ann, "internal-tagging", from_at=office.now + DAY)
    office.grant(ann, "case-search", days=1)
    office.grant(bob)
    office.now += DAY
    ended = consent.withdraw(office.desk, ann)
    assert sorted(stored.consent.purpose for stored in ended) == [FIND, "internal-tagging", PUBLISH]
    assert {stored.consent.withdrawn_at for stored in ended} == {office.now}
    assert office.states(ann) == [
        ("case-search", "expired"),
        (FIND, "withdrawn"),
        ("internal-tagging", "withdrawn"),
        (PUBLISH, "withdrawn"),
    ]
    assert office.states(bob) == [(PUBLISH, "holds")]
    before = office.given()
    office.now += DAY
    assert consent.withdraw(office.desk, ann) == []
    assert office.given() == before


def test_what_is_yet_to_begin_never_begins(office: Office) -> None:
    ann = office.person("Ann")
    office.grant(ann, from_at=office.now + DAY)
    assert len(consent.withdraw(office.desk, ann)) == 1
    office.now += 2 * DAY
    assert office.states(ann) == [(PUBLISH, "withdrawn")]


def test_only_some_purposes(office: Office) -> None:
    ann = office.person("Ann")
    office.grant(ann, PUBLISH, FIND)
    assert consent.withdraw(office.desk, ann, ["case-search"]) == []
    (ended,) = consent.withdraw(office.desk, ann, [PUBLISH])
    assert ended.consent.purpose == PUBLISH
    assert office.states(ann) == [(FIND, "holds"), (PUBLISH, "withdrawn")]


@pytest.mark.parametrize("who", [0, 1, 2])
def test_everybody_who_was_merged_is_meant(office: Office, who: int) -> None:
    people = [office.person(name) for name in ("Ann", "Anne", "Anna")]
    for each in people:
        office.grant(each)
    office.merge(people[0], into=people[2])
    office.merge(people[1], into=people[2])
    assert len(consent.withdraw(office.desk, people[who])) == 3
    assert {each.withdrawn_at for each in office.given()} == {office.now}


def test_the_next_decision_and_running_jobs_see_it(office: Office) -> None:
    ann = office.person("Ann")
    office.grant(ann, FIND)

    def stamp() -> stamps.Epoch:
        with office.world.store.reading() as tx:
            return stamps.epoch(tx, office.club, "people")

    before = stamp()
    assert permit_compare(office.club, office.given(), office.now).subjects == {ann}
    consent.withdraw(office.desk, ann)
    assert stamp() != before, "a running job loads its gallery again"
    assert permit_compare(office.club, office.given(), office.now).subjects == frozenset()
    with pytest.raises(ConsentError):
        permit_show(office.club, ann, office.given(), office.now)


def test_nobody_withdraws_for_somebody_unknown(office: Office) -> None:
    with pytest.raises(NotFoundError):
        consent.withdraw(office.desk, "nobody")
