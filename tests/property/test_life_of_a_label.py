"""P9. People's decisions are law: whatever the machine suggests or takes back afterwards, in whatever order.

A state machine lets a machine and people act on a few faces and subjects, beside a model that is nothing but a table.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from countenance.core.permit import permit_show
from countenance.errors import ConflictError, NotFoundError
from countenance.store import appearances
from countenance.store.appearances import CONFIRMED, REJECTED, SUGGESTED, Appearance, Change, Suggestion
from countenance.store.connection import Store
from tests.unit.store.world import PACK, open_world

N_FACES, N_PEOPLE = 3, 3
PEOPLE = ("office", "Ann herself")
Pair = tuple[int, int]

faces = st.integers(0, N_FACES - 1)
people = st.integers(0, N_PEOPLE - 1)
scores = st.integers(0, 100).map(lambda percent: percent / 100)


@dataclass
class Label:
    """What the model knows of one pair of face and person."""

    state: str
    made_by: str
    score: float
    history: list[tuple[str, str, str]] = field(default_factory=list)


class LifeOfALabel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="label-"))
        self.world = open_world(self.folder)
        collection = self.world.collection()
        self.collection = collection.id
        self.people = [self.world.subject(collection.id, f"Person {number}").id for number in range(N_PEOPLE)]
        for subject in self.people:
            self.world.granted(subject)
        _, self.faces = self.world.photo(collection.id, n_faces=N_FACES)
        self.model: dict[Pair, Label] = {}
        self.at = self.world.now

    def teardown(self) -> None:
        self.world.store.close()
        self.world.keys.close()
        shutil.rmtree(self.folder)

    def now(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at

    def stored(self) -> dict[Pair, Appearance]:
        with self.world.store.reading() as tx:
            photo = tx.exec_driver_sql("SELECT id FROM photos").scalar_one()
            rows = appearances.of_photo(tx, photo)
        pairs = {(self.faces.index(row.face), self.people.index(row.subject)): row for row in rows}
        assert len(pairs) == len(rows)
        return pairs

    def confirmed(self, face: int) -> int | None:
        found = [pair[1] for pair, label in self.model.items() if pair[0] == face and label.state == CONFIRMED]
        return found[0] if found else None

    @rule(guesses=st.lists(st.tuples(faces, people, scores), min_size=1, max_size=4), machine=st.sampled_from("AB"))
    def suggest(self, guesses: list[tuple[int, int, float]], machine: str) -> None:
        """A machine suggests, once or again, with another score or another model."""
        wanted = [Suggestion(self.faces[face], self.people[who], score) for face, who, score in guesses]
        with self.world.store.transaction() as tx:
            appearances.suggest(tx, wanted, made_by=f"machine:{machine}", pack=PACK, at=self.now())
        for face, who, score in guesses:
            label = self.model.get((face, who))
            if label is not None and label.state != SUGGESTED:
                continue
            if self.confirmed(face) not in {None, who}:
                continue
            self.model[face, who] = Label(SUGGESTED, f"machine:{machine}", score)

    @rule(face=faces, who=people, state=st.sampled_from((CONFIRMED, REJECTED)), actor=st.sampled_from(PEOPLE))
    def decide(self, face: int, who: int, state: str, actor: str) -> None:
        """A person confirms or rejects."""
        label = self.model.get((face, who))
        if label is None:
            with self.world.store.transaction() as tx, pytest.raises(NotFoundError):
                appearances.decide(tx, "no such appearance", state, actor=actor, at=self.now())
            return
        row = self.stored()[face, who]
        if state == CONFIRMED and self.confirmed(face) not in {None, who}:
            with self.world.store.transaction() as tx, pytest.raises(ConflictError, match="somebody else"):
                appearances.decide(tx, row.id, state, actor=actor, at=self.now())
            return
        with self.world.store.transaction() as tx:
            appearances.decide(tx, row.id, state, actor=actor, at=self.now())
        if label.state != state:
            label.history.append((label.state, state, actor))
            label.state, label.made_by = state, actor

    @rule(pairs=st.lists(st.tuples(faces, people), max_size=4))
    def retract(self, pairs: list[Pair]) -> None:
        """A machine takes back what it can."""
        stored = self.stored()
        with self.world.store.transaction() as tx:
            appearances.retract(tx, [stored[pair].id for pair in pairs if pair in stored])
        for pair in pairs:
            if pair in self.model and self.model[pair].state == SUGGESTED:
                del self.model[pair]

    @rule()
    def open_again(self) -> None:
        """The program ends and starts again."""
        self.world.store.close()
        self.world.store = Store.open(self.world.path)

    @invariant()
    def the_table_is_as_the_model_says(self) -> None:
        stored = self.stored()
        found = {pair: (row.state, row.made_by, row.score) for pair, row in stored.items()}
        assert found == {pair: (label.state, label.made_by, label.score) for pair, label in self.model.items()}

    @invariant()
    def a_face_is_one_person_at_most(self) -> None:
        confirmed = [face for (face, _), row in self.stored().items() if row.state == CONFIRMED]
        assert len(confirmed) == len(set(confirmed))

    @invariant()
    def history_says_who_decided_what(self) -> None:
        stored = self.stored()
        with self.world.store.reading() as tx:
            for pair, label in self.model.items():
                told = [change for change in appearances.history_of(tx, stored[pair].id) if is_decision(change)]
                assert [(change.from_state, change.to_state, change.actor) for change in told] == label.history
                assert [change.at for change in told] == sorted(change.at for change in told)

    @invariant()
    def a_rejected_pair_is_never_listed_as_the_persons(self) -> None:
        with self.world.store.reading() as tx:
            for number, subject in enumerate(self.people):
                permit = permit_show(self.collection, subject, [self.world.consent(subject)], datetime.now(UTC))
                listed = appearances.of_subject(tx, permit, self.collection, subject, states=(SUGGESTED, CONFIRMED))
                wanted = {
                    self.faces[face]
                    for (face, who), label in self.model.items()
                    if who == number and label.state != REJECTED
                }
                assert {row.face for row in listed} == wanted


def is_decision(change: Change) -> bool:
    return change.actor in PEOPLE


TestLifeOfALabel = LifeOfALabel.TestCase
TestLifeOfALabel.settings = settings(max_examples=12, stateful_step_count=20, deadline=None)
