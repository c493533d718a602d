"""Clearing again, on photos that say who is in them (``tests.pretend``).

Ann and Bob said yes to the website, Cy to print.
"""

from __future__ import annotations

import os

import pytest

from countenance.core.clearance import FaceState
from countenance.errors import CountenanceError
from countenance.flows.release import Copy
from countenance.store import appearances, clearings, faces, photos
from tests.drawn import CLUB, name_of
from tests.pretend import (
    Guest,
    Party,
    changed,
    face_of,
    outcome_of,
    photo,
    released,
    seats_on,
    state_of,
    verdicts,
)

ANN, BOB, CY, STRANGER = 0, 1, 2, 9


def rows(party: Party) -> dict[bytes, clearings.Clearing]:
    with party.archive._store.reading() as tx:
        return clearings.of_folder(tx, os.path.realpath(os.fsencode(party.out)))


def confirm(party: Party, seat: int, state: str = "confirmed") -> None:
    """Decide on every suggestion of a person."""
    where = party.scope.collection.id
    subject = party.archive.subject(name_of(seat)).id
    with party.archive._store.reading() as tx:
        ids = [
            row.id
            for each in photos.page(tx, where, most=99)
            for row in appearances.of_photo(tx, each.id)
            if row.subject == subject and row.state == "suggested"
        ]
    assert ids
    party.archive.decide(CLUB, ids, state, "Mr Smith")


# Again ----------------------------------------------------------------------------------------------------------------


def test_a_second_run_changes_nothing(party: Party) -> None:
    party.put(ann=photo(ANN), both=photo(ANN, STRANGER), doubt=photo(Guest(ANN, 0.95)))
    party.clear()
    before, noted, n_written = state_of(party.out), rows(party), party.n_written
    result = party.clear()
    assert changed(result) == set()
    assert {each.before for each in result.outcomes} == {"clear", "redact", "review"}
    assert [each.output for each in result.outcomes] == [b"clear/ann.jpg", b"redacted/both.jpg", None]
    assert (state_of(party.out), rows(party), party.n_written) == (before, noted, n_written)


def test_new_photos_are_added(party: Party) -> None:
    party.put(ann=photo(ANN))
    party.clear()
    party.put(bob=photo(BOB))
    assert changed(party.clear()) == {"bob.jpg"}
    assert set(released(party.out)) == {"clear/ann.jpg", "clear/bob.jpg"}


def test_a_photo_that_was_replaced(party: Party) -> None:
    party.put(ann=photo(ANN), bob=photo(BOB))
    party.clear()
    party.put(ann=photo(ANN, STRANGER))
    assert changed(party.clear()) == {"ann.jpg"}
    assert set(released(party.out)) == {"redacted/ann.jpg", "clear/bob.jpg"}


@pytest.mark.parametrize("damage", ["removed", "altered", "cut"])
def test_a_released_file_that_was_meddled_with_is_written_again(party: Party, damage: str) -> None:
    party.put(ann=photo(ANN), bob=photo(BOB))
    party.clear()
    whole, file = released(party.out), party.out / "clear" / "ann.jpg"
    if damage == "removed":
        file.unlink()
    else:
        file.write_bytes(photo(STRANGER) if damage == "altered" else b"")
    assert changed(party.clear()) == {"ann.jpg"}
    assert released(party.out) == whole


def test_a_file_that_was_meddled_with_does_not_outlive_a_check_that_fails(party: Party) -> None:
    party.put(ann=photo(ANN))
    party.clear()
    (party.out / "clear" / "ann.jpg").write_bytes(photo(STRANGER))

    def fail(copy: Copy) -> None:
        copy.written, copy.problems = None, ("new-face",)

    party.before_release = fail
    assert verdicts(party.clear()) == {"ann.jpg": "review"}
    assert released(party.out) == {}


def test_what_did_not_pass_the_check_is_not_released_and_not_tried_again(party: Party) -> None:
    party.put(ann=photo(ANN))

    def fail(copy: Copy) -> None:
        copy.written, copy.problems = None, ("face-found", "not-covered")

    party.before_release = fail
    for n_run in (1, 2):
        outcome = outcome_of(party.clear(), "ann.jpg")
        assert (str(outcome.verdict), outcome.problems, outcome.output) == (
            "review",
            ("face-found", "not-covered"),
            None,
        )
        assert outcome.changed == (n_run == 1)
    assert party.n_written == 1
    assert released(party.out) == {}
    assert list((party.out / "thumbnails").iterdir()) == []


def test_a_file_with_problems_is_not_released_even_if_it_was_written(party: Party) -> None:
    party.put(ann=photo(ANN))
    party.before_release = lambda copy: setattr(copy, "problems", ("new-face",))
    assert verdicts(party.clear()) == {"ann.jpg": "review"}
    assert released(party.out) == {}


