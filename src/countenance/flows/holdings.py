"""What lies in a folder that was cleared into, and the rows that say so; the two are kept in step.

A file goes before its row does, and a row comes before its file: a kill in between leaves a row without a file, which
the next run mends, and never a file that no row knows (P10), nor one that erasing would not reach (P5). Files get their
names batch by batch, each only if its note still stands.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace

from countenance.core.clearance import Verdict
from countenance.errors import ConflictError
from countenance.flows.decisions import Decided, Judgement
from countenance.flows.layout import CLEAR, MARKER, REDACTED, Folder, Place, thumbnail_of
from countenance.flows.registering import Delivery
from countenance.flows.release import NOT_READABLE, Copy
from countenance.flows.scope import Scope
from countenance.ingest.source import display_name
from countenance.store import clearings, written
from countenance.store.clearings import Clearing
from countenance.store.written import UNFINISHED, WrittenFile

_PAGE = 200


@dataclass(frozen=True, slots=True)
class Noted:
    """What became of one photo: the decision it was held against last, and the row, if the photo's one still stood."""

    latest: Decided
    row: Clearing | None


class Holdings:
    """Rows and files of one folder."""

    def __init__(self, scope: Scope, folder: Folder, judgement: Judgement) -> None:
        """Nothing is known of the folder before ``load``."""
        self._scope, self._folder, self._judgement = scope, folder, judgement
        self.rows: dict[bytes, Clearing] = {}
        """What this run found there and has not taken out; what it notes itself is not added."""
        self.before: dict[bytes, str] = {}
        """Verdict of every path that this run found there."""
        self._outdated: set[bytes] = set()
        self._due: list[tuple[Clearing, Delivery]] = []
        """What was noted and written, and has no name yet."""

    def load(self) -> None:
        """Read the rows.

        Raises:
            ConflictError: the folder holds a released file that no row of this archive knows.
        """
        key, collection = self._folder.key, self._scope.collection.id
        with self._scope.store.transaction() as tx:
            before = clearings.of_folder(tx, key)
            clearings.forget_others(tx, key, collection, self._judgement.channel)
            self.rows = clearings.of_folder(tx, key)
            # Their files are gone with the folder that was here before.
            gone = before.keys() - self.rows.keys()
            written.forget(tx, [file for path in gone for file in self._files(before[path])])
            marker = self._folder.marker()
            mine = self._file(written.REPORT, MARKER.encode())
            written.put(tx, replace(mine, sha256=hashlib.sha256(marker).digest(), bytes=len(marker)))
        self.before = {path: row.verdict for path, row in self.rows.items()}
        known = {row.output for row in self.rows.values()}
        stray = next((name for name in self._folder.released() if name not in known), None)
        if stray is not None:
            msg = f"The folder {self._folder.path} holds {display_name(stray)}, of which this archive knows nothing."
            raise ConflictError(
                msg, advice="Folders are neither moved nor shared between archives: name a new one with --out."
            )

    def take_out_outdated(self) -> None:
        """Remove released files that today's decision would not give, before the long work begins.

        Raises:
            CountenanceError: one of them cannot be removed.
        """
        released = [row for row in self.rows.values() if row.output is not None]
        for start in range(0, len(released), _PAGE):
            part = released[start : start + _PAGE]
            with self._scope.store.reading() as tx:
                latest = self._judgement.decide(tx, [row.photo for row in part], self._scope.clock())
            for row, decided in zip(part, latest, strict=True):
                if decided.fingerprint != row.decision:
                    self.take_out(row.path)
                    self._outdated.add(row.path)

    def follow(self) -> None:
        """The same as soon as a consent was given or taken back, as often as long work asks."""
        with self._scope.store.reading() as tx:
            outdated = self._judgement.is_outdated(tx)
        if outdated:
            self.take_out_outdated()

    def stands(self, path: bytes, decided: Decided | None) -> bool:
        """Whether what is noted of a path is what a decision gives; its released file must lie there as written."""
        row = self.rows.get(path)
        if row is None or decided is None or row.decision != decided.fingerprint:
            return False
        if row.problem == NOT_READABLE:  # says more about that run than about the file
            return False
        if row.output is None or row.output_sha256 is None:
            return True
        return self._folder.holds(row.output, row.output_sha256)

    def take_out(self, path: bytes) -> None:
        """Remove the released file of a path and forget the path.

        Raises:
            CountenanceError: the file cannot be removed.
        """
        with self._scope.store.reading() as tx:
            row = clearings.of_path(tx, self._folder.key, path)
        if row is not None and row.output is not None:
            self._folder.remove(row.output)
            self._folder.remove(thumbnail_of(path))
        with self._scope.store.transaction() as tx:
            clearings.forget(tx, self._folder.key, path)
            if row is not None:
                written.forget(tx, self._files(row))
        self.rows.pop(path, None)

    def note(self, place: Place, decided: Decided, copy: Copy | None) -> Noted:
        """Note what became of a photo and write its file, unless the decision is another by now.

        The file gets its name with ``settle``.

        Args:
            place: where it goes.
            decided: what was carried out.
            copy: the photo that came back from the workers; None when nothing was to be written.

        Raises:
            ConflictError: it is within reach of an erasure under way.
            CountenanceError: the file cannot be written.
        """
        try:
            return self._note(place, decided, copy)
        except BaseException:
            self._give_up()
            raise

    def settle(self) -> dict[bytes, Decided]:
        """Give what was written since the last time its name, in one transaction.

        Returns:
            The latest decision by path, for photos whose file was given up: an erasure had passed.

        Raises:
            CountenanceError: a file cannot be put in its place.
        """
        lost: dict[bytes, Decided] = {}
        if not self._due:
            return lost
        try:
            with self._scope.store.transaction() as tx:
                for row, delivery in self._due:
                    if not self._folder.deliver(tx, delivery):
                        clearings.forget(tx, self._folder.key, row.path)
                        (lost[row.path],) = self._judgement.decide(tx, [row.photo], self._scope.clock())
        finally:
            self._give_up()
        return lost

    def _give_up(self) -> None:
        for _, delivery in self._due:
            delivery.discard()
        self._due.clear()

    def _note(self, place: Place, decided: Decided, copy: Copy | None) -> Noted:
        problems = copy.problems if copy is not None else ()
        content = copy.written if copy is not None and not problems else None
        output, verdict = None, decided.decision.verdict
        if content is not None:
            output = (CLEAR if verdict == Verdict.CLEAR else REDACTED) + b"/" + place.output
            self._make_room(place.path, output)
        elif copy is not None:
            verdict = Verdict.REVIEW
        now, delivery = self._scope.clock(), Delivery(self._scope.keys)
        with self._scope.store.transaction() as tx:
            (latest,) = self._judgement.decide(tx, [decided.photo.id], now)
            if latest.fingerprint != decided.fingerprint:
                return Noted(latest, None)
            row = Clearing(
                path=place.path,
                photo=decided.photo.id,
                channel=self._judgement.channel,
                decision=decided.fingerprint,
                verdict=verdict,
                decided_at=now,
                problem=" ".join(problems) or None,
                output=output,
                output_sha256=hashlib.sha256(content).digest() if content is not None else None,
            )
            clearings.put(tx, self._folder.key, row)
            if copy is not None and content is not None and output is not None:
                small, photo = thumbnail_of(place.path), decided.photo.id
                delivery.note(tx, self._file(written.THUMBNAIL, small, photo))
                delivery.note(tx, self._file(written.RENDITION, output, photo))
        if copy is not None and content is not None and output is not None:
            self._due.append((row, delivery))
            self._folder.write(thumbnail_of(place.path), copy.preview, delivery=delivery)
            self._folder.write(output, content, delivery=delivery)
        return Noted(latest, row)

    def check_the_gone(self, present: Collection[bytes]) -> dict[bytes, bool]:
        """Files released earlier whose photo was not in the source now; True where one had to be removed.

        Args:
            present: paths that the source has.
        """
        gone = dict.fromkeys(sorted(self._outdated.difference(present)), True)
        for path, row in list(self.rows.items()):
            if path in present or row.output is None:
                continue
            with self._scope.store.reading() as tx:
                (decided,) = self._judgement.decide(tx, [row.photo], self._scope.clock())
            gone[path] = decided.fingerprint != row.decision
            if gone[path]:
                self.take_out(path)
        return gone

    def _files(self, row: Clearing) -> list[bytes]:
        """Paths of what was written for a row."""
        return [] if row.output is None else [self._folder.at(row.output), self._folder.at(thumbnail_of(row.path))]

    def _file(self, kind: str, name: bytes, photo: str | None = None) -> WrittenFile:
        """A file that is about to be written."""
        collection, now = self._scope.collection.id, self._scope.clock()
        return WrittenFile(kind, self._folder.at(name), UNFINISHED, 0, now, collection, photo)

    def _make_room(self, path: bytes, output: bytes) -> None:
        """A file of this name that was released for another path, which has left the source, goes first."""
        for other, row in list(self.rows.items()):
            if row.output == output and other != path:
                self.take_out(other)
