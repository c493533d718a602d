"""Rows that retention goes by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from countenance.core.retention import Hold, Kept, Rule
from countenance.errors import ConflictError, NotFoundError, StoreError
from countenance.store import consents, retention
from countenance.store.subjects import Subject
from tests.unit.store.world import World

DAY = timedelta(days=1)
END = datetime(2031, 8, 1, tzinfo=UTC)


@pytest.fixture
def ann(world: World) -> Subject:
    return world.subject(world.collection().id)


def rule(world: World, collection: str) -> Rule:
    with world.store.reading() as tx:
        return retention.rule_of(tx, collection)


def kept(world: World, collection: str, person: str | None = None) -> list[Kept]:
    with world.store.reading() as tx:
        return retention.kept(tx, collection, person)


def place(world: World, collection: str, subject: str | None = None, **changes: Any) -> Hold:  # noqa: ANN401
    given: dict[str, Any] = {
        "reference": "case 7",
        "approver": "The board",
        "until_at": world.now + 9 * DAY,
        "by": "Ms Reed",
        "at": world.now,
    }
    with world.store.transaction() as tx:
        return retention.place(tx, collection=collection, subject=subject, **(given | changes))


# Rules ----------------------------------------------------------------------------------------------------------------


def test_a_rule_is_kept_and_replaced(world: World) -> None:
    club, choir = world.collection().id, world.collection("choir").id
    assert rule(world, club) == Rule()
    with world.store.transaction() as tx:
        retention.set_rule(tx, club, Rule(END, END + DAY, 3))
    assert rule(world, club) == Rule(END, END + DAY, 3)
    assert rule(world, choir) == Rule()
    with world.store.transaction() as tx:
        retention.set_rule(tx, club, Rule(contact_years=4))
    assert rule(world, club) == Rule(contact_years=4)


def test_a_documented_basis_ends_when_its_document_says(world: World) -> None:
    press = world.collection("press", release_days=30)
    assert press.release is not None
    assert rule(world, press.id) == Rule(basis_ends_at=press.release.until_at)
    with world.store.transaction() as tx:
        retention.set_rule(tx, press.id, Rule(END, basis_ends_at=END))
    assert rule(world, press.id) == Rule(END, basis_ends_at=press.release.until_at)


def test_a_rule_that_cannot_be_set_changes_nothing(world: World) -> None:
    club = world.collection().id
    with pytest.raises(StoreError, match="between 1 and 100"), world.store.transaction() as tx:
        retention.set_rule(tx, club, Rule(END, contact_years=0))
    assert rule(world, club) == Rule()
    with pytest.raises(NotFoundError):
        rule(world, "nowhere")


# People ---------------------------------------------------------------------------------------------------------------


def test_whom_a_collection_keeps(world: World, ann: Subject) -> None:
    choir = world.collection("choir").id
    eve = world.subject(choir, "Eve")
    consent = world.granted(ann.id)
    world.granted(ann.id, purpose="publication", until_at=world.now + 60 * DAY)
    with world.store.transaction() as tx:
        consents.withdraw(tx, consent, at=world.now + DAY)
        retention.note_contact(tx, ann.id, at=world.now + DAY, now=world.now + 2 * DAY)
    (row,) = kept(world, ann.collection)
    assert (row.subject, row.members, row.collection) == (ann.id, frozenset({ann.id}), ann.collection)
    assert row.contacts == (world.now, world.now + DAY)
    assert {(each.until_at, each.withdrawn_at, each.recorded_at) for each in row.consents} == {
        (world.now + 30 * DAY, world.now + DAY, world.now),
        (world.now + 60 * DAY, None, world.now),
    }
    assert [(row.subject, row.consents) for row in kept(world, choir)] == [(eve.id, ())]


def test_merged_people_are_kept_as_one(world: World, ann: Subject) -> None:
    twin, bob = world.subject(ann.collection, "A. Fern"), world.subject(ann.collection, "Bob")
    world.granted(twin.id)
    with world.raw() as raw:
        raw.execute("UPDATE subjects SET merged_into = ? WHERE id = ?", (ann.id, twin.id))
    rows = {row.subject: row for row in kept(world, ann.collection)}
    assert set(rows) == {ann.id, bob.id}
    assert rows[ann.id].members == {ann.id, twin.id}
    assert (len(rows[ann.id].contacts), len(rows[ann.id].consents)) == (2, 1)
    assert rows[bob.id].consents == ()
    assert kept(world, ann.collection, ann.id) == [rows[ann.id]]
    assert kept(world, ann.collection, twin.id) == []


def test_somebody_is_due_even_when_nothing_of_them_can_be_opened(world: World, ann: Subject) -> None:
    world.granted(ann.id)
    world.keys.drop_subject_key(ann.id)
    assert len(kept(world, ann.collection)[0].consents) == 1


def test_a_contact_is_put_right_within_reason(world: World, ann: Subject) -> None:
    later = world.now + 400 * DAY

    def note(at: datetime) -> None:
        with world.store.transaction() as tx:
            retention.note_contact(tx, ann.id, at=at, now=later)

    note(later)
    note(world.now + DAY)
    assert kept(world, ann.collection)[0].contacts == (world.now, world.now + DAY)
    for wrong, says in ((later + DAY, "still to come"), (world.now - 2 * DAY, "contact already")):
        with pytest.raises(StoreError, match=says):
            note(wrong)
    assert kept(world, ann.collection)[0].contacts == (world.now, world.now + DAY)
    with pytest.raises(NotFoundError), world.store.transaction() as tx:
        retention.note_contact(tx, "nobody", at=later, now=later)


# Holds ----------------------------------------------------------------------------------------------------------------


def test_a_hold_is_placed_and_lifted_once(world: World, ann: Subject) -> None:
    made = place(world, ann.collection, ann.id, reference=" case 7 ")
    assert (made.reference, made.subject, made.lifted_at) == ("case 7", ann.id, None)
    with world.store.reading() as tx:
        assert retention.holds(tx) == [made] == retention.standing(tx, ann.collection, world.now)
    with world.store.transaction() as tx:
        lifted = retention.lift(tx, made.id, by="Mr Oak", at=world.now + DAY)
    assert (lifted.lifted_by, lifted.lifted_at) == ("Mr Oak", world.now + DAY)
    with world.store.reading() as tx:
        assert retention.holds(tx) == [lifted]
        assert retention.standing(tx, ann.collection, world.now) == []
    with pytest.raises(ConflictError, match="was lifted on"), world.store.transaction() as tx:
        retention.lift(tx, made.id, by="Mr Oak", at=world.now + 2 * DAY)
    with pytest.raises(NotFoundError, match="no legal hold"), world.store.transaction() as tx:
        retention.lift(tx, "nosuch", by="Mr Oak", at=world.now)


def test_holds_by_collection_and_time(world: World, ann: Subject) -> None:
    choir = world.collection("choir").id
    whole, short = place(world, ann.collection), place(world, choir, until_at=world.now + DAY)
    with world.store.reading() as tx:
        assert retention.holds(tx, choir) == [short]
        assert {hold.id for hold in retention.holds(tx)} == {whole.id, short.id}
        assert retention.standing(tx, choir, world.now + DAY - timedelta(microseconds=1)) == [short]
        assert retention.standing(tx, choir, world.now + DAY) == []
        assert retention.standing(tx, ann.collection, world.now + DAY) == [whole]


@pytest.mark.parametrize(
    "changes", [{"reference": " "}, {"approver": ""}, {"until_at": datetime(2020, 1, 1, tzinfo=UTC)}], ids=str
)
def test_a_hold_that_says_too_little_is_refused(world: World, changes: dict[str, object]) -> None:
    club = world.collection().id
    with pytest.raises(StoreError, match="legal hold"):
        place(world, club, None, **changes)
    with world.store.reading() as tx:
        assert retention.holds(tx) == []


# The newest record ----------------------------------------------------------------------------------------------------


def test_the_newest_record(world: World, ann: Subject) -> None:
    def newest() -> datetime | None:
        with world.store.reading() as tx:
            return retention.newest_moment(tx)

    assert newest() == world.now
    world.granted(ann.id, until_at=world.now + 900 * DAY)
    place(world, ann.collection, until_at=world.now + 900 * DAY)
    assert newest() == world.now, "when something will end says nothing about the clock"
    place(world, ann.collection, at=world.now + DAY)
    assert newest() == world.now + DAY
    with world.store.transaction() as tx:
        retention.note_contact(tx, ann.id, at=world.now + 2 * DAY, now=world.now + 3 * DAY)
    assert newest() == world.now + 2 * DAY


def test_an_archive_without_any_record_has_none(world: World) -> None:
    with world.raw() as raw:
        for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            raw.execute(f"DROP TRIGGER {name}")
        raw.execute("DELETE FROM policy_pages")
    with world.store.reading() as tx:
        assert retention.newest_moment(tx) is None
