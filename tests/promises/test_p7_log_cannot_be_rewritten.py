"""P7: the log cannot be rewritten unnoticed. The full count is in ``benchmarks.faults.log_edits``."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from countenance.errors import CountenanceError
from countenance.flows import audit
from countenance.ledger.checkpoint import sign
from countenance.ledger.mirror import CHECKPOINT
from tests.promises.log_edits import KINDS, Checker, Edit, Kept, attack, older_of
from tests.unit.ledger.logs import Log, open_log

N_ENTRIES = 200


@pytest.fixture(scope="module")
def honest() -> Kept:
    return Kept.honest(N_ENTRIES)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = open_log(tmp_path, 24)
    with made.world.store, made.world.keys:
        yield made


def test_what_nobody_edited_is_found_sound(honest: Kept) -> None:
    for size in (0, 1, 100, N_ENTRIES):
        assert not Checker(older_of(honest, size)).finds(honest)


@pytest.mark.parametrize("edit", KINDS, ids=lambda edit: edit.__name__)
def test_whoever_holds_an_older_checkpoint_finds_every_edit_of_what_it_covers(honest: Kept, edit: Edit) -> None:
    """Also of those who hold the signing key and make everything fit."""
    chance = random.Random(7)  # noqa: S311 - a test
    for _ in range(25):
        size = chance.randrange(1, N_ENTRIES + 1)
        kept = attack(honest, edit, chance.randrange(size), chance, with_key=True)
        assert kept.bodies == honest.bodies or Checker(older_of(honest, size)).finds(kept)


@pytest.mark.parametrize("edit", KINDS, ids=lambda edit: edit.__name__)
def test_without_the_key_every_edit_anywhere_is_found(honest: Kept, edit: Edit) -> None:
    chance = random.Random(8)  # noqa: S311 - a test
    checker = Checker(older_of(honest, 1))
    for _ in range(25):
        kept = attack(honest, edit, chance.randrange(N_ENTRIES), chance, with_key=False)
        assert kept.bodies == honest.bodies or checker.finds(kept)


def test_what_no_checkpoint_outside_covers_is_safe_from_everybody_but_who_has_the_key(honest: Kept) -> None:
    """The honest limit: see docs/attack-model.md. It is why checkpoints have to be handed out."""
    chance = random.Random(9)  # noqa: S311 - a test
    kept = attack(honest, KINDS[1], 150, chance, with_key=True)
    assert not Checker(older_of(honest, 100)).finds(kept) or kept.nodes == honest.nodes


@pytest.mark.parametrize("with_key", [True, False], ids=["with the key", "without it"])
@pytest.mark.parametrize("edit", KINDS, ids=lambda edit: edit.__name__)
def test_the_same_in_a_real_database_with_its_guards_dropped(log: Log, edit: Edit, *, with_key: bool) -> None:
    with log.world.store.reading() as tx:
        older, note = sign(tx, log.world.keys, 12), sign(tx, log.world.keys)
    bodies, chance = log.bodies(), random.Random(10)  # noqa: S311 - a test
    for at in (0, 5, 11):
        log.rewrite(edit(bodies, at, chance), mirror=True)
        if with_key:
            with log.world.store.reading() as tx:
                (log.mirror.folder / CHECKPOINT).write_text(sign(tx, log.world.keys), "utf-8")
        changed = log.bodies() != bodies
        assert changed
        assert _is_found(log, [older] if with_key else [])
    log.rewrite(bodies, mirror=True)
    (log.mirror.folder / CHECKPOINT).write_text(note, "utf-8")
    assert not _is_found(log, [older])


def _is_found(log: Log, older: list[str]) -> bool:
    try:
        return audit.verify(log.record, older).findings != ()
    except CountenanceError:
        return True
