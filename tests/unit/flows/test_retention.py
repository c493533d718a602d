"""Keep no longer than the rules say: what a run destroys, what it leaves, and what it does when something is wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from countenance.core.canonical import parse
from countenance.core.retention import Reason, Rule, State
from countenance.errors import ConflictError, ProofError, StoreError
from countenance.flows import consent, retention
from countenance.ledger.event import commitment
from countenance.store import entries
from tests.unit.flows.office import Office, open_office
from tests.unit.store.conftest import world  # noqa: F401 - a fixture
from tests.unit.store.world import World

DAY = timedelta(days=1)


@pytest.fixture
def office(world: World) -> Office:  # noqa: F811 - the fixture
    return open_office(world)


def logged(office: Office) -> list[dict[str, Any]]:
    with office.world.store.reading() as tx:
        return [parse(body) for _, body in entries.bodies(tx)]


def acts(office: Office) -> list[str]:
    return [entry["act"] for entry in logged(office)]


def touches(office: Office, entry: dict[str, Any], subject: str) -> bool:
    salt = office.world.keys.salt_of(subject, bytes.fromhex(entry["nonce"]))
    return commitment(salt, subject) in entry["subjects"]


def hold(office: Office, subject: str | None = None, *, days: float = 30) -> str:
    until = office.now + timedelta(days=days)
    made = retention.hold(office.desk, office.club, subject, reference="case 7", approver="The board", until_at=until)
    return made.id


def states(office: Office) -> dict[str, State]:
    return {term.subject: term.state for term in retention.terms(office.desk)}


class Shredder:
    """Stands for the erase flow: takes the person's rows out, or fails with those it is told to."""

    def __init__(self, office: Office, failing: dict[str, Exception] | None = None) -> None:
        self.office, self.failing, self.gone = office, failing or {}, list[str]()
        self.meanwhile: Callable[[], object] = lambda: None

    def __call__(self, subject: str) -> None:
        if subject in self.failing:
            raise self.failing[subject]
        self.gone.append(subject)
        with self.office.world.raw() as raw:
            raw.execute("DELETE FROM consents WHERE subject_id = ?", (subject,))
            raw.execute("DELETE FROM subjects WHERE id = ?", (subject,))
        self.meanwhile()


# Rules ----------------------------------------------------------------------------------------------------------------


def test_a_rule_is_set_and_logged_once(office: Office) -> None:
    end = datetime(2031, 8, 1, tzinfo=UTC)
    assert retention.set_rule(office.desk, office.club, Rule(end, None, 3)) == Rule(end, None, 3)
    assert retention.set_rule(office.desk, office.club, Rule(end, None, 3)) == Rule(end, None, 3)
    assert retention.rule_of(office.desk, office.club) == Rule(end, None, 3)
    (entry,) = logged(office)
    assert (entry["act"], entry["collection"], entry["subjects"]) == ("retention-rule", office.club, [])
    assert entry["facts"] == {"purpose_ends_s": int(end.timestamp()), "keep_until_s": None, "contact_years": 3}


def refuse(*_: object, **__: object) -> None:
    msg = "the log is full"
    raise StoreError(msg)


