"""What the database and the permits refuse by themselves; the stories are in ``tests/unit/flows/test_labels.py``."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from countenance.core.permit import permit_review
from countenance.errors import ConflictError, NotFoundError, PermitError
from countenance.store import appearances, labels, merges
from countenance.store.appearances import CONFIRMED, REJECTED, SUGGESTED, Suggestion
from countenance.store.labels import Operation, Word
from countenance.store.moments import to_text
from tests.unit.store.world import PACK, World


class Rejected:
    """A suggestion of Ann that somebody confirmed and then rejected."""

    def __init__(self, world: World) -> None:
        self.world, self.collection = world, world.collection().id
        self.ann = world.subject(self.collection).id
        self.permit = permit_review(self.collection, {self.ann}, [world.consent(self.ann)], world.now)
        _, (self.face, _) = world.photo(self.collection)
        with world.store.transaction() as tx:
            guess = Suggestion(self.face, self.ann, 0.8)
            appearances.suggest(tx, [guess], made_by="machine", pack=PACK, at=world.now)
            word = Word(self.collection, "office", world.now)
            changes = labels.confirm(tx, self.permit, word, self.face, self.ann)
            self.confirmed = labels.write(tx, word, labels.DECIDE, changes, subject=self.ann)
            word = labels.begin(tx, word)
            changes = labels.reject(tx, word, self.face, self.ann)
            self.rejected = labels.write(tx, word, labels.DECIDE, changes, subject=self.ann)

    def undo(self, operation: Operation, **permits: object) -> None:
        with self.world.store.transaction() as tx:
            permit = permits.get("permit", self.permit)
            labels.undo(tx, permit, operation, actor="Ms Jones", at=self.world.now)  # type: ignore[arg-type]

    def state(self) -> str:
        with self.world.store.reading() as tx:
            (row,) = appearances.of_faces(tx, [self.face])
        return row.state


@pytest.fixture
def rejected(world: World) -> Rejected:
    return Rejected(world)


def test_naming_needs_the_permit_for_this_person_here(rejected: Rejected) -> None:
    world, word = rejected.world, Word(rejected.collection, "office", rejected.world.now)
    nobody = permit_review(rejected.collection, (), [], world.now)
    elsewhere = permit_review("other", {rejected.ann}, [world.consent(rejected.ann)], world.now)
    for permit in (nobody, elsewhere):
        with world.store.transaction() as tx, pytest.raises(PermitError):
            labels.confirm(tx, permit, word, rejected.face, rejected.ann)
        with pytest.raises(PermitError):
            rejected.undo(rejected.rejected, permit=permit)
    assert rejected.state() == REJECTED
    rejected.undo(rejected.rejected)
    assert rejected.state() == CONFIRMED
    rejected.undo(rejected.confirmed, permit=nobody)  # it confirms nobody
    assert rejected.state() == SUGGESTED


def test_the_database_lets_nothing_else_become_a_suggestion_again(rejected: Rejected) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="does not become a suggestion"), rejected.world.raw() as raw:
        raw.execute("UPDATE appearances SET state = 'suggested'")
    # The operation that is undone had made a confirmed label a rejected one, no suggestion.
    now = to_text(rejected.world.now)
    with rejected.world.raw() as raw:
        raw.execute(
            "UPDATE label_operations SET undone_by = 'x', undone_at = ? WHERE id = ?", (now, rejected.rejected.id)
        )
    with pytest.raises(sqlite3.IntegrityError, match="does not become a suggestion"), rejected.world.raw() as raw:
        raw.execute("UPDATE appearances SET state = 'suggested', made_by = 'x', made_at = ?", (now,))
    assert rejected.state() == REJECTED


def test_operations_stand(rejected: Rejected) -> None:
    for words in ("actor = 'x'", "kind = 'merge'", "at = '2020-01-01T00:00:00.000000Z'"):
        with pytest.raises(sqlite3.IntegrityError, match="history is not rewritten"), rejected.world.raw() as raw:
            raw.execute(f"UPDATE label_operations SET {words}")  # noqa: S608 - our own words
    with rejected.world.store.reading() as tx:
        assert labels.by_id(tx, rejected.confirmed.id) == rejected.confirmed
        assert labels.history(tx, rejected.collection) == [rejected.rejected, rejected.confirmed]


def test_consents_count_for_every_id_of_a_person(rejected: Rejected) -> None:
    said = rejected.world.consent(rejected.ann)
    assert merges.together([said], {}) == [said]
    same = {"ann-2": rejected.ann, "bob-2": "bob"}
    assert merges.together([said], same) == sorted(
        [said, replace(said, subject="ann-2")], key=lambda consent: consent.subject
    )
    under_the_alias = replace(said, subject="ann-2")
    assert {each.subject for each in merges.together([under_the_alias], same)} == {rejected.ann, "ann-2"}


def test_nobody_unknown_is_somebody(rejected: Rejected) -> None:
    with rejected.world.store.reading() as tx, pytest.raises(NotFoundError):
        merges.members(tx, "nobody")
    with rejected.world.store.transaction() as tx, pytest.raises(ConflictError):
        merges.merge(tx, rejected.ann, rejected.ann)
