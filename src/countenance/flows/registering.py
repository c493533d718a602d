"""How a file of ours gets to its place outside the archive: noted, written beside it, and named if the note stands.

An erasure in another process may pass at any moment, and forgets the notes of what it removes. So the first transaction
notes that whatever lies at the path is ours, the content is written under another name that is known by the path, and
the second transaction finds the note or gives the file up. No moment is left at which a file shows somebody and erasing
does not reach it (P5).
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from typing import Self

from countenance.erase.carry_out import FILES
from countenance.erase.plan import open_state
from countenance.errors import ConflictError
from countenance.flows.pages import Part
from countenance.ingest.source import display_name
from countenance.store import erasures, written
from countenance.store.connection import Tx
from countenance.store.erasures import Erasure
from countenance.store.keys import KeyStore
from countenance.store.written import UNFINISHED, WrittenFile


class Delivery:
    """Files that belong together: all of them get their names, or none does. Leaving it removes what has none."""

    def __init__(self, keys: KeyStore) -> None:
        """Nothing is noted yet.

        Args:
            keys: they open what an erasure under way will remove.
        """
        self._keys = keys
        self._notes: dict[bytes, str] = {}
        self._parts: list[tuple[Part, bytes, int]] = []

    def note(self, tx: Tx, file: WrittenFile) -> None:
        """Note a file that is about to be written; it replaces what was noted of the same path.

        Args:
            tx: the first transaction.
            file: it may be noted without hash and size; ``write`` says them.

        Raises:
            ConflictError: it would show what is being erased, or lie where an erasure under way removes files.
        """
        about = {file.collection, file.photo, *file.subjects}
        for each in erasures.unfinished(tx):
            if each.target in about or file.path in self._going(each):
                msg = f"{display_name(file.path)} is within reach of an erasure under way, so it was not written."
                raise ConflictError(
                    msg, advice="Wait until it has ended, or run `countenance erase --resume`; then run this again."
                )
        self._notes[file.path] = written.put(tx, replace(file, sha256=UNFINISHED))

    def write(self, path: bytes, content: bytes, *, mode: int) -> None:
        """Write a file that is noted, beside its place.

        Args:
            path: as it is noted; its folder is made anew if an erasure left it empty and removed it.
            content: of the file.
            mode: permissions.

        Raises:
            OSError: it cannot be written, or another program is writing it.
        """
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120 - names are bytes here
        self._parts.append((Part(path, content, mode=mode), hashlib.sha256(content).digest(), len(content)))

    def finish(self, tx: Tx) -> bool:
        """Give every file its name; False, with nothing left behind, when an erasure has passed since they were noted.

        Args:
            tx: the second transaction.

        Raises:
            OSError: a file cannot be put in its place.
        """
        going = {path for each in erasures.unfinished(tx) for path in self._going(each)}
        if not all(written.stands(tx, note) and path not in going for path, note in self._notes.items()):
            self.discard()
            return False
        while self._parts:
            part, digest, size = self._parts[0]
            part.give_name()
            del self._parts[0]
            written.set_whole(tx, self._notes[part.path], digest, size)
        return True

    def discard(self) -> None:
        """Remove what has no name yet."""
        while self._parts:
            self._parts.pop()[0].discard()

    def __enter__(self) -> Self:
        """The delivery itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Discard."""
        self.discard()

    def _going(self, erasure: Erasure) -> set[bytes]:
        """Paths that an erasure is about to remove and forget, whatever is noted of them by then."""
        if erasure.step != FILES:
            return set()
        return {path for _, path, _ in open_state(self._keys, erasure).plan.target.files}
