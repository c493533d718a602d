from __future__ import annotations

from datetime import timedelta

import pytest

from countenance.errors import ConflictError, StoreError
from countenance.store import calibrations
from countenance.store.calibrations import Calibration
from tests.unit.store.world import PACK, World


def made(world: World, **changes: object) -> Calibration:
    values: dict[str, object] = {
        "pack": PACK,
        "fpir": 0.01,
        "suggest_fpir": 0.1,
        "meant_for": 100,
        "enrolled": 90,
        "people": 80,
        "searches": 700,
        "comparisons": 60_000,
        "threshold": 0.55,
        "threshold_low": 0.5,
        "threshold_high": 0.6,
        "certain": 0.6,
        "suggest": 0.4,
        "suggested": 650,
        "suggested_below": 40,
        "named": 10,
        "named_below": 3,
        "seed": 7,
        "made_by": "Ms Reed",
        "made_at": world.now,
    }
    return Calibration(**(values | changes))  # type: ignore[arg-type]


def test_the_newest_counts_and_every_field_comes_back(world: World) -> None:
    where = world.collection().id
    old, new = made(world), made(world, fpir=0.02, made_at=world.now + timedelta(seconds=1))
    with world.store.transaction() as tx:
        assert calibrations.current(tx, where, PACK) is None
        calibrations.add(tx, where, new)
        calibrations.add(tx, where, old)
        assert calibrations.current(tx, where, PACK) == new
        assert calibrations.current(tx, "elsewhere", PACK) is None


def test_it_is_of_the_collections_own_pack(world: World) -> None:
    where = world.collection().id
    with pytest.raises(ConflictError, match="another model pack"), world.store.transaction() as tx:
        calibrations.add(tx, where, made(world, pack="another@1"))


def test_it_is_not_rewritten(world: World) -> None:
    where = world.collection().id
    with world.store.transaction() as tx:
        calibrations.add(tx, where, made(world))
    with pytest.raises(ConflictError, match="is not changed"), world.store.transaction() as tx:
        tx.exec_driver_sql("UPDATE calibrations SET certain = 0.1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"fpir": 0.0},
        {"fpir": 0.2},
        {"suggest_fpir": 1.0},
        {"suggest": 0.61},
        {"threshold_low": 0.56},
        {"threshold_high": 0.54},
        {"certain": 1.5},
        {"suggested_below": 651},
        {"named_below": -1},
        {"meant_for": 0},
        {"people": 0},
        {"made_by": ""},
    ],
)
def test_what_cannot_be(world: World, wrong: dict[str, object]) -> None:
    where = world.collection().id
    with pytest.raises(StoreError), world.store.transaction() as tx:
        calibrations.add(tx, where, made(world, **wrong))
