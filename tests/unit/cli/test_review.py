"""``countenance review``: everything that can be said, on rows that no model had to make."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.terminal import Answer, Here
from tests.unit.cli.people import People
from tests.unit.store.world import World

ACTOR = ("--actor", "Ms Reed")


class Gala(People):
    """The same, and the ids of the suggestions."""

    def __init__(self, run: Here, folder: Path) -> None:
        super().__init__(run, folder)
        with self.open() as archive:
            self.ids = [row.id for row in sorted(archive.find("Ann"), key=lambda row: row.face)]

    def review(self, *words: str) -> Answer:
        return self.run("review", "gala", *words, *ACTOR)

    def faces_of(self, name: str) -> list[tuple[int, str]]:
        with self.open() as archive:
            return sorted((self.faces.index(row.face), row.state) for row in archive.find(name))


@pytest.fixture
def gala(run: Here, archive: Path) -> Gala:
    return Gala(run, archive)


def test_a_decision_says_how_to_take_it_back(gala: Gala) -> None:
    answer = gala.review("--confirm", gala.ids[0], "--reject", gala.ids[1])
    said, undo, counts = answer.out.splitlines()
    assert said == "1 confirmed, 1 rejected by Ms Reed"
    assert counts == "0 suggested, 1 confirmed, 1 rejected"
    words = undo.removeprefix("Take it back with: countenance ").split()
    assert words[:3] == ["review", "gala", "--undo"]
    undone = gala.run(*words, *ACTOR)
    assert undone.out.splitlines() == ["Undone.", "2 suggested, 0 confirmed, 0 rejected"]
    assert gala.faces_of("Ann") == [(0, "suggested"), (1, "suggested")]


def test_saying_it_again_takes_back_nothing_that_was_said_before(gala: Gala) -> None:
    assert gala.review("--confirm", gala.ids[0], "--json").done["operation"]["kind"] == "decide"
    again = gala.review("--confirm", gala.ids[0], "--json").done
    assert again["operation"] is None
    assert again["confirmed"] == [gala.ids[0]]


def test_a_face_is_named(gala: Gala) -> None:
    done = gala.review("--name", f"{gala.faces[2]}=Bob", "--json").done
    assert (done["operation"]["kind"], done["operation"]["actor"]) == ("name", "Ms Reed")
    assert done["counts"] == {"suggested": 2, "confirmed": 1, "rejected": 0}
    assert gala.faces_of("Bob") == [(2, "confirmed")]
    assert gala.review("--name", f"{gala.faces[2]}={gala.people['Bob']}").out.startswith("That was said before.\n")


def test_faces_are_split_off(gala: Gala) -> None:
    done = gala.review("--split", "Ann", "--face", gala.faces[0], gala.faces[1], "--to", "Bob", "--json").done
    assert (done["operation"]["subject"], done["operation"]["other"]) == (gala.people["Ann"], gala.people["Bob"])
    assert gala.faces_of("Ann") == []
    assert gala.faces_of("Bob") == [(0, "confirmed"), (1, "confirmed")]
    assert gala.review("--split", "Ann", "--face", gala.faces[0]).out.startswith("That was said before.\n")


def test_two_people_are_merged_and_history_tells_it(gala: Gala) -> None:
    merged = gala.review("--merge", "Bob", "Ann", "--json").done["operation"]
    assert (merged["kind"], merged["subject"], merged["other"]) == ("merge", gala.people["Bob"], gala.people["Ann"])
    assert gala.faces_of("Bob") == gala.faces_of("Ann") == [(0, "suggested"), (1, "suggested")]
    gala.review("--reject", gala.ids[0])
    gala.review("--undo", merged["id"])
    counts, newest, oldest = gala.review("--history").out.splitlines()
    assert counts == "1 suggested, 0 confirmed, 1 rejected"
    assert "  decide  Ms Reed  1 label  " in newest
    assert f"{merged['id']}  merge   Ms Reed  0 labels  {gala.people['Bob']}  {gala.people['Ann']}" in oldest
    assert oldest.endswith("undone by Ms Reed")
    told = gala.review("--history", "--json").done["history"]
    assert [each["kind"] for each in told] == ["decide", "merge"]
    assert told[0]["undone_at"] is None
    assert told[1]["undone_at"] > told[1]["at"]
    assert told[0]["changes"][0]["from_made_by"] == "machine:m"


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--name", "no equals sign"), 2, "FACE=SUBJECT"),
        (("--name", "face="), 2, "FACE=SUBJECT"),
        (("--split", "Ann"), 2, "A split needs both"),
        (("--face", "x"), 2, "A split needs both"),
        (("--to", "Bob"), 2, "A split needs both"),
        (("--merge", "Ann", "Bob", "--undo", "x"), 2, "several operations"),
        (("--confirm", "x", "--name", "face=Ann"), 2, "several operations"),
        (("--undo", "x"), 1, "no operation with the id x"),
        (("--name", "face=Ann"), 1, "no face with the id face"),
        (("--name", "face=Eve"), 1, "Nobody called 'Eve'"),
        (("--merge", "Ann", "Ann"), 1, "one person already"),
    ],
)
def test_what_is_refused(gala: Gala, words: tuple[str, ...], code: int, sentence: str) -> None:
    answer = gala.review(*words)
    assert answer.code == code
    assert sentence in answer.err
    assert gala.review("--history", "--json").done["history"] == []


def test_an_operation_of_another_collection_is_unknown(gala: Gala) -> None:
    done = gala.review("--confirm", gala.ids[0], "--json").done["operation"]
    assert gala.run("collection", "create", "other").code == 0
    answer = gala.run("review", "other", "--undo", done["id"], *ACTOR)
    assert (answer.code, f"no operation with the id {done['id']}" in answer.err) == (1, True)
    assert gala.faces_of("Ann")[0] == (0, "confirmed")


def test_people_of_two_collections_are_not_merged(gala: Gala) -> None:
    assert gala.run("collection", "create", "other").code == 0
    with gala.open() as archive:
        World(gala.folder, archive._store, archive._keys).subject(archive.collection("other").id, "Eve")
    answer = gala.review("--merge", "Ann", "Eve")
    assert (answer.code, "different collections" in answer.err) == (1, True)
