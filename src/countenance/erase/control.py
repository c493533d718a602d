"""The positive control of a sweep: random values, planted where the stores are, that the same sweep must find.

A sweep that finds nothing proves nothing unless it would have found something. What is planted is drawn anew each time
and is about nobody; it is taken out again, and a second look shows that it is gone.
"""

from __future__ import annotations

import os
import secrets
import string
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from countenance.core.arrays import Templates
from countenance.erase.needles import Needles, of_files, of_names, of_templates, spelled
from countenance.erase.sweep import Hit, Swept, sweep
from countenance.errors import ProofError, StoreError
from countenance.store import facts
from countenance.store.connection import Store

FACT: Final = "sweep-control"
"""Where a control is planted inside the database."""

_BEGINNING: Final = ".countenance-sweep-control-"
_DIM: Final = 128
_BLOCK_BYTES: Final = 512
_ASCII: Final = 0x7F
_ALPHABET: Final = string.ascii_letters + string.digits
_CODES: Final = ("utf-8", "utf-16-le", "utf-16-be")


@dataclass(frozen=True, slots=True)
class _Plant:
    """One place, and what stands there.

    Attributes:
        path: the file; of the database, the beginning of its files' paths.
        needles: what must be found there.
    """

    path: Path
    needles: Needles

    def holds(self, hit: Hit) -> bool:
        """Whether the hit is in this place."""
        return str(hit.path).startswith(str(self.path)) and hit.kind in self.needles.kinds()


class Control:
    """What was planted.

    Attributes:
        needles: to be looked for together with those that matter.
    """

    def __init__(self, plants: Sequence[_Plant]) -> None:
        self._plants = tuple(plants)
        self.needles = sum((plant.needles for plant in plants), Needles())

    def is_ours(self, hit: Hit) -> bool:
        """Whether this is a find of the control, in the place where it was planted."""
        return any(plant.holds(hit) for plant in self._plants)

    def found_in(self, swept: Swept) -> tuple[int, int]:
        """How many of the planted values were found where they are, of how many; a sweep that misses one is no proof.

        Raises:
            ProofError: one was missed.
        """
        seen = {(plant.path, hit.kind) for hit in swept.found for plant in self._plants if plant.holds(hit)}
        n_planted = sum(len(plant.needles.kinds()) for plant in self._plants)
        if len(seen) != n_planted:
            msg = f"The sweep found {len(seen)} of {n_planted} values that were planted for it, so it proves nothing."
            raise ProofError(msg, advice="Run `countenance erase --resume`; nothing is certified before it finds them.")
        return len(seen), n_planted


@contextmanager
def planted(store: Store, roots: Sequence[Path]) -> Iterator[Control]:
    """Plant a control in the database and in every folder among the roots; inside, sweep for its needles as well.

    Args:
        store: the database, whose file must be among the roots or below one.
        roots: as they are given to the sweep.

    Raises:
        StoreError: a control cannot be planted or taken out again.
        ProofError: after it was taken out, a second look found some of it.
    """
    folders = sorted({Path(os.path.realpath(root)) for root in roots if root.is_dir()})
    try:
        control = _plant(store, folders)
        yield control
    finally:
        _take_out(store, folders)
    database = Path(os.path.realpath(store.path))
    remains = sweep(control.needles, [*database.parent.glob(f"{database.name}*"), *_planted_below(folders)])
    if remains.found or remains.unreadable:
        where = ", ".join(sorted({path.name for path in (*remains.unreadable, *(hit.path for hit in remains.found))}))
        msg = (
            f"What was planted to test the sweep is still found after it was deleted, or cannot be looked for: {where}."
        )
        raise ProofError(msg, advice="Run `countenance erase --resume`; nothing is certified before it is gone.")


def _plant(store: Store, folders: Sequence[Path]) -> Control:
    plants = list[_Plant]()
    for place, path in enumerate([Path(os.path.realpath(store.path)), *folders]):
        needles, content = _drawn(f"control {place + 1}")
        if place == 0:
            with store.transaction() as tx:
                facts.put(tx, FACT, content.decode("ascii"))
            with suppress(StoreError):  # then it stands in the write-ahead log, where it is found as well
                store.truncate_log()
            plants.append(_Plant(path, needles))
        else:
            plants.append(_Plant(_written(path, content), needles))
    return Control(plants)


def _drawn(word: str) -> tuple[Needles, bytes]:
    """Random values of every form, as needles and as they stand in a file: all of it is ASCII, so it is text, too."""
    template, name = _template(), "".join(secrets.choice(_ALPHABET) for _ in range(24))
    block = "".join(secrets.choice(_ALPHABET) for _ in range(_BLOCK_BYTES)).encode("ascii")
    needles = of_templates(template, word) + of_names([name], f"{word} name") + of_files([block], f"{word} file")
    # One byte between them: what stands at an odd place is found as well.
    return needles, b"|".join([*spelled(template), *(name.encode(code) for code in _CODES), block])


def _template() -> Templates:
    """(128,) float32 in [0.5, 1) whose float32, float16 and int8 bytes are all below 128."""
    drawn = np.frombuffer(secrets.token_bytes(16 * _DIM * 4), np.uint8).reshape(-1, 4) & _ASCII
    drawn[:, 3] = 0x3F
    values = np.ascontiguousarray(drawn).view("<f4")[:, 0]
    halves = np.ascontiguousarray(values.astype("<f2")).view(np.uint8).reshape(-1, 2)
    return np.asarray(values[(halves <= _ASCII).all(axis=1)][:_DIM], dtype=np.float32)


def _written(folder: Path, content: bytes) -> Path:
    path = folder / f"{_BEGINNING}{secrets.token_hex(8)}"
    with _errors_of_disk(folder):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    return path


def _take_out(store: Store, folders: Sequence[Path]) -> None:
    """Also what an interrupted sweep has left."""
    for path in _planted_below(folders):
        with _errors_of_disk(path.parent), suppress(FileNotFoundError):
            with path.open("r+b") as file:
                file.write(os.urandom(path.stat().st_size))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
    with store.transaction() as tx:
        facts.drop(tx, FACT)
    store.truncate_log()


def _planted_below(folders: Sequence[Path]) -> list[Path]:
    return [path for folder in folders for path in sorted(folder.glob(f"{_BEGINNING}*"))]


@contextmanager
def _errors_of_disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        msg = f"The folder {folder} cannot be written, which testing the sweep needs: {error.strerror}."
        raise StoreError(msg, advice="Check its permissions, then run `countenance erase --resume`.") from error
