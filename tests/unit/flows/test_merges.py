from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from countenance.core.permit import permit_show
from countenance.errors import ConflictError, ConsentError, NotFoundError
from countenance.flows import labels
from countenance.store import appearances, merges, subjects
from countenance.store.appearances import CONFIRMED, REJECTED, SUGGESTED, Suggestion
from tests.unit.flows.labelling import MACHINE, PUBLICATION, Office
from tests.unit.store.world import PACK, open_world


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(open_world(tmp_path))
    yield made
    made.world.store.close()
    made.world.keys.close()


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
    labels.undo(office.who(), merged.id)
    assert office.states() == {(0, "Ann"): (SUGGESTED, MACHINE)}
    with office.world.store.reading() as tx:
        assert subjects.pending(tx, office.collection) == []


def test_a_guess_that_the_other_ones_references_may_have_raised_goes_with_the_merge(office: Office) -> None:
    office.suggest(0, "Ann", score=0.7)
    merged = office.merge("Ann", "Bob")
    office.suggest(0, "Ann", score=0.99, at=office.now + timedelta(seconds=1))
    labels.undo(office.who(), merged.id)
    assert office.states() == {}
    with office.world.store.reading() as tx:
        assert len(subjects.pending(tx, office.collection)) == len(office.people)


def test_a_permit_of_one_person_lists_both_ids_and_no_third(office: Office) -> None:
    for face, name in enumerate(office.people):
        office.suggest(face, name)
    office.merge("Ann", "Bob")
    ann = office.people["Ann"].id
    permit = permit_show(office.collection, ann, [office.world.consent(ann)], office.now)
    with office.world.store.reading() as tx:
        rows = appearances.of_subject(tx, permit, office.collection, ann)
    assert [office.faces.index(row.face) for row in rows] in ([0, 1], [1, 0])
