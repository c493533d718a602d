"""One suite for every runner: the same rows in the same order, whoever does the work."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from countenance.errors import CountenanceError, PackError
from countenance.run import processes, serial
from countenance.run.stage import STAGE_FAILED, WORKER_DIED, Batch, Stage
from tests.contract.parcels import (
    Deadly,
    DeadlyOnce,
    Heavy,
    Hopeless,
    Opening,
    Parcel,
    Raising,
    Refusing,
    Step,
    Stillborn,
    Unready,
    Waiting,
    batches_of,
)
from tests.house.source import ROOT

Running = Generator[Batch[Parcel], None, None]
Runner = Callable[[Sequence[Stage[Parcel]], Iterable[Batch[Parcel]]], Running]
PATIENCE_S = 20.0


def two_processes(stages: Sequence[Stage[Parcel]], batches: Iterable[Batch[Parcel]]) -> Running:
    return processes.run(stages, batches, 2)


@pytest.fixture(params=[serial.run, two_processes], ids=["serial", "processes"])
def run(request: pytest.FixtureRequest) -> Runner:
    chosen: Runner = request.param
    return chosen


@pytest.fixture(autouse=True)
def nobody_stays() -> Iterator[None]:
    yield
    assert multiprocessing.active_children() == []


def rows(batches: Iterable[Batch[Parcel]]) -> list[tuple[int, tuple[str, ...], str]]:
    return [(parcel.number, tuple(parcel.steps), parcel.refused) for batch in batches for parcel in batch.items]


# Every runner ----------------------------------------------------------------------------------------------------


def test_nothing_in_nothing_out(run: Runner) -> None:
    stage = Step()
    assert list(run([stage], [])) == []
    assert stage.n_setups == 0


def test_nothing_to_do_starts_nothing(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiprocessing.get_context("spawn").Process, "start", None)
    assert list(run([Unready()], iter([]))) == []


@pytest.mark.parametrize(("n_items", "size"), [(1, 1), (3, 8), (100, 7)], ids=["one", "one batch", "many"])
def test_every_item_passes_every_stage_in_order(run: Runner, n_items: int, size: int) -> None:
    stages = [Step("first"), Step("second"), Step("third")]
    done = list(run(stages, batches_of(n_items, size)))
    assert [len(batch.items) for batch in done] == [len(batch.items) for batch in batches_of(n_items, size)]
    assert rows(done) == [(number, ("first", "second", "third"), "") for number in range(n_items)]


def test_every_stage_is_timed_and_earlier_seconds_stay(run: Runner) -> None:
    batches = batches_of(6, 2)
    batches[0].seconds["read"] = 5.0
    done = list(run([Step("first"), Step("second")], batches))
    assert done[0].seconds.pop("read") == 5.0
    for batch in done:
        assert set(batch.seconds) == {"first", "second"}
        assert all(0 <= spent < PATIENCE_S for spent in batch.seconds.values())


def test_an_empty_batch_is_a_batch(run: Runner) -> None:
    done = list(run([Step()], [Batch([]), *batches_of(1, 1), Batch([])]))
    assert [len(batch.items) for batch in done] == [0, 1, 0]


def test_a_stage_is_set_up_once_per_process_and_closed(run: Runner) -> None:
    stage = Step()
    done = [parcel for batch in run([stage], batches_of(40, 2)) for parcel in batch.items]
    assert {parcel.n_setups for parcel in done} == {1}
    assert len({pid for parcel in done for pid in parcel.pids}) <= 2
    assert stage.n_setups == stage.n_closes


def test_batches_are_read_as_they_are_needed(run: Runner) -> None:
    read = 0

    def endless() -> Iterator[Batch[Parcel]]:
        nonlocal read
        while True:
            read += 1
            yield Batch([Parcel(read)])

    going = run([Step()], endless())
    for number in range(1, 60):
        assert next(going).items[0].number == number
        assert read <= number + 2 * processes.WINDOW
    going.close()


def test_an_item_that_a_stage_refuses_stays_an_item(run: Runner) -> None:
    done = rows(run([Step("first"), Refusing("second", marked=frozenset({1, 4})), Step("third")], batches_of(6, 4)))
    assert [row[0] for row in done] == list(range(6))
    assert [row[2] for row in done] == ["", "not-for-us", "", "", "not-for-us", ""]
    assert done[1][1] == ("first", "second")
    assert done[2][1] == ("first", "second", "third")


def test_an_item_that_a_stage_chokes_on_becomes_a_row_and_the_others_go_on(run: Runner) -> None:
    stages = [Step("first"), Raising("second", marked=frozenset({2, 3})), Step("third")]
    done = list(run(stages, batches_of(9, 4)))
    found = rows(done)
    assert [row[0] for row in found] == list(range(9))
    assert [row[0] for row in found if row[2]] == [2, 3]
    assert {row[2] for row in found} == {"", STAGE_FAILED}
    assert all("third" in row[1] for row in found if not row[2])
    assert set(done[0].seconds) == {"first", "second", "third"}


def test_a_stage_that_cannot_be_set_up_reaches_the_caller(run: Runner) -> None:
    with pytest.raises(PackError, match="network is missing") as caught:
        list(run([Step(), Unready()], batches_of(4, 2)))
    assert caught.value.advice == "Install the pack again."


def test_a_stage_that_cannot_work_at_all_reaches_the_caller(run: Runner) -> None:
    with pytest.raises(PackError, match="no network fits parcel 3") as caught:
        list(run([Step(), Hopeless(marked=frozenset({3}))], batches_of(6, 1)))
    assert caught.value.advice == "Install another."


def test_a_source_that_fails_reaches_the_caller(run: Runner) -> None:
    def broken() -> Iterator[Batch[Parcel]]:
        yield from batches_of(3, 1)
        msg = "the disk is gone"
        raise OSError(msg)

    with pytest.raises(OSError, match="the disk is gone"):
        list(run([Step()], broken()))


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_a_consumer_may_stop_early(run: Runner, taken: int) -> None:
    stage = Step()
    going = run([stage], batches_of(60, 2))
    for _ in range(taken):
        next(going)
    going.close()
    assert stage.n_setups == stage.n_closes
    assert multiprocessing.active_children() == []


def test_a_consumer_that_fails_leaves_nobody_behind(run: Runner) -> None:
    def consume() -> None:
        for batch in run([Step()], batches_of(60, 2)):
            msg = f"cannot save {batch.items[0].number}"
            raise OSError(msg)

    with pytest.raises(OSError, match="cannot save 0"):
        consume()
    assert multiprocessing.active_children() == []


def test_thirty_megabytes_an_item_both_ways(run: Runner) -> None:
    load = os.urandom(1 << 10) * (30 << 10)
    seen = 0
    for batch in run([Heavy()], (Batch([Parcel(number, load)]) for number in range(8))):
        assert [parcel.number for parcel in batch.items] == [seen]
        assert batch.items[0].load == load[::-1]
        seen += 1
    assert seen == 8


# Worker processes ------------------------------------------------------------------------------------------------


def test_the_work_is_done_elsewhere_and_shared() -> None:
    done = [parcel for batch in processes.run([Step()], batches_of(400, 1), 2) for parcel in batch.items]
    pids = {pid for parcel in done for pid in parcel.pids}
    assert os.getpid() not in pids
    assert len(pids) == 2


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_is_killed_costs_one_item(workers: int) -> None:
    stages = [Step("first"), Deadly("second", marked=frozenset({5})), Step("third")]
    done = list(processes.run(stages, batches_of(24, 4), workers))
    assert [len(batch.items) for batch in done] == [4] * 6
    whole = ("first", "second", "third")
    assert rows(done) == [(n, (), WORKER_DIED) if n == 5 else (n, whole, "") for n in range(24)]
    assert all(set(batch.seconds) == {"first", "second", "third"} for batch in done)


def test_items_that_kill_in_every_batch_and_side_by_side() -> None:
    marked = frozenset({0, 1, 7, 8, 15})
    done = rows(processes.run([Deadly(marked=marked)], batches_of(16, 4), 2))
    assert [row[0] for row in done] == list(range(16))
    assert {row[0] for row in done if row[2] == WORKER_DIED} == marked
    assert {row[2] for row in done} == {"", WORKER_DIED}


def test_a_worker_that_dies_once_costs_nothing(tmp_path: Path) -> None:
    done = rows(processes.run([DeadlyOnce(marked=frozenset({2, 9}), memory=tmp_path)], batches_of(12, 3), 2))
    assert done == [(number, ("stamp",), "") for number in range(12)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "9"]


def test_a_worker_that_is_killed_while_it_waits_costs_nothing(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    stage = Waiting(marked=frozenset({1}), gate=gate)
    going = processes.run([stage], batches_of(4, 1), 1)
    assert rows([next(going)]) == [(0, ("stamp",), "")]
    victim = int(waited_for(tmp_path, "waiting-1-*").name.split("-")[2])
    os.kill(victim, signal.SIGKILL)
    gate.touch()
    assert rows(going) == [(number, ("stamp",), "") for number in range(1, 4)]


def test_retried_items_keep_their_places(tmp_path: Path) -> None:
    # Item 0 is held back until item 1, tried alone beside it, is done.
    gate = tmp_path / "gate"
    stages: list[Stage[Parcel]] = [
        DeadlyOnce("deadly", marked=frozenset({3}), memory=tmp_path),
        Waiting("waiting", marked=frozenset({0}), gate=gate),
        Opening("opening", marked=frozenset({1}), gate=gate),
    ]
    done = rows(processes.run(stages, batches_of(8, 4), 2))
    assert [row[0] for row in done] == list(range(8))
    assert {row[2] for row in done} == {""}


def test_workers_that_never_get_ready_are_an_error_and_no_fault_of_the_items() -> None:
    with pytest.raises(CountenanceError, match=r"end before they begin \(exit status 7\)"):
        list(processes.run([Stillborn()], batches_of(50, 1), 2))


def test_one_slow_batch_does_not_let_the_others_pile_up(tmp_path: Path) -> None:
    gate, read = tmp_path / "gate", 0

    def source() -> Iterator[Batch[Parcel]]:
        nonlocal read
        for batch in batches_of(200, 1):
            read += 1
            if read == 2 * processes.WINDOW:
                gate.touch()
            yield batch

    going = processes.run([Waiting(marked=frozenset({0}), gate=gate)], source(), 2)
    assert rows([next(going)]) == [(0, ("stamp",), "")]
    assert read == 2 * processes.WINDOW
    assert [row[0] for row in rows(going)] == list(range(1, 200))


def test_stopping_does_not_wait_for_slow_work(tmp_path: Path) -> None:
    going = processes.run([Waiting(marked=frozenset({1, 2}), gate=tmp_path / "never")], batches_of(8, 1), 2)
    next(going)
    waited_for(tmp_path, "waiting-*")
    started = time.monotonic()
    going.close()
    assert time.monotonic() - started < PATIENCE_S / 4


ABANDONED = """
import sys
from pathlib import Path
from countenance.run import processes
from tests.contract.parcels import Waiting, batches_of

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    stage = Waiting(marked=frozenset({1, 2, 3}), gate=folder / "gate")
    kept = processes.run([stage], batches_of(8, 1), 2)
    print(next(kept).items[0].number, flush=True)
    sys.stdin.read(int(sys.argv[2]))
