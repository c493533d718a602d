"""Subjects, their consents and their references."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from countenance.core.permit import (
    permit_compare,
    permit_open_templates,
    permit_reference,
    permit_show,
    permit_templates,
)
from countenance.errors import ConsentError, DamagedError, NotFoundError, PermitError, StoreError
from countenance.store import consents, references, stamps, subjects, templates
from tests.unit.store.world import DIM, PACK, World, new_reference, vectors


def test_subjects_have_sealed_names(world: World) -> None:
    club, other = world.collection(), world.collection("other")
    names = ["Ann Onymous", "Zoë", "Ann Onymous", "\ud800"]
    made = [world.subject(club.id, name) for name in names]
    world.subject(other.id, "Ann Onymous")
    with world.store.reading() as tx:
        found = subjects.of_collection(tx, world.keys, club.id)
        assert sorted(subject.name for subject in found) == sorted(names)
        assert subjects.by_id(tx, world.keys, made[1].id) == made[1]
        same = subjects.by_name(tx, world.keys, club.id, "Ann Onymous")
        assert {subject.id for subject in same} == {made[0].id, made[2].id}
        assert subjects.by_name(tx, world.keys, club.id, "ann") == []
        with pytest.raises(NotFoundError):
            subjects.by_id(tx, world.keys, "nobody")
    world.store.truncate_log()
    content = world.path.read_bytes()
    assert made[0].id.encode() in content
    assert b"Onymous" not in content


def test_a_nameless_subject_is_refused(world: World) -> None:
    with pytest.raises(StoreError, match="name"):
        world.subject(world.collection().id, "  ")
    with pytest.raises(NotFoundError):
        world.subject("nowhere", "Ann")


def test_a_rescan_is_pending_until_it_is_done(world: World) -> None:
    club = world.collection()
    ann, bob = world.subject(club.id, "Ann"), world.subject(club.id, "Bob")
    with world.store.transaction() as tx:
        assert set(subjects.pending(tx, club.id)) == {ann.id, bob.id}
        subjects.set_pending(tx, ann.id, pending_rescan=False)
        assert subjects.pending(tx, club.id) == [bob.id]
        assert not subjects.by_id(tx, world.keys, ann.id).pending_rescan
        with pytest.raises(NotFoundError):
            subjects.set_pending(tx, "nobody", pending_rescan=True)


def test_a_name_moved_to_another_row_is_damage(world: World) -> None:
    club = world.collection()
    ann, bob = world.subject(club.id, "Ann"), world.subject(club.id, "Bob")
    with world.raw() as raw:
        raw.execute(
            "UPDATE subjects SET name_sealed = (SELECT name_sealed FROM subjects WHERE id = ?) WHERE id = ?",
            (ann.id, bob.id),
        )
    with world.store.reading() as tx:
        assert subjects.by_id(tx, world.keys, ann.id).name == "Ann"
        with pytest.raises(DamagedError):
            subjects.by_id(tx, world.keys, bob.id)


def test_consents_come_back_whole(world: World) -> None:
    club = world.collection()
    tim = world.subject(club.id, "Tim", minor=True)
    said = world.consent(tim.id, minor=True, guardian="Mrs Müller", channels=("press",))
    record = consents.Record("form.pdf", "office", "v3")
    with world.store.transaction() as tx:
        stored = consents.add(tx, world.keys, said, record, now=world.now)
        assert consents.of_subject(tx, world.keys, tim.id) == [stored]
        assert consents.of_collection(tx, world.keys, club.id) == [said]
        assert consents.of_collection(tx, world.keys, "other") == []
    assert (stored.consent, stored.record) == (said, record)
    world.store.truncate_log()
    assert "Müller".encode() not in world.path.read_bytes()


def test_withdrawal_ends_a_consent_once(world: World) -> None:
    ann = world.subject(world.collection().id)
    consent = world.granted(ann.id)
    with world.store.transaction() as tx:
        assert consents.withdraw(tx, consent, at=world.now)
        assert not consents.withdraw(tx, consent, at=world.now + timedelta(1))
        (stored,) = consents.of_subject(tx, world.keys, ann.id)
        with pytest.raises(NotFoundError):
            consents.withdraw(tx, "nothing", at=world.now)
    assert stored.consent.withdrawn_at == world.now
    assert not stored.consent.holds_at(world.now)


def test_what_the_rules_refuse_is_not_recorded(world: World) -> None:
    club = world.collection()
    ann, tim = world.subject(club.id), world.subject(club.id, "Tim", minor=True)
    record = consents.Record("form.pdf", "office")
    day = timedelta(days=1)
    cases = [
        (world.consent(ann.id, purpose="marketing"), record),
        (world.consent(ann.id, channels=()), record),
        (world.consent(ann.id, channels=("billboard",)), record),
        (world.consent(ann.id, from_at=world.now - 2 * day, until_at=world.now - day), record),
        (world.consent(ann.id, evidence_sha256=""), record),
        (world.consent(ann.id, withdrawn_at=world.now), record),
        (world.consent(tim.id), record),
        (world.consent(tim.id, minor=True), record),
        (world.consent(ann.id), replace(record, evidence_name=" ")),
        (world.consent(ann.id), replace(record, granted_by="")),
    ]
    for said, how in cases:
        with pytest.raises(ConsentError), world.store.transaction() as tx:
            consents.add(tx, world.keys, said, how, now=world.now)
    with pytest.raises(NotFoundError), world.store.transaction() as tx:
        consents.add(tx, world.keys, world.consent("nobody"), record, now=world.now)
    with world.store.transaction() as tx:
        assert consents.of_collection(tx, world.keys, club.id) == []
        billboard = world.consent(ann.id, channels=("billboard",))
        consents.add(tx, world.keys, billboard, record, now=world.now, channels=("billboard",))


def enrolled(world: World, collection: str, name: str, seed: int, n_references: int) -> str:
    subject = world.subject(collection, name).id
    consent = world.granted(subject)
    with world.store.transaction() as tx:
        for template in vectors(n_references, seed):
            world.reference(tx, collection, subject, consent, template)
    return subject


def opened(world: World, collection: str, *people: str, pack: str = PACK, dim: int = DIM) -> references.References:
    permit = permit_compare(collection, [world.consent(subject) for subject in people], world.now)
    with world.store.reading() as tx:
        return references.references_of_collection(tx, world.keys, permit, collection, pack=pack, dim=dim)


def test_references_open_for_the_subjects_of_the_permit_only(world: World) -> None:
    club, other = world.collection(), world.collection("other")
    ann, bob = enrolled(world, club.id, "Ann", 1, 3), enrolled(world, club.id, "Bob", 2, 2)
    eve = enrolled(world, other.id, "Eve", 3, 1)
    both = opened(world, club.id, ann, bob, eve)
    assert sorted(both.subjects) == sorted([ann] * 3 + [bob] * 2)
    assert len(set(both.ids)) == 5
    assert both.templates.dtype == np.float32
    for subject, seed, n_rows in ((ann, 1, 3), (bob, 2, 2)):
        rows = both.templates[[owner == subject for owner in both.subjects]]
        nearest = np.abs(rows[:, None] - vectors(n_rows, seed)[None]).max(axis=2)
        assert (nearest < 1e-6).sum() == n_rows
    assert set(opened(world, club.id, bob).subjects) == {bob}
    assert opened(world, club.id).templates.shape == (0, DIM)
    assert opened(world, club.id, ann, pack="another-pack", dim=512).templates.shape == (0, 512)


def test_a_sealed_reference_of_somebody_else_is_not_even_tried(world: World) -> None:
    club = world.collection()
    ann, bob = enrolled(world, club.id, "Ann", 1, 1), enrolled(world, club.id, "Bob", 2, 1)
    world.keys.drop_subject_key(bob)
    assert set(opened(world, club.id, ann).subjects) == {ann}
    with pytest.raises(NotFoundError, match="no key"):
        opened(world, club.id, ann, bob)


def test_references_are_listed_without_being_opened(world: World) -> None:
    club = world.collection()
    ann = enrolled(world, club.id, "Ann", 1, 2)
    with world.store.reading() as tx:
        found = templates.references_of_subject(tx, ann)
        assert templates.references_of_subject(tx, "nobody") == []
    assert {reference.subject for reference in found} == {ann}
    assert {(reference.box, reference.quality, reference.pack) for reference in found} == {
        ((10.0, 20.0, 30.0, 40.0), 71.5, PACK)
    }


def test_no_template_lies_in_the_file_as_it_is(world: World) -> None:
    club = world.collection()
    ann = enrolled(world, club.id, "Ann", 1, 1)
    world.store.truncate_log()
    template = vectors(1, 1)[0]
    turned = world.keys.rotation_of(club.id, DIM) @ template
    content = world.path.read_bytes()
    assert ann.encode() in content
    for needle in (template, turned):
        for dtype in (np.float32, np.float16):
            assert needle.astype(dtype).tobytes()[:16] not in content


@pytest.mark.parametrize("change", ["flip", "swap", "cut", "pack"])
def test_a_changed_reference_is_damage(world: World, change: str) -> None:
    club = world.collection()
    ann = enrolled(world, club.id, "Ann", 1, 2)
    pack = PACK
    with world.raw() as raw:
        rows = raw.execute("SELECT id, template_sealed FROM subject_references ORDER BY id").fetchall()
        sealed = bytes(rows[0][1])
        if change == "flip":
            sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
        elif change == "swap":
            sealed = bytes(rows[1][1])
        elif change == "cut":
            sealed = sealed[:20]
        else:
            pack = "another-pack"
            raw.execute("UPDATE subject_references SET pack_id = ?", (pack,))
        raw.execute("UPDATE subject_references SET template_sealed = ? WHERE id = ?", (sealed, rows[0][0]))
    with pytest.raises(DamagedError):
        opened(world, club.id, ann, pack=pack)


def test_a_template_of_another_length_is_damage(world: World) -> None:
    club = world.collection()
    ann = enrolled(world, club.id, "Ann", 1, 1)
    with pytest.raises(DamagedError, match="length"):
        opened(world, club.id, ann, dim=DIM + 1)


def test_only_vectors_of_numbers_are_references(world: World) -> None:
    club = world.collection()
    ann = world.subject(club.id).id
    consent = world.granted(ann)
    permit = permit_reference(club.id, world.consent(ann), world.now)
    good = vectors(1, 1)[0]
    for bad in (good * np.float32(np.nan), good[:0], good[None]):
        new = new_reference(ann, consent, bad)
        with pytest.raises(StoreError, match="finite"), world.store.transaction() as tx:
            templates.add_reference(tx, world.keys, permit, club.id, new, at=world.now)


def test_every_function_asks_for_its_own_permit(world: World) -> None:
    club = world.collection()
    ann = enrolled(world, club.id, "Ann", 1, 1)
    show = permit_show(club.id, ann, [world.consent(ann)], world.now)
    with world.store.transaction() as tx:
        with pytest.raises(PermitError):
            references.references_of_collection(tx, world.keys, show, club.id, pack=PACK, dim=DIM)
        with pytest.raises(PermitError):
            templates.add_face_templates(tx, world.keys, show, club.id, pack=PACK, face_ids=[], templates=vectors(0, 1))
        with pytest.raises(PermitError):
            next(templates.each_face_template(tx, world.keys, show, club.id, pack=PACK, dim=DIM))
        compare = permit_compare(club.id, [world.consent(ann)], world.now)
        with pytest.raises(PermitError):
            next(templates.each_face_template(tx, world.keys, compare, club.id, pack=PACK, dim=DIM))


def test_a_release_collection_keeps_templates_of_all_faces(world: World) -> None:
    studio, club = world.collection("studio", release_days=5), world.collection()
    _, ids = world.photo(studio.id, n_faces=3)
    _, elsewhere = world.photo(club.id, n_faces=1)
    ends = world.now + timedelta(5)
    release: dict[str, datetime | str | None] = {"reference": "contract 12", "approver": "The board", "until_at": ends}
    permit = permit_templates(studio.id, "release", release, world.now)
    forged = permit_templates(club.id, "release", release, world.now)
    assert permit is not None
    assert forged is not None
    made = vectors(3, 7)
    opened = permit_open_templates(studio.id, "release", release, world.now)
    with world.store.transaction() as tx:
        templates.add_face_templates(tx, world.keys, permit, studio.id, pack=PACK, face_ids=ids, templates=made)
        templates.add_face_templates(tx, world.keys, permit, studio.id, pack=PACK, face_ids=[], templates=made[:0])
        ((found, back),) = templates.each_face_template(tx, world.keys, opened, studio.id, pack=PACK, dim=DIM)
        with pytest.raises(NotFoundError, match="not of this collection"):
            templates.add_face_templates(
                tx, world.keys, permit, studio.id, pack=PACK, face_ids=elsewhere, templates=made[:1]
            )
        with pytest.raises(StoreError, match="one template"):
            templates.add_face_templates(tx, world.keys, permit, studio.id, pack=PACK, face_ids=ids, templates=made[:1])
        with pytest.raises(ConsentError, match="keeps no templates"):
            templates.add_face_templates(
                tx, world.keys, forged, club.id, pack=PACK, face_ids=elsewhere, templates=made[:1]
            )
    assert found == ids
    assert np.abs(back - made).max() < 1e-6


def test_the_gallerys_stamp_changes_with_every_reference_and_consent(world: World) -> None:
    club, other = world.collection(), world.collection("other")

    def stamp() -> stamps.Epoch:
        with world.store.reading() as tx:
            return stamps.epoch(tx, club.id, "people")

    seen = [stamp()]
    ann = world.subject(club.id).id
    consent = world.granted(ann)
    seen.append(stamp())
    with world.store.transaction() as tx:
        reference = world.reference(tx, club.id, ann, consent)
    seen.append(stamp())
    with world.store.transaction() as tx:
        consents.withdraw(tx, consent, at=world.now)
    seen.append(stamp())
    with world.raw() as raw:
        raw.execute("DELETE FROM subject_references WHERE id = ?", (reference,))
    seen.append(stamp())
    assert len(set(seen)) == len(seen)
    enrolled(world, other.id, "Bob", 2, 1)
    assert stamp() == seen[-1]
