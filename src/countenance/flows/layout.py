"""Where cleared files go: one folder for one collection and channel, with the structure and names of the source."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from countenance.errors import ConflictError, CountenanceError, UsageError
from countenance.flows.pages import remove_part, write_whole
from countenance.flows.registering import Delivery
from countenance.ingest.source import SourceItem, display_name
from countenance.store.collections import Collection
from countenance.store.connection import Tx
from countenance.store.written import PART

MARKER = "countenance-clear.json"
CLEAR, REDACTED, THUMBNAILS = b"clear", b"redacted", b"thumbnails"
_DIGITS = frozenset(b"0123456789abcdef")
_JPEG_ENDINGS = (b".jpg", b".jpeg", b".jpe", b".jfif")
_LONGEST_NAME, _KEPT_OF_NAME, _LONGEST_PATH = 255, 160, 2_000
"""Bytes that a name may have, that are kept of one that has more, and that a path below the folder may have."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one file of a source goes.

    Attributes:
        path: bytes of its path below the source; for a member of an archive, below the archive's name.
        output: bytes of the path of its released file below ``clear`` or ``redacted``: the same, ending as a JPEG does.
    """

    path: bytes
    output: bytes


class Folder:
    """A folder that photos are cleared into. What lies in it is ours; a folder of anybody else's is refused."""

    def __init__(self, path: Path) -> None:
        """Keep the path; ``prepare`` makes the folder."""
        self.path = path
        self.key = os.path.realpath(os.fsencode(path))
        """Bytes that name this folder in the database."""
        self._held: int | None = None

    def prepare(self, sources: Iterable[str | bytes | os.PathLike[str]], collection: Collection, channel: str) -> None:
        """Make the folder, or take it up again where an earlier run left it.

        Args:
            sources: as they were named, and the folders that they lead to.
            collection: whose photos are cleared.
            channel: what for.

        Raises:
            UsageError: it lies in a source, or a source lies in it.
            ConflictError: it holds other files, was cleared for another collection or channel, or another run holds it.
            CountenanceError: it cannot be written.
        """
        for source in sources:
            inside = os.path.realpath(os.fsencode(source).removeprefix(b"file://"))
            if _within(self.key, inside) or _within(inside, self.key):
                msg = f"{display_name(self.key)} and the source {display_name(inside)} lie in each other."
                raise UsageError(msg, advice="Name another folder with --out; nothing is ever written into a source.")
        mine = {"collection": collection.name, "id": collection.id, "channel": channel}
        try:
            if not self._is_ours(mine):
                self.path.mkdir(parents=True, exist_ok=True)
                # First of all files and at once, so that a kill leaves a folder that is taken up again.
                self.write(MARKER.encode(), (json.dumps(mine) + "\n").encode())
            self._hold()
            for name in (CLEAR, REDACTED, THUMBNAILS):
                (self.path / os.fsdecode(name)).mkdir(exist_ok=True)
        except OSError as error:
            msg = f"The folder {self.path} cannot be written: {error.strerror}."
            raise CountenanceError(msg, advice="Name a folder that this account may write with --out.") from error

    def _hold(self) -> None:
        """Keep every other run out until ``release``, or until this process ends."""
        self._held = os.open(self.path / MARKER, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.release()
            msg = f"Another run is clearing into {self.path}."
            raise ConflictError(
                msg, advice="Wait until it has ended, then run this again; nothing was changed."
            ) from error

    def release(self) -> None:
        """Let other runs in."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _is_ours(self, mine: dict[str, str]) -> bool:
        """True for a folder of this collection and channel, False for an empty one or none; others are refused."""
        marker = self.path / MARKER
        if not marker.is_file():
            if self.path.exists() and any(not os.fsencode(each.name).startswith(PART) for each in self.path.iterdir()):
                msg = f"The folder {self.path} holds files that no clearing wrote."
                raise ConflictError(msg, advice="Name an empty or a new folder with --out; nothing was changed.")
            return False
        try:
            found = json.loads(marker.read_text("utf-8"))
        except ValueError:
            found = None
        if found != mine:
            msg = f"The folder {self.path} was cleared for another collection or channel."
            raise ConflictError(
                msg, advice="Name a folder of its own for each channel with --out; nothing was changed."
            )
        return True

    def marker(self) -> bytes:
        """Content of the file that says whose folder this is."""
        return (self.path / MARKER).read_bytes()

    def write(self, name: bytes, content: bytes, *, delivery: Delivery | None = None, private: bool = False) -> None:
        """Write a file below the folder so that it is there whole or not at all.

        Args:
            name: path below the folder.
            content: of the file.
            delivery: where it is noted, and what gives it its name; None for a file that is about nobody.
            private: readable by its owner only, for what names people; what is released may be read.

        Raises:
            CountenanceError: it cannot be written.
        """
        path, put = self.at(name), write_whole if delivery is None else delivery.write
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120 - names are bytes here
            put(path, content, mode=0o600 if private else 0o644)
        except OSError as error:
            raise self._unwritable(path, error) from error

    def deliver(self, tx: Tx, delivery: Delivery) -> bool:
        """Let the files of a delivery get their names; False when an erasure has passed since they were noted.

        Raises:
            CountenanceError: one of them cannot be put in its place.
        """
        try:
            return delivery.finish(tx)
        except OSError as error:
            raise self._unwritable(self.key, error) from error

    def _unwritable(self, path: bytes, error: OSError) -> CountenanceError:
        msg = f"{display_name(path)} cannot be written: {error.strerror}."
        return CountenanceError(msg, advice="Check free disk space and permissions, then run it again.")

    def holds(self, name: bytes, sha256: bytes) -> bool:
        """Whether a released file is there, whole and as we wrote it."""
        try:
            with open(self.at(name), "rb") as file:  # noqa: PTH123 - names are bytes here
                return hashlib.file_digest(file, "sha256").digest() == sha256
        except OSError:
            return False

    def released(self) -> Iterator[bytes]:
        """Every file below ``clear`` and ``redacted`` that may be one of ours, as paths below the folder."""
        for top in (CLEAR, REDACTED):
            for where, _, names in os.walk(self.at(top)):
                for name in sorted(names):
                    if name.lower().endswith(_JPEG_ENDINGS):
                        yield os.path.relpath(os.path.join(where, name), self.key)  # noqa: PTH118 - as above

    def remove(self, name: bytes) -> None:
        """Remove a released file and the folders that it leaves empty.

        Raises:
            CountenanceError: it is there and cannot be removed.
        """
        path = self.at(name)
        try:
            os.unlink(path)  # noqa: PTH108 - names are bytes here
        except FileNotFoundError:
            return
        except OSError as error:
            msg = f"{display_name(path)} may no longer be released, and it cannot be removed: {error.strerror}."
            raise CountenanceError(msg, advice="Remove it by hand, then run this again.") from error
        above = os.path.dirname(path)  # noqa: PTH120 - names are bytes here
        while _within(above, self.key) and os.path.dirname(above) != self.key:  # noqa: PTH120
            try:
                os.rmdir(above)  # noqa: PTH106
            except OSError:
                return
            above = os.path.dirname(above)  # noqa: PTH120

    def at(self, name: bytes) -> bytes:
        """Path of a file below the folder."""
        return os.path.join(self.key, name)  # noqa: PTH118 - names are bytes here

    def sweep(self) -> None:
        """Remove what a killed run left half written."""
        for where, _, names in os.walk(self.key):
            for name in names:
                # Below the top may lie a released file whose own name begins like that.
                if name.startswith(PART) and (where == self.key or _DIGITS.issuperset(name.removeprefix(PART))):
                    with suppress(OSError):  # of a program that lives
                        remove_part(os.path.join(where, name))  # noqa: PTH118 - names are bytes here


def thumbnail_of(path: bytes) -> bytes:
    """Where the thumbnail of a path lies below the folder; its name says nothing."""
    return THUMBNAILS + b"/" + hashlib.sha256(path).hexdigest()[:32].encode() + b".jpg"


class Layout:
    """Gives every file of a source its place; no two get the same, and none is where another needs a folder."""

    def __init__(self) -> None:
        """No place is taken yet."""
        self._taken: set[bytes] = set()
        self._folders: set[bytes] = set()

    def place(self, item: SourceItem) -> Place:
        """The place of a file; call it for every file of the source, in the source's order."""
        path = _below(item)
        while (clash := self._clash(path)) is not None:  # two sources with files of one name
            path = _again(path, clash)
        self._take(path)
        output = _nameable(path)
        while output != path and (clash := self._clash(output)) is not None:
            output = _nameable(_again(output, clash))
        self._take(output)
        return Place(path, output)

    def _clash(self, path: bytes) -> int | None:
        """Which part of a path is in the way: the last, or one that is a file where this path needs a folder."""
        lower = path.lower()
        above = _above(lower)
        inside = next((place for place, each in enumerate(above) if each in self._taken), None)
        return len(above) if inside is None and (lower in self._taken or lower in self._folders) else inside

    def _take(self, path: bytes) -> None:
        self._taken.add(path.lower())
        self._folders.update(_above(path.lower()))


def _again(path: bytes, part: int) -> bytes:
    parts = path.split(b"/")
    parts[part] = b"again-" + parts[part]
    return b"/".join(parts)


def _above(path: bytes) -> list[bytes]:
    parts = path.split(b"/")
    return [b"/".join(parts[:n]) for n in range(1, len(parts))]


def _nameable(path: bytes) -> bytes:
    """The path with the ending of a JPEG, and short enough for file systems: members of archives need not be."""
    output = path if path.lower().endswith(_JPEG_ENDINGS) else path + b".jpg"
    parts = [part if len(part) <= _LONGEST_NAME else _short(part) for part in output.split(b"/")]
    output = b"/".join(parts)
    return output if len(output) <= _LONGEST_PATH else _short(output.replace(b"/", b"-"))


def _short(name: bytes) -> bytes:
    return name[:_KEPT_OF_NAME] + b"-" + hashlib.sha256(name).hexdigest()[:16].encode() + b".jpg"


def _below(item: SourceItem) -> bytes:
    root = item.root if item.root is not None else os.path.dirname(item.path)  # noqa: PTH120 - names are bytes here
    whole = os.path.relpath(item.path, root) if item.path.startswith(b"/") else item.path.rpartition(b"/")[2]
    whole += b"/" + item.member if item.member is not None else b""
    parts = [part for part in whole.split(b"/") if part not in {b"", b".", b".."}]
    return b"/".join(parts)


def _within(inner: bytes, outer: bytes) -> bool:
    return inner == outer or inner.startswith(outer.rstrip(b"/") + b"/")
