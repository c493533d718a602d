"""The collection `gala` with two people, one photo of three faces, and a suggestion of the first for two of them."""

from __future__ import annotations

from pathlib import Path

from countenance.archive import Archive
from countenance.settings import Settings
from countenance.store.appearances import Suggestion, suggest
from countenance.store.keyfile import Master
from tests.terminal import Here
from tests.unit.store.world import World


class People:
    """Two people in an archive on which commands are run."""

    def __init__(self, run: Here, folder: Path, first: str = "Ann", second: str = "Bob") -> None:
        self.run, self.folder = run, folder
        with self.open() as archive:
            world = World(folder, archive._store, archive._keys)
            place = archive.collection("gala").id
            self.people = {name: world.subject(place, name).id for name in (first, second)}
            for subject in self.people.values():
                world.granted(subject)
            self.photo, self.faces = world.photo(place, n_faces=3)
            with archive._store.transaction() as tx:
                guesses = [Suggestion(face, self.people[first], 0.8) for face in self.faces[:2]]
                suggest(tx, guesses, made_by="machine:m", pack="m", at=world.now)

    def open(self) -> Archive:
        return Archive.open(self.folder, Master.from_key_file(self.folder.parent / "archive.key"), Settings())

    def names(self) -> set[str]:
        with self.open() as archive:
            return {person.name for person in archive.subjects("gala")}
