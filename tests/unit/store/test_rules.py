"""What the database refuses from a connection that is not ours. Consent has its own file in ``tests/promises``."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import timedelta

import pytest

from countenance.core.consent import PURPOSES
from countenance.errors import ConflictError, ConsentError
from countenance.store import appearances
from countenance.store.moments import to_text
from tests.unit.store.world import PACK, World


def refused(world: World, words: str, statement: str, *values: object, foreign_keys: bool = False) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=words), world.raw(foreign_keys=foreign_keys) as raw:
        raw.execute(statement, values)


def accepted(world: World, statement: str, *values: object) -> None:
    with world.raw(foreign_keys=True) as raw:
        raw.execute(statement, values)


TEMPLATE = "INSERT INTO face_templates VALUES (?, x'00', 'p')"


def test_a_consent_collection_keeps_no_templates_of_faces(world: World) -> None:
    _, here = world.photo(world.collection("club").id)
    refused(world, "no consent", TEMPLATE, here[0])
    refused(world, "no consent", TEMPLATE.replace("INSERT", "INSERT OR IGNORE"), here[0])
    refused(world, "no consent", TEMPLATE, "no such face")


def test_a_release_collection_keeps_them_while_its_basis_holds(world: World) -> None:
    _, there = world.photo(world.collection("studio", release_days=1).id)
    _, ended = world.photo(world.collection("old studio", release_days=-1).id)
    accepted(world, TEMPLATE, there[0])
    refused(world, "no consent", TEMPLATE, ended[0])


def test_a_template_cannot_be_smuggled_into_a_consent_collection(world: World) -> None:
    club, studio = world.collection("club"), world.collection("studio", release_days=1)
    photo_here, here = world.photo(club.id)
    photo_there, there = world.photo(studio.id)
    accepted(world, TEMPLATE, there[0])
    refused(world, "no consent", "UPDATE face_templates SET face_id = ?", here[0])
    refused(world, "strangers", "UPDATE faces SET photo_id = ? WHERE id = ?", photo_here, there[0])
    refused(world, "strangers", "UPDATE photos SET collection_id = ? WHERE id = ?", club.id, photo_there)
    refused(
        world,
        "stands",
        "UPDATE collections SET basis = 'consent', release_reference = NULL, release_approver = NULL, "
        "release_until_at = NULL WHERE id = ?",
        studio.id,
    )
    refused(
        world,
        "stands",
        "INSERT OR REPLACE INTO collections (id, name, basis, pack_id, created_at) VALUES (?, 'x', 'consent', 'p', ?)",
        studio.id,
        to_text(world.now),
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"basis": "consent", "release_reference": "r"},
        {"basis": "release"},
        {"basis": "release", "release_reference": "r", "release_approver": "a"},
        {"basis": "release", "release_reference": "", "release_approver": "a", "release_until_at": "now"},
        {"basis": "release", "release_reference": "r", "release_approver": "a", "release_until_at": "for ever"},
        {"basis": "public"},
    ],
)
def test_a_release_is_documented_in_full(world: World, fields: dict[str, str]) -> None:
    row = dict.fromkeys(("release_reference", "release_approver", "release_until_at")) | fields
    row = {name: to_text(world.now) if value == "now" else value for name, value in row.items()}
    statement = (
        "INSERT INTO collections (id, name, pack_id, created_at, basis, release_reference, release_approver, "
        "release_until_at) VALUES ('c', 'c', 'p', :created_at, :basis, :release_reference, :release_approver, "
        ":release_until_at)"
    )
    row["created_at"] = to_text(world.now)
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"), world.raw() as raw:
        raw.execute(statement, row)
    whole = {
        "basis": "release",
        "release_reference": "r",
        "release_approver": "a",
        "release_until_at": to_text(world.now),
    }
    with world.raw() as raw:
        raw.execute(statement, row | whole)


def test_the_databases_purposes_are_the_rules_purposes(world: World) -> None:
    subject = world.subject(world.collection().id)
    for purpose in PURPOSES:
        world.granted(subject.id, purpose=purpose)
    with world.raw() as raw:
        assert raw.execute("SELECT count(*) FROM consents").fetchone() == (len(PURPOSES),)


@dataclass
class Pair:
    face: str
    subject: str
    appearance: str


@pytest.fixture
def pair(world: World) -> Pair:
    club = world.collection()
    subject = world.subject(club.id)
    _, face_ids = world.photo(club.id)
    with world.store.transaction() as tx:
        guess = appearances.Suggestion(face_ids[0], subject.id, 0.7)
        appearances.suggest(tx, [guess], made_by=PACK, pack=PACK, at=world.now)
        return Pair(face_ids[0], subject.id, appearances.of_photo(tx, face_ids[0].split("-")[0])[0].id)


def test_a_published_policy_page_is_not_replaced(world: World) -> None:
    for version in (1, 0):
        refused(
            world,
            "stands|CHECK",
            "INSERT OR REPLACE INTO policy_pages VALUES (?, ?, 'other', 'x', ?)",
            version,
            b"h" * 32,
            to_text(world.now),
        )
    refused(world, "stands", "UPDATE policy_pages SET page = 'other'")
    refused(world, "stands", "DELETE FROM policy_pages")


APPEARANCE = "INSERT INTO appearances VALUES (?, ?, ?, 0.5, 'suggested', 'x', ?, 'p', NULL, NULL)"


def test_collections_are_strangers(world: World, pair: Pair) -> None:
    other = world.collection("other")
    stranger = world.subject(other.id, "Bob")
    _, faces_there = world.photo(other.id)
    now = to_text(world.now)
    refused(world, "strangers", APPEARANCE, "a1", pair.face, stranger.id, now)
    refused(world, "strangers", APPEARANCE, "a1", faces_there[0], pair.subject, now)
    refused(world, "stands", "UPDATE appearances SET subject_id = ?", stranger.id)
    refused(world, "stands", "UPDATE appearances SET face_id = ?", faces_there[0])
    refused(world, "strangers", "UPDATE subjects SET collection_id = ? WHERE id = ?", other.id, pair.subject)
    accepted(world, APPEARANCE, "a1", faces_there[0], stranger.id, now)
    guess = appearances.Suggestion(faces_there[0], pair.subject, 0.9)
    with pytest.raises(ConflictError, match="different collections"), world.store.transaction() as tx:
        appearances.suggest(tx, [guess], made_by=PACK, pack=PACK, at=world.now)


def test_a_decision_stands(world: World, pair: Pair) -> None:
    now = to_text(world.now)
    for state in ("rejected", "confirmed"):
        accepted(world, "UPDATE appearances SET state = ?", state)
        refused(world, "stands", "UPDATE appearances SET state = 'suggested'")
    refused(
        world,
        "stands|strangers",
        APPEARANCE.replace("INSERT", "INSERT OR REPLACE"),
        pair.appearance,
        pair.face,
        pair.subject,
        now,
    )


def test_history_begins_with_the_row_and_is_not_rewritten(world: World, pair: Pair) -> None:
    with world.raw() as raw:
        history = raw.execute("SELECT from_state, to_state, actor FROM appearance_history").fetchall()
    assert history == [(None, "suggested", PACK)]
    refused(world, "stands", "UPDATE appearance_history SET actor = 'nobody'")
    assert pair.appearance


def test_one_face_is_one_person(world: World, pair: Pair) -> None:
    with world.raw() as raw:
        (collection,) = raw.execute("SELECT collection_id FROM subjects").fetchone()
    bob = world.subject(collection, "Bob")
    accepted(world, "UPDATE appearances SET state = 'confirmed'")
    accepted(world, APPEARANCE, "a1", pair.face, bob.id, to_text(world.now))
    refused(world, "UNIQUE", "UPDATE appearances SET state = 'confirmed' WHERE id = 'a1'")


def test_foreign_keys_hold_on_our_connections(world: World) -> None:
    club = world.collection()
    world.photo(club.id)
    for statement in ("DELETE FROM photos", "DELETE FROM collections"):
        with pytest.raises(Exception, match="FOREIGN KEY"), world.store.transaction() as tx:
            tx.exec_driver_sql(statement)


def test_a_rules_refusal_is_a_consent_error_in_python(world: World) -> None:
    _, here = world.photo(world.collection("club").id)
    with pytest.raises(ConsentError, match="keeps no templates"), world.store.transaction() as tx:
        tx.exec_driver_sql(TEMPLATE, (here[0],))
    ended = world.now - timedelta(days=1)
    assert to_text(ended) < to_text(world.now)
