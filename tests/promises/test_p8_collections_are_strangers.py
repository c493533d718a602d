"""P8. Collections are strangers: own key, own turn of templates; a wrong key opens nothing, and no query crosses.

The same people stand in two collections of one archive. What is kept of them in one says nothing in the other, and no
way into the archive gets from one to the other.
"""

from __future__ import annotations

import inspect
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from countenance.archive import DATABASE, Archive
from countenance.core.arrays import unit_rows
from countenance.core.permit import permit_compare, permit_reference
from countenance.errors import ConflictError, CountenanceError, DamagedError, NotFoundError, PermitError
from countenance.flows.enrol import ConsentForm
from countenance.flows.identity import Check
from countenance.index.gallery import Gallery
from countenance.measure.rates import auc
from countenance.store import references, templates
from countenance.store.sealing import unseal
from tests import pretend
from tests.drawn import CLUB, EVIDENCE, name_of
from tests.pretend import Party, photo
from tests.unit.flows.rekeyed import PEOPLE, Kept
from tests.unit.store.world import DIM, PACK, new_reference, open_world, vectors

PRESS = "press"


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Kept, Kept]]:
    """The same people and faces in two collections."""
    here = Kept.make(tmp_path)
    yield here, Kept.inside(here.world, PRESS, 2)
    here.world.store.close()
    here.world.keys.close()


def plain_of(kept: Kept, sealed: dict[str, bytes], key: bytes) -> NDArray[np.float32]:
    """What somebody who holds a subject's key makes of the stored reference: turned, not plain."""
    with kept.world.raw() as raw:
        query = "SELECT id FROM subject_references WHERE subject_id = ?"
        (reference,) = raw.execute(query, (kept.subjects[0],)).fetchone()
    context = templates.reference_context(kept.collection.id, kept.subjects[0], reference, PACK)
    return np.frombuffer(unseal(key, sealed[reference], context), dtype="<f4")


# Own key, own turn ---------------------------------------------------------------------------------------------------


def test_every_collection_has_its_own_key_and_its_own_turn(two: tuple[Kept, Kept]) -> None:
    here, there = two
    keys = here.world.keys
    assert keys.collection_key(here.collection.id) != keys.collection_key(there.collection.id)
    turns = [keys.rotation_of(each.collection.id, DIM) for each in two]
    assert np.abs(turns[0] - turns[1]).max() > 0.1
    for turn in turns:
        assert np.abs(turn @ turn.T - np.eye(DIM)).max() < 1e-5
        assert np.abs(turn - np.eye(DIM)).max() > 0.1


def test_what_is_stored_of_one_person_is_not_alike(two: tuple[Kept, Kept]) -> None:
    stored = [plain_of(each, each.sealed(), each.world.keys.subject_key(each.subjects[0])) for each in two]
    for turned, kept in zip(stored, two, strict=True):
        turn = kept.world.keys.rotation_of(kept.collection.id, DIM)
        assert np.abs(turned @ turn - PEOPLE[0]).max() < 1e-5
        assert np.abs(turned - PEOPLE[0]).max() > 0.01
    assert np.abs(stored[0] - stored[1]).max() > 0.01


def test_a_wrong_key_opens_nothing(two: tuple[Kept, Kept]) -> None:
    """Every sealed value of one collection with every key of the other, and in the place of the other's rows."""
    here, there = two
    keys = here.world.keys
    wrong = [keys.collection_key(there.collection.id), *(keys.subject_key(each) for each in there.subjects)]
    own = [keys.collection_key(here.collection.id), *(keys.subject_key(each) for each in here.subjects)]
    people, faces = here.subjects, here.faces
    ids = dict.fromkeys(here.sealed())
    references = [each for each in ids if each not in faces]
    contexts = [
        *(templates.reference_context(here.collection.id, who, each, PACK) for who in people for each in references),
        *(templates.face_context(here.collection.id, each, PACK) for each in faces),
    ]

    def opens(key: bytes) -> int:
        n_opened = 0
        for sealed in here.sealed().values():
            for context in contexts:
                try:
                    unseal(key, sealed, context)
                except DamagedError:
                    continue
                n_opened += 1
        return n_opened

    assert [opens(key) for key in own] == [len(faces), 1, 1]
    assert [opens(key) for key in wrong] == [0, 0, 0]


