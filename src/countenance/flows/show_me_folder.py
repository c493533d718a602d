"""The folder of one person's pack, and the zip beside it: every file is in the register before it is there.

A kill at any moment therefore leaves rows without files, never a file that erasing would not reach (P5, P10).
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from countenance.errors import ConflictError, CountenanceError, NotFoundError, UsageError
from countenance.flows.scope import Scope
from countenance.store import erasures, merges, written
from countenance.store.connection import Tx
from countenance.store.written import SHOW_ME, UNFINISHED, WrittenFile

NOTHING_HELD: Final = (
    "Nothing is held on somebody who was never enrolled or was erased; whoever was erased has a receipt that says so."
)
UNFINISHED_ERASURE: Final = "The erasure is not finished: finish it with `countenance erase --resume`."
SOME_UNFINISHED: Final = "An erasure of this archive is not finished: finish it with `countenance erase --resume`."
_PART: Final = ".part"
_STORED: Final = frozenset({".jpg"})
"""Endings of files that pressing makes no smaller."""
_OPEN: Final = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file of the pack: its name below the folder, its content, and the id of the photo it is a copy of."""

    name: str
    content: bytes
    photo: str | None = None


class PackFolder:
    """Where one person's pack goes."""

    def __init__(self, scope: Scope, ids: Sequence[str], out: Path) -> None:
        """Nothing is touched before ``begin``.

        Args:
            scope: the collection.
            ids: every id of the person; the one that counts first.
            out: the folder.

        Raises:
            UsageError: a folder of that name can have no zip beside it.
        """
        self.path = Path(os.path.abspath(out))  # noqa: PTH100 - a symbolic link stays what the person named
        if not self.path.name:
            msg = f"{out} cannot hold a pack."
            raise UsageError(msg, advice="Name a new folder with --out.")
        self.zip = self.path.with_name(f"{self.path.name}.zip")
        self._scope, self._ids = scope, tuple(ids)
        self._names: list[str] = []

    def require_free(self) -> None:
        """Raise unless folder and zip are new, empty, or hold nothing but an older pack of this person.

        Raises:
            ConflictError: somebody else's files lie there.
        """
        mine = self._older()
        advice = "Name a new folder with --out; nothing was changed."
        for path in (self.zip, _part_of(self.zip)):
            if os.path.lexists(path) and os.fsencode(path) not in mine:
                msg = f"{path} is there already, and no pack of this person."
                raise ConflictError(msg, advice=advice)
        if self.path.is_symlink() or (self.path.exists() and not self.path.is_dir()):
            msg = f"{self.path} is no folder."
            raise ConflictError(msg, advice=advice)
        for above, folders, names in os.walk(self.path):
            links = [name for name in folders if (Path(above) / name).is_symlink()]
            if links or any(os.fsencode(Path(above) / name) not in mine for name in names):
                msg = f"The folder {self.path} holds files that are not of an older pack of this person."
                raise ConflictError(msg, advice=advice)

    def begin(self) -> None:
        """Remove an older pack, make the folder, and note what is about to be written.

        Raises:
            CountenanceError: the folder cannot be written, or an older file cannot be removed.
            NotFoundError: the person is being erased.
        """
        older = self._older()
        try:
            for path in older:
                with suppress(FileNotFoundError):
                    os.unlink(path)  # noqa: PTH108 - names are bytes here
            for above, _, _ in os.walk(self.path, topdown=False):
                with suppress(OSError):
                    os.rmdir(above)  # noqa: PTH106 - as above
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
        except OSError as error:
            raise self._unwritable(error) from error
        with self._scope.store.transaction() as tx:
            self.require_here(tx)
            written.forget(tx, older)
            for part in self._parts():
                written.put(tx, self._row(part, UNFINISHED, 0))

    def write(self, files: Iterable[NewFile]) -> None:
        """Write files, each of them there whole or not at all.

        Raises:
            CountenanceError: one of them cannot be written.
            NotFoundError: the person is being erased.
        """
        made = list(files)
        with self._scope.store.transaction() as tx:
            self.require_here(tx)
            for file in made:
                digest = hashlib.sha256(file.content).digest()
                written.put(tx, self._row(self.path / file.name, digest, len(file.content), file.photo))
        try:
            for file in made:
                where = self.path / file.name
                where.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._put(file.content, where)
        except OSError as error:
            raise self._unwritable(error) from error
        self._names += [file.name for file in made]

    def finish(self) -> None:
        """Write the zip, the folder in it under its own name.

        Raises:
            CountenanceError: it cannot be written.
            NotFoundError: the person is being erased.
        """
        part = _part_of(self.zip)
        try:
            with os.fdopen(os.open(part, _OPEN, 0o600), "wb") as file:
                self._press(file)
                file.flush()
                os.fsync(file.fileno())
            with part.open("rb") as file_again:
                digest = hashlib.file_digest(file_again, "sha256").digest()
            with self._scope.store.transaction() as tx:
                self.require_here(tx)
                written.put(tx, self._row(self.zip, digest, part.stat().st_size))
            part.replace(self.zip)
        except OSError as error:
            raise self._unwritable(error) from error
        with self._scope.store.transaction() as tx:
            self.require_here(tx)
            written.forget(tx, [os.fsencode(path) for path in self._parts()])

    def discard(self) -> None:
        """Remove what was written so far: the person is being erased, and erasing may have passed here already."""
        for path in (*self._parts(), self.zip, *(self.path / name for name in self._names)):
            path.unlink(missing_ok=True)
        for above, _, _ in os.walk(self.path, topdown=False):
            with suppress(OSError):
                Path(above).rmdir()

    def _press(self, file: IO[bytes]) -> None:
        moment = self._scope.clock().timetuple()[:6]
        with zipfile.ZipFile(file, "w") as pressed:
            for name in self._names:
                entry = zipfile.ZipInfo(f"{self.path.name}/{name}", moment)
                entry.external_attr = 0o600 << 16
                stored = Path(name).suffix in _STORED
                entry.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
                pressed.writestr(entry, (self.path / name).read_bytes())

    def _put(self, content: bytes, where: Path) -> None:
        part = _part_of(self.path / "file")
        with os.fdopen(os.open(part, _OPEN, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(where)

    def _parts(self) -> tuple[Path, Path]:
        return _part_of(self.path / "file"), _part_of(self.zip)

    def _row(self, path: Path, sha256: bytes, n_bytes: int, photo: str | None = None) -> WrittenFile:
        where = self._scope.collection.id
        return WrittenFile(
            SHOW_ME, os.fsencode(path), sha256, n_bytes, self._scope.clock(), where, photo, subjects=self._ids
        )

    def _older(self) -> list[bytes]:
        """Paths of an older pack of this person in this place, as far as they are in the register."""
        inside, beside = os.fsencode(self.path) + b"/", {os.fsencode(self.zip), os.fsencode(_part_of(self.zip))}
        with self._scope.store.reading() as tx:
            rows = [row for one in self._ids for row in written.of_subject(tx, one)]
        mine = dict.fromkeys(row.path for row in rows if row.kind == SHOW_ME)
        return [path for path in mine if path.startswith(inside) or path in beside]

    def require_here(self, tx: Tx) -> None:
        """Raise when there is nobody to show anything to.

        Raises:
            NotFoundError: the person is being erased.
        """
        going = {each.target for each in erasures.unfinished(tx)}
        if going & {self._scope.collection.id, *merges.members(tx, self._ids[0])}:
            msg = "This person is being erased, so there is nothing to show any more."
            raise NotFoundError(msg, advice=UNFINISHED_ERASURE)

    def _unwritable(self, error: OSError) -> CountenanceError:
        msg = f"The pack cannot be written to {self.path}: {error.strerror}."
        return CountenanceError(msg, advice="Check free disk space and permissions, or name another folder with --out.")


def _part_of(path: Path) -> Path:
    return path.with_name(f".{path.name}{_PART}")
