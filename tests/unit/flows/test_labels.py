from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from countenance.core.permit import permit_show
from countenance.errors import ConflictError, ConsentError, CountenanceError, NotFoundError, StoreError
from countenance.flows import find, labels
from countenance.flows.labels import Reviewer
from countenance.store import appearances, consents, merges, subjects
from countenance.store.appearances import CONFIRMED, REJECTED, SUGGESTED, Appearance, Suggestion
from countenance.store.labels import Operation
from countenance.store.subjects import Subject
from tests.unit.store.world import PACK, World, open_world

MACHINE = "machine:m"
PUBLICATION = "publication"


@dataclass
class Office:
    """One collection, three consenting people, a photo of four faces, and somebody who reviews them."""

    world: World
    collection: str = ""
    people: dict[str, Subject] = field(default_factory=dict)
    faces: list[str] = field(default_factory=list)
    photo: str = ""
    now: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.now = self.world.now
        self.collection = self.world.collection().id
        self.photo, self.faces = self.world.photo(self.collection, n_faces=4)
        for name in ("Ann", "Bob", "Cem"):
            self.people[name] = self.world.subject(self.collection, name)
            self.world.granted(self.people[name].id)

    def who(self, actor: str = "office") -> Reviewer:
        self.now += timedelta(seconds=1)
        return Reviewer(self.world.store, self.world.keys, lambda: self.now, actor)

    def suggest(self, face: int, name: str, score: float = 0.8, at: datetime | None = None) -> str:
        with self.world.store.transaction() as tx:
            guess = Suggestion(self.faces[face], self.people[name].id, score)
            appearances.suggest(tx, [guess], made_by=MACHINE, pack=PACK, at=at or self.now)
        return self.row(face, name).id

    def rows(self) -> dict[tuple[int, str], Appearance]:
        names = {person.id: name for name, person in self.people.items()}
        with self.world.store.reading() as tx:
            said = appearances.of_photo(tx, self.photo)
        return {(self.faces.index(row.face), names[row.subject]): row for row in said}

    def row(self, face: int, name: str) -> Appearance:
        return self.rows()[face, name]

    def states(self) -> dict[tuple[int, str], tuple[str, str]]:
        return {pair: (row.state, row.made_by) for pair, row in self.rows().items()}

    def decide(self, actor: str = "office", **said: str) -> Operation | None:
        """``Ann0=CONFIRMED``: what is said of a name and a face."""
        wanted = {self.row(int(pair[-1]), pair[:-1]).id: state for pair, state in said.items()}
        return labels.decide(self.who(actor), self.collection, wanted)[0]

    def merge(self, keep: str, other: str) -> Operation:
        return labels.merge(self.who(), self.people[keep], self.people[other])

    def found(self, name: str, state: str = "any") -> list[tuple[int, str]]:
        rows = find.find(self.world.store, self.world.keys, self.people[name], lambda: self.now, state=state)
        assert {row.subject for row in rows} <= {self.people[name].id}
        return [(self.faces.index(row.face), row.state) for row in rows]

    def history(self, name: str | None = None) -> list[Operation]:
        return labels.history(self.world.store, self.collection, self.people[name] if name else None)

    def changes(self, appearance: str) -> list[tuple[str | None, str, str]]:
        with self.world.store.reading() as tx:
            return [(each.from_state, each.to_state, each.actor) for each in appearances.history_of(tx, appearance)]

    def withdraw(self, name: str, purpose: str | None = None) -> None:
        with self.world.store.transaction() as tx:
            for stored in consents.of_subject(tx, self.world.keys, self.people[name].id):
                if purpose in {None, stored.consent.purpose}:
                    consents.withdraw(tx, stored.id, at=self.now)

    def hide(self, name: str) -> None:
        with self.world.store.transaction() as tx:
            subjects.set_must_not_appear(tx, self.world.keys, self.people[name], "court order")


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