"""


def abandoned(folder: Path, n_read: int) -> subprocess.Popen[str]:
    script = folder / "abandoned.py"
    script.write_text(ABANDONED, encoding="utf-8")
    return subprocess.Popen(  # noqa: S603 - our own interpreter on our own script
        [sys.executable, str(script), str(folder), str(n_read)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def waited_for(folder: Path, pattern: str) -> Path:
    """The first file of that name to appear."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        for path in folder.glob(pattern):
            return path
        time.sleep(0.01)
    msg = f"nothing called {pattern} appeared"
    raise TimeoutError(msg)


def ended(pid: int) -> bool:
    """True once the process is gone, or only waits to be buried."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text(encoding="ascii"):
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def test_when_the_parent_is_killed_its_workers_end(tmp_path: Path) -> None:
    with abandoned(tmp_path, 1) as parent:
        pids = set()
        try:
            for number in (1, 2):
                pids.add(int(waited_for(tmp_path, f"waiting-{number}-*").name.split("-")[2]))
            assert len(pids) == 2
            assert all(Path(f"/proc/{pid}").exists() for pid in pids)
        finally:
            parent.kill()
        (tmp_path / "gate").touch()
        assert all(ended(pid) for pid in pids)


def test_a_program_that_forgets_the_runner_can_end(tmp_path: Path) -> None:
    with abandoned(tmp_path, 0) as parent:
        assert parent.communicate(timeout=PATIENCE_S)[0] == "0\n"
        assert parent.returncode == 0
    for path in tmp_path.glob("waiting-*"):
        assert ended(int(path.name.split("-")[2]))
