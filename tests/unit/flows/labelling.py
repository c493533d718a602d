"""An office that reviews faces: what the tests of labels and of merges share."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from countenance.flows import find, labels
from countenance.flows.labels import Reviewer
from countenance.store import appearances, consents, subjects
from countenance.store.appearances import Appearance, Suggestion
from countenance.store.labels import Operation
from countenance.store.subjects import Subject
from tests.unit.store.world import PACK, World

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
