"""Attributes: sealed values that are found by opening them, and go with their person's key."""

from __future__ import annotations

import unicodedata

import pytest

from countenance.errors import ConflictError, DamagedError, NotFoundError, StoreError
from countenance.store import attributes
from countenance.store.subjects import Subject
from tests.unit.store.world import World


@pytest.fixture
def ann(world: World) -> Subject:
    return world.subject(world.collection().id)


def put(world: World, subject: str, **given: str) -> None:
    with world.store.transaction() as tx:
        for name, value in given.items():
            attributes.put(tx, world.keys, subject, name, value)


def noted(world: World, subject: str) -> dict[str, str]:
    with world.store.reading() as tx:
        return attributes.of_subject(tx, world.keys, subject)


def having(world: World, collection: str, name: str, value: str) -> list[str]:
    with world.store.reading() as tx:
        return attributes.having(tx, world.keys, collection, name, value)


def test_noted_replaced_and_taken_away(world: World, ann: Subject) -> None:
    put(world, ann.id, region="Bavaria", form="7 b")
    assert noted(world, ann.id) == {"form": "7 b", "region": "Bavaria"}
    put(world, ann.id, region="  North   Hesse ")
    assert noted(world, ann.id) == {"form": "7 b", "region": "North Hesse"}
    with world.store.transaction() as tx:
        assert attributes.unset(tx, ann.id, "region")
        assert not attributes.unset(tx, ann.id, "region")
    assert noted(world, ann.id) == {"form": "7 b"}


def test_values_are_sealed_and_bound_to_their_place(world: World, ann: Subject) -> None:
    bob = world.subject(ann.collection, "Bob")
    put(world, ann.id, region="Bavaria", home="Bavaria")
    put(world, bob.id, region="Hesse")
    with world.raw() as raw:
        rows = raw.execute("SELECT subject_id, name, value_sealed FROM subject_attributes").fetchall()
        assert len({row[2] for row in rows}) == 3
        assert not any(word in row[2] for row in rows for word in (b"Bavaria", b"Hesse"))
        raw.execute(
            "UPDATE subject_attributes SET value_sealed = (SELECT value_sealed FROM subject_attributes "
            "WHERE subject_id = ? AND name = 'home') WHERE subject_id = ? AND name = 'region'",
            (ann.id, ann.id),
        )
    with pytest.raises(DamagedError):
        noted(world, ann.id)
    with pytest.raises(DamagedError):
        having(world, ann.collection, "region", "Hesse")


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("Bavaria", "bavaria"),
        ("North Hesse", " north  hesse"),
        ("Fürth", unicodedata.normalize("NFD", "FÜRTH")),
        ("Straße", "STRASSE"),
        ("Straße", "Straße"),
    ],
)
def test_people_are_found_however_it_is_spelled(world: World, ann: Subject, said: str, asked: str) -> None:
    bob = world.subject(ann.collection, "Bob")
    put(world, ann.id, region=said, home="Kassel")
    put(world, bob.id, region="Kassel")
    assert having(world, ann.collection, "region", asked) == [ann.id]
    assert having(world, ann.collection, "region", f"{asked}x") == []
    assert having(world, ann.collection, "town", asked) == []


def test_only_people_of_that_collection_are_found(world: World, ann: Subject) -> None:
    choir = world.collection("choir")
    eve = world.subject(choir.id, "Eve")
    put(world, ann.id, region="Bavaria")
    put(world, eve.id, region="Bavaria")
    assert having(world, choir.id, "region", "Bavaria") == [eve.id]


def test_of_merged_people_the_one_that_counts_is_found_once(world: World, ann: Subject) -> None:
    twin, other = world.subject(ann.collection, "A. Fern"), world.subject(ann.collection, "Bob")
    put(world, twin.id, region="Bavaria")
    put(world, other.id, region="Bavaria")
    with world.raw() as raw:
        raw.execute("UPDATE subjects SET merged_into = ? WHERE id = ?", (ann.id, twin.id))
    assert sorted(having(world, ann.collection, "region", "Bavaria")) == sorted([ann.id, other.id])
    put(world, ann.id, region="Bavaria")
    assert sorted(having(world, ann.collection, "region", "Bavaria")) == sorted([ann.id, other.id])


def test_they_go_with_the_key(world: World, ann: Subject) -> None:
    bob = world.subject(ann.collection, "Bob")
    put(world, ann.id, region="Bavaria")
    put(world, bob.id, region="Bavaria")
    world.keys.drop_subject_key(ann.id)
    with pytest.raises(NotFoundError):
        noted(world, ann.id)
    assert having(world, ann.collection, "region", "Bavaria") == [bob.id], "whoever is half erased stops nobody"


@pytest.mark.parametrize("name", ["", "Region", "9th", "re gion", "região", "a" * 65, "region\n", "-x"])
def test_names_are_plain_words(world: World, ann: Subject, name: str) -> None:
    with pytest.raises(StoreError, match="cannot be the name") as refused:
        put(world, ann.id, **{name: "x"})
    assert "region=Bavaria" in refused.value.advice
    assert noted(world, ann.id) == {}


@pytest.mark.parametrize("name", ["a", "school-year", "house_2", "a" * 64])
def test_names_that_are(world: World, ann: Subject, name: str) -> None:
    put(world, ann.id, **{name: "x"})
    assert noted(world, ann.id) == {name: "x"}


@pytest.mark.parametrize("value", ["", "  "])
def test_a_value_is_not_empty(world: World, ann: Subject, value: str) -> None:
    put(world, ann.id, region="Bavaria")
    with pytest.raises(StoreError, match="region needs a value"):
        put(world, ann.id, region=value)
    assert noted(world, ann.id) == {"region": "Bavaria"}


def test_only_of_somebody_who_is_there(world: World, ann: Subject) -> None:
    with pytest.raises(NotFoundError, match="no key"):
        put(world, "nobody", region="Bavaria")
    with world.raw() as raw:
        raw.execute("DELETE FROM subjects WHERE id = ?", (ann.id,))
    with pytest.raises((StoreError, ConflictError)):
        put(world, ann.id, region="Bavaria")