def test_rows_carried_into_another_collection_do_not_open_there(two: tuple[Kept, Kept]) -> None:
    here, there = two
    with here.world.raw() as raw:
        query = "SELECT template_sealed FROM subject_references WHERE subject_id = ?"
        (sealed,) = raw.execute(query, (here.subjects[0],)).fetchone()
        raw.execute(
            "UPDATE subject_references SET template_sealed = ? WHERE subject_id = ?", (sealed, there.subjects[0])
        )
    with pytest.raises(DamagedError):
        there.opened()


def test_a_lost_key_is_not_made_up_for_by_the_others(two: tuple[Kept, Kept]) -> None:
    here, there = two
    here.world.keys.drop_collection_key(here.collection.id)
    here.world.keys.rotate_epoch()
    with pytest.raises(NotFoundError):
        here.opened()
    there.assert_whole()


# Scores --------------------------------------------------------------------------------------------------------------


def test_mated_scores_across_look_non_mated(tmp_path: Path) -> None:
    """Of synthetic people, over every two of twelve collections; real ones are in benchmarks/results/strangers.json."""
    dim, n_people, n_collections = 128, 300, 12
    chance = np.random.default_rng(8)
    people = unit_rows(chance.normal(size=(n_people, dim)))
    again = unit_rows(people + 0.05 * chance.normal(size=(n_people, dim)))
    world = open_world(tmp_path)
    turns = [world.keys.rotation_of(world.collection(f"c{number}").id, dim) for number in range(n_collections)]
    one, curves, highest = np.eye(n_people, dtype=bool), [], -1.0
    for number, here in enumerate(turns):
        inside = (people @ here.T) @ (again @ here.T).T
        assert np.abs(inside - people @ again.T).max() < 1e-5
        assert auc(inside[one], inside[~one]) > 0.9999
        for there in turns[:number]:
            across = (people @ here.T) @ (again @ there.T).T
            curves.append(auc(across[one], across[~one]))
            highest = max(highest, float(across.max()))
    assert abs(np.mean(curves) - 0.5) < 0.02
    assert highest < 0.6
    world.store.close()
    world.keys.close()


def test_a_gallery_takes_no_permit_of_another_collection(two: tuple[Kept, Kept]) -> None:
    here, there = two
    world = here.world
    permit = permit_compare(there.collection.id, [world.consent(each) for each in there.subjects], world.now)
    gallery = Gallery(here.collection.id, here.subjects, PEOPLE)
    with pytest.raises(CountenanceError):
        gallery.compare(PEOPLE, permit, 0.5)
    with pytest.raises(CountenanceError), world.store.reading() as tx:
        references.references_of_collection(tx, world.keys, permit, here.collection.id, pack=PACK, dim=DIM)


def test_nobody_is_enrolled_across(two: tuple[Kept, Kept]) -> None:
    here, there = two
    world, subject = here.world, here.subjects[0]
    consent = world.granted(subject)
    permit = permit_reference(there.collection.id, world.consent(subject), world.now)
    new = new_reference(subject, consent, vectors(1, 9)[0])
    with pytest.raises(CountenanceError), world.store.transaction() as tx:
        templates.add_reference(tx, world.keys, permit, there.collection.id, new, at=world.now)


