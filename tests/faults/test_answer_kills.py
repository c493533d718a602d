"""A search is killed (SIGKILL) at random moments: whatever was answered has its entry in the ledger (P7)."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from countenance.archive import Archive
from countenance.core.canonical import parse
from countenance.core.merkle import leaf_hash, node_hash
from countenance.flows import find
from countenance.ledger import log
from countenance.ledger.event import commitment
from countenance.settings import Settings
from countenance.store import entries
from tests.drawn import name_of
from tests.faults import answering
from tests.faults.answering import answer, master
from tests.pretend import Party, photo
from tests.promises.logged import Scene

PATIENCE_S, AROUND_S = 60.0, 0.02
"""How long an answer is waited for, and how long after one the child is killed at most."""


@dataclass(frozen=True)
class Ground:
    """An archive in which two people are found, and where a child says what it found."""

    folder: Path
    people: tuple[str, ...]
    said: Path


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    folder = tmp_path_factory.mktemp("answers")
    with pytest.MonkeyPatch.context() as patch, Party.make(folder).pretend(patch) as party:
        people = tuple(party.enrol(seat) for seat in (0, 1))
        for seat in (0, 1):
            party.archive.grant(name_of(seat), Scene(party).form("find-my-photos"), "office")
        party.put(both=photo(0, 1))
        party.clear()
    (folder / "said").touch()
    return Ground(folder / "archive", people, folder / "said")


def searches(archive: Archive, since: int) -> list[dict[str, Any]]:
    """Entries of searches from a number on."""
    with archive._store.reading() as tx:
        found = [parse(body) for _, body in entries.bodies(tx, since)]
    return [each for each in found if each["act"] == "find"]


def is_of(archive: Archive, entry: dict[str, Any], subject: str) -> bool:
    """Whether an entry is about this person and nobody else."""
    salt = archive._keys.salt_of(subject, bytes.fromhex(entry["nonce"]))
    return bool(entry["subjects"] == [commitment(salt, subject)])


def kill_once(ground: Ground, chance: random.Random) -> tuple[bool, list[str]]:
    """Start a child and kill it around an answer; whether it still ran, and whom it gave answers about."""
    ground.said.write_bytes(b"")
    context = multiprocessing.get_context("forkserver")  # spares a thousand starts of Python
    context.set_forkserver_preload([answering.__name__])
    child = context.Process(target=answer, args=(ground.folder, ground.people, ground.said), daemon=True)
    child.start()
    n_first, until = chance.randrange(4), time.monotonic() + PATIENCE_S
    while ground.said.read_bytes().count(b"\n") < n_first and child.is_alive() and time.monotonic() < until:
        time.sleep(0.001)
    time.sleep(chance.uniform(0, AROUND_S if n_first else 20 * AROUND_S))
    ran = child.is_alive()
    child.kill()
    child.join()
    return ran, [line.decode() for line in ground.said.read_bytes().splitlines()]


def kill_often(ground: Ground, n_kills: int, seed: int) -> Counter[str]:
    """Kill until so many have hit; the tally."""
    chance, tally = random.Random(seed), Counter[str]()  # noqa: S311 - moments of kills, not secrets
    with Archive.open(ground.folder, master(), Settings()) as archive:
        while tally["kills"] < n_kills:
            with archive._store.reading() as tx:
                since = entries.size(tx)
            ran, answers = kill_once(ground, chance)
            assert ran, "the child ended by itself"
            logged = searches(archive, since)
            pairs = zip(answers, logged, strict=False)
            missing = max(0, len(answers) - len(logged))
            missing += sum(not is_of(archive, entry, who) for who, entry in pairs)
            tally += Counter(kills=1, answers=len(answers), without_an_entry=missing)
            tally["between"] += len(logged) > len(answers)  # after the entry, before the answer was out
        with archive._store.reading() as tx:
            size = entries.size(tx)
            bodies = [body for _, body in entries.bodies(tx)]
            assert log.root(tx, size) == root_of_all(bodies)
    return tally


def root_of_all(bodies: list[bytes]) -> bytes:
    """The root, from the entries alone."""
    level = [leaf_hash(body) for body in bodies]
    while len(level) > 1:
        pairs = [node_hash(one, two) for one, two in zip(level[::2], level[1::2], strict=False)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0]


def test_no_answer_without_an_entry(ground: Ground) -> None:
    tally = kill_often(ground, 20, seed=20)
    assert tally["without_an_entry"] == 0
    assert tally["answers"] >= 10


def test_an_answer_that_was_not_logged_is_noticed(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    with Archive.open(ground.folder, master(), Settings()) as archive:
        monkeypatch.setattr(find, "log", lambda *_, **__: None)
        with archive._store.reading() as tx:
            since = entries.size(tx)
        assert archive.find(ground.people[0])
        assert searches(archive, since) == []
        monkeypatch.undo()
        archive.find(ground.people[0])
        (entry,) = searches(archive, since)
        assert [is_of(archive, entry, who) for who in ground.people] == [True, False]


@pytest.mark.long
def test_a_thousand_kills_and_no_answer_without_an_entry(ground: Ground) -> None:
    tally = kill_often(ground, 1_000, seed=1_000)
    print(" ".join(f"{name}={count}" for name, count in sorted(tally.items())))  # noqa: T201 - the benchmark reads it
    assert tally["without_an_entry"] == 0
    assert tally["answers"] >= 1_000
    assert tally["between"] >= 10
