"""P9. People's decisions are law: confirmed, rejected, named, split, merged, and what was undone.

A real archive of drawn people. People say things; then everything that a machine can do is done again: the same photos
are ingested under the same and other names, everybody is compared anew, a second look finds more faces, a newer model
suggests everybody for everything. What people said stands, with who said it and when.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from countenance.archive import DATABASE
from countenance.errors import ConflictError
from countenance.store import appearances, faces, photos
from countenance.store.appearances import CONFIRMED, REJECTED, SUGGESTED, Appearance, Suggestion
from countenance.store.labels import Operation
from tests.drawn import CLUB, SCENES, Club, name_of, portrait, scenes

NEWER = "newer-pack@2"
Said = dict[tuple[str, str], tuple[str, str, str]]


class Story:
    """An archive in which people have said all that can be said."""

    def __init__(self, club: Club) -> None:
        self.club, self.archive = club, club.archive
        pictures = [(f"twin-{number}.jpg", portrait(0, number)) for number in (102, 103)]
        self.ann, self.bob = (self.archive.subject(name_of(seat)).id for seat in (0, 1))
        self.twin = self.archive.enrol(CLUB, "Twin", pictures, club.form(), "office").subject
        self.cem = club.enrol(3).subject
        self.archive.rescan(CLUB)
        club.clock.advance(minutes=1)

    def of(self, who: str) -> list[Appearance]:
        self.club.clock.advance(seconds=1)
        return self.archive.find(who)

    def all_faces(self) -> list[str]:
        with self.archive._store.reading() as tx:
            place = self.archive.collection(CLUB).id
            return [face.id for _, found in faces.each_photo(tx, place) for face in found]

    def said(self) -> Said:
        """Every label that a person made, from a connection that knows nothing of this package."""
        with closing(sqlite3.connect(self.archive.folder / DATABASE)) as raw:
            rows = raw.execute("SELECT face_id, subject_id, state, made_by, made_at FROM appearances").fetchall()
        return {(row[0], row[1]): row[2:] for row in rows if row[2] != SUGGESTED}

    def guesses(self) -> list[tuple[str, str]]:
        with closing(sqlite3.connect(self.archive.folder / DATABASE)) as raw:
            query = "SELECT face_id, subject_id FROM appearances WHERE state = 'suggested' ORDER BY 1, 2"
            return raw.execute(query).fetchall()


def ingest_again(story: Story, stock: Path) -> None:
    assert story.archive.ingest(CLUB, [stock / "photos"]).known == len(SCENES)
    copies = story.club.put({f"copy of {name}": content for name, content in scenes().items()})
    assert story.archive.ingest(CLUB, copies).known == len(SCENES)


def compare_everybody_anew(story: Story, stock: Path) -> None:
    del stock
    with story.archive._store.transaction() as tx:
        tx.exec_driver_sql("UPDATE subjects SET pending_rescan = 1")
    assert story.archive.rescan(CLUB).photos == len(SCENES)


def enrol_somebody_who_looks_the_same(story: Story, stock: Path) -> None:
    del stock
    form = story.club.form(from_at=datetime.now(UTC) - timedelta(minutes=1))  # the database has a clock of its own
    story.archive.enrol(CLUB, "Third", [("3.jpg", portrait(0, 104))], form, "office")
    assert story.archive.rescan(CLUB).subjects == 1


def find_more_faces(story: Story, stock: Path) -> None:
    del stock
    with story.archive._store.transaction() as tx:
        place = story.archive.collection(CLUB).id
        for photo, found in list(faces.each_photo(tx, place)):
            new = faces.NewFaces(
                boxes=np.array([[1, 1, 9, 9]], dtype=np.float32),
                landmarks=np.ones((1, 5, 2), dtype=np.float32),
                confidences=np.array([0.5], dtype=np.float32),
                qualities=np.array([10], dtype=np.float32),
                pack=found[0].pack,
            )
            faces.add_faces(tx, photo, new, first_ordinal=len(found))
            photos.set_n_faces(tx, photo, len(found) + 1)


def let_a_newer_model_suggest_everybody_for_everything(story: Story, stock: Path) -> None:
    del stock
    guesses = [
        Suggestion(face, who, 0.99)
        for face in story.all_faces()
        for who in (story.cem, story.twin, story.bob, story.ann)
    ]
    with story.archive._store.transaction() as tx:
        appearances.suggest(tx, guesses, made_by=f"machine:{NEWER}", pack=NEWER, at=story.club.clock.now)


def take_back_every_guess(story: Story, stock: Path) -> None:
    del stock
    with story.archive._store.transaction() as tx:
        every = [row[0] for row in tx.exec_driver_sql("SELECT id FROM appearances")]
        appearances.retract(tx, every)


MACHINES: tuple[Callable[[Story, Path], None], ...] = (
    ingest_again,
    compare_everybody_anew,
    enrol_somebody_who_looks_the_same,
    find_more_faces,
    let_a_newer_model_suggest_everybody_for_everything,
    take_back_every_guess,
    compare_everybody_anew,
)


@pytest.fixture
def story(club: Club) -> Story:
    return Story(club)


def test_whatever_the_machine_does_afterwards_every_label_stands(story: Story, stock: Path) -> None:
    archive, bobs = story.archive, story.of(story.bob)
    merged = archive.merge(story.ann, story.twin, "Ms Jones")
    anns = story.of(story.ann)
    assert len({row.face for row in anns}) == len(anns) == 3
    assert len(bobs) == 3
    kept, split, rejected = (row.face for row in anns)
    archive.decide(CLUB, [row.id for row in anns if row.face == kept], CONFIRMED, "Mr Smith")
    archive.split(story.ann, [split], "Ms Jones", to=story.cem)
    archive.decide(CLUB, [row.id for row in anns if row.face == rejected], REJECTED, "Mr Smith")
    stranger = next(face for face in story.all_faces() if face not in {row.face for row in anns + bobs})
    archive.name_face(stranger, story.bob, "Ms Reed")
    mistaken = archive.split(story.bob, [bobs[0].face], "Ms Reed")
    assert mistaken is not None
    taken_back = archive.undo(mistaken.id, "Mr Smith")

    before, history = story.said(), archive.label_history(CLUB)
    found = {
        who: {(row.face, row.made_by) for row in archive.find(who, state="confirmed")}
        for who in (story.ann, story.bob, story.cem)
    }
    assert found == {
        story.ann: {(kept, "Mr Smith")},
        story.bob: {(stranger, "Ms Reed")},
        story.cem: {(split, "Ms Jones")},
    }
    assert [each.kind for each in history] == ["split", "name", "decide", "split", "decide", "merge"]
    assert history[0] == taken_back
    assert (history[0].undone_by, history[-1]) == ("Mr Smith", merged)

    for machine in MACHINES:
        machine(story, stock)
        assert story.said() == before, machine.__name__
        assert [_who_and_when(each) for each in archive.label_history(CLUB)] == [
            _who_and_when(each) for each in history
        ], machine.__name__
        assert archive.subject("Twin").id == story.ann
        anns_now = {row.face for row in archive.find(story.ann)}
        assert kept in anns_now
        assert not anns_now & {split, rejected, stranger}, machine.__name__
        assert {(row.face, row.made_by) for row in archive.find(story.cem, state="confirmed")} == found[story.cem]
        assert {(row.face, row.made_by) for row in archive.find(story.bob, state="confirmed")} == found[story.bob]


def test_everything_said_can_be_taken_back_in_turn_and_the_machine_is_heard_again(story: Story) -> None:
    archive, club = story.archive, story.club
    before = story.guesses()
    assert story.said() == {}
    merged = archive.merge(story.ann, story.twin, "office")
    for row, state in zip(story.of(story.ann), (CONFIRMED, REJECTED, CONFIRMED), strict=True):
        archive.decide(CLUB, [row.id], state, "office")
    archive.split(story.ann, [story.of(story.ann)[0].face], "office", to=story.bob)
    free = next(face for face in story.all_faces() if face not in {pair[0] for pair in before})
    archive.name_face(free, story.cem, "office")
    history = archive.label_history(CLUB)
    assert len(history) == 6
    with pytest.raises(ConflictError, match=history[1].id):
        archive.undo(next(each.id for each in reversed(history) if _labels(each) & _labels(history[1])), "office")
    for operation in history:
        club.clock.advance(minutes=1)
        archive.undo(operation.id, "Ms Jones")
    assert story.said() == {}
    archive.rescan(CLUB)  # guesses that may rest on the other one's references went with the merge
    assert story.guesses() == before
    undone = archive.label_history(CLUB)
    assert [each.id for each in undone] == [each.id for each in history]
    assert {each.undone_by for each in undone} == {"Ms Jones"}
    assert archive.subject("Twin").id == story.twin != story.ann
    assert undone[-1].id == merged.id


def _labels(operation: Operation) -> set[str]:
    return {change.appearance for change in operation.changes}


def _who_and_when(operation: Operation) -> Operation:
    """The operation with the labels that still are what it made them: a machine may drop a guess that is one again."""
    return replace(operation, changes=() if operation.undone_at is not None else operation.changes)


def test_photos_that_come_in_after_a_merge_are_the_one_persons(story: Story) -> None:
    archive, club = story.archive, story.club
    archive.merge(story.twin, story.ann, "office")
    club.put({"new.jpg": portrait(0, 105, 400)})
    archive.ingest(CLUB, [club.photos / "new.jpg"])
    with archive._store.reading() as tx:
        (face,) = (each.id for each in faces.of_photo(tx, _photo(story, "new.jpg")))
    assert (face, story.twin) in story.guesses()
    assert (face, story.ann) not in story.guesses()
    assert face in {row.face for row in archive.find("Twin")}


def _photo(story: Story, name: str) -> str:
    with closing(sqlite3.connect(story.archive.folder / DATABASE)) as raw:
        query = "SELECT photo_id FROM photo_paths WHERE path = ?"
        return str(raw.execute(query, (bytes(story.club.photos / name),)).fetchone()[0])


def test_somebody_merged_is_compared_under_the_others_consent(story: Story) -> None:
    """Whoever has two entries is found by the references of both as long as a consent under one of them holds."""
    archive, club = story.archive, story.club
    club.withdraw(0)
    with pytest.raises(ConflictError, match="has withdrawn the consent"):
        archive.merge(story.twin, story.ann, "office")
    archive.withdraw(story.twin)
    archive.merge(story.twin, story.ann, "office")
    archive.grant(story.ann, club.form(), "office")
    assert len(archive.find("Twin")) == 3
    seen = archive.rescan(CLUB)
    assert seen.subjects == 1
    assert archive.rescan(CLUB).subjects == 0
