"""Doors through which somebody who did not say yes might have gone out: each was open once, on paper or in code."""

from __future__ import annotations

import shutil

from countenance.flows import clear, publish
from countenance.flows.decisions import Judgement
from countenance.store import looks
from tests.drawn import name_of
from tests.pretend import POLICY, WEBSITE, Guest, Party, outcome_of, photo, released, verdicts

ANN, BOB, DAN, STRANGER = 0, 1, 5, 9


def test_a_look_alike_does_not_inherit_the_face_of_somebody_who_withdrew(party: Party) -> None:
    party.enrol(DAN)
    party.put(dan=photo(Guest(DAN, 0.985)))
    assert verdicts(party.clear()) == {"dan.jpg": "clear"}
    party.archive.withdraw(name_of(DAN))
    assert verdicts(party.clear()) == {"dan.jpg": "redact"}
    party.enrol(6, like=DAN)  # scores a little less on that face
    assert verdicts(party.clear())["dan.jpg"] in {"redact", "review"}


def test_a_look_alike_does_not_lift_what_must_not_appear(party: Party) -> None:
    party.enrol(DAN)
    party.put(dan=photo(Guest(DAN, 0.985)))
    party.clear()
    party.archive.must_not_appear(name_of(DAN), "a court order")
    party.archive.withdraw(name_of(DAN))
    party.enrol(6, like=DAN)
    assert verdicts(party.clear()) == {"dan.jpg": "blocked"}


def test_a_photo_that_another_eye_has_looked_at_meanwhile_is_not_released_unseen(party: Party) -> None:
    party.put(arm=photo(signs=True), tree=photo(mark="tree"))
    first = party.clear()
    ids = {each.place.path: each.decided.photo.id for each in first.outcomes if each.decided is not None}
    with party.archive._store.transaction() as tx:
        for each in ids.values():
            looks.note(tx, each, "another@eye", signs_of_people=False, at=party.clock.now)
    judgement = Judgement(party.scope, POLICY, WEBSITE, party.eye.id)
    with party.archive._store.reading() as tx:
        decided = judgement.decide(tx, ids.values(), party.clock.now)
    assert {each.decision.verdict for each in decided} == {"review"}


def test_a_copy_that_is_published_again_is_out_again(party: Party) -> None:
    party.put(ann=photo(ANN))
    party.clear(published_to="https://example.org")
    (copy,) = party.archive.published_showing(name_of(ANN))
    party.archive.take_down(name_of(ANN), [copy.id])
    party.clock.advance(minutes=1)
    assert party.clear(published_to="https://example.org").published == 1
    (again,) = party.archive.published_showing(name_of(ANN))
    assert (again.id, again.taken_down_at, again.published_at) == (copy.id, None, party.clock.now)
    assert party.clear(published_to="https://example.org").published == 0
    party.archive.withdraw(name_of(ANN))
    assert [each.publication.id for each in party.clear().affected] == [copy.id]


def test_a_face_that_is_found_on_a_published_copy_later_is_reported(party: Party) -> None:
    party.eye.closely = False
    party.put(hall=photo(Guest(STRANGER, small=True)), both=photo(ANN, STRANGER, mark="both"))
    assert verdicts(party.clear(published_to="https://example.org")) == {"hall.jpg": "clear", "both.jpg": "redact"}
    assert party.clear().affected == []
    party.eye.id, party.eye.closely = "pretended@2", True
    (found,) = party.clear().affected
    assert (found.publication.path, list(found.faces.values())) == (b"hall.jpg", ["unknown"])


def test_whoever_a_face_is_named_after_it_was_published_can_have_it_taken_down(party: Party) -> None:
    party.put(ann=photo(ANN))
    decided = outcome_of(party.clear(published_to="https://example.org"), "ann.jpg").decided
    assert decided is not None
    face = decided.faces[0].id
    assert party.archive.published_showing(name_of(BOB)) == []
    party.archive.split(name_of(ANN), [face], "Mo", to=name_of(BOB))
    (copy,) = party.archive.published_showing(name_of(BOB))
    party.archive.take_down(name_of(BOB), [copy.id])
    assert publish.showing(party.archive._store, party.scope.collection.id, party.archive.subject(name_of(BOB)).id)


def test_a_folder_that_was_removed_serves_another_collection(party: Party) -> None:
    party.put(ann=photo(ANN))
    party.clear()
    shutil.rmtree(party.out)
    party.archive.create_collection("other")
    other = party.archive._scope("other")
    cleared = clear.clear(other, [party.photos], clear.Request(WEBSITE, party.out, POLICY, "office"))
    assert verdicts(cleared) == {"ann.jpg": "redact"}, "Ann is nobody there"
    assert list(released(party.out)) == ["redacted/ann.jpg"]


def test_photos_that_were_moved_are_compared_with_whoever_is_due(party: Party) -> None:
    party.put(dan=photo(DAN))
    party.clear()
    party.enrol(DAN)
    moved = party.folder / "moved"
    party.photos.rename(moved)
    assert verdicts(party.clear(moved)) == {"dan.jpg": "clear"}
