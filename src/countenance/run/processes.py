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
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Generic

from countenance.errors import CountenanceError
from countenance.run.stage import WORKER_DIED, Batch, Item, Stage, carry

AHEAD = 2
"""Batches a worker may hold: one under work, one waiting, so that it never waits for the parent to save."""
WINDOW = 8
"""Batches per worker that may be finished while an earlier one still holds up the order."""
STILLBORN = 3
"""Workers that may die one after the other before they are ready; then the fault is not with a photo."""
_JOIN_S = 10.0
_READY = "ready"


@dataclass(slots=True)
class _Job(Generic[Item]):
    """A batch to be done; ``place`` is set when it is one item, tried alone, of a batch that killed its worker."""

    number: int
    batch: Batch[Item]
    place: int | None = None


@dataclass(slots=True)
class _Worker(Generic[Item]):
    process: BaseProcess
    pipe: Connection
    jobs: deque[_Job[Item]] = field(default_factory=deque)
    ready: bool = False


def run(
    stages: Sequence[Stage[Item]], batches: Iterable[Batch[Item]], workers: int
) -> Generator[Batch[Item], None, None]:
    """Each batch after all stages, in the order in which they were given; closing it ends the workers.

    Args:
        stages: sent to every worker once.
        batches: read as workers become free, never far ahead.
        workers: how many processes, at least 1; never more than there are batches.

    Raises:
        CountenanceError: a stage cannot be set up in a worker or cannot work at all, or workers do not start.
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
        self._most = workers
        self._context = multiprocessing.get_context("spawn")
        self._again: deque[_Job[Item]] = deque()
        self._parts: dict[int, dict[int, Batch[Item]]] = {}
        self._n_parts: dict[int, int] = {}
        self._workers: list[_Worker[Item]] = []
        self._stillborn = 0

    def carry(self, batches: Iterator[Batch[Item]]) -> Iterator[Batch[Item]]:
        given = finished = 0
        done: dict[int, Batch[Item]] = {}
        # All start at once, each as soon as there is a batch for it, because starting takes longer than most batches.
        for batch in islice(batches, self._most):
            self._workers.append(self._hire())
            self._again.append(_Job(given, batch))
            given += 1
        exhausted = not given
        while not (exhausted and finished == given):
            while (worker := self._idle()) is not None:
                if self._again:
                    self._give(worker, self._again.popleft())
                    continue
                if exhausted or given - finished >= WINDOW * self._most:
                    break
                fresh = next(batches, None)
                if fresh is None:
                    exhausted = True
                    break
                self._give(worker, _Job(given, fresh))
                given += 1
            done.update(self._collect())
            while finished in done:
                yield done.pop(finished)
                finished += 1

    def close(self) -> None:
        for worker in self._workers:
            worker.pipe.close()
            if worker.jobs:
                worker.process.kill()  # nobody waits for its answer any more, and it writes nothing
        for worker in self._workers:
            _leave(worker.process)
        self._workers.clear()

    def _hire(self) -> _Worker[Item]:
        ours, theirs = self._context.Pipe()
        # Daemonic: a caller who forgets the generator can still end its program.
        process = self._context.Process(target=_work, args=(self._stages, theirs), daemon=True)
        try:
            process.start()
        except OSError as error:
            ours.close()
            msg = f"A worker process cannot be started: {error.strerror}."
            raise CountenanceError(msg, advice="Ask for fewer workers.") from error
        finally:
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
            if answer == _READY:
                worker.ready, self._stillborn = True, 0
                continue
            complete += self._take(worker.jobs.popleft(), answer)
        return complete

    def _take(self, job: _Job[Item], batch: Batch[Item]) -> list[tuple[int, Batch[Item]]]:
        if job.place is None:
            return [(job.number, batch)]
        parts = self._parts[job.number]
        parts[job.place] = batch
        if len(parts) < self._n_parts[job.number]:
            return []
        del self._parts[job.number], self._n_parts[job.number]
        whole: Batch[Item] = Batch([])
        for _, part in sorted(parts.items()):
            whole.items += part.items
            for name, spent in part.seconds.items():
                whole.seconds[name] = whole.seconds.get(name, 0.0) + spent
        return [(job.number, whole)]

    def _bury(self, worker: _Worker[Item]) -> list[tuple[int, Batch[Item]]]:
        """Replace a dead worker; what it held is tried again, the batch under work item by item."""
        worker.pipe.close()
        code = _leave(worker.process)
        self._workers.remove(worker)
        held = list(worker.jobs)
        complete: list[tuple[int, Batch[Item]]] = []
        if not worker.ready:
            self._stillborn += 1
            if self._stillborn >= STILLBORN:
                msg = f"Worker processes end before they begin (exit status {code})."
                raise CountenanceError(msg, advice="Use the engine `serial`, which shows what is wrong.")
        elif held:
            complete += self._blame(held.pop(0))
        self._again.extend(held)
        self._workers.append(self._hire())
        return complete

    def _blame(self, job: _Job[Item]) -> list[tuple[int, Batch[Item]]]:
        """What a worker held when it died: items to be tried alone, or the one that is to blame."""
        if job.place is not None:
            return self._take(job, Batch([self._stages[0].failed(item, WORKER_DIED) for item in job.batch.items]))
        if not job.batch.items:
            return [(job.number, job.batch)]
        self._parts[job.number], self._n_parts[job.number] = {}, len(job.batch.items)
        self._again.extend(_Job(job.number, Batch([item]), place) for place, item in enumerate(job.batch.items))
        return []


def _leave(process: BaseProcess) -> int | None:
    """Wait for a process that has no reason to go on, end it if it does not end, and give its exit status."""
    process.join(_JOIN_S)
    if process.is_alive():
        process.kill()
        process.join()
    code = process.exitcode
    process.close()
    return code


def _work(stages: Sequence[Stage[Item]], pipe: Connection) -> None:
    """What a worker does until its pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides; it closes the pipe
    waiting: queue.Queue[Batch[Item] | None] = queue.Queue()
    threading.Thread(target=_listen, args=(pipe, waiting), daemon=True).start()
    try:
        for stage in stages:
            stage.setup()
        pipe.send(_READY)
        while (batch := waiting.get()) is not None:
            pipe.send(carry(stages, batch))
    except CountenanceError as error:
        with contextlib.suppress(OSError):
            pipe.send(error)
    except (BrokenPipeError, ConnectionResetError):
        return  # the parent is gone
    finally:
        for stage in reversed(stages):
            stage.close()


def _listen(pipe: Connection, waiting: queue.Queue[Batch[Item] | None]) -> None:
    """Take batches off the pipe at once, so that neither side ever waits for the other to read."""
    try:
        while True:
            waiting.put(pipe.recv())
    except (EOFError, OSError):
        return
    finally:
        waiting.put(None)  # whatever happened, no more batches will come
