"""Bits that flip in any store: never a wrong answer without an error, and the scrub finds every one."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from countenance.errors import CountenanceError
from tests.faults.flipping import STORES, WRONG, Grounds, answers, flip, make_grounds, outcome_of, scrub_finds

N_LONG = 1_000
N_SHORT = 6
SEED = 21


@pytest.fixture(scope="module")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> Grounds:
    with pytest.MonkeyPatch.context() as patch:
        return make_grounds(tmp_path_factory.mktemp("flips"), patch)


@pytest.fixture
def pretended(grounds: Grounds, monkeypatch: pytest.MonkeyPatch) -> Grounds:
    from tests.pretend import Party  # noqa: PLC0415

    grounds.restore("database")
    with grounds.open() as archive:
        Party(archive, None, grounds.work).pretend(monkeypatch)  # type: ignore[arg-type]
    return grounds


def flipped(grounds: Grounds, store: str, n_flips: int, chance: random.Random) -> Counter[str]:
    tally: Counter[str] = Counter()
    grounds.restore(store)
    right = answers(grounds)
    assert sum(isinstance(answer, CountenanceError) for answer in right.values()) <= (store == "log")
    for _ in range(n_flips):
        grounds.restore(store)
        path = chance.choice(grounds.files(store))
        place = flip(path, chance)
        where = f"{store}: {path.name}, bit {place}"
        content = path.read_bytes()
        found = scrub_finds(grounds)
        grounds.restore(store)
        path.write_bytes(content)
        outcome, question = outcome_of(answers(grounds), right)
        tally[outcome] += 1
        tally["found"] += bool(found)
        if outcome == WRONG or not found:
            tally[f"MISSED {where} {question} {outcome}"] += 1
    return tally


@pytest.mark.parametrize("store", STORES)
def test_no_flip_is_answered_wrongly_or_missed_by_the_scrub(pretended: Grounds, store: str, tmp_path: Path) -> None:
    del tmp_path
    tally = flipped(pretended, store, N_SHORT, random.Random(f"{SEED} {store}"))  # noqa: S311 - where, not a secret
    assert tally["found"] == N_SHORT, tally
    assert not tally[WRONG], tally


@pytest.mark.parametrize("store", ["database", "log"])
def test_an_archive_without_flips_is_called_sound(pretended: Grounds, store: str) -> None:
    pretended.restore(store)
    assert scrub_finds(pretended) == []
    assert scrub_finds(pretended) == []


@pytest.mark.long
def test_a_thousand_flips(pretended: Grounds) -> None:
    whole: dict[str, Counter[str]] = {}
    for place, store in enumerate(STORES):
        n_flips = N_LONG // len(STORES) + (place < N_LONG % len(STORES))
        whole[store] = flipped(pretended, store, n_flips, random.Random(f"{SEED} {store} long"))  # noqa: S311
        counts = " ".join(f"{name}={number}" for name, number in sorted(whole[store].items()))
        print(f"store {store}: flips={n_flips} {counts}")  # noqa: T201 - read by benchmarks/faults/flips.py
    assert all(not tally["wrong"] for tally in whole.values())
    assert sum(tally["found"] for tally in whole.values()) == N_LONG
