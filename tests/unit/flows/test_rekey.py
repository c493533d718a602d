from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from countenance.core.permit import permit_compare, permit_erase, permit_rekey
from countenance.errors import ConflictError, DamagedError, KeyStoreError, NotFoundError, PermitError, StoreError
from countenance.ledger.event import Act
from countenance.store import entries, erasures, facts, rekeying
from countenance.store.connection import Store
from countenance.store.erasures import Erasure
from countenance.store.keys import KeyStore
from countenance.store.rekeying import Rekeyed
from tests.unit.flows.rekeyed import N_FACES, N_PEOPLE, Kept
from tests.unit.store.world import DIM, cheap_master


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept.make(tmp_path)
    yield made
    made.world.store.close()
    made.world.keys.close()


def settled(kept: Kept) -> bool:
    with kept.world.store.reading() as tx:
        return kept.world.keys.rekeys() == [] and facts.names(tx, rekeying.FACT) == []


def test_everything_is_sealed_anew_and_opens_as_before(kept: Kept) -> None:
    here, world = kept.collection.id, kept.world
    key, turn = world.keys.collection_key(here), world.keys.rotation_of(here, DIM)
    owners = [world.keys.subject_key(each) for each in kept.subjects]
    old = kept.sealed()
    assert len(old) == N_PEOPLE + N_FACES
    assert kept.rekey() == Rekeyed(N_PEOPLE, N_FACES)
    kept.assert_whole()
    assert settled(kept)
    assert world.keys.collection_key(here) != key
    assert np.abs(world.keys.rotation_of(here, DIM) - turn).max() > 0.1
    assert [world.keys.subject_key(each) for each in kept.subjects] == owners
    assert kept.sealed().keys() == old.keys()
    assert kept.in_files(old.values()) == []
    kept.reopened().assert_whole()


def test_nothing_of_the_old_key_is_left(kept: Kept) -> None:
    wrapped, backup = kept.wrapped(), (kept.world.folder / "keys" / "keys.sqlite").read_bytes()
    assert kept.in_files([wrapped]) == [wrapped]
    kept.rekey()
    assert kept.in_files([wrapped]) == []
    kept.world.keys.close()
    (kept.world.folder / "keys" / "keys.sqlite").write_bytes(backup)
    with pytest.raises(DamagedError, match="do not belong together"):
        KeyStore.open(kept.world.folder / "keys", cheap_master())


def test_other_collections_keep_everything(kept: Kept) -> None:
    other = Kept.inside(kept.world, "press")
    before, key = other.sealed(), kept.world.keys.collection_key(other.collection.id)
    kept.rekey()
    assert other.sealed() == before
    assert kept.world.keys.collection_key(other.collection.id) == key
    other.assert_whole()


def test_it_is_logged_with_what_was_done_and_nobody_named(kept: Kept) -> None:
    kept.rekey()
    with kept.world.store.reading() as tx:
        (body,) = [body for _, body in entries.bodies(tx) if b'"act":"rekey"' in body]
    assert b'"facts":{"references":2,"templates":4}' in body
    assert b'"subjects":[]' in body
    assert Act.REKEY.value == "rekey"


def test_an_empty_collection_gets_a_new_key_too(kept: Kept) -> None:
    empty = kept.world.collection("empty")
    made = Kept(kept.world, empty, [], [])
    key = kept.world.keys.collection_key(empty.id)
    assert made.rekey() == Rekeyed(0, 0)
    assert kept.world.keys.collection_key(empty.id) != key


