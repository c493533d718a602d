"""Rows of cases: what is sealed opens in its own place only, and what the database itself refuses."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from countenance.core.case import Approval, Mark, Search
from countenance.core.permit import permit_probes, permit_rekey
from countenance.errors import ConflictError, DamagedError, NotFoundError, PermitError
from countenance.store import case_results, cases, probes
from countenance.store.case_results import Found, Results
from countenance.store.cases import NewCase, StoredCase
from countenance.store.probes import NewProbe
from tests.unit.store.world import PACK, World, vectors

BOX = (1.0, 2.0, 3.0, 4.0)


def opened(world: World, number: str = "1", *collections: str) -> StoredCase:
    until = world.now + timedelta(days=9)
    new = NewCase(number, "safeguarding", frozenset(collections), PACK, "Ms Reed", world.now, until)
    with world.store.transaction() as tx:
        return cases.by_number(tx, world.keys, cases.add(tx, world.keys, new))


def hand_in(world: World, stored: StoredCase, seed: int = 1) -> str:
    permit = permit_probes(stored.case, world.now)
    new = NewProbe(bytes([seed]) * 32, b"a picture", 71.5, vectors(1, seed)[0])
    with world.store.transaction() as tx:
        return probes.add(tx, world.keys, permit, stored.case.id, new, by="Ms Reed", at=world.now)


def searched(world: World, stored: StoredCase, collection: str, *found: Found) -> str:
    made = Search(
        cases.new_search_id(),
        collection,
        "Ms Reed",
        world.now,
        "d" * 64,
        1,
        len(found),
        urgent=False,
        keep_until_at=world.now + timedelta(days=30),
    )
    kept = tuple(case_results.new_candidate(each) for each in found)
    with world.store.transaction() as tx:
        case_results.add(tx, world.keys, stored.case.id, made, Results("Nothing is known.", None, 0.5, kept))
    return made.id


def test_a_probe_comes_back_as_it_was_and_sealed_in_between(world: World) -> None:
    stored = opened(world, "1", world.collection().id)
    hand_in(world, stored)
    with world.store.reading() as tx:
        (probe,) = probes.of_case(tx, world.keys, permit_probes(stored.case, world.now), stored.case.id)
    assert np.allclose(probe.content.template, vectors(1, 1)[0], atol=1e-6)
    assert (probe.content.crop, probe.content.quality, probe.added_by) == (b"a picture", 71.5, "Ms Reed")
    with world.raw() as raw:
        (sealed,) = raw.execute("SELECT sealed FROM case_probes").fetchone()
    assert b"a picture" not in sealed


def test_probes_are_handled_under_the_permit_of_their_case(world: World) -> None:
    place = world.collection().id
    one, other = opened(world, "1", place), opened(world, "2", place)
    hand_in(world, one)
    with world.store.reading() as tx:
        for permit in (permit_probes(other.case, world.now), permit_rekey(one.case.id, world.now)):
            with pytest.raises(PermitError):
                probes.of_case(tx, world.keys, permit, one.case.id)


@pytest.mark.parametrize("change", ["case_id = (SELECT max(id) FROM cases)", "added_by = 'Mr Okoro'"])
def test_a_probe_carried_elsewhere_does_not_open(world: World, change: str) -> None:
    place = world.collection().id
    one, other = opened(world, "1", place), opened(world, "2", place)
    hand_in(world, one)
    hand_in(world, other)
    with world.raw() as raw:
        raw.execute("DROP TRIGGER probes_stand")
        raw.execute(f"UPDATE case_probes SET {change} WHERE case_id = ?", (one.case.id,))  # noqa: S608 - above
    moved = one if change.startswith("added_by") else other
    with world.store.reading() as tx, pytest.raises(DamagedError):
        probes.of_case(tx, world.keys, permit_probes(moved.case, world.now), moved.case.id)


def test_a_digest_changes_with_every_probe(world: World) -> None:
    stored = opened(world, "1", world.collection().id)
    seen = set()
    for n in range(3):
        with world.store.reading() as tx:
            held, rows = probes.set_of(tx, world.keys, permit_probes(stored.case, world.now), stored.case.id)
        seen.add(held.digest)
        assert (held.n_probes, len(rows)) == (n, n)
        hand_in(world, stored, n + 1)
    assert len(seen) == 3


def test_probes_and_candidates_without_their_secret_are_gone(world: World) -> None:
    place = world.collection(release_days=9).id
    _, (face, _) = world.photo(place)
    stored = opened(world, "1", place)
    hand_in(world, stored)
    made = searched(world, stored, place, Found(1, 0.9, BOX, face=face, photo=face.rpartition("-")[0]))
    for name in world.keys.secret_names("case-") + world.keys.secret_names("case:"):
        world.keys.drop_secret(name)
    with world.store.reading() as tx:
        with pytest.raises(NotFoundError, match="destroyed"):
            probes.of_case(tx, world.keys, permit_probes(stored.case, world.now), stored.case.id)
        with pytest.raises(NotFoundError, match="destroyed"):
            case_results.of_search(tx, world.keys, made)
    assert world.keys.secret_names("case") == ["cases"], "nothing was drawn anew by looking"


def test_candidates_are_of_the_collection_that_was_searched(world: World) -> None:
    here, there = (world.collection(name, release_days=9).id for name in ("here", "there"))
    photo, (face, _) = world.photo(there)
    person = world.subject(there).id
    stored = opened(world, "1", here)
    for found in (Found(1, 0.9, BOX, face=face, photo=photo), Found(1, 0.9, BOX, subject=person, reference="r")):
        with pytest.raises(ConflictError, match="collection"):
            searched(world, stored, here, found)
    with pytest.raises(ConflictError, match="covers this search"):
        searched(world, stored, there)


def test_a_reviewer_says_it_once(world: World) -> None:
    place = world.collection(release_days=9).id
    photo, (face, _) = world.photo(place)
    made = searched(world, opened(world, "1", place), place, Found(1, 0.9, BOX, face=face, photo=photo))
    with world.store.transaction() as tx:
        (kept,) = case_results.of_search(tx, world.keys, made).candidates
        case_results.mark(tx, world.keys, made, {kept.id: Mark.LEAD}, by="Mr Okoro", at=world.now)
        (kept,) = case_results.of_search(tx, world.keys, made).candidates
        assert kept.marks == {"Mr Okoro": Mark.LEAD}
        with pytest.raises(ConflictError, match="before"):
            case_results.mark(tx, world.keys, made, {kept.id: Mark.NOT}, by="Mr Okoro", at=world.now)


def test_the_database_refuses_who_asked(world: World) -> None:
    stored = opened(world, "1", world.collection().id)
    hand_in(world, stored)
    approval = Approval("ms reed", "d" * 64, world.now)
    with world.store.transaction() as tx:
        with pytest.raises(ConflictError, match="nobody approves"):
            cases.approve(tx, world.keys, stored.case, approval)
        with pytest.raises(ConflictError, match="nobody approves"):
            cases.approve(tx, world.keys, stored.case, replace(approval, by=" MS REED "))
    with world.store.transaction() as tx:
        cases.approve(tx, world.keys, stored.case, replace(approval, by="Mr Okoro"))
        assert [each.by for each in cases.by_number(tx, world.keys, "1").case.approvals] == ["Mr Okoro"]


def test_what_an_actor_spent_counts_under_every_spelling(world: World) -> None:
    place = world.collection().id
    stored = opened(world, "1", place)
    searched(world, stored, place)
    with world.store.reading() as tx:
        assert cases.spent_since(tx, "  ms REED", world.now - timedelta(hours=1)) == 1
        assert cases.spent_since(tx, "Ms Reed", world.now + timedelta(seconds=1)) == 0
        assert cases.spent_since(tx, "Mr Okoro", world.now - timedelta(hours=1)) == 0
