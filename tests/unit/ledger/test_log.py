"""Entries: what they hold, what they commit to, and that they follow each other."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from countenance.core.merkle import leaf_hash, root_of
from countenance.errors import ConflictError, DamagedError, NotFoundError, StoreError
from countenance.ledger.event import FIELDS, MOST_SUBJECTS, Act, Event, commitment
from countenance.ledger.log import append, append_all, root
from countenance.store import actors, entries
from tests.unit.ledger.logs import Log


def last(log: Log) -> dict[str, object]:
    found: dict[str, object] = json.loads(log.bodies()[-1])
    return found


def test_an_entry_says_who_what_where_and_when(log: Log) -> None:
    at = datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=2)))
    with log.world.store.transaction() as tx:
        n = append(tx, log.world.keys, Event(Act.CLEAR, "Ms Reed", "c0ffee", facts={"clear": 3, "all": True}), at=at)
        (reed,) = [each.id for each in actors.everybody(tx).values() if each.name == "Ms Reed"]
    assert last(log) == {
        "v": 1,
        "n": n,
        "at": "2026-03-29T00:30:00.000000Z",
        "act": "clear",
        "actor": reed,
        "collection": "c0ffee",
        "subjects": [],
        "nonce": None,
        "facts": {"clear": 3, "all": True},
    }
    assert last(log).keys() == FIELDS


def test_a_commitment_is_opened_with_the_persons_key_and_with_nothing_else(log: Log) -> None:
    ann, bo = log.people
    with log.world.store.transaction() as tx:
        n = append(tx, log.world.keys, Event(Act.FIND, "office", subjects=(ann, ann)), at=log.world.now)
        assert entries.touching(tx, ann)[-1] == n
        assert n not in entries.touching(tx, bo)
    fields = json.loads(log.bodies()[-1])
    (hidden,), nonce = fields["subjects"], bytes.fromhex(fields["nonce"])
    assert commitment(log.world.keys.salt_of(ann, nonce), ann) == hidden
    assert commitment(log.world.keys.salt_of(bo, nonce), bo) != hidden
    assert commitment(log.world.keys.salt_of(ann, bytes(16)), ann) != hidden
    log.world.keys.drop_subject_key(ann)
    with pytest.raises(NotFoundError):
        log.world.keys.salt_of(ann, nonce)


def test_two_entries_about_one_person_share_nothing(log: Log) -> None:
    with log.world.store.transaction() as tx:
        append_all(tx, log.world.keys, [Event(Act.FIND, "office", subjects=log.people)] * 2, at=log.world.now)
    one, other = (set(json.loads(body)["subjects"]) for body in log.bodies()[-2:])
    assert len(one) == len(other) == 2
    assert not one & other


def test_an_act_on_many_people_is_several_entries(log: Log) -> None:
    club = log.world.collection("large").id
    crowd = tuple(log.world.subject(club, f"Person {n}").id for n in range(MOST_SUBJECTS + 1))
    with log.world.store.transaction() as tx:
        assert append(tx, log.world.keys, Event(Act.INGEST, "office", club, crowd, {"n": 1}), at=log.world.now) == 8
    assert [len(json.loads(body)["subjects"]) for body in log.bodies()[-2:]] == [MOST_SUBJECTS, 1]


def test_nothing_of_an_undone_act_stays(log: Log) -> None:
    def fail_after_logging() -> None:
        with log.world.store.transaction() as tx:
            append(tx, log.world.keys, Event(Act.FIND, "a new actor"), at=datetime.now(UTC))
            msg = "the act failed"
            raise ConflictError(msg)

    with pytest.raises(ConflictError):
        fail_after_logging()
    assert len(log.bodies()) == 7
    with log.world.store.reading() as tx:
        assert "a new actor" not in {each.name for each in actors.everybody(tx).values()}


def test_text_that_is_no_word_of_a_list_is_refused(log: Log) -> None:
    with log.world.store.transaction() as tx, pytest.raises(StoreError, match="closed lists"):
        append(tx, log.world.keys, Event(Act.FIND, "office", facts={"name": "x" * 65}), at=log.world.now)
    with log.world.store.transaction() as tx, pytest.raises(StoreError, match="nothing to log"):
        append_all(tx, log.world.keys, [], at=log.world.now)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entries SET body = x'00' WHERE n = 1",
        "DELETE FROM ledger_entries WHERE n = 6",
        "INSERT INTO ledger_entries VALUES (8, x'00', zeroblob(32))",
        "UPDATE ledger_nodes SET hash = zeroblob(32)",
        "DELETE FROM ledger_nodes",
        "INSERT OR REPLACE INTO ledger_nodes VALUES (1, 0, zeroblob(32))",
        "INSERT OR REPLACE INTO ledger_entries VALUES (1, x'00', zeroblob(32))",
    ],
)
def test_the_database_itself_refuses_to_rewrite(log: Log, statement: str) -> None:
    import sqlite3  # noqa: PLC0415 - only here

    with pytest.raises(sqlite3.IntegrityError), log.world.raw() as raw:
        raw.execute(statement)
    assert len(log.bodies()) == 7


def test_pages_of_rows_are_read_to_their_end(log: Log) -> None:
    log.append(2_100)
    bodies = log.bodies()
    assert len(bodies) == 2_107
    with log.world.store.reading() as tx:
        assert [n for n, _ in entries.bodies(tx, 5, 2_050)] == [*range(5, 2_050)]
        assert [n for n, _ in entries.nodes(tx, 1)] == [*range(1_053)]
        assert entries.highest(tx) == 11
        leaves = [leaf_hash(body) for body in bodies]
        kept = {(level, n): digest for level in range(1, 12) for n, digest in entries.nodes(tx, level)}
        assert root(tx, 2_107) == root_of(2_107, lambda level, n: kept[level, n] if level else leaves[n])
        with pytest.raises(DamagedError, match="Entry 2107"):
            entries.body(tx, 2_107)
