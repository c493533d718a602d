"""What a runner carries, without knowing what it does."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

Item = TypeVar("Item")


@dataclass(slots=True)
class Batch(Generic[Item]):
    """Items that travel together.

    Attributes:
        items: whatever the stages work on; must survive being sent to another process.
        seconds: wall seconds that each stage has spent on this batch, by stage name.
    """

    items: list[Item]
    seconds: dict[str, float] = field(default_factory=dict)


class Stage(Protocol[Item]):
    """One step of the pipeline. Sent to workers before ``setup``, so it holds settings only until then."""

    name: str
    needs: tuple[str, ...]

    def setup(self) -> None:
        """Open models and helpers; called once in the process that will work."""

    def __call__(self, batch: Batch[Item]) -> Batch[Item]:
        """Do the step. Trouble with one item is written into the item, never raised."""

    def failed(self, item: Item, reason: str) -> Item:
        """The item as a row with a reason, after the process that worked on it died."""

    def close(self) -> None:
        """Let go of what ``setup`` opened."""


def carry(stages: Sequence[Stage[Item]], batch: Batch[Item]) -> Batch[Item]:
    """One batch through all stages, timed."""
    for stage in stages:
        started = time.perf_counter()
        batch = stage(batch)
        batch.seconds[stage.name] = batch.seconds.get(stage.name, 0.0) + time.perf_counter() - started
    return batch