def test_two_ids_become_one_person_and_nothing_is_rewritten(office: Office) -> None:
    office.suggest(0, "Ann", 0.6)
    office.suggest(0, "Bob", 0.9)
    office.suggest(1, "Bob", 0.7)
    office.suggest(2, "Cem")
    office.decide(Bob1=CONFIRMED)
    before = office.rows()
    done = office.merge("Ann", "Bob")
    assert (done.kind, done.subject, done.other) == ("merge", office.people["Ann"].id, office.people["Bob"].id)
    assert office.rows() == before
    assert office.found("Ann") == [(0, SUGGESTED), (1, CONFIRMED)]
    with office.world.store.reading() as tx:
        assert merges.roots(tx, office.collection) == {
            office.people["Ann"].id: office.people["Ann"].id,
            office.people["Bob"].id: office.people["Ann"].id,
            office.people["Cem"].id: office.people["Cem"].id,
        }
        assert merges.aliases(tx, office.collection) == {office.people["Bob"].id: office.people["Ann"].id}
        for name in ("Ann", "Bob"):
            assert merges.members(tx, office.people[name].id) == [office.people[each].id for each in ("Ann", "Bob")]
        assert appearances.counts(tx, office.collection) == {SUGGESTED: 2, CONFIRMED: 1, REJECTED: 0}
    assert (
        [each.kind for each in office.history("Ann")]
        == ["merge", "decide"]
        == [each.kind for each in office.history("Bob")]
    )
    labels.undo(office.who(), done.id)
    with office.world.store.reading() as tx:
        assert merges.aliases(tx, office.collection) == {}
    assert office.rows() == before
    assert office.found("Ann") == [(0, SUGGESTED)]
    assert office.found("Bob") == [(0, SUGGESTED), (1, CONFIRMED)]


@pytest.mark.parametrize(
    ("ann", "bob", "together"),
    [
        (REJECTED, SUGGESTED, None),
        (SUGGESTED, REJECTED, None),
        (REJECTED, REJECTED, None),
        (REJECTED, CONFIRMED, CONFIRMED),
        (CONFIRMED, REJECTED, CONFIRMED),
        (SUGGESTED, CONFIRMED, CONFIRMED),
        (SUGGESTED, SUGGESTED, SUGGESTED),
    ],
)
def test_what_counts_of_what_was_said_under_two_ids(office: Office, ann: str, bob: str, together: str | None) -> None:
    office.suggest(0, "Ann", 0.5)
    office.suggest(0, "Bob", 0.9)
    said = {f"{name}0": state for name, state in (("Ann", ann), ("Bob", bob)) if state != SUGGESTED}
    if said:
        office.decide(**said)
    office.merge("Ann", "Bob")
    assert office.found("Ann") == ([] if together is None else [(0, together)])
    with office.world.store.reading() as tx:
        counted = appearances.counts(tx, office.collection)
    assert counted == dict.fromkeys(counted, 0) | {together or REJECTED: 1}


def test_one_person_decided_under_either_id_is_decided(office: Office) -> None:
    for name in ("Ann", "Bob"):
        office.suggest(0, name)
        office.suggest(1, name)
    office.merge("Ann", "Bob")
    rejected = office.decide(Ann0=REJECTED)
    assert {pair: state for pair, (state, _) in office.states().items()} == {
        (0, "Ann"): REJECTED,
        (0, "Bob"): REJECTED,
        (1, "Ann"): SUGGESTED,
        (1, "Bob"): SUGGESTED,
    }
    assert office.decide(Bob1=CONFIRMED) is not None
    assert office.decide(Ann1=CONFIRMED) is None
    assert labels.name(office.who(), office.faces[1], office.people["Ann"]) is None
    assert office.found("Ann") == [(1, CONFIRMED)]
    assert rejected is not None
    labels.undo(office.who(), rejected.id)
    assert office.found("Ann") == [(0, SUGGESTED), (1, CONFIRMED)]
    with pytest.raises(ConflictError, match="at once"):
        office.decide(Ann0=CONFIRMED, Bob0=REJECTED)


def test_a_rival_is_somebody_else(office: Office) -> None:
    ann, bob, cem = (office.people[name].id for name in ("Ann", "Bob", "Cem"))
    with office.world.store.transaction() as tx:
        guesses = [Suggestion(office.faces[0], ann, 0.8, bob, 0.7), Suggestion(office.faces[1], cem, 0.8, bob, 0.7)]
        appearances.suggest(tx, guesses, made_by=MACHINE, pack=PACK, at=office.now)
    office.merge("Ann", "Bob")
    with office.world.store.reading() as tx:
        said = appearances.resolved(appearances.of_photo(tx, office.photo), merges.roots(tx, office.collection))
    assert [(row.subject, row.rival, row.rival_score) for row in said] == [(ann, None, None), (cem, ann, 0.7)]