def test_the_database_lets_no_label_cross(two: tuple[Kept, Kept]) -> None:
    here, there = two
    row = ("a" * 8, here.faces[0], there.subjects[0], 0.9, "confirmed", "office", "2026-01-01T00:00:00.000000Z", PACK)
    columns = "(id, face_id, subject_id, score, state, made_by, made_at, pack_id)"
    with here.world.raw() as raw, pytest.raises(sqlite3.IntegrityError, match="strangers"):
        raw.execute(f"INSERT INTO appearances {columns} VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608 - fixed


# A new key -----------------------------------------------------------------------------------------------------------


def test_a_new_key_keeps_scores_and_makes_old_bytes_useless(two: tuple[Kept, Kept]) -> None:
    here, _ = two
    keys, where = here.world.keys, here.collection.id
    old, owner = here.sealed(), keys.subject_key(here.subjects[0])
    before = [rows @ PEOPLE.T for rows in here.opened()]
    stolen = plain_of(here, old, owner)
    here.rekey()
    for rows, scores in zip(here.opened(), before, strict=True):
        assert np.abs(rows @ PEOPLE.T - scores).max() < 1e-5
    # A copy from before: templates of faces open under no key that exists; a reference, whose subject's key is the
    # same, gives a vector that is turned otherwise and means nothing here any more.
    for face in here.faces:
        with pytest.raises(DamagedError):
            unseal(keys.collection_key(where), old[face], templates.face_context(where, face, PACK))
    now = plain_of(here, here.sealed(), owner)
    assert np.abs(now - stolen).max() > 0.01
    assert np.abs(stolen @ keys.rotation_of(where, DIM) - PEOPLE[0]).max() > 0.01
    assert here.in_files(old.values()) == []


# No query crosses ----------------------------------------------------------------------------------------------------


@pytest.fixture
def archive(party: Party, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """Seats 0 to 2 are known in the club; seats 0, 3 and 4 in the press archive, each with photos of them."""
    made = party.archive
    party.put(club=photo(0, 1))
    made.ingest(CLUB, [party.photos])
    made.create_collection(PRESS)
    with monkeypatch.context() as patched:
        patched.setattr(pretend, "CLUB", PRESS)
        for seat in (3, 4):
            party.enrol(seat)
    (party.photos / "club.jpg").unlink()
    party.put(press=photo(3, 4, 0))
    made.ingest(PRESS, [party.photos])
    now = party.clock.now
    for seat in (0, 1, 3, 4):
        form = ConsentForm(("find-my-photos",), ("website",), now, now + timedelta(days=30), EVIDENCE, "form.pdf")
        made.grant(name_of(seat), form, "office")
    return made


def ids_of(archive: Archive, collection: str, what: str) -> list[str]:
    """Ids of the photos or faces of a collection."""
    query = {
        "photos": "SELECT id FROM photos WHERE collection_id = ?",
        "faces": "SELECT f.id FROM faces AS f JOIN photos AS p ON p.id = f.photo_id WHERE p.collection_id = ?",
        "appearances": "SELECT a.id FROM appearances AS a JOIN subjects AS s ON s.id = a.subject_id "
        "WHERE s.collection_id = ?",
    }[what]
    with closing(sqlite3.connect(archive.folder / DATABASE)) as raw:
        return [row[0] for row in raw.execute(query, (archive.collection(collection).id,))]


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(days=30)


ASKED: dict[str, Callable[[Archive], object]] = {
    "subject": lambda a: a.subject(a.subject(name_of(3)).id, CLUB),
    "consents": lambda a: a.consents(collection=CLUB, who=a.subject(name_of(3)).id),
    "label_history": lambda a: a.label_history(CLUB, a.subject(name_of(3)).id),
    "decide": lambda a: a.decide(CLUB, ids_of(a, PRESS, "appearances")[:1], "confirmed", "office"),
    "decide_each": lambda a: a.decide_each(CLUB, {ids_of(a, PRESS, "appearances")[0]: "rejected"}, "office"),
    "name_face": lambda a: a.name_face(ids_of(a, PRESS, "faces")[0], name_of(1), "office"),
    "split": lambda a: a.split(name_of(1), ids_of(a, PRESS, "faces")[:1], "office"),
    "split to": lambda a: a.split(name_of(1), ids_of(a, CLUB, "faces")[1:2], "office", to=name_of(3)),
    "merge": lambda a: a.merge(name_of(1), name_of(3), "office"),
    "remark": lambda a: a.remark(CLUB, "office", nobody=ids_of(a, PRESS, "photos"), no_face=[]),
    "remark faces": lambda a: a.remark(CLUB, "office", nobody=[], no_face=ids_of(a, PRESS, "faces")[:1]),
    "undo": lambda a: a.undo(_operation(a), "office", collection=CLUB),
    "take_down": lambda a: a.take_down(name_of(1), [published(a)]),
    "contact_sheet": lambda a: a.contact_sheet(name_of(1), a.find(name_of(3)), a.folder.parent / "sheet"),
    "photo_id": lambda a: a.photo_id(CLUB, ids_of(a, PRESS, "photos")[0]),
    "erase_photo": lambda a: a.erase_photo(CLUB, ids_of(a, PRESS, "photos")[0]),
    "plan_photo_erasure": lambda a: a.plan_photo_erasure(CLUB, ids_of(a, PRESS, "photos")[0]),
    "describe": lambda a: a.describe(a.subject(name_of(3)).id, CLUB),
    "note_contact": lambda a: a.note_contact(a.subject(name_of(3)).id, collection=CLUB),
    "note_attributes": lambda a: a.note_attributes(a.subject(name_of(3)).id, {"class": "3b"}, (), collection=CLUB),
    "hold": lambda a: a.hold(
        a.subject(name_of(3)).id, collection=CLUB, reference="order 7", approver="The board", until=soon()
    ),
    "show_me": lambda a: a.show_me(
        a.subject(name_of(3)).id, Check("account"), a.folder.parent / "pack", collection=CLUB
    ),
}
"""Every story that takes a collection or a person and something else, which is of another collection here."""

NAMES_SOMETHING = frozenset(
    {"collection", "decisions", "face", "faces", "found", "ids", "keep", "no_face", "nobody", "operation", "other"}
    | {"photo", "subject", "to", "what", "who"}
)


def published(archive: Archive) -> str:
    """A published copy of the other collection's photo, on which its people can be seen."""
    (shown,) = ids_of(archive, PRESS, "photos")
    row = ("p" * 8, shown, "website", "site", b"x.jpg", bytes(32), "office", "2026-01-01T00:00:00.000000Z", None)
    with closing(sqlite3.connect(archive.folder / DATABASE)) as raw, raw:
        raw.execute("INSERT INTO publications VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    return row[0]


def _operation(archive: Archive) -> str:
    made = archive.remark(PRESS, "office", nobody=ids_of(archive, PRESS, "photos"), no_face=[])
    assert made is not None
    return made.id


@pytest.mark.parametrize("story", ASKED)
def test_no_story_of_one_collection_takes_an_id_of_another(archive: Archive, story: str) -> None:
    def held() -> list[list[str]]:
        return [ids_of(archive, where, what) for where in (CLUB, PRESS) for what in ("photos", "faces", "appearances")]

    before = held()
    with pytest.raises((NotFoundError, ConflictError, PermitError)):
        ASKED[story](archive)
    assert held() == before
    assert all(before)


def test_every_such_story_is_tried() -> None:
    """A new method of ``Archive`` that takes two things by name belongs into ``ASKED``."""
    stories = {
        name
        for name, method in inspect.getmembers(Archive, inspect.isfunction)
        if not name.startswith("_") and len(NAMES_SOMETHING & {*inspect.signature(method).parameters}) > 1
    }
    assert {name.split()[0] for name in ASKED} == stories


def test_a_person_is_recognised_in_the_own_collection_only(archive: Archive) -> None:
    """Seat 0 stands on both photos and said yes in the club."""
    (place,) = {shown.photo for shown in archive.find(name_of(0))}
    assert place in ids_of(archive, CLUB, "photos")
    for seat in (3, 4):
        (place,) = {shown.photo for shown in archive.find(name_of(seat))}
        assert place in ids_of(archive, PRESS, "photos")
    with pytest.raises(NotFoundError):
        archive.subject(name_of(0), PRESS)
