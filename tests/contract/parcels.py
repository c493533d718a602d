"""Items and stages that any runner must carry: small, importable by a worker process, and badly behaved on demand."""

from __future__ import annotations

import os
import signal
import threading
from abc import abstractmethod
from dataclasses import dataclass, field
from pathlib import Path

from countenance.errors import PackError
from countenance.run.stage import Batch

WAIT_S = 20.0


@dataclass(slots=True)
class Parcel:
    """One item: what it carries, what happened to it, and where."""

    number: int
    load: bytes = b""
    steps: list[str] = field(default_factory=list)
    pids: set[int] = field(default_factory=set)
    n_setups: int = 0
    refused: str = ""


@dataclass
class Step:
    """A stage that stamps every parcel; subclasses misbehave."""

    name: str = "stamp"
    needs: tuple[str, ...] = ()
    n_setups: int = 0
    n_closes: int = 0

    def setup(self) -> None:
        self.n_setups += 1

    def __call__(self, batch: Batch[Parcel]) -> Batch[Parcel]:
        for parcel in batch.items:
            if not parcel.refused:
                self.stamp(parcel)
        return batch

    def stamp(self, parcel: Parcel) -> None:
        parcel.steps.append(self.name)
        parcel.pids.add(os.getpid())
        parcel.n_setups = max(parcel.n_setups, self.n_setups)

    def failed(self, item: Parcel, reason: str) -> Parcel:
        item.refused = reason
        return item

    def close(self) -> None:
        self.n_closes += 1


@dataclass
class Marked(Step):
    """A stage that treats some parcels in another way."""

    marked: frozenset[int] = frozenset()

    def stamp(self, parcel: Parcel) -> None:
        if parcel.number in self.marked:
            self.strike(parcel)
        super().stamp(parcel)

    @abstractmethod
    def strike(self, parcel: Parcel) -> None:
        """What becomes of a marked parcel."""


class Refusing(Marked):
    """Writes trouble into the item, as a stage should."""

    def strike(self, parcel: Parcel) -> None:
        parcel.refused = "not-for-us"


class Raising(Marked):
    """Has a fault that some items bring to light."""

    def strike(self, parcel: Parcel) -> None:
        msg = f"parcel {parcel.number}"
        raise ZeroDivisionError(msg)


class Hopeless(Marked):
    """Finds in the middle of the work that it cannot work at all."""

    def strike(self, parcel: Parcel) -> None:
        msg = f"no network fits parcel {parcel.number}"
        raise PackError(msg, advice="Install another.")


class Deadly(Marked):
    """Takes its process with it, as a fault in a native library does."""

    def strike(self, parcel: Parcel) -> None:
        parcel.steps.append("struck")
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class DeadlyOnce(Marked):
    """Takes its process with it the first time only: bad luck, not a bad item."""

    memory: Path = Path()

    def strike(self, parcel: Parcel) -> None:
        seen = self.memory / str(parcel.number)
        if not seen.exists():
            seen.touch()
            os.kill(os.getpid(), signal.SIGKILL)


class Unready(Step):
    """Cannot be set up, and says why."""

    def setup(self) -> None:
        msg = "The file of the network is missing."
        raise PackError(msg, advice="Install the pack again.")


class Stillborn(Step):
    """Dies before it is set up."""

    def setup(self) -> None:
        os._exit(7)


@dataclass
class Waiting(Marked):
    """Holds some parcels until a file appears, or for good."""

    gate: Path = Path()

    def strike(self, parcel: Parcel) -> None:
        (self.gate.parent / f"waiting-{parcel.number}-{os.getpid()}").touch()
        pause = threading.Event()
        for _ in range(int(WAIT_S / 0.01)):
            if self.gate.exists():
                return
            pause.wait(0.01)


@dataclass
class Opening(Marked):
    """Lets the parcels go that ``Waiting`` holds."""

    gate: Path = Path()

    def strike(self, parcel: Parcel) -> None:
        self.gate.touch()
        parcel.steps.append("opened")


class Heavy(Step):
    """Answers with as much as it was given."""

    def stamp(self, parcel: Parcel) -> None:
        super().stamp(parcel)
        parcel.load = parcel.load[::-1]


def batches_of(n_items: int, size: int, load: bytes = b"") -> list[Batch[Parcel]]:
    parcels = [Parcel(number, load) for number in range(n_items)]
    return [Batch(parcels[start : start + size]) for start in range(0, n_items, size)]