def test_what_could_not_be_read_back_is_tried_again(party: Party) -> None:
    party.put(ann=photo(ANN))

    def fail(copy: Copy) -> None:
        copy.written, copy.problems = None, ("not-readable",)

    party.before_release = fail
    assert verdicts(party.clear()) == {"ann.jpg": "review"}
    party.before_release = lambda _: None
    assert verdicts(party.clear()) == {"ann.jpg": "clear"}


def test_a_run_that_breaks_off_is_taken_up_again(party: Party) -> None:
    party.put(**{f"p{number}": photo(ANN, mark=str(number)) for number in range(8)})

    def stop(_: Copy) -> None:
        if party.n_written == 5:
            raise CountenanceError("the power failed")  # noqa: EM101, TRY003 - a power cut

    party.before_release = stop
    with pytest.raises(CountenanceError):
        party.clear()
    there = state_of(party.out / "clear")
    assert len(there) == 4  # two whole batches of two
    party.before_release = lambda _: None
    assert len(changed(party.clear())) == 4
    after = state_of(party.out / "clear")
    assert len(after) == 8
    assert there.items() <= after.items()
    assert party.n_written == 5 + 4


@pytest.mark.parametrize("when", ["before the marker", "before the folders"])
def test_a_folder_that_was_hardly_begun_is_taken_up_again(party: Party, when: str) -> None:
    party.put(ann=photo(ANN))
    party.clear()
    for path in sorted(party.out.rglob("*"), reverse=True):
        if path.is_dir():
            path.rmdir()
        elif when == "before the marker" or path.name != "countenance-clear.json":
            path.unlink()
    (party.out / ".part-abc").write_bytes(b"half")
    assert verdicts(party.clear()) == {"ann.jpg": "clear"}
    assert set(released(party.out)) == {"clear/ann.jpg"}
    assert not list(party.out.glob(".part-*"))


# Finding first, clearing later ----------------------------------------------------------------------------------------


def test_clearing_keeps_faces_and_labels_of_an_ingest_and_adds_what_it_missed(party: Party) -> None:
    party.put(group=photo(Guest(STRANGER, small=True), ANN, Guest(BOB, small=True), Guest(CY, 0.95)))
    party.archive.ingest(CLUB, [party.photos])
    with party.archive._store.reading() as tx:
        (row,) = photos.page(tx, party.scope.collection.id)
        old_faces, old_labels = faces.of_photo(tx, row.id), appearances.of_photo(tx, row.id)
    assert (len(old_faces), len(old_labels)) == (2, 2)
    confirm(party, ANN)
    confirm(party, CY, "rejected")
    result = party.clear()
    with party.archive._store.reading() as tx:
        new_faces, new_labels = faces.of_photo(tx, row.id), appearances.of_photo(tx, row.id)
        assert photos.by_id(tx, row.id).n_faces == 4
    assert [face.id for face in new_faces[:2]] == [face.id for face in old_faces]
    assert [face.box for face in new_faces[:2]] == [face.box for face in old_faces]
    labels = {label.id: (label.face, label.state, label.made_by) for label in new_labels}
    for label in old_labels:
        state = "confirmed" if label.score > 0.96 else "rejected"
        assert labels.pop(label.id) == (label.face, state, "Mr Smith")
    assert [state for _, state, _ in labels.values()] == ["suggested"]  # Bob, whom finding had missed
    assert face_of(result, "group.jpg", 0).state == FaceState.UNKNOWN
    assert face_of(result, "group.jpg", 2).state == FaceState.CONSENTED
    assert face_of(result, "group.jpg", 3).state == FaceState.UNKNOWN
    assert seats_on(party.out / "redacted" / "group.jpg") == [ANN, BOB]


def test_another_eye_looks_again_and_keeps_what_is_known(party: Party) -> None:
    party.put(ann=photo(ANN))
    first = face_of(party.clear(), "ann.jpg").face
    confirm(party, ANN)
    party.eye.id = "better@2"
    result = party.clear()
    assert face_of(result, "ann.jpg").face == first
    assert changed(result) == {"ann.jpg"}  # what it does not see may go out, and is checked anew
    assert changed(party.clear()) == set()


def test_somebody_enrolled_later_is_recognised(party: Party) -> None:
    party.put(four=photo(4, ANN))
    assert verdicts(party.clear()) == {"four.jpg": "redact"}
    party.enrol(4)
    assert verdicts(party.clear()) == {"four.jpg": "clear"}
    assert set(released(party.out)) == {"clear/four.jpg"}


@pytest.mark.parametrize("enrolled", ["before", "after"])
def test_two_people_who_look_alike_are_for_a_person_to_tell_apart(party: Party, enrolled: str) -> None:
    party.put(ann=photo(ANN), bob=photo(BOB))
    if enrolled == "after":
        assert verdicts(party.clear()) == {"ann.jpg": "clear", "bob.jpg": "clear"}
    party.enrol(20, like=ANN)
    result = party.clear()
    assert verdicts(result) == {"ann.jpg": "review", "bob.jpg": "clear"}
    assert face_of(result, "ann.jpg").state == FaceState.UNCONFIRMED
    assert set(released(party.out)) == {"clear/bob.jpg"}
    confirm(party, ANN)
    assert verdicts(party.clear()) == {"ann.jpg": "clear", "bob.jpg": "clear"}


