from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from countenance.errors import ConflictError, ConsentError, CountenanceError, NotFoundError, StoreError
from countenance.flows import labels
from countenance.flows.labels import Reviewer
from countenance.store import appearances
from countenance.store.appearances import CONFIRMED, REJECTED, SUGGESTED
from tests.unit.flows.labelling import MACHINE, PUBLICATION, Office
from tests.unit.store.world import open_world


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(open_world(tmp_path))
    yield made
    made.world.store.close()
    made.world.keys.close()


def test_a_decision_is_one_operation_whatever_it_touches(office: Office) -> None:
    for face, name in ((0, "Ann"), (1, "Ann"), (2, "Bob")):
        office.suggest(face, name)
    one = office.decide(Ann0=CONFIRMED)
    many = office.decide("Ms Jones", Ann1=REJECTED, Bob2=CONFIRMED)
    assert one is not None
    assert many is not None
    assert (one.kind, one.subject, one.actor, len(one.changes)) == ("decide", office.people["Ann"].id, "office", 1)
    assert (many.subject, many.actor, len(many.changes)) == (None, "Ms Jones", 2)
    assert office.history() == [many, one]
    assert office.history("Bob") == [many]
    assert office.history("Cem") == []
    (change,) = one.changes
    row = office.row(0, "Ann")
    assert (change.appearance, change.face, change.from_state) == (row.id, row.face, SUGGESTED)
    assert (change.from_made_by, change.to_state) == (MACHINE, CONFIRMED)


def test_saying_the_same_again_is_no_operation(office: Office) -> None:
    office.suggest(0, "Ann")
    done = office.decide(Ann0=REJECTED)
    assert office.decide("Ms Jones", Ann0=REJECTED) is None
    assert office.history() == [done]
    assert office.row(0, "Ann").made_by == "office"
    assert labels.decide(office.who(), office.collection, {}) == (None, [])


def test_a_decision_is_undone_and_the_machine_has_said_it_again(office: Office) -> None:
    office.suggest(0, "Ann")
    before = office.row(0, "Ann")
    done = office.decide(Ann0=REJECTED)
    assert done is not None
    undone = labels.undo(office.who("Ms Jones"), done.id)
    assert (undone.undone_by, undone.undone_at) == ("Ms Jones", office.now)
    assert undone.changes == done.changes
    after = office.row(0, "Ann")
    assert (after.id, after.state, after.made_by, after.score) == (before.id, SUGGESTED, MACHINE, before.score)
    assert office.history() == [undone]
    assert office.changes(before.id) == [
        (None, SUGGESTED, MACHINE),
        (SUGGESTED, REJECTED, "office"),
        (REJECTED, SUGGESTED, "Ms Jones"),
    ]
    office.suggest(0, "Ann", 0.9)  # it is a suggestion like any other
    assert office.row(0, "Ann").score == 0.9
    assert office.decide(Ann0=CONFIRMED) is not None


def test_nothing_is_undone_twice(office: Office) -> None:
    office.suggest(0, "Ann")
    done = office.decide(Ann0=REJECTED)
    assert done is not None
    labels.undo(office.who("Ms Jones"), done.id)
    with pytest.raises(ConflictError, match="undone by Ms Jones already"):
        labels.undo(office.who(), done.id)
    for wrong in ("nothing", ""):
        with pytest.raises(NotFoundError):
            labels.undo(office.who(), wrong)
    with pytest.raises(NotFoundError):
        labels.undo(office.who(), done.id, "another collection")


def test_the_later_operation_is_undone_first(office: Office) -> None:
    office.suggest(0, "Ann")
    office.suggest(1, "Ann")
    first = office.decide("Mr Smith", Ann0=CONFIRMED, Ann1=CONFIRMED)
    second = office.decide("Ms Jones", Ann0=REJECTED)
    assert first is not None
    assert second is not None
    before = office.states()
    with pytest.raises(ConflictError, match=second.id):
        labels.undo(office.who(), first.id)
    assert office.states() == before
    labels.undo(office.who(), second.id)
    assert office.states() == {(0, "Ann"): (CONFIRMED, "Mr Smith"), (1, "Ann"): (CONFIRMED, "Mr Smith")}
    labels.undo(office.who(), first.id)
    assert office.states() == {(0, "Ann"): (SUGGESTED, MACHINE), (1, "Ann"): (SUGGESTED, MACHINE)}


def test_operations_have_an_order_even_when_the_clock_is_set_back(office: Office) -> None:
    office.suggest(0, "Ann")
    first = office.decide(Ann0=CONFIRMED)
    office.now -= timedelta(hours=1)
    second = office.decide(Ann0=REJECTED)
    assert first is not None
    assert second is not None
    assert second.at > first.at
    assert office.history() == [second, first]
    with pytest.raises(ConflictError, match="later operation"):
        labels.undo(office.who(), first.id)


