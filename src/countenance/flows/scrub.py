"""Look at every byte that an archive owns, and say which are not as they were written. Nothing is changed.

First the files at rest, before anything opens them: what opening repairs, such as noise in a slot without a key, would
not be seen after. Then what only an open archive can check: rows, sealed values, the ledger, files written outside it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from countenance.errors import CountenanceError
from countenance.flows.audit import Record, verify
from countenance.settings import Settings
from countenance.store import checkpoints, keyfolder, soundness, written
from countenance.vision.cache import broken_networks

_RESTORE = "Restore this archive from a backup."
_SOME = 5
_BLOCK_BYTES = 1024**2


@dataclass(frozen=True, slots=True)
class Checked:
    """One store and what was found in it.

    Attributes:
        store: which, in words.
        good: nothing is damaged.
        what: what was looked at, or what is damaged.
        advice: what to do; empty when all is well.
    """

    store: str
    good: bool
    what: str
    advice: str = ""


def at_rest(database: Path, keys: Path) -> Iterator[Checked]:
    """Check the database and the key store as files, without opening the archive."""
    for store, look in (
        ("database", lambda: checkpoints.problem_of(database)),
        ("write-ahead log", lambda: checkpoints.problem_of_log(database)),
    ):
        yield _checked(store, look, "every page as it was written", _RESTORE)
    for store, look in keyfolder.looks(keys):
        yield _checked(store, look, "as it was written", "Restore the key folder from a backup.")


def opened(
    record: Record, settings: Settings, progress: Callable[[int, int], None] = lambda _done, _of: None
) -> Iterator[Checked]:
    """Check what needs the keys: rows, sealed values, the ledger, files we wrote, converted models."""
    yield _keys(record)
    with record.store.reading() as tx:
        yield _checked("tables", lambda: "; ".join(soundness.integrity(tx)) or None, "consistent", _RESTORE)
        yield _sealed(soundness.open_all(tx, record.keys, progress))
        files = written.everything(tx)
    yield _ledger(record)
    yield _written(files)
    broken = broken_networks(settings)
    what = f"damaged: {', '.join(path.name for path in broken)}" if broken else "as they were converted"
    yield Checked("converted models", not broken, what, "They are made again at the next use." if broken else "")


def _checked(store: str, look: Callable[[], str | None], well: str, advice: str) -> Checked:
    try:
        problem = look()
    except CountenanceError as error:
        return Checked(store, good=False, what=error.message, advice=error.advice)
    return Checked(store, good=True, what=well) if problem is None else Checked(store, False, problem, advice)  # noqa: FBT003


def _keys(record: Record) -> Checked:
    try:
        n_keys = record.keys.open_all()
    except CountenanceError as error:
        return Checked("keys", good=False, what=error.message, advice="Restore the key folder from a backup.")
    return Checked("keys", good=True, what=f"every one opens, {n_keys} in all")


def _sealed(found: soundness.Opened) -> Checked:
    if not found.n_damaged:
        return Checked("sealed values", good=True, what=f"every one opens, rows: {found.n_rows}")
    what = f"{found.n_damaged} of {found.n_rows} rows do not open: {', '.join(found.named[:_SOME])}"
    return Checked("sealed values", good=False, what=what, advice=_RESTORE)


def _ledger(record: Record) -> Checked:
    try:
        verdict = verify(record)
    except CountenanceError as error:
        return Checked("ledger", good=False, what=error.message, advice=error.advice)
    advice = "Keep a copy of the folder `ledger` as it is, and run `countenance ledger verify`."
    if verdict.findings:
        return Checked("ledger", good=False, what=" ".join(verdict.findings[:_SOME]), advice=advice)
    return Checked("ledger", good=True, what=f"every entry and its mirror, {verdict.size} in all")


def _written(files: list[written.WrittenFile]) -> Checked:
    changed, n_gone = [], 0
    for file in files:
        digest = _digest(Path(os.fsdecode(file.path)))
        if digest is None:
            n_gone += 1
        elif digest != file.sha256:
            changed.append(os.fsdecode(file.path))
    if changed:
        more = f" and {len(changed) - _SOME} more" if len(changed) > _SOME else ""
        what = f"not as they were written: {', '.join(changed[:_SOME])}{more}"
        return Checked("files we wrote", good=False, what=what, advice="Remove them and make them again.")
    # Somebody may have moved or removed them: they are outside the archive, for people to use.
    return Checked("files we wrote", good=True, what=f"{len(files) - n_gone} as they were written, {n_gone} not there")


def _digest(path: Path) -> bytes | None:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    except OSError:
        return None
    return digest.digest()
