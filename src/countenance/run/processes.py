"""The same stages in worker processes of this machine, one core each.

A worker that dies costs at most one item: its batch is given to a fresh worker item by item, and an item that kills its
worker again becomes a row with a reason.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import queue
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Generic

from countenance.errors import CountenanceError
from countenance.run.stage import Batch, Item, Stage, carry

AHEAD = 2
"""Batches a worker may hold: one under work, one waiting, so that it never waits for the parent to save."""
_JOIN_S = 10.0


@dataclass(slots=True)
class _Job(Generic[Item]):
    number: int
    batch: Batch[Item]
    alone: bool = False


@dataclass(slots=True)
class _Worker(Generic[Item]):
    process: BaseProcess
    pipe: Connection
    jobs: deque[_Job[Item]] = field(default_factory=deque)


def run(stages: Sequence[Stage[Item]], batches: Iterable[Batch[Item]], workers: int) -> Iterator[Batch[Item]]:
    """Each batch after all stages, in the order in which they were given.

    Args:
        stages: sent to every worker once.
        batches: read as workers become free, never far ahead.
        workers: how many processes, at least 1.

    Raises:
        CountenanceError: a stage cannot be set up in a worker.
    """
    pool = _Pool(stages, max(1, workers))
    try:
        yield from pool.carry(iter(batches))
    finally:
        pool.close()


class _Pool(Generic[Item]):
    """Workers, what each of them holds, and what came back out of order."""

    def __init__(self, stages: Sequence[Stage[Item]], workers: int) -> None:
        self._stages = list(stages)
        self._context = multiprocessing.get_context("spawn")
        self._again: deque[_Job[Item]] = deque()
        self._parts: dict[int, list[Batch[Item]]] = {}
        self._missing: dict[int, int] = {}
        self._workers: list[_Worker[Item]] = []
        for _ in range(workers):
            self._workers.append(self._hire())

    def carry(self, batches: Iterator[Batch[Item]]) -> Iterator[Batch[Item]]:
        given = finished = 0
        done: dict[int, Batch[Item]] = {}
        exhausted = False
        while True:
            while (worker := self._idle()) is not None and not (exhausted and not self._again):
                if self._again:
                    self._give(worker, self._again.popleft())
                    continue
                batch = next(batches, None)
                if batch is None:
                    exhausted = True
                    break
                self._give(worker, _Job(given, batch))
                given += 1
            if exhausted and finished == given:
                return
            done.update(self._collect())
            while finished in done:
                yield done.pop(finished)
                finished += 1

    def close(self) -> None:
        for worker in self._workers:
            worker.pipe.close()
        for worker in self._workers:
            worker.process.join(_JOIN_S)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.process.close()
        self._workers.clear()

    def _hire(self) -> _Worker[Item]:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_work, args=(self._stages, theirs), daemon=False)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _idle(self) -> _Worker[Item] | None:
        free = [worker for worker in self._workers if len(worker.jobs) < AHEAD]
        return min(free, key=lambda worker: len(worker.jobs), default=None)

    def _give(self, worker: _Worker[Item], job: _Job[Item]) -> None:
        worker.jobs.append(job)
        with contextlib.suppress(OSError):  # it died; _collect sees the closed pipe and gives its jobs to another
            worker.pipe.send(job.batch)

    def _collect(self) -> list[tuple[int, Batch[Item]]]:
        """Wait for at least one answer or one death, and return the batches that are now complete."""
        complete = []
        by_pipe = {worker.pipe: worker for worker in self._workers if worker.jobs}
        for pipe in wait(list(by_pipe)):
            worker = by_pipe[pipe]  # type: ignore[index]
            try:
                answer = worker.pipe.recv()
            except (EOFError, OSError):
                complete += self._bury(worker)
                continue
            if isinstance(answer, CountenanceError):
                raise answer
            complete += self._take(worker.jobs.popleft(), answer)
        return complete

    def _take(self, job: _Job[Item], batch: Batch[Item]) -> list[tuple[int, Batch[Item]]]:
        if not job.alone:
            return [(job.number, batch)]
        parts = self._parts[job.number]
        parts.append(batch)
        self._missing[job.number] -= 1
        if self._missing[job.number]:
            return []
        whole = Batch([item for part in parts for item in part.items])
        for part in parts:
            for name, spent in part.seconds.items():
                whole.seconds[name] = whole.seconds.get(name, 0.0) + spent
        del self._parts[job.number], self._missing[job.number]
        return [(job.number, whole)]

    def _bury(self, worker: _Worker[Item]) -> list[tuple[int, Batch[Item]]]:
        """Replace a dead worker; what it held is tried again, the batch under work item by item."""
        worker.pipe.close()
        worker.process.join()
        worker.process.close()
        self._workers[self._workers.index(worker)] = self._hire()
        complete: list[tuple[int, Batch[Item]]] = []
        held = list(worker.jobs)
        if held and held[0].alone:
            lost = held.pop(0)
            reason = "worker-died"
            items = [self._stages[0].failed(item, reason) for item in lost.batch.items]
            complete += self._take(lost, Batch(items))
        elif held:
            first = held.pop(0)
            self._parts[first.number], self._missing[first.number] = [], len(first.batch.items)
            self._again.extend(_Job(first.number, Batch([item]), alone=True) for item in first.batch.items)
        self._again.extend(held)
        return complete


def _work(stages: Sequence[Stage[Item]], pipe: Connection) -> None:
    """What a worker does until its pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides; it closes the pipe
    waiting: queue.Queue[Batch[Item] | None] = queue.Queue()
    threading.Thread(target=_listen, args=(pipe, waiting), daemon=True).start()
    try:
        for stage in stages:
            stage.setup()
        while (batch := waiting.get()) is not None:
            pipe.send(carry(stages, batch))
    except CountenanceError as error:
        pipe.send(error)
    except (BrokenPipeError, ConnectionResetError):
        return  # the parent is gone
    finally:
        for stage in stages:
            stage.close()


def _listen(pipe: Connection, waiting: queue.Queue[Batch[Item] | None]) -> None:
    """Take batches off the pipe at once, so that neither side ever waits for the other to read."""
    while True:
        try:
            waiting.put(pipe.recv())
        except (EOFError, OSError):
            waiting.put(None)
            return