def test_a_persons_word_counts(party: Party) -> None:
    party.put(doubt=photo(Guest(ANN, 0.95)))
    assert verdicts(party.clear()) == {"doubt.jpg": "review"}
    confirm(party, ANN)
    assert verdicts(party.clear()) == {"doubt.jpg": "clear"}
    confirmed = party.archive.label_history(CLUB)[0]
    party.archive.undo(confirmed.id, "Mr Smith")
    confirm(party, ANN, "rejected")
    result = party.clear()
    assert face_of(result, "doubt.jpg").state == FaceState.UNKNOWN
    assert set(released(party.out)) == {"redacted/doubt.jpg"}


# Consents that come and go --------------------------------------------------------------------------------------------


def test_a_withdrawal_changes_exactly_the_photos_of_the_person(party: Party) -> None:
    party.put(ann=photo(ANN), bob=photo(BOB), both=photo(ANN, BOB), neither=photo(STRANGER))
    party.clear()
    before, whole = state_of(party.out), released(party.out)
    party.archive.withdraw(name_of(ANN))
    result = party.clear()
    assert changed(result) == {"ann.jpg", "both.jpg"}
    assert {outcome.before for outcome in result.outcomes if outcome.changed} == {"clear"}
    after = state_of(party.out)
    assert {name for name in before if before[name] == after.get(name)} >= {"clear/bob.jpg", "redacted/neither.jpg"}
    assert {name: seats_on(party.out / name) for name in released(party.out)} == {
        "redacted/ann.jpg": [],
        "redacted/both.jpg": [BOB],
        "clear/bob.jpg": [BOB],
        "redacted/neither.jpg": [],
    }
    assert face_of(result, "ann.jpg").state == FaceState.WITHDRAWN
    party.grant(ANN)
    assert changed(party.clear()) == {"ann.jpg", "both.jpg"}
    assert released(party.out) == whole


def test_a_consent_that_ends_by_date(party: Party) -> None:
    party.put(bob=photo(BOB))
    party.clear()
    party.clock.advance(days=29)
    assert changed(party.clear()) == set()
    party.clock.advance(days=2)
    result = party.clear()
    assert face_of(result, "bob.jpg").state == FaceState.CONSENT_EXPIRED
    assert set(released(party.out)) == {"redacted/bob.jpg"}
    party.grant(BOB)
    assert changed(party.clear()) == {"bob.jpg"}
    assert set(released(party.out)) == {"clear/bob.jpg"}


def test_must_not_appear_takes_the_whole_photo_out(party: Party) -> None:
    party.put(both=photo(ANN, BOB), bob=photo(BOB))
    party.clear()
    party.archive.must_not_appear(name_of(ANN), "hidden from her father")
    result = party.clear()
    assert changed(result) == {"both.jpg"}
    assert set(released(party.out)) == {"clear/bob.jpg"}
    assert len(list((party.out / "thumbnails").iterdir())) == 1
    party.archive.must_not_appear(name_of(ANN), None)
    assert changed(party.clear()) == {"both.jpg"}


def test_photos_that_left_the_source_are_still_looked_after(party: Party) -> None:
    party.put(ann=photo(ANN), bob=photo(BOB), both=photo(ANN, BOB))
    party.clear()
    (party.photos / "ann.jpg").unlink()
    (party.photos / "bob.jpg").unlink()
    result = party.clear()
    assert result.gone == {b"ann.jpg": False, b"bob.jpg": False}
    assert len(released(party.out)) == 3
    party.archive.withdraw(name_of(ANN))
    result = party.clear()
    assert result.gone == {b"ann.jpg": True, b"bob.jpg": False}
    assert set(released(party.out)) == {"clear/bob.jpg", "redacted/both.jpg"}
    assert len(list((party.out / "thumbnails").iterdir())) == 2
    assert party.clear().gone == {b"bob.jpg": False}


def test_a_photo_that_cannot_be_read_any_more_is_taken_out(party: Party) -> None:
    party.put(ann=photo(ANN))
    party.clear()
    party.put(ann=b"\xff\xd8\xffnothing")
    result = party.clear()
    assert outcome_of(result, "ann.jpg").refused is not None
    assert released(party.out) == {}
    assert rows(party) == {}


def test_a_file_that_takes_the_name_of_one_that_left(party: Party) -> None:
    party.put_as({"x.png.jpg": photo(ANN)})
    party.clear()
    (party.photos / "x.png.jpg").unlink()
    party.put_as({"x.png": photo(BOB)})
    party.clear()
    assert {name: seats_on(party.out / name) for name in released(party.out)} == {"clear/x.png.jpg": [BOB]}
    party.archive.withdraw(name_of(ANN))
    assert changed(party.clear()) == set()
    assert set(released(party.out)) == {"clear/x.png.jpg"}
