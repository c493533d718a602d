from __future__ import annotations

import pytest

from countenance.errors import PackError
from countenance.run.stage import STAGE_FAILED, Batch, carry
from tests.contract.parcels import Hopeless, Parcel, Raising, Step


class Fresh(Step):
    """Answers with a batch of its own."""

    def __call__(self, batch: Batch[Parcel]) -> Batch[Parcel]:
        return Batch([Parcel(parcel.number + 10) for parcel in batch.items])


class Clumsy(Step):
    """Fails on batches, never on single items."""

    def __call__(self, batch: Batch[Parcel]) -> Batch[Parcel]:
        if len(batch.items) > 1:
            msg = "too many at once"
            raise MemoryError(msg)
        return super().__call__(batch)


def test_seconds_add_up_whoever_makes_the_batch() -> None:
    batch = Batch([Parcel(1)], {"read": 2.0, "fresh": 3.0})
    done = carry([Fresh("fresh"), Step("stamp"), Fresh("fresh")], batch)
    assert [parcel.number for parcel in done.items] == [21]
    assert set(done.seconds) == {"read", "fresh", "stamp"}
    assert done.seconds["read"] == 2.0
    assert 3.0 < done.seconds["fresh"] < 4.0


def test_what_fails_together_may_succeed_alone() -> None:
    done = carry([Clumsy()], Batch([Parcel(number) for number in range(3)]))
    assert [(parcel.number, parcel.steps, parcel.refused) for parcel in done.items] == [
        (number, ["stamp"], "") for number in range(3)
    ]


def test_only_the_item_to_blame_is_refused() -> None:
    done = carry([Raising(marked=frozenset({1}))], Batch([Parcel(number) for number in range(3)]))
    assert [parcel.refused for parcel in done.items] == ["", STAGE_FAILED, ""]


def test_our_own_errors_are_not_taken_for_bad_items() -> None:
    batch = Batch([Parcel(0), Parcel(1)])
    with pytest.raises(PackError):
        carry([Hopeless(marked=frozenset({1}))], batch)


def test_our_own_errors_are_not_taken_for_bad_items_when_tried_alone() -> None:
    class Both(Clumsy):
        def stamp(self, parcel: Parcel) -> None:
            msg = f"no network for {parcel.number}"
            raise PackError(msg)

    with pytest.raises(PackError, match="no network for 0"):
        carry([Both()], Batch([Parcel(0), Parcel(1)]))
