"""Nobody is on this photo, this is no face: what people say of photos, and what clearing makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from countenance.errors import NotFoundError
from countenance.store import remarks
from tests.drawn import CLUB, name_of
from tests.pretend import Guest, Party, outcome_of, photo, released, verdicts

STRANGER = 9


@pytest.fixture
def party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Party]:
    with Party.make(tmp_path).pretend(monkeypatch) as made:
        made.put(arm=photo(signs=True), tree=photo(Guest(STRANGER)), two=photo(Guest(STRANGER), Guest(8)))
        yield made


def photo_id(party: Party, path: str) -> str:
    decided = outcome_of(party.clear(), path).decided
    assert decided is not None
    return decided.photo.id


def face_id(party: Party, path: str, row: int = 0) -> str:
    decided = outcome_of(party.clear(), path).decided
    assert decided is not None
    return decided.faces[row].id


def test_a_photo_with_nobody_on_it_is_released_once_a_person_has_looked(party: Party) -> None:
    assert verdicts(party.clear())["arm.jpg"] == "review"
    done = party.archive.remark(CLUB, "Mo", nobody=[photo_id(party, "arm.jpg")], no_face=[])
    assert done is not None
    assert (done.kind, done.actor) == ("remark", "Mo")
    cleared = party.clear()
    assert verdicts(cleared)["arm.jpg"] == "clear"
    assert [each.place.path for each in cleared.outcomes if each.changed] == [b"arm.jpg"]
    assert "clear/arm.jpg" in released(party.out)


def test_a_photo_is_named_by_its_hash_as_well(party: Party) -> None:
    digest = outcome_of(party.clear(), "arm.jpg").work.sha256.hex()
    assert party.archive.remark(CLUB, "Mo", nobody=[digest], no_face=[]) is not None
    assert verdicts(party.clear())["arm.jpg"] == "clear"


def test_what_is_no_face_is_not_hidden_and_the_faces_beside_it_are(party: Party) -> None:
    one = face_id(party, "two.jpg")
    assert party.archive.remark(CLUB, "Mo", nobody=[], no_face=[one]) is not None
    cleared = party.clear()
    assert verdicts(cleared) == {"arm.jpg": "review", "tree.jpg": "redact", "two.jpg": "redact"}
    decided = outcome_of(cleared, "two.jpg").decided
    assert decided is not None
    assert [face.id for face in decided.no_faces] == [one]
    assert one not in [face.id for face in decided.faces]
    assert len(decided.hidden) == 1


def test_where_no_face_is_left_a_person_must_say_that_nobody_is_there(party: Party) -> None:
    tree = face_id(party, "tree.jpg")
    assert party.archive.remark(CLUB, "Mo", nobody=[], no_face=[tree]) is not None
    assert verdicts(party.clear())["tree.jpg"] == "review", "nobody looked for other signs where a face was seen"
    assert party.archive.remark(CLUB, "Mo", nobody=[photo_id(party, "tree.jpg")], no_face=[]) is not None
    assert verdicts(party.clear())["tree.jpg"] == "clear"


def test_nobody_covers_what_was_taken_for_faces_and_not_what_a_better_eye_finds(party: Party) -> None:
    party.put(tree=photo(Guest(STRANGER), Guest(8, small=True), mark="late"))
    party.eye.closely = False
    assert party.archive.remark(CLUB, "Mo", nobody=[photo_id(party, "tree.jpg")], no_face=[]) is not None
    assert verdicts(party.clear())["tree.jpg"] == "clear"
    party.eye.id, party.eye.closely = "pretended@2", True
    assert verdicts(party.clear())["tree.jpg"] == "redact"


def test_a_face_that_a_person_has_named_is_not_covered(party: Party) -> None:
    party.enrol(STRANGER)
    party.archive.name_face(face_id(party, "tree.jpg"), party.archive.subject(name_of(STRANGER)).id, "Mo")
    party.archive.withdraw(name_of(STRANGER))
    party.archive.remark(CLUB, "Di", nobody=[photo_id(party, "tree.jpg")], no_face=[])
    assert verdicts(party.clear())["tree.jpg"] == "redact"


def test_a_person_takes_it_back_and_the_photo_with_it(party: Party) -> None:
    nobody = [photo_id(party, path) for path in ("arm.jpg", "tree.jpg")]
    done = party.archive.remark(CLUB, "Mo", nobody=nobody, no_face=[])
    assert done is not None
    assert verdicts(party.clear()) == {"arm.jpg": "clear", "tree.jpg": "clear", "two.jpg": "redact"}
    party.archive.undo(done.id, "Di")
    assert verdicts(party.clear()) == {"arm.jpg": "review", "tree.jpg": "redact", "two.jpg": "redact"}
    assert "clear/arm.jpg" not in released(party.out)
    (told,) = party.archive.label_history(CLUB)
    assert (told.actor, told.undone_by) == ("Mo", "Di")


def test_saying_it_twice_is_one_operation(party: Party) -> None:
    arm, tree = photo_id(party, "arm.jpg"), face_id(party, "tree.jpg")
    assert party.archive.remark(CLUB, "Mo", nobody=[arm, arm], no_face=[tree]) is not None
    assert party.archive.remark(CLUB, "Di", nobody=[arm], no_face=[tree, tree]) is None
    assert len(party.archive.label_history(CLUB)) == 1
    with party.archive._store.reading() as tx:
        said = remarks.of_photos(tx, [arm])
    assert said == remarks.Remarks(frozenset({arm}), frozenset())


def test_it_survives_another_eye(party: Party) -> None:
    nobody = [photo_id(party, path) for path in ("arm.jpg", "tree.jpg")]
    party.archive.remark(CLUB, "Mo", nobody=nobody, no_face=[])
    party.eye.id = "pretended@2"
    assert verdicts(party.clear()) == {"arm.jpg": "clear", "tree.jpg": "clear", "two.jpg": "redact"}


def test_photos_and_faces_of_nowhere_are_refused(party: Party) -> None:
    arm = photo_id(party, "arm.jpg")
    party.archive.create_collection("other")
    for where, nobody, no_face in (
        (CLUB, ["nothing"], []),
        (CLUB, ["0" * 64], []),
        (CLUB, [], ["nothing-0"]),
        ("other", [arm], []),
        ("other", [], [face_id(party, "tree.jpg")]),
    ):
        with pytest.raises(NotFoundError):
            party.archive.remark(where, "Mo", nobody=nobody, no_face=no_face)
    assert party.archive.label_history(CLUB) == []
