"""What a runner carries, without knowing what it does."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from countenance.errors import CountenanceError

Item = TypeVar("Item")

WORKER_DIED = "worker-died"
STAGE_FAILED = "stage-failed"


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
        """Do the step. Trouble with one item is written into the item, never raised.

        What a stage raises all the same ends the run when it is a ``CountenanceError``; anything else costs the items
        that raise it again when they are tried alone, so a stage must bear seeing an item twice.
        """

    def failed(self, item: Item, reason: str) -> Item:
        """The item as a row with a reason: ``WORKER_DIED`` or ``STAGE_FAILED``."""

    def close(self) -> None:
        """Let go of what ``setup`` opened, if it did."""


def carry(stages: Sequence[Stage[Item]], batch: Batch[Item]) -> Batch[Item]:
    """One batch through all stages, timed.

    Raises:
        CountenanceError: a stage cannot work at all.
    """
    seconds = batch.seconds
    for stage in stages:
        started = time.perf_counter()
        try:
            batch = stage(batch)
        except CountenanceError:
            raise
        except Exception:  # noqa: BLE001 - it becomes a row for the item that caused it
            batch = Batch([_alone(stage, item) for item in batch.items])
        seconds[stage.name] = seconds.get(stage.name, 0.0) + time.perf_counter() - started
    return Batch(batch.items, seconds)


def _alone(stage: Stage[Item], item: Item) -> Item:
    """One item through one stage; if that raises, the item as a row with a reason."""
    try:
        return stage(Batch([item])).items[0]
    except CountenanceError:
        raise
    except Exception:  # noqa: BLE001 - the row is the answer
        return stage.failed(item, STAGE_FAILED)
