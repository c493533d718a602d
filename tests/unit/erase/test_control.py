from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from countenance.erase.control import FACT, planted
from countenance.erase.needles import of_names
from countenance.erase.sweep import sweep
from countenance.errors import ProofError, StoreError
from countenance.store import facts
from tests.unit.store.world import World

PER_PLACE = 10
"""Six forms of a template, three of a name, one block."""


@pytest.fixture
def roots(world: World) -> list[Path]:
    (world.folder / "exports").mkdir()
    (world.folder / "exports" / "notes").write_bytes(b"Ann Smith")
    return [world.path, world.folder / "keys", world.folder / "exports"]


def test_everything_planted_is_found_by_the_same_sweep(world: World, roots: list[Path]) -> None:
    needles = of_names(["Ann Smith"])

    with planted(world.store, roots) as control:
        swept = sweep(needles + control.needles, [*roots, Path(f"{world.path}-wal")])

    assert control.found_in(swept) == (3 * PER_PLACE, 3 * PER_PLACE)
    assert [hit.path.name for hit in swept.found if not control.is_ours(hit)] == ["notes"]
    assert {hit.path.name for hit in swept.found if control.is_ours(hit)} > {world.path.name}


def test_nothing_planted_is_left(world: World, roots: list[Path]) -> None:
    before = sorted(world.folder.rglob("*"))

    with planted(world.store, roots) as control:
        assert len(sorted(world.folder.rglob("*"))) == len(before) + 2

    assert sorted(world.folder.rglob("*")) == before
    assert sweep(control.needles, [world.folder]).found == ()
    with world.store.reading() as tx:
        assert facts.get(tx, FACT) is None


def test_a_sweep_that_misses_one_is_no_proof(world: World, roots: list[Path]) -> None:
    with planted(world.store, roots) as control:
        swept = sweep(control.needles, roots)
        blind = replace(swept, found=swept.found[1:])
        elsewhere = replace(swept, found=(replace(swept.found[0], path=world.folder / "exports"), *swept.found[1:]))

    for wrong in (blind, elsewhere, sweep(control.needles, roots)):
        with pytest.raises(ProofError, match="proves nothing"):
            control.found_in(wrong)


def test_two_controls_have_nothing_in_common(world: World, roots: list[Path]) -> None:
    with planted(world.store, roots) as first:
        pass
    with planted(world.store, roots):
        assert sweep(first.needles, [world.folder]).found == ()


def test_it_is_taken_out_when_the_sweep_fails(world: World, roots: list[Path]) -> None:
    before = sorted(world.folder.rglob("*"))

    with pytest.raises(ZeroDivisionError), planted(world.store, roots):
        _ = 1 / 0

    assert sorted(world.folder.rglob("*")) == before


def test_what_an_interrupted_sweep_left_is_taken_out_by_the_next(world: World, roots: list[Path]) -> None:
    left = world.folder / "exports" / ".countenance-sweep-control-0011223344556677"
    left.write_bytes(b"left behind")

    with planted(world.store, roots):
        pass

    assert not left.exists()


def test_a_control_that_stays_is_told(world: World, roots: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "drop", lambda *_: None)

    with pytest.raises(ProofError, match="still found"), planted(world.store, roots):
        pass


def test_a_folder_that_cannot_be_written_is_told(
    world: World, roots: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    really = os.open

    def refusing(path: Path | str, flags: int, mode: int = 0o777) -> int:
        if "sweep-control" in str(path):
            raise PermissionError(13, "Permission denied")
        return really(path, flags, mode)

    monkeypatch.setattr(os, "open", refusing)

    with pytest.raises(StoreError, match="cannot be written"), planted(world.store, roots):
        pass
