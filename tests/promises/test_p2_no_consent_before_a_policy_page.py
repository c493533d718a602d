"""P2, before people were told anything: nobody can know what a yes would mean, so no route enrols anybody.

The routes of the command line are in the other file of this promise.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from countenance.archive import DATABASE
from countenance.core.permit import permit_reference
from countenance.errors import ConsentError
from countenance.flows import enrol
from countenance.settings import Settings
from countenance.store import policies, templates
from tests.drawn import CLUB, Club
from tests.promises.raw_rows import forget_pages, n_references, reference_row, try_reference, written
from tests.unit.store.world import World, new_reference, open_world, vectors


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = open_world(tmp_path)
    yield made
    made.store.close()
    made.keys.close()


@pytest.fixture
def ann(world: World) -> str:
    return world.subject(world.collection().id, "Ann").id


@pytest.mark.parametrize("verb", ["INSERT", "INSERT OR REPLACE", "INSERT OR IGNORE"])
def test_a_raw_reference_needs_a_published_policy_page(world: World, ann: str, verb: str) -> None:
    consent = world.granted(ann)
    forget_pages(world.path)
    with pytest.raises(sqlite3.IntegrityError, match="no policy page has been published"):
        try_reference(world, reference_row(world, ann, consent), verb)
    assert n_references(world) == 0
    with world.store.transaction() as tx:
        policies.publish(tx, "What we do with your photos.", by="office", at=world.now)
    try_reference(world, reference_row(world, ann, consent), verb)
    assert n_references(world) == 1


def test_a_published_page_is_neither_rewritten_nor_removed(world: World) -> None:
    for statement in (
        "DELETE FROM policy_pages",
        "UPDATE policy_pages SET page = 'x'",
        "UPDATE policy_pages SET version = 7",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="stands"), world.raw() as raw:
            raw.execute(statement)
    with world.raw() as raw:
        assert raw.execute("SELECT version, page FROM policy_pages").fetchall() == [(1, "What we do with your photos.")]


def test_the_store_takes_no_reference_and_no_consent_before(world: World) -> None:
    club = world.collection()
    ann = world.subject(club.id).id
    consent = world.granted(ann)
    forget_pages(world.path)
    permit = permit_reference(club.id, world.consent(ann), world.now)
    new = new_reference(ann, consent, vectors(1, 1)[0])
    with pytest.raises(ConsentError, match="no policy page"), world.store.transaction() as tx:
        templates.add_reference(tx, world.keys, permit, club.id, new, at=world.now)
    with pytest.raises(ConsentError, match="No policy page"):
        world.granted(ann)
    assert n_references(world) == 0
    with world.raw() as raw:
        assert raw.execute("SELECT count(*) FROM consents").fetchone() == (1,)


def test_python_enrols_nobody_before_and_looks_at_no_photo(
    tmp_path: Path, story_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(*_: object) -> None:
        msg = "a photo was looked at"
        raise AssertionError(msg)

    with Club.make(tmp_path, story_settings, {}) as club:
        forget_pages(club.archive.folder / DATABASE)
        with monkeypatch.context() as blind:
            blind.setattr(enrol, "Decode", look)
            with pytest.raises(ConsentError, match="No policy page has been published") as caught:
                club.enrol(0)
        assert "countenance policy publish" in caught.value.advice
        assert set(written(club.archive.folder).values()) == {0}
        club.archive.publish_policy("What we do with your photos.", "office")
        club.enrol(0)
        with closing(sqlite3.connect(club.archive.folder / DATABASE)) as raw:
            assert raw.execute("SELECT notice_version FROM consents").fetchall() == [("1",)]
        (person,) = club.archive.subjects(CLUB)
        club.withdraw(0)
        with closing(sqlite3.connect(club.archive.folder / DATABASE)) as raw, raw:
            raw.execute("DELETE FROM policy_pages")
        with pytest.raises(ConsentError, match="No policy page has been published"):
            club.archive.grant(person.id, club.form(), "office")