def test_merges_do_not_chain_and_stay_in_one_collection(office: Office) -> None:
    office.merge("Ann", "Bob")
    for keep, other, words in (
        ("Ann", "Bob", "one person already"),
        ("Bob", "Ann", "one person already"),
        ("Ann", "Ann", "one person already"),
        ("Bob", "Cem", "merged with somebody else"),
        ("Cem", "Bob", "merged with somebody else"),
        ("Cem", "Ann", "merged with somebody else"),
    ):
        with pytest.raises(ConflictError, match=words):
            office.merge(keep, other)
    office.merge("Ann", "Cem")
    with office.world.store.reading() as tx:
        assert set(merges.roots(tx, office.collection).values()) == {office.people["Ann"].id}
    stranger = office.world.subject(office.world.collection("other").id, "Eve")
    with pytest.raises(ConflictError, match="different collections"):
        labels.merge(office.who(), office.people["Ann"], stranger)
    with office.world.store.transaction() as tx, pytest.raises(NotFoundError):
        merges.merge(tx, office.people["Ann"].id, "nobody")
    assert [each.kind for each in office.history()] == ["merge", "merge"]


@pytest.mark.parametrize(("keep", "other"), [("Ann", "Bob"), ("Bob", "Ann")])
def test_a_merge_hides_no_flag_and_no_withdrawal(office: Office, keep: str, other: str) -> None:
    office.hide("Ann")
    with pytest.raises(ConflictError, match="must not appear"):
        office.merge(keep, other)
    office.hide("Bob")
    for name in ("Ann", "Bob"):
        office.world.granted(office.people[name].id, purpose=PUBLICATION)
    office.withdraw("Ann", PUBLICATION)
    with pytest.raises(ConflictError, match="withdrawn the consent to publication"):
        office.merge(keep, other)
    assert office.history() == []
    office.withdraw("Bob", PUBLICATION)
    assert office.merge(keep, other).kind == "merge"


def test_a_withdrawal_that_nothing_contradicts_or_that_was_renewed_is_merged(office: Office) -> None:
    office.world.granted(office.people["Ann"].id, purpose=PUBLICATION)
    office.withdraw("Ann", PUBLICATION)
    office.merge("Ann", "Bob")  # Bob never said yes, so the withdrawal is all that is known of both
    office.world.granted(office.people["Ann"].id, purpose=PUBLICATION)
    office.world.granted(office.people["Cem"].id, purpose=PUBLICATION)
    assert office.merge("Ann", "Cem").kind == "merge"


def test_consents_under_both_ids_count_together(office: Office) -> None:
    office.suggest(0, "Ann")
    office.withdraw("Ann")
    office.withdraw("Bob")
    office.merge("Ann", "Bob")
    with pytest.raises(ConsentError):
        office.found("Ann")
    office.world.granted(office.people["Bob"].id)
    assert office.found("Ann") == [(0, SUGGESTED)]
    assert office.decide(Ann0=CONFIRMED) is not None


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


def test_guesses_that_came_during_a_merge_are_taken_back_with_it(office: Office) -> None:
    office.suggest(0, "Ann")
    office.suggest(3, "Cem")
    with office.world.store.transaction() as tx:
        for person in office.people.values():
            subjects.set_pending(tx, person.id, pending_rescan=False)
    merged = office.merge("Ann", "Bob")
    office.suggest(1, "Ann")
    office.suggest(2, "Ann")
    office.decide(Ann2=CONFIRMED)
    labels.undo(office.who(), merged.id)
    assert office.states() == {
        (0, "Ann"): (SUGGESTED, MACHINE),
        (2, "Ann"): (CONFIRMED, "office"),
        (3, "Cem"): (SUGGESTED, MACHINE),
    }
    with office.world.store.reading() as tx:
        assert set(subjects.pending(tx, office.collection)) == {person.id for person in office.people.values()}


def test_guesses_from_before_a_merge_stay_when_it_is_undone(office: Office) -> None:
    office.suggest(0, "Ann")
    with office.world.store.transaction() as tx:
        for person in office.people.values():
            subjects.set_pending(tx, person.id, pending_rescan=False)
    merged = office.merge("Ann", "Bob")
    decided = office.decide(Ann0=REJECTED)
    assert decided is not None
    labels.undo(office.who(), decided.id)
    labels.undo(office.who(), merged.id)
    assert office.states() == {(0, "Ann"): (SUGGESTED, MACHINE)}
    with office.world.store.reading() as tx:
        assert subjects.pending(tx, office.collection) == []


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


def test_a_permit_of_one_person_lists_both_ids_and_no_third(office: Office) -> None:
    for face, name in enumerate(office.people):
        office.suggest(face, name)
    office.merge("Ann", "Bob")
    ann = office.people["Ann"].id
    permit = permit_show(office.collection, ann, [office.world.consent(ann)], office.now)
    with office.world.store.reading() as tx:
        rows = appearances.of_subject(tx, permit, office.collection, ann)
    assert [office.faces.index(row.face) for row in rows] in ([0, 1], [1, 0])