def test_pages_are_walked_to_the_end(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_REFERENCES", "_TEMPLATES"):
        monkeypatch.setattr(rekeying, name, getattr(rekeying, name).limit(1))
    assert kept.rekey() == Rekeyed(N_PEOPLE, N_FACES)
    kept.assert_whole()


def test_references_without_a_consent_that_holds_are_turned_too(kept: Kept) -> None:
    """A consent may be renewed, so what rests on the old one must not be left under the old turn."""
    before = kept.sealed()
    with kept.world.raw() as raw:
        moment = kept.world.now.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
        raw.execute("UPDATE consents SET withdrawn_at = ?", (moment,))
    assert kept.rekey().n_references == N_PEOPLE
    assert not set(before.values()) & set(kept.sealed().values())


def test_templates_whose_basis_has_ended_are_turned_too(kept: Kept) -> None:
    with kept.world.raw() as raw:
        raw.execute("UPDATE collections SET release_until_at = '2001-01-01T00:00:00.000000Z'")
    assert kept.rekey().n_templates == N_FACES


def test_the_database_lets_sealed_bytes_change_only_while_its_collection_is_rekeyed(kept: Kept) -> None:
    with kept.world.raw() as raw:
        raw.execute("UPDATE collections SET release_until_at = '2001-01-01T00:00:00.000000Z'")
        raw.execute("UPDATE consents SET withdrawn_at = '2001-01-01T00:00:00.000000Z'")
    changes = [
        "UPDATE subject_references SET template_sealed = x'00'",
        "UPDATE face_templates SET template_sealed = x'00'",
    ]
    moves = ["UPDATE subject_references SET quality = 1", "UPDATE face_templates SET pack_id = 'other'"]
    for fact, refused in ((None, changes + moves), ("rekey:other", changes), (f"rekey:{kept.collection.id}", moves)):
        for change in refused:
            with kept.world.raw() as raw:
                if fact:
                    raw.execute("INSERT OR REPLACE INTO archive_facts VALUES (?, 'written')", (fact,))
                with pytest.raises(sqlite3.IntegrityError, match="no consent"):
                    raw.execute(change)


def test_a_reference_that_nobody_can_open_any_more_is_left_alone(kept: Kept) -> None:
    kept.world.keys.drop_subject_key(kept.subjects[0])
    assert kept.rekey().n_references == N_PEOPLE - 1


def test_damage_changes_nothing(kept: Kept) -> None:
    with kept.world.raw() as raw:
        raw.execute("UPDATE face_templates SET template_sealed = zeroblob(93) WHERE face_id = ?", (kept.faces[3],))
    before, key = kept.sealed(), kept.wrapped()
    with pytest.raises(DamagedError):
        kept.rekey()
    assert (kept.sealed(), kept.wrapped(), kept.n_entries) == (before, key, 0)
    assert settled(kept)


def test_an_unfinished_erasure_comes_first(kept: Kept) -> None:
    here, now = kept.collection.id, kept.world.now
    with kept.world.store.transaction() as tx:
        erasures.begin(tx, Erasure("e" * 8, "subject", kept.subjects[0], here, "rows", b"x", "office", now))
    before = kept.sealed()
    with pytest.raises(ConflictError, match="not finished"):
        kept.rekey()
    assert kept.sealed() == before
    assert settled(kept)


def test_it_needs_its_own_permit(kept: Kept) -> None:
    here, now = kept.collection.id, kept.world.now
    for permit in (permit_compare(here, [], now), permit_erase(here, [], now), permit_rekey("another", now)):
        with pytest.raises(PermitError), kept.world.store.transaction() as tx:
            rekeying.rewrite(tx, kept.world.keys, permit, here)


FAILING: dict[str, tuple[object, str, bool]] = {
    "the mark": (KeyStore, "mark_rekey", False),
    "the log": (Store, "truncate_log", True),
    "the key": (KeyStore, "finish_rekey", True),
    "the epoch": (KeyStore, "rotate_epoch", True),
    "the fact": (facts, "drop", True),
}
"""What fails once, and whether rows are under the new key by then."""


@pytest.mark.parametrize("what", FAILING)
def test_a_failure_at_any_step_leaves_one_key_in_force(kept: Kept, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, written = FAILING[what]
    before, key = kept.sealed(), kept.world.keys.collection_key(kept.collection.id)

    def full(*_: object) -> None:
        raise StoreError("The disk is full.")  # noqa: EM101, TRY003 - a stand-in

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, full)
        with pytest.raises(StoreError, match="full"):
            kept.rekey()
        if written and what in {"the log", "the key"}:
            with pytest.raises(KeyStoreError, match="being given a new key"):
                kept.opened()
            with pytest.raises(KeyStoreError, match="being given a new key"):
                kept.world.subject(kept.collection.id, "Carl")
    again = kept.reopened()
    again.assert_whole()
    assert settled(again)
    assert (again.sealed() == before) is not written
    assert (again.world.keys.collection_key(kept.collection.id) == key) is not written
    assert again.n_entries == int(written)
    assert again.rekey() == Rekeyed(N_PEOPLE, N_FACES)
    again.assert_whole()


def test_the_new_key_waits_for_whoever_still_reads_the_old_rows(kept: Kept) -> None:
    """Otherwise a reader would turn old rows back by the new turn and, seeing nobody, say nothing."""
    patient = Store.open(kept.world.path, busy_timeout_s=0.1)
    kept.world.store.close()
    kept.world.store = patient
    with Store.open(kept.world.path) as other, other.reading() as tx:
        assert facts.names(tx, "nothing") == []
        with pytest.raises(StoreError, match="reader still holds it"):
            kept.rekey()
        with pytest.raises(KeyStoreError, match="being given a new key"):
            kept.opened()
    rekeying.settle(patient, kept.world.keys)
    kept.assert_whole()


def test_another_program_follows(kept: Kept) -> None:
    with KeyStore.open(kept.world.folder / "keys", cheap_master()) as other:
        old = other.collection_key(kept.collection.id)
        turn = other.rotation_of(kept.collection.id, DIM)
        kept.rekey()
        assert other.collection_key(kept.collection.id) == kept.world.keys.collection_key(kept.collection.id) != old
        assert np.abs(other.rotation_of(kept.collection.id, DIM) - turn).max() > 0.1
        assert other.subject_key(kept.subjects[0]) == kept.world.keys.subject_key(kept.subjects[0])


def test_a_collection_whose_key_is_dropped_leaves_no_next_one(kept: Kept) -> None:
    kept.world.keys.next_collection_key(kept.collection.id)
    assert kept.world.keys.rekeys() == [kept.collection.id]
    kept.world.keys.drop_collection_key(kept.collection.id)
    assert kept.world.keys.rekeys() == []
    with pytest.raises(NotFoundError):
        kept.rekey()


def test_settling_twice_or_for_nothing_does_no_harm(kept: Kept) -> None:
    assert rekeying.settle(kept.world.store, kept.world.keys) == []
    kept.world.keys.next_collection_key(kept.collection.id)
    assert rekeying.settle(kept.world.store, kept.world.keys) == []
    assert settled(kept)
    kept.world.keys.finish_rekey(kept.collection.id)
    kept.assert_whole()


def test_many_rekeys_do_not_wear_templates_out(kept: Kept) -> None:
    for _ in range(30):
        kept.rekey()
    kept.assert_whole()