def test_a_label_that_moved_without_an_operation_is_not_set_back(office: Office) -> None:
    wanted = office.suggest(0, "Ann")
    done = office.decide(Ann0=CONFIRMED)
    assert done is not None
    with office.world.store.transaction() as tx:
        appearances.decide(tx, wanted, REJECTED, actor="a program", at=office.now)
    with pytest.raises(ConflictError, match="no longer what the operation made it"):
        labels.undo(office.who(), done.id)
    assert office.states() == {(0, "Ann"): (REJECTED, "a program")}


def test_a_name_that_was_taken_meanwhile_is_not_given_back(office: Office) -> None:
    office.suggest(0, "Ann")
    office.suggest(0, "Bob")
    office.decide(Ann0=CONFIRMED)
    rejected = office.decide(Ann0=REJECTED)
    office.decide(Bob0=CONFIRMED)
    assert rejected is not None
    with pytest.raises(ConflictError, match="confirmed as somebody else since"):
        labels.undo(office.who(), rejected.id)
    assert office.states()[0, "Ann"] == (REJECTED, "office")
    assert office.history()[1].undone_at is None


def test_a_face_that_nobody_was_suggested_for_is_named(office: Office) -> None:
    done = labels.name(office.who("Mr Smith"), office.faces[0], office.people["Ann"])
    assert done is not None
    row = office.row(0, "Ann")
    assert (row.state, row.made_by, row.pack, row.measured) == (CONFIRMED, "Mr Smith", "", False)
    assert office.changes(row.id) == [(None, CONFIRMED, "Mr Smith")]
    assert (done.kind, done.changes[0].from_state, done.changes[0].from_made_by) == ("name", None, None)
    assert labels.name(office.who(), office.faces[0], office.people["Ann"]) is None
    office.suggest(1, "Ann")
    assert office.row(1, "Ann").measured
    assert office.found("Ann") == [(1, SUGGESTED), (0, CONFIRMED)]
    office.world.photo(office.collection, 2)
    labels.undo(office.who("Ms Jones"), done.id)
    assert office.states() == {(1, "Ann"): (SUGGESTED, MACHINE)}
    (kept,) = office.history()
    assert (kept.id, kept.undone_by, kept.changes) == (done.id, "Ms Jones", ())
    assert office.history("Ann") == [kept]


def test_a_face_that_was_wrongly_suggested_or_rejected_is_named(office: Office) -> None:
    office.suggest(0, "Bob")
    office.suggest(0, "Ann")
    office.decide(Ann0=REJECTED)
    done = labels.name(office.who("Mr Smith"), office.faces[0], office.people["Ann"])
    assert office.states() == {(0, "Ann"): (CONFIRMED, "Mr Smith"), (0, "Bob"): (SUGGESTED, MACHINE)}
    assert office.row(0, "Ann").measured
    assert office.found("Bob") == []  # a guess gives way to a person's word
    with office.world.store.reading() as tx:
        assert appearances.counts(tx, office.collection) == {SUGGESTED: 0, CONFIRMED: 1, REJECTED: 0}
    with pytest.raises(ConflictError, match="somebody else"):
        labels.name(office.who(), office.faces[0], office.people["Bob"])
    assert done is not None
    labels.undo(office.who(), done.id)
    assert office.states() == {(0, "Ann"): (REJECTED, "office"), (0, "Bob"): (SUGGESTED, MACHINE)}
    assert office.found("Bob") == [(0, SUGGESTED)]


def test_only_faces_of_the_persons_collection_are_named(office: Office) -> None:
    other = office.world.collection("other").id
    _, faces = office.world.photo(other, 9)
    for face in ("nothing", faces[0]):
        with pytest.raises(NotFoundError, match="no face with the id"):
            labels.name(office.who(), face, office.people["Ann"])
    assert office.history() == []


def test_faces_are_split_off(office: Office) -> None:
    for face in range(3):
        office.suggest(face, "Ann")
    office.decide(Ann0=CONFIRMED, Ann1=CONFIRMED)
    before = office.states()
    done = labels.split(office.who("Ms Jones"), office.people["Ann"], office.faces[1:3], office.people["Bob"])
    assert done is not None
    assert (done.kind, done.subject, done.other) == ("split", office.people["Ann"].id, office.people["Bob"].id)
    assert office.states() == {
        (0, "Ann"): (CONFIRMED, "office"),
        (1, "Ann"): (REJECTED, "Ms Jones"),
        (2, "Ann"): (REJECTED, "Ms Jones"),
        (1, "Bob"): (CONFIRMED, "Ms Jones"),
        (2, "Bob"): (CONFIRMED, "Ms Jones"),
    }
    again = labels.split(office.who(), office.people["Ann"], office.faces[1:3], office.people["Bob"])
    assert again is None
    labels.undo(office.who(), done.id)
    assert office.states() == before


