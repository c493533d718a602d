"""Choose the runner that an engine names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from countenance.errors import UsageError
from countenance.flows.scope import ENGINES, Engine
from countenance.run import processes, serial
from countenance.run.stage import Batch, Item, Stage


def run(stages: Sequence[Stage[Item]], batches: Iterable[Batch[Item]], engine: Engine) -> Iterator[Batch[Item]]:
    """Each batch, in order, after all stages.

    Raises:
        UsageError: unknown engine.
    """
    if engine.name == "serial":
        return serial.run(stages, batches)
    if engine.name == "processes":
        return processes.run(stages, batches, engine.workers)
    msg = f"Unknown engine {engine.name!r}; choose from: {', '.join(ENGINES)}."
    raise UsageError(msg)