def test_a_rule_that_cannot_be_logged_is_not_set(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = office.person("Ann")
    monkeypatch.setattr(retention, "log", refuse)
    for act in (
        lambda: retention.set_rule(office.desk, office.club, Rule(contact_years=3)),
        lambda: hold(office, ann),
        lambda: retention.note_contact(office.desk, ann),
        lambda: retention.note_attributes(office.desk, ann, {"region": "Bavaria"}),
        lambda: retention.describe(office.desk, ann),
    ):
        with pytest.raises(StoreError, match="the log is full"):
            act()
    monkeypatch.undo()
    assert retention.rule_of(office.desk, office.club) == Rule()
    assert retention.holds(office.desk) == []
    assert retention.describe(office.desk, ann).attributes == {}
    assert acts(office) == ["view"]


def test_a_run_that_cannot_be_logged_destroys_nobody(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = office.person("Ann")
    office.grant(ann, days=1)
    office.now += 2 * DAY
    monkeypatch.setattr(retention, "log", refuse)
    with pytest.raises(StoreError, match="the log is full"):
        retention.run(office.desk, shredder := Shredder(office))
    assert shredder.gone == []


# What is due ----------------------------------------------------------------------------------------------------------


def test_a_run_destroys_what_is_due_and_nothing_else(office: Office) -> None:
    ann, bob, eve = (office.person(name) for name in ("Ann", "Bob", "Eve"))
    office.grant(ann, days=10)
    office.grant(bob, days=20)
    office.grant(eve, days=10)
    office.grant(eve, days=30)
    office.now += 10 * DAY
    assert states(office) == {ann: State.DUE, bob: State.KEPT, eve: State.KEPT}
    shredder = Shredder(office)
    outcome = retention.run(office.desk, shredder)
    assert (outcome.destroyed, outcome.failed, outcome.held) == ([ann], [], [])
    assert shredder.gone == [ann]
    assert logged(office)[-1]["act"] == "retention"
    assert logged(office)[-1]["facts"] == {"due": 1, "held": 0}
    n_entries = len(logged(office))
    assert retention.run(office.desk, shredder).destroyed == []
    assert shredder.gone == [ann]
    assert len(logged(office)) == n_entries, "nothing was done, so nothing is logged"


def test_a_withdrawal_makes_somebody_due_at_once_and_a_new_consent_does_not(office: Office) -> None:
    ann = office.person("Ann")
    office.grant(ann)
    consent.withdraw(office.desk, ann)
    assert states(office) == {ann: State.DUE}
    office.grant(ann, days=5)
    assert states(office) == {ann: State.KEPT}


def test_years_since_the_last_contact(office: Office) -> None:
    ann = office.person("Ann")
    retention.set_rule(office.desk, office.club, Rule(contact_years=2))
    office.now += 700 * DAY
    assert states(office) == {ann: State.KEPT}
    seen = retention.note_contact(office.desk, ann, office.now - DAY)
    assert seen == office.now - DAY
    office.now += 700 * DAY
    assert states(office) == {ann: State.KEPT}
    office.now += 31 * DAY
    assert states(office) == {ann: State.DUE}
    entry = logged(office)[-1]
    assert (entry["act"], entry["facts"]) == ("contact", {})
    assert touches(office, entry, ann)
    retention.note_contact(office.desk, ann)
    assert states(office) == {ann: State.KEPT}


def test_merged_people_are_due_and_destroyed_as_one(office: Office) -> None:
    ann, twin = office.person("Ann"), office.person("A. Fern")
    office.grant(ann, days=1)
    office.grant(twin, days=9)
    office.merge(twin, ann)
    office.now += 2 * DAY
    assert states(office) == {ann: State.KEPT}
    placed = hold(office, twin)
    office.now += 8 * DAY
    assert states(office) == {ann: State.HELD}
    retention.lift(office.desk, placed)
    assert states(office) == {ann: State.DUE}
    retention.note_contact(office.desk, twin)
    assert retention.describe(office.desk, twin).person.id == ann


def test_the_list_is_sorted_and_has_names(office: Office) -> None:
    ann, bob, eve = (office.person(name) for name in ("Ann", "Bob", "Eve"))
    office.grant(ann, days=20)
    office.grant(bob, days=10)
    lines = retention.listing(office.desk)
    assert [(line.person.name, line.collection) for line in lines] == [
        ("Bob", "club"),
        ("Ann", "club"),
        ("Eve", "club"),
    ]
    assert [line.term.reason for line in lines] == [Reason.CONSENT_ENDED, Reason.CONSENT_ENDED, None]
    assert [line.person.id for line in retention.listing(office.desk, within=10 * DAY)] == [bob]
    assert [line.person.id for line in retention.listing(office.desk, within=20 * DAY)] == [bob, ann]
    choir = office.world.collection("choir").id
    assert retention.listing(office.desk, choir) == []
    assert len(retention.listing(office.desk, office.club)) == 3
    assert eve == lines[-1].person.id


def test_collections_whose_time_is_over(office: Office) -> None:
    press = office.world.collection("press", release_days=5)
    office.world.collection("choir")
    retention.set_rule(office.desk, office.club, Rule(office.now + 9 * DAY, office.now + 3 * DAY))
    assert retention.ended(office.desk) == []
    office.now += 3 * DAY
    assert [(each.collection, each.since_at) for each in retention.ended(office.desk)] == [("club", office.now)]
    office.now += 2 * DAY
    assert press.release is not None
    assert {each.collection for each in retention.ended(office.desk)} == {"club", "press"}


# Holds ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [True, False], ids=["the collection", "the person"])
def test_what_is_held_is_listed_and_not_destroyed(office: Office, *, whole: bool) -> None:
    ann = office.person("Ann")
    office.grant(ann, days=1)
    office.now += 2 * DAY
    placed = hold(office, None if whole else ann)
    shredder = Shredder(office)
    outcome = retention.run(office.desk, shredder)
    assert ([term.subject for term in outcome.held], outcome.destroyed) == ([ann], [])
    assert [each.id for each in retention.holds(office.desk)] == [placed]
    entry = logged(office)[-1]
    assert entry["act"] == "hold"
    assert entry["facts"]["whole_collection"] is whole
    assert bool(entry["subjects"]) is not whole
    assert whole or touches(office, entry, ann)
    retention.lift(office.desk, placed)
    assert retention.holds(office.desk) == []
    assert retention.run(office.desk, shredder).destroyed == [ann]


def test_an_expired_hold_keeps_nobody(office: Office) -> None:
    ann = office.person("Ann")
    office.grant(ann, days=1)
    hold(office, ann, days=3)
    office.now += 2 * DAY
    assert states(office) == {ann: State.HELD}
    office.now += DAY
    assert states(office) == {ann: State.DUE}


def test_a_hold_that_comes_in_during_a_run_counts(office: Office) -> None:
    people = [office.person("Ann"), office.person("Bob")]
    for each in people:
        office.grant(each, days=1)
    office.now += 2 * DAY
    shredder = Shredder(office)
    shredder.meanwhile = lambda: hold(office)
    outcome = retention.run(office.desk, shredder)
    assert len(outcome.destroyed) == 1
    assert outcome.destroyed == shredder.gone
    (left,) = set(people) - set(shredder.gone)
    assert states(office) == {left: State.HELD}


def test_somebody_who_went_or_renewed_during_a_run_is_left_alone(office: Office) -> None:
    people = {office.person(name) for name in ("Ann", "Bob", "Eve")}
    for each in people:
        office.grant(each, days=1)
    office.now += 2 * DAY
    shredder = Shredder(office)

    def meanwhile() -> None:
        shredder.meanwhile = lambda: None
        one, other = sorted(people - set(shredder.gone))
        shredder(one)
        office.grant(other)

    shredder.meanwhile = meanwhile
    outcome = retention.run(office.desk, shredder)
    assert len(outcome.destroyed) == 1
    assert len(shredder.gone) == 2
    assert list(states(office).values()) == [State.KEPT]


# What goes wrong ------------------------------------------------------------------------------------------------------


def test_one_that_fails_does_not_stop_the_others(office: Office) -> None:
    ann, bob, eve, dan = (office.person(name) for name in ("Ann", "Bob", "Eve", "Dan"))
    for each in (ann, bob, eve, dan):
        office.grant(each, days=1)
    office.now += 2 * DAY
    wrong: dict[str, Exception] = {ann: ProofError("remains"), dan: OSError(28, "No space left on device")}
    outcome = retention.run(office.desk, Shredder(office, wrong))
    assert sorted(outcome.destroyed) == sorted([bob, eve])
    assert {(each.subject, each.code, each.message) for each in outcome.failed} == {
        (ann, "not-proven", "remains"),
        (dan, "store", "The system refused: No space left on device."),
    }
    again = retention.run(office.desk, Shredder(office))
    assert sorted(again.destroyed) == sorted([ann, dan])


def test_what_was_interrupted_is_finished_first(office: Office) -> None:
    ann, bob = office.person("Ann"), office.person("Bob")
    for each in (ann, bob):
        office.grant(each, days=1)
    office.now += 2 * DAY
    shredder = Shredder(office)

    def finish() -> list[str]:
        shredder(ann)
        return [ann]

    outcome = retention.run(office.desk, shredder, finish=finish)
    assert (outcome.finished, outcome.destroyed, shredder.gone) == ([ann], [bob], [ann, bob])


def test_a_mistake_of_ours_is_not_hidden(office: Office) -> None:
    ann = office.person("Ann")
    office.grant(ann, days=1)
    office.now += 2 * DAY
    with pytest.raises(ZeroDivisionError):
        retention.run(office.desk, Shredder(office, {ann: ZeroDivisionError()}))


def test_a_clock_that_was_set_back_destroys_nobody_and_brings_nobody_back(office: Office) -> None:
    ann, bob = office.person("Ann"), office.person("Bob")
    office.grant(ann, days=1)
    office.grant(bob, days=3)
    office.now += 2 * DAY
    shredder = Shredder(office)
    assert retention.run(office.desk, shredder).destroyed == [ann]
    retention.note_contact(office.desk, bob)
    office.now -= timedelta(hours=1)
    assert retention.clock_doubt(office.desk) is not None
    with pytest.raises(ConflictError, match=r"Nothing was destroyed. The clock shows .* newest record") as refused:
        retention.run(office.desk, shredder)
    assert "--clock-is-right" in refused.value.advice
    assert states(office) == {bob: State.KEPT}
    office.now += 3 * DAY
    assert retention.run(office.desk, shredder).destroyed == [bob]
    assert shredder.gone == [ann, bob]


def test_the_ledger_remembers_the_clock_as_well(office: Office) -> None:
    ann = office.person("Ann")
    office.now += 5 * DAY
    retention.describe(office.desk, ann)
    office.now -= DAY
    assert "newest record" in str(retention.clock_doubt(office.desk))


def test_a_clock_far_ahead_is_asked_about(office: Office) -> None:
    ann = office.person("Ann")
    office.grant(ann)
    office.now += 10 * 365 * DAY
    shredder = Shredder(office)
    with pytest.raises(ConflictError, match="nothing was recorded"):
        retention.run(office.desk, shredder)
    assert shredder.gone == []
    assert retention.run(office.desk, shredder, trust_clock=True).destroyed == [ann]