def test_faces_are_split_off_without_saying_whose_they_are(office: Office) -> None:
    office.suggest(0, "Ann")
    done = labels.split(office.who(), office.people["Ann"], [office.faces[0], office.faces[0]])
    assert done is not None
    assert done.other is None
    assert office.states() == {(0, "Ann"): (REJECTED, "office")}
    with pytest.raises(NotFoundError, match="Nobody said"):
        labels.split(office.who(), office.people["Ann"], [office.faces[1]])
    with pytest.raises(ConflictError, match="one person"):
        labels.split(office.who(), office.people["Ann"], [office.faces[0]], office.people["Ann"])
    other = office.world.subject(office.world.collection("other").id, "Eve")
    with pytest.raises(ConflictError, match="different collections"):
        labels.split(office.who(), office.people["Ann"], [office.faces[0]], other)


def test_a_split_is_whole_or_not_at_all(office: Office) -> None:
    office.suggest(0, "Ann")
    office.suggest(1, "Ann")
    office.suggest(1, "Cem")
    office.decide(Cem1=CONFIRMED)
    before = office.states()
    with pytest.raises(ConflictError, match="somebody else"):
        labels.split(office.who(), office.people["Ann"], office.faces[:2], office.people["Bob"])
    assert office.states() == before


def test_naming_needs_a_consent_and_not_this_person_needs_none(office: Office) -> None:
    office.suggest(0, "Ann")
    office.suggest(1, "Bob")
    office.withdraw("Ann")
    with pytest.raises(ConsentError, match="allows naming faces"):
        office.decide(Ann0=CONFIRMED)
    with pytest.raises(ConsentError, match="allows naming faces"):
        labels.name(office.who(), office.faces[2], office.people["Ann"])
    with pytest.raises(ConsentError, match="allows naming faces"):
        labels.split(office.who(), office.people["Bob"], office.faces[1:2], office.people["Ann"])
    assert office.history() == []
    assert office.decide(Ann0=REJECTED) is not None
    office.world.granted(office.people["Ann"].id, purpose=PUBLICATION)
    assert office.decide(Ann0=CONFIRMED) is not None


def test_undoing_names_nobody_without_a_consent(office: Office) -> None:
    office.suggest(0, "Ann")
    office.decide(Ann0=CONFIRMED)
    rejected = office.decide(Ann0=REJECTED)
    office.withdraw("Ann")
    assert rejected is not None
    with pytest.raises(ConsentError):
        labels.undo(office.who(), rejected.id)
    assert office.states() == {(0, "Ann"): (REJECTED, "office")}


def test_somebody_who_must_not_appear_is_named_so_that_they_can_be_hidden(office: Office) -> None:
    office.suggest(0, "Ann")
    office.withdraw("Ann")
    office.hide("Ann")
    assert office.decide(Ann0=CONFIRMED) is not None
    with pytest.raises(ConsentError):
        office.found("Ann")


def test_everybody_who_says_something_has_a_name(office: Office) -> None:
    office.suggest(0, "Ann")
    with pytest.raises(StoreError, match="who made it"):
        office.decide(" ", Ann0=REJECTED)
    with pytest.raises(StoreError, match="confirmed or rejected"):
        office.decide(Ann0=SUGGESTED)
    with pytest.raises(CountenanceError):
        labels.merge(office.who(""), office.people["Ann"], office.people["Bob"])
    assert office.history() == []


def test_the_note_is_kept(office: Office) -> None:
    reviewer = Reviewer(office.world.store, office.world.keys, lambda: office.now, "office", "by the shoes")
    wanted = office.suggest(0, "Ann")
    done, _ = labels.decide(reviewer, office.collection, {wanted: REJECTED})
    assert done is not None
    assert done.note == "by the shoes" == office.history()[0].note
    with office.world.store.reading() as tx:
        assert appearances.history_of(tx, wanted)[-1].note == "by the shoes"


def test_history_can_be_cut(office: Office) -> None:
    for face in range(3):
        office.suggest(face, "Ann")
        labels.decide(office.who(), office.collection, {office.row(face, "Ann").id: REJECTED})
    newest = labels.history(office.world.store, office.collection, most=1)
    assert newest == office.history()[:1]
