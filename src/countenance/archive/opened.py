"""An open archive: its parts, and who is found under a name. Every story works on this."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from countenance.errors import ConflictError, CountenanceError, KeyGoneError, NotFoundError, StoreError
from countenance.flows import policy, rekey
from countenance.flows.acts import PROGRAM, log
from countenance.flows.consent import Desk
from countenance.flows.labels import Reviewer
from countenance.flows.scope import Scope
from countenance.ledger.event import Act, Event
from countenance.ledger.mirror import Mirror
from countenance.settings import FILE_NAME, Settings
from countenance.store import collections, keychecks, photos, subjects
from countenance.store.collections import Collection, CollectionCounts, Release
from countenance.store.connection import Store
from countenance.store.keyfile import Master
from countenance.store.keys import KeyStore
from countenance.store.pages import move as move_sums
from countenance.store.photos import Refusal
from countenance.store.subjects import Subject
from countenance.vision.packs import Pack, load_pack, load_pack_by_id

DATABASE, KEYS, LEDGER, SETTINGS = "countenance.db", "keys", "ledger", FILE_NAME


def utc_now() -> datetime:
    """The aware UTC moment."""
    return datetime.now(UTC)


class Opened:
    """The parts of one archive, joined."""

    def __init__(
        self,
        folder: Path,
        store: Store,
        keys: KeyStore,
        settings: Settings,
        clock: Callable[[], datetime] = utc_now,
        actor: str = PROGRAM,
    ) -> None:
        """Join opened parts; use ``create`` or ``open``. The actor is who does what no other name is given for."""
        self.folder, self.settings, self.actor = folder, settings, actor
        self._store, self._keys, self._clock = store, keys, clock
        self._mirror = Mirror(folder / LEDGER)
        self.told: Callable[[int, int], None] | None = None
        """Is told how many templates are open, and of how many, while many of them are opened."""

    @classmethod
    def create(
        cls,
        folder: Path,
        master: Master,
        settings: Settings,
        clock: Callable[[], datetime] = utc_now,
        actor: str = PROGRAM,
    ) -> Self:
        """Make a new archive in a folder.

        Raises:
            ConflictError: there is an archive already.
            StoreError: the folder cannot be written.
        """
        if (folder / DATABASE).exists():
            msg = f"There is an archive in {folder.absolute()} already."
            raise ConflictError(msg, advice="Choose another folder; nothing was changed.")
        had_keys, unnamed = (folder / KEYS).exists(), folder / f"{DATABASE}.new"
        interrupted = unnamed.exists()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # The database gets its name last: where it has it, the archive is whole; else `init` is simply run again.
            _remove_database(unnamed)
            with (
                Store.open(unnamed, create=True) as store,
                _make_keys(folder / KEYS, master, may_exist=interrupted) as keys,
            ):
                with store.transaction() as tx:
                    log(tx, keys, Event(Act.BEGIN, actor), at=clock())
                policy.publish(store, keys, policy.draft(settings), "countenance init", clock())
            move_sums(unnamed, folder / DATABASE)
            unnamed.replace(folder / DATABASE)
            if not (folder / policy.FILE).exists():
                (folder / policy.FILE).write_text(policy.draft(settings), "utf-8")
        except (OSError, CountenanceError) as error:
            _remove_database(unnamed)
            if not had_keys:  # no row ever depended on these keys
                shutil.rmtree(folder / KEYS, ignore_errors=True)
            if isinstance(error, CountenanceError):
                raise
            msg = f"The folder {folder} cannot be made an archive: {error.strerror}."
            raise StoreError(msg) from error
        return cls.open(folder, master, settings, clock, actor)

    @classmethod
    def open(
        cls,
        folder: Path,
        master: Master,
        settings: Settings,
        clock: Callable[[], datetime] = utc_now,
        actor: str = PROGRAM,
    ) -> Self:
        """Open an archive.

        Raises:
            NotFoundError: there is none in this folder.
            KeyStoreError: wrong key file or passphrase.
            StoreError: the database cannot be used.
            DamagedError: stored bytes are not as they were written.
        """
        require_archive(folder)
        keys = KeyStore.open(folder / KEYS, master)
        try:
            store = Store.open(folder / DATABASE)
        except BaseException:
            keys.close()
            raise
        opened = cls(folder, store, keys, settings, clock, actor)
        try:
            opened._mirror.attach(store, keys)
            opened._mirror.require_all_read(store)
            rekey.settle(store, keys)
        except BaseException:
            opened.close()
            raise
        return opened

    def close(self) -> None:
        """Close database and key store; what the log is now is noted with the keys."""
        try:
            self._mirror.end(self._store, self._keys)
        finally:
            self._store.close()
            self._keys.close()

    def __enter__(self) -> Self:
        """The archive itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    # Collections -------------------------------------------------------------------------------------------------

    def create_collection(self, name: str, release: Release | None = None) -> Collection:
        """A new collection on the pack of the settings; basis ``release`` exactly when a documented basis is given.

        Raises:
            ConflictError: the name is taken.
            PackError: the settings' pack is unknown or not allowed.
        """
        pack = load_pack(self.settings.pack, self.settings)
        with self._store.transaction() as tx:
            now = self._clock()
            made = collections.create(tx, self._keys, name=name, pack=pack.id, at=now, release=release)
            event = Event(Act.CREATE_COLLECTION, self.actor, made.id, facts={"basis": made.basis})
            log(tx, self._keys, event, at=now)
            return made

    def _scope(self, collection: str) -> Scope:
        where = self.collection(collection)
        with self._store.reading() as tx:
            keychecks.require(tx, self._keys, where.id)
        pack = self.pack_of(where)
        return Scope(self._store, self._keys, where, pack, self.settings, self._clock, self.actor, self.told)

    def collections(self) -> list[CollectionCounts]:
        """Every collection with its counts."""
        with self._store.reading() as tx:
            return collections.list_all(tx)

    def collection(self, name: str) -> Collection:
        """The collection of that name.

        Raises:
            NotFoundError: there is none.
        """
        with self._store.reading() as tx:
            return collections.by_name(tx, name)

    def refused(self, collection: str) -> list[Refusal]:
        """Files of a collection that could not be used, with reasons."""
        with self._store.reading() as tx:
            return photos.refused_of(tx, collections.by_name(tx, collection).id)

    def pack_of(self, collection: Collection) -> Pack:
        """The model pack that a collection was made with.

        Raises:
            PackError: it is not installed here in that version.
        """
        return load_pack_by_id(collection.pack, self.settings)

    def subjects(self, collection: str) -> list[Subject]:
        """Everybody enrolled in a collection, oldest first."""
        with self._store.reading() as tx:
            return subjects.of_collection(tx, self._keys, collections.by_name(tx, collection).id)

    def subject(self, who: str, collection: str | None = None) -> Subject:
        """The subject with this id, or with exactly this name when only one has it, in all collections or in one.

        Of two that were merged it is the one that was kept, whichever is named.

        Raises:
            NotFoundError: nobody, or no such collection.
            KeyGoneError: nobody among those who can be read; others have no key any more.
            ConflictError: several people have this name.
        """
        with self._store.reading() as tx:
            known = {row.collection.id: row.collection.name for row in collections.list_all(tx)}
            among = known if collection is None else [collections.by_name(tx, collection).id]
            opened = [subjects.openable(tx, self._keys, place) for place in among]
        everybody, n_lost = [subject for there, _ in opened for subject in there], sum(lost for _, lost in opened)
        found = [subject for subject in everybody if subject.id == who]
        found = found or [subject for subject in everybody if subject.name == who]
        kept = {subject.merged_into or subject.id for subject in found}
        found = [subject for subject in everybody if subject.id in kept]
        if not found and n_lost:
            people = "1 person of this archive has" if n_lost == 1 else f"{n_lost} people of this archive have"
            msg = f"{people} no key any more, because an older database was restored; nobody else is called {who!r}."
            raise KeyGoneError(msg)
        if not found:
            msg = f"Nobody called {who!r} is enrolled here."
            raise NotFoundError(msg, advice="List people with `countenance collection show NAME`.")
        if len(found) > 1:
            ids = ", ".join(f"{subject.id} in {known[subject.collection]}" for subject in found)
            msg = f"{len(found)} people are called {who!r}: {ids}."
            raise ConflictError(msg, advice="Use one of these ids instead of the name.")
        return found[0]

    @property
    def _desk(self) -> Desk:
        return Desk(self._store, self._keys, self.settings, self._clock, self.actor)

    def _reviewer(self, actor: str) -> Reviewer:
        return Reviewer(self._store, self._keys, self._clock, actor)


def _make_keys(folder: Path, master: Master, *, may_exist: bool) -> KeyStore:
    """A new key store; one that an interrupted ``create`` left whole is kept if the master opens it."""
    try:
        return KeyStore.create(folder, master)
    except ConflictError:
        if not may_exist:
            raise
        return KeyStore.open(folder, master)


def _remove_database(path: Path) -> None:
    """Remove a database file and its logs, as far as they are there."""
    for suffix in ("", "-wal", "-shm", "-sums"):
        with contextlib.suppress(OSError):
            path.with_name(path.name + suffix).unlink()


def require_archive(folder: Path) -> None:
    """Raise NotFoundError unless the folder holds an archive."""
    if not (folder / DATABASE).is_file():
        msg = f"There is no archive in {folder.absolute()}."
        raise NotFoundError(msg, advice="Make one with `countenance init`, or name another with --archive.")
