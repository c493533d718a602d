"""P9. People's decisions are law: whatever the machine suggests or takes back afterwards, in whatever order.

A state machine lets machines suggest and take back, and people decide, name, split, merge and undo, on a few faces and
subjects, beside a model that is nothing but a table and a list of what was said.
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
from countenance.flows import labels
from countenance.flows.labels import Reviewer
from countenance.store import appearances
from countenance.store.appearances import CONFIRMED, REJECTED, SUGGESTED, Appearance, Change, Suggestion
from countenance.store.connection import Store
from countenance.store.labels import Operation
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
    born_at: datetime
    history: list[tuple[str | None, str, str]] = field(default_factory=list)


@dataclass
class Said:
    """What the model knows of one operation: each label it changed, with the state and the maker before."""

    id: str
    kind: str
    at: datetime
    changes: list[tuple[Label, Pair, str | None, str, str]] = field(default_factory=list)
    merged: Pair | None = None
    undone_by: str | None = None


class LifeOfALabel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="label-"))
        self.world = open_world(self.folder)
        collection = self.world.collection()
        self.collection = collection.id
        self.subjects = [self.world.subject(collection.id, f"Person {number}") for number in range(N_PEOPLE)]
        self.people = [subject.id for subject in self.subjects]
        for subject in self.people:
            self.world.granted(subject)
        _, self.faces = self.world.photo(collection.id, n_faces=N_FACES)
        self.model: dict[Pair, Label] = {}
        self.said: list[Said] = []
        self.alias: dict[int, int] = {}
        self.at = self.world.now

    def teardown(self) -> None:
        self.world.store.close()
        self.world.keys.close()
        shutil.rmtree(self.folder)

    def now(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at

    def reviewer(self, actor: str) -> Reviewer:
        self.now()
        return Reviewer(self.world.store, self.world.keys, lambda: self.at, actor)

    def stored(self) -> dict[Pair, Appearance]:
        with self.world.store.reading() as tx:
            photo = tx.exec_driver_sql("SELECT id FROM photos").scalar_one()
            rows = appearances.of_photo(tx, photo)
        pairs = {(self.faces.index(row.face), self.people.index(row.subject)): row for row in rows}
        assert len(pairs) == len(rows)
        return pairs

    # The model: what a person's word does, said as plainly as possible.

    def confirmed(self, face: int) -> int | None:
        found = [pair[1] for pair, label in self.model.items() if pair[0] == face and label.state == CONFIRMED]
        return found[0] if found else None

    def same(self, who: int) -> list[int]:
        root = self.alias.get(who, who)
        merged = sorted((each for each, keep in self.alias.items() if keep == root), key=lambda each: self.people[each])
        return [root, *merged]

    def change(self, said: Said, pair: Pair, state: str, actor: str) -> None:
        label = self.model.get(pair)
        if label is None:
            label = self.model[pair] = Label(state, actor, 0.0, self.at, [(None, state, actor)])
            said.changes.append((label, pair, None, "", state))
            return
        said.changes.append((label, pair, label.state, label.made_by, state))
        label.history.append((label.state, state, actor))
        label.state, label.made_by = state, actor

    def reject(self, said: Said, face: int, who: int, actor: str) -> None:
        for each in self.same(who):
            if (face, each) in self.model and self.model[face, each].state != REJECTED:
                self.change(said, (face, each), REJECTED, actor)

    def confirm(self, said: Said, face: int, who: int, actor: str) -> None:
        if self.confirmed(face) is None:
            known = [each for each in (who, *self.same(who)) if (face, each) in self.model]
            self.change(said, (face, known[0] if known else self.same(who)[0]), CONFIRMED, actor)

    def taken(self, face: int, who: int) -> bool:
        return self.confirmed(face) not in {None, *self.same(who)}

    def kept(self, said: Said, done: Operation | None) -> None:
        """What was said is one operation, or none when nothing changed."""
        assert (done is not None) == bool(said.changes)
        if done is not None:
            said.id, said.at = done.id, done.at
            self.said.append(said)

    # What happens.

    @rule(guesses=st.lists(st.tuples(faces, people, scores), min_size=1, max_size=4), machine=st.sampled_from("AB"))
    def suggest(self, guesses: list[tuple[int, int, float]], machine: str) -> None:
        """A machine suggests, once or again, with another score or another model."""
        wanted = [Suggestion(self.faces[face], self.people[who], score) for face, who, score in guesses]
        with self.world.store.transaction() as tx:
            appearances.suggest(tx, wanted, made_by=f"machine:{machine}", pack=f"{PACK}-{machine}", at=self.now())
        for face, who, score in guesses:
            label = self.model.get((face, who))
            if label is not None and label.state != SUGGESTED:
                continue
            if self.confirmed(face) not in {None, who}:
                continue
            label = self.model.setdefault((face, who), Label(SUGGESTED, "", score, self.at))
            label.made_by, label.score = f"machine:{machine}", score

    @rule(face=faces, who=people, state=st.sampled_from((CONFIRMED, REJECTED)), actor=st.sampled_from(PEOPLE))
    def decide(self, face: int, who: int, state: str, actor: str) -> None:
        """A person confirms or rejects."""
        label = self.model.get((face, who))
        if label is None:
            with pytest.raises(NotFoundError):
                labels.decide(self.reviewer(actor), self.collection, {"no such appearance": state})
            return
        row = self.stored()[face, who]
        if state == CONFIRMED and self.taken(face, who):
            with pytest.raises(ConflictError, match="somebody else"):
                labels.decide(self.reviewer(actor), self.collection, {row.id: state})
            return
        done, _ = labels.decide(self.reviewer(actor), self.collection, {row.id: state})
        said = Said("", "decide", self.at)
        (self.confirm if state == CONFIRMED else self.reject)(said, face, who, actor)
        self.kept(said, done)

    @rule(face=faces, who=people, actor=st.sampled_from(PEOPLE))
    def name(self, face: int, who: int, actor: str) -> None:
        """A person says who a face is, whatever the machine thinks."""
        if self.taken(face, who):
            with pytest.raises(ConflictError, match="somebody else"):
                labels.name(self.reviewer(actor), self.faces[face], self.subjects[who])
            return
        done = labels.name(self.reviewer(actor), self.faces[face], self.subjects[who])
        said = Said("", "name", self.at)
        self.confirm(said, face, self.same(who)[0], actor)
        self.kept(said, done)

    @rule(
        wanted=st.lists(faces, min_size=1, max_size=3, unique=True),
        who=people,
        to=st.none() | people,
        actor=st.sampled_from(PEOPLE),
    )
    def split(self, wanted: list[int], who: int, to: int | None, actor: str) -> None:
        """A person says that faces are not somebody, and perhaps who they are."""
        error = None
        if to is not None and self.same(to) == self.same(who):
            error = "one person"
        for face in wanted:
            if error is None and not any((face, each) in self.model for each in self.same(who)):
                error = "Nobody said"
            if error is None and to is not None and self.confirmed(face) not in {None, *self.same(who), *self.same(to)}:
                error = "somebody else"
        target = self.subjects[to] if to is not None else None
        if error is not None:
            with pytest.raises((ConflictError, NotFoundError), match=error):
                labels.split(self.reviewer(actor), self.subjects[who], [self.faces[face] for face in wanted], target)
            return
        done = labels.split(self.reviewer(actor), self.subjects[who], [self.faces[face] for face in wanted], target)
        said = Said("", "split", self.at)
        for face in wanted:
            self.reject(said, face, who, actor)
            if to is not None:
                self.confirm(said, face, self.same(to)[0], actor)
        self.kept(said, done)

    @rule(keep=people, other=people, actor=st.sampled_from(PEOPLE))
    def merge(self, keep: int, other: int, actor: str) -> None:
        """A person says that two are one."""
        refused = keep == other or {keep, other} & {*self.alias} or other in self.alias.values()
        if refused:
            with pytest.raises(ConflictError):
                labels.merge(self.reviewer(actor), self.subjects[keep], self.subjects[other])
            return
        done = labels.merge(self.reviewer(actor), self.subjects[keep], self.subjects[other])
        self.said.append(Said(done.id, "merge", done.at, merged=(keep, other)))
        self.alias[other] = keep

    @rule(back=st.integers(0, 5), actor=st.sampled_from(PEOPLE))
    def undo(self, back: int, actor: str) -> None:
        """A person takes back what somebody said, the last or something before."""
        if back >= len(self.said):
            return
        place = len(self.said) - 1 - back
        wanted, later = self.said[place], self.said[place + 1 :]
        touched = {id(change[0]) for each in later if each.undone_by is None for change in each.changes}
        error = None
        if wanted.undone_by is not None:
            error = f"undone by {wanted.undone_by} already"
        elif touched & {id(change[0]) for change in wanted.changes}:
            error = "later operation"
        elif any(self.needs_a_taken_face(wanted, change) for change in wanted.changes):
            error = "somebody else since"
        if error is not None:
            with pytest.raises(ConflictError, match=error):
                labels.undo(self.reviewer(actor), wanted.id)
            return
        labels.undo(self.reviewer(actor), wanted.id)
        self.take_back(wanted, actor)

    def take_back(self, wanted: Said, actor: str) -> None:
        wanted.undone_by = actor
        if wanted.merged is not None:
            keep, other = wanted.merged
            del self.alias[other]
            for pair, label in list(self.model.items()):
                if pair[1] == keep and label.state == SUGGESTED and label.born_at >= wanted.at:
                    del self.model[pair]
        for label, pair, from_state, from_made_by, to_state in wanted.changes:
            if from_state is None:
                del self.model[pair]
                continue
            label.history.append((to_state, from_state, actor))
            label.state, label.made_by = from_state, from_made_by

    def needs_a_taken_face(self, said: Said, change: tuple[Label, Pair, str | None, str, str]) -> bool:
        _, (face, _), from_state, _, _ = change
        made_free = {pair[1] for _, pair, _, _, to_state in said.changes if pair[0] == face and to_state == CONFIRMED}
        return from_state == CONFIRMED and self.confirmed(face) not in {None, *made_free}

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

    # What must hold.

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
    def every_operation_is_kept_newest_first(self) -> None:
        told = [(each.id, each.kind, each.undone_by) for each in labels.history(self.world.store, self.collection)]
        assert told == [(each.id, each.kind, each.undone_by) for each in reversed(self.said)]

    @invariant()
    def a_person_is_listed_where_they_are_thought_to_be_and_never_where_they_are_not(self) -> None:
        with self.world.store.reading() as tx:
            for number in set(range(N_PEOPLE)) - {*self.alias}:
                subject = self.people[number]
                permit = permit_show(self.collection, subject, [self.world.consent(subject)], datetime.now(UTC))
                listed = appearances.of_subject(tx, permit, self.collection, subject, states=(SUGGESTED, CONFIRMED))
                assert len({row.face for row in listed}) == len(listed)
                assert {(self.faces.index(row.face), row.state) for row in listed} == self.thought(number)

    def thought(self, who: int) -> set[tuple[int, str]]:
        found = set()
        for face in range(N_FACES):
            states = {self.model[face, each].state for each in self.same(who) if (face, each) in self.model}
            if CONFIRMED in states:
                found.add((face, CONFIRMED))
            elif states == {SUGGESTED} and self.confirmed(face) is None:
                found.add((face, SUGGESTED))
        return found


def is_decision(change: Change) -> bool:
    return change.actor in PEOPLE


TestLifeOfALabel = LifeOfALabel.TestCase
TestLifeOfALabel.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
