"""Who signed, what people were told, when a guardian's word ends, and who must not appear."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from countenance.core.consent import PARENTAL
from countenance.errors import ConsentError, DamagedError, NotFoundError, StoreError
from countenance.store import consents, merges, policies, subjects
from countenance.store.connection import Store
from countenance.store.consents import Record, StoredConsent
from countenance.store.keys import KeyStore
from countenance.store.subjects import Subject
from tests.unit.store.world import World, cheap_master

FORM = Record("form.pdf", "office")


def record(world: World, subject: str, *, adult_age_years: int = 18, **changes: object) -> StoredConsent:
    with world.store.transaction() as tx:
        said = world.consent(subject, **changes)
        return consents.add(tx, world.keys, said, FORM, now=world.now, adult_age_years=adult_age_years)


def signed(world: World, subject: str, *, adult_age_years: int = 18, **changes: object) -> StoredConsent:
    """The same, by a guardian."""
    return record(world, subject, adult_age_years=adult_age_years, minor=True, guardian="Mrs Marlow", **changes)


def again(world: World, subject: str) -> Subject:
    with world.store.reading() as tx:
        return subjects.by_id(tx, world.keys, subject)


def stored(world: World, subject: str) -> list[StoredConsent]:
    with world.store.reading() as tx:
        return consents.of_subject(tx, world.keys, subject)


def adult_in(world: World, days: int) -> tuple[date, datetime]:
    """A date of birth, and the moment some days from now when that person turns 18."""
    day = world.now.date() + timedelta(days=days)
    day = day.replace(day=28) if (day.month, day.day) == (2, 29) else day
    return day.replace(year=day.year - 18), datetime(day.year, day.month, day.day, tzinfo=UTC)


def born(world: World, born_on: date, *, minor: bool) -> str:
    club = world.collection()
    with world.store.transaction() as tx:
        made = subjects.add(tx, world.keys, collection=club.id, name="Tim", minor=minor, at=world.now, born_on=born_on)
        return made.id


def written(world: World) -> bytes:
    world.store.truncate_log()
    return world.path.read_bytes()


def test_what_gives_a_guardian_the_right_is_sealed_with_the_name(world: World) -> None:
    tim = world.subject(world.collection().id, "Tim", minor=True).id
    made = signed(world, tim, authority="order of the Tyne court")
    assert stored(world, tim) == [made]
    assert made.consent.authority == "order of the Tyne court"
    content = written(world)
    assert tim.encode() in content
    assert b"Tyne" not in content
    assert b"Marlow" not in content


def test_consents_from_before_there_was_an_authority(world: World) -> None:
    tim = world.subject(world.collection().id, "Tim", minor=True).id
    signed(world, tim, authority="order of the Tyne court")
    with world.raw() as raw:
        raw.execute("DROP TRIGGER authorities_stand")
        raw.execute("UPDATE consents SET authority_sealed = NULL")
    assert [each.consent.authority for each in stored(world, tim)] == [PARENTAL]


def test_who_signs_alone_has_no_authority_to_keep(world: World) -> None:
    ann = world.subject(world.collection().id).id
    record(world, ann)
    with world.raw() as raw:
        assert raw.execute("SELECT guardian_sealed, authority_sealed FROM consents").fetchall() == [(None, None)]


def test_an_authority_stands(world: World) -> None:
    tim = world.subject(world.collection().id, "Tim", minor=True).id
    signed(world, tim)
    with pytest.raises(Exception, match="stands"), world.raw() as raw:
        raw.execute("UPDATE consents SET authority_sealed = x'00'")


def test_a_guardians_consent_ends_with_the_coming_of_age(world: World) -> None:
    born_on, adult_at = adult_in(world, 10)
    tim = born(world, born_on, minor=True)
    made = signed(world, tim)
    assert made.consent.until_at == adult_at
    assert stored(world, tim) == [made]
    sooner = signed(world, tim, until_at=world.now + timedelta(days=2))
    assert sooner.consent.until_at == world.now + timedelta(days=2)
    later = signed(world, tim, adult_age_years=21)
    assert later.consent.until_at == world.now + timedelta(days=30)
    with pytest.raises(ConsentError, match="needs the name of a guardian"):
        record(world, tim)


def test_whoever_has_come_of_age_signs_alone_and_nobody_else_does(world: World) -> None:
    born_on, _ = adult_in(world, -10)
    tim = born(world, born_on, minor=True)
    with pytest.raises(ConsentError, match=r"came of age on .*, so nobody else can sign"):
        signed(world, tim)
    assert again(world, tim).minor
    made = record(world, tim)
    assert not made.consent.minor
    assert not again(world, tim).minor
    assert again(world, tim).born_on == born_on
    with pytest.raises(ConsentError, match="needs the name of a guardian"):
        record(world, tim, adult_age_years=21)


def test_nobody_signs_for_an_adult(world: World) -> None:
    ann = world.subject(world.collection().id).id
    with pytest.raises(ConsentError, match="recorded as an adult") as caught:
        signed(world, ann)
    assert "--born" in caught.value.advice
    assert stored(world, ann) == []


def test_every_consent_names_the_page_that_was_in_force(world: World) -> None:
    ann = world.subject(world.collection().id).id
    assert record(world, ann).record.notice_version == "1"
    with world.store.transaction() as tx:
        policies.publish(tx, "What we do now.", by="office", at=world.now)
    second = record(world, ann)
    assert second.record == dataclasses.replace(FORM, notice_version="2")
    assert sorted(str(each.record.notice_version) for each in stored(world, ann)) == ["1", "2"]


@pytest.fixture
def untold(tmp_path: Path) -> Iterator[World]:
    """An archive that never published a policy page."""
    folder = tmp_path / "untold"
    folder.mkdir()
    keys = KeyStore.create(folder / "keys", cheap_master())
    made = World(folder, Store.open(folder / "archive.sqlite", create=True), keys)
    yield made
    made.store.close()
    made.keys.close()


def test_where_nobody_was_told_anything_nobody_consents(untold: World) -> None:
    ann = untold.subject(untold.collection().id).id
    with pytest.raises(ConsentError, match="No policy page") as caught:
        record(untold, ann)
    assert "countenance policy publish" in caught.value.advice
    with untold.store.reading() as tx:
        assert policies.current(tx) is None
    with untold.store.transaction() as tx:
        policies.publish(tx, "What we do.", by="office", at=untold.now)
    assert record(untold, ann).record.notice_version == "1"


def test_consents_of_a_collection_come_with_their_records(world: World) -> None:
    club, other = world.collection(), world.collection("other")
    ann, bob = world.subject(club.id, "Ann").id, world.subject(club.id, "Bob").id
    eve = world.subject(other.id, "Eve").id
    made = [record(world, each) for each in (ann, bob, ann)]
    record(world, eve)
    with world.store.reading() as tx:
        found = consents.records_of_collection(tx, world.keys, club.id)
        assert consents.of_collection(tx, world.keys, club.id) == [each.consent for each in found]
    assert sorted(each.id for each in found) == sorted(each.id for each in made)
    assert {each.record.evidence_name for each in found} == {"form.pdf"}


def test_why_somebody_must_not_appear_is_sealed_and_opened_by_one_function_only(world: World) -> None:
    club = world.collection()
    ann, bob = world.subject(club.id, "Ann"), world.subject(club.id, "Bob")
    with world.store.transaction() as tx:
        subjects.set_must_not_appear(tx, world.keys, ann, "hides from a stalker \ud800")
        assert subjects.why_hidden(tx, world.keys, ann.id) == "hides from a stalker \ud800"
        assert subjects.why_hidden(tx, world.keys, bob.id) is None
        people = subjects.of_collection(tx, world.keys, club.id)
    assert {each.name: each.must_not_appear for each in people} == {"Ann": True, "Bob": False}
    assert "stalker" not in repr(people)
    content = written(world)
    assert ann.id.encode() in content
    assert b"stalker" not in content
    with world.store.transaction() as tx:
        subjects.set_must_not_appear(tx, world.keys, ann, None)
        assert subjects.why_hidden(tx, world.keys, ann.id) is None
        assert not subjects.by_id(tx, world.keys, ann.id).must_not_appear


def test_a_reason_has_words_and_a_person(world: World) -> None:
    ann = world.subject(world.collection().id)
    nobody = dataclasses.replace(ann, id="nobody")
    with world.store.transaction() as tx:
        with pytest.raises(StoreError, match="needs a reason"):
            subjects.set_must_not_appear(tx, world.keys, ann, " ")
        for reason in (None, "x"):
            with pytest.raises(NotFoundError):
                subjects.set_must_not_appear(tx, world.keys, nobody, reason)
        with pytest.raises(NotFoundError):
            subjects.why_hidden(tx, world.keys, "nobody")
        with pytest.raises(NotFoundError):
            merges.members(tx, "nobody")
    assert not again(world, ann.id).must_not_appear


def test_sealed_facts_moved_to_another_place_are_damage(world: World) -> None:
    club = world.collection()
    ann, bob = world.subject(club.id, "Ann"), world.subject(club.id, "Bob")
    with world.store.transaction() as tx:
        subjects.set_must_not_appear(tx, world.keys, ann, "2001-01-01")
    with world.raw() as raw:
        raw.execute(
            "UPDATE subjects SET must_not_appear_sealed = (SELECT must_not_appear_sealed FROM subjects AS s "
            "WHERE s.id = ?) WHERE id = ?",
            (ann.id, bob.id),
        )
        raw.execute("UPDATE subjects SET born_sealed = must_not_appear_sealed WHERE id = ?", (ann.id,))
    with world.store.reading() as tx:
        with pytest.raises(DamagedError):
            subjects.why_hidden(tx, world.keys, bob.id)
        with pytest.raises(DamagedError):
            subjects.by_id(tx, world.keys, ann.id)


def test_a_date_of_birth_is_sealed_and_can_be_corrected(world: World) -> None:
    tim = born(world, date(2014, 5, 31), minor=True)
    assert again(world, tim).born_on == date(2014, 5, 31)
    assert b"2014-05-31" not in written(world)
    with world.store.transaction() as tx:
        subjects.set_birth(tx, world.keys, again(world, tim), born_on=date(2004, 5, 31), minor=False)
    assert (again(world, tim).born_on, again(world, tim).minor) == (date(2004, 5, 31), False)
    with world.store.transaction() as tx:
        subjects.set_birth(tx, world.keys, again(world, tim), born_on=None, minor=True)
    assert (again(world, tim).born_on, again(world, tim).minor) == (None, True)


def test_people_who_were_merged_are_one_person(world: World) -> None:
    club, other = world.collection(), world.collection("other")
    ids = [world.subject(club.id, name).id for name in ("Ann", "Anne", "Anna", "Bob")]
    world.subject(other.id, "Ann")
    ann, anne, anna, bob = ids
    with world.raw() as raw:
        for each in (ann, anne):
            raw.execute("UPDATE subjects SET merged_into = ? WHERE id = ?", (anna, each))
        with pytest.raises(sqlite3.IntegrityError, match="one step deep"):
            raw.execute("UPDATE subjects SET merged_into = ? WHERE id = ?", (bob, anna))
    with world.store.reading() as tx:
        for each in (ann, anne, anna):
            found = merges.members(tx, each)
            assert (found[0], sorted(found)) == (anna, sorted([ann, anne, anna]))
        assert merges.members(tx, bob) == [bob]
    assert again(world, ann).merged_into == anna
    assert again(world, bob).merged_into is None
