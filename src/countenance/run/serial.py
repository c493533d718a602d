"""Everything in this process, one batch after the other."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence

from countenance.run.stage import Batch, Item, Stage, carry


def run(stages: Sequence[Stage[Item]], batches: Iterable[Batch[Item]]) -> Generator[Batch[Item], None, None]:
    """Each batch, in order, after all stages; closing it closes the stages.

    Raises:
        CountenanceError: a stage cannot be set up, or cannot work at all.
    """
    opened: list[Stage[Item]] = []
    try:
        for batch in batches:
            # Only when there is work: models take half a second to load, and a second ingest often has nothing to do.
            for stage in stages[len(opened) :]:
                opened.append(stage)
                stage.setup()
            yield carry(stages, batch)
    finally:
        for stage in reversed(opened):
            stage.close()
