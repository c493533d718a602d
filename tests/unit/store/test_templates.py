"""Templates that are opened for one person, and which faces have one."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from countenance.core.permit import permit_compare, permit_templates, permit_verify
from countenance.errors import PermitError
from countenance.store import references, templates
from tests.unit.store.world import DIM, PACK, World, vectors


def test_only_the_persons_own_references_are_opened_to_verify(world: World) -> None:
    club, rows = world.collection(), vectors(3, 5)
    people = [world.subject(club.id, name).id for name in ("Ann", "Ann again", "Bob")]
    given = [world.granted(each) for each in people]
    with world.store.transaction() as tx:
        for subject, consent, row in zip(people, given, rows, strict=True):
            world.reference(tx, club.id, subject, consent, row)
    permit = permit_verify(club.id, people[:2], 2, world.now)
    with world.store.reading() as tx:
        opened = references.references_to_verify(tx, world.keys, permit, club.id, pack=PACK, dim=DIM)
        none = references.references_to_verify(tx, world.keys, permit, club.id, pack="other@1", dim=DIM)
        compare = permit_compare(club.id, [world.consent(people[0])], world.now)
        with pytest.raises(PermitError):
            references.references_to_verify(tx, world.keys, compare, club.id, pack=PACK, dim=DIM)
        with pytest.raises(PermitError):
            references.references_of_collection(tx, world.keys, permit, club.id, pack=PACK, dim=DIM)
    order = np.argsort(opened[:, 0])
    assert np.abs(opened[order] - rows[:2][np.argsort(rows[:2, 0])]).max() < 1e-6
    assert none.shape == (0, DIM)


def test_which_faces_have_a_template(world: World) -> None:
    studio = world.collection("studio", release_days=5)
    _, ids = world.photo(studio.id, n_faces=3)
    release: dict[str, datetime | str | None] = {
        "reference": "contract 12",
        "approver": "The board",
        "until_at": world.now + timedelta(days=5),
    }
    permit = permit_templates(studio.id, "release", release, world.now)
    assert permit is not None
    with world.store.transaction() as tx:
        templates.add_face_templates(
            tx, world.keys, permit, studio.id, pack=PACK, face_ids=ids[:2], templates=vectors(2, 7)
        )
        assert templates.kept_of(tx, ids) == set(ids[:2])
        assert templates.kept_of(tx, []) == set()
