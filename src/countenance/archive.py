"""One archive: opens the parts and joins them. No rules of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from countenance.errors import ConflictError, CountenanceError, NotFoundError, StoreError
from countenance.flows import (
    clear,
    clear_report,
    consent,
    contact_sheet,
    enrol,
    find,
    ingest,
    labels,
    policy,
    publish,
    rescan,
    review,
)
from countenance.flows.consent import Desk, Entry, Granted, Hidden
from countenance.flows.enrol import ConsentForm, Enrolment
from countenance.flows.ingest import IngestSummary
from countenance.flows.labels import Reviewer
from countenance.flows.rescan import RescanSummary
from countenance.flows.scope import SERIAL, Engine, Scope
from countenance.ingest.source import open_sources
from countenance.settings import FILE_NAME, Settings
from countenance.store import collections, photos, subjects
from countenance.store.appearances import Appearance
from countenance.store.collections import Collection, CollectionCounts, Release
from countenance.store.connection import Store
from countenance.store.consents import StoredConsent
from countenance.store.keyfile import Master
from countenance.store.keys import KeyStore
from countenance.store.labels import Operation
from countenance.store.photos import Refusal
from countenance.store.policies import PolicyPage
from countenance.store.publications import Publication
from countenance.store.subjects import Subject
from countenance.vision.packs import Pack, load_pack, load_pack_by_id

DATABASE, KEYS, SETTINGS = "countenance.db", "keys", FILE_NAME


def utc_now() -> datetime:
    """The aware UTC moment."""
    return datetime.now(UTC)


class Archive:
    """Everything one organisation's archive can do, one method per story."""

    def __init__(
        self, folder: Path, store: Store, keys: KeyStore, settings: Settings, clock: Callable[[], datetime] = utc_now
    ) -> None:
        """Join opened parts; use ``create`` or ``open``."""
        self.folder, self.settings = folder, settings
        self._store, self._keys, self._clock = store, keys, clock

    @classmethod
    def create(cls, folder: Path, master: Master, settings: Settings, clock: Callable[[], datetime] = utc_now) -> Self:
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
            with Store.open(unnamed, create=True) as store:
                policy.publish(store, policy.draft(settings), "countenance init", clock())
            _make_keys(folder / KEYS, master, may_exist=interrupted)
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
        return cls.open(folder, master, settings, clock)

    @classmethod
    def open(cls, folder: Path, master: Master, settings: Settings, clock: Callable[[], datetime] = utc_now) -> Self:
        """Open an archive.

        Raises:
            NotFoundError: there is none in this folder.
            KeyStoreError: wrong key file or passphrase.
            StoreError: the database cannot be used.
        """
        require_archive(folder)
        keys = KeyStore.open(folder / KEYS, master)
        try:
            store = Store.open(folder / DATABASE)
        except BaseException:
            keys.close()
            raise
        return cls(folder, store, keys, settings, clock)

    def close(self) -> None:
        """Close database and key store."""
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
            return collections.create(tx, self._keys, name=name, pack=pack.id, at=self._clock(), release=release)

    def _scope(self, collection: str) -> Scope:
        where = self.collection(collection)
        return Scope(self._store, self._keys, where, self.pack_of(where), self.settings, self._clock)

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

    # Ingest, enrol, find -----------------------------------------------------------------------------------------

    def ingest(
        self,
        collection: str,
        sources: Sequence[str | bytes | os.PathLike[str]],
        engine: Engine = SERIAL,
        saved: Callable[[IngestSummary, Sequence[bytes]], None] | None = None,
    ) -> IngestSummary:
        """Bring photos into a collection; see ``flows.ingest``."""
        source = open_sources(sources, max_bytes=self.settings.decode.max_bytes)
        return ingest.ingest(self._scope(collection), source, engine, saved)

    def enrol(
        self,
        collection: str,
        name: str,
        reference_photos: Iterable[tuple[str, bytes]],
        form: ConsentForm,
        actor: str,
        *,
        must_not_appear: str | None = None,
    ) -> Enrolment:
        """Enrol a person; see ``flows.enrol``. The look back is ``rescan``."""
        photos_given = list(reference_photos)
        return enrol.enrol(self._scope(collection), name, photos_given, form, actor, must_not_appear=must_not_appear)

    def rescan(
        self, collection: str, engine: Engine = SERIAL, saved: Callable[[RescanSummary], None] | None = None
    ) -> RescanSummary:
        """Compare photos already there with people enrolled since; see ``flows.rescan``."""
        return rescan.rescan(self._scope(collection), engine, saved)

    def subjects(self, collection: str) -> list[Subject]:
        """Everybody enrolled in a collection, oldest first."""
        with self._store.reading() as tx:
            return subjects.of_collection(tx, self._keys, collections.by_name(tx, collection).id)

    def subject(self, who: str, collection: str | None = None) -> Subject:
        """The subject with this id, or with exactly this name when only one has it, in all collections or in one.

        Of two that were merged it is the one that was kept, whichever is named.

        Raises:
            NotFoundError: nobody, or no such collection.
            ConflictError: several people have this name.
        """
        with self._store.reading() as tx:
            known = {row.collection.id: row.collection.name for row in collections.list_all(tx)}
            among = known if collection is None else [collections.by_name(tx, collection).id]
            everybody = [subject for place in among for subject in subjects.of_collection(tx, self._keys, place)]
        found = [subject for subject in everybody if subject.id == who]
        found = found or [subject for subject in everybody if subject.name == who]
        kept = {subject.merged_into or subject.id for subject in found}
        found = [subject for subject in everybody if subject.id in kept]
        if not found:
            msg = f"Nobody called {who!r} is enrolled here."
            raise NotFoundError(msg, advice="List people with `countenance collection show NAME`.")
        if len(found) > 1:
            ids = ", ".join(f"{subject.id} in {known[subject.collection]}" for subject in found)
            msg = f"{len(found)} people are called {who!r}: {ids}."
            raise ConflictError(msg, advice="Use one of these ids instead of the name.")
        return found[0]

    def find(self, who: str, *, state: str = "any") -> list[Appearance]:
        """A person's appearances, best first; see ``flows.find``."""
        return find.find(self._store, self._keys, self.subject(who), self._clock, state=state)

    def contact_sheet(self, who: str, found: Sequence[Appearance], folder: Path) -> Path:
        """Write what ``find`` gave as a page; see ``flows.contact_sheet``."""
        subject = self.subject(who)
        with self._store.reading() as tx:
            where = collections.by_id(tx, subject.collection)
        permit = find.permit_to_show(self._store, self._keys, subject, self._clock)
        sheet = contact_sheet.Sheet(folder, subject.name, self.pack_of(where))
        return contact_sheet.write_contact_sheet(permit, sheet, found, self.settings, self._clock())

    # Clear -------------------------------------------------------------------------------------------------------

    def clear(
        self,
        collection: str,
        sources: Sequence[str | bytes | os.PathLike[str]],
        request: clear.Request,
        engine: Engine = SERIAL,
        progress: clear.Progress = clear.silent,
    ) -> dict[str, Any]:
        """Clear photos for a channel and write the report; see ``flows.clear`` and ``flows.clear_report``."""
        scope = self._scope(collection)
        return clear_report.report(scope, request, clear.clear(scope, sources, request, engine, progress))

    def published_showing(self, who: str) -> list[Publication]:
        """Published copies on which a person can be seen; see ``flows.publish``."""
        subject = self.subject(who)
        return publish.showing(self._store, subject.collection, subject.id)

    def take_down(self, who: str, ids: Sequence[str]) -> None:
        """Note that published copies are gone; see ``flows.publish``."""
        subject = self.subject(who)
        publish.take_down(self._store, subject.collection, subject.id, ids, self._clock())

    # Consent -----------------------------------------------------------------------------------------------------

    def policy_pages(self) -> list[PolicyPage]:
        """Every version of the policy page, oldest first; the last one is in force."""
        return policy.versions(self._store)

    def publish_policy(self, page: str, actor: str) -> PolicyPage:
        """Publish a version of the policy page; the one in force again when the text is the same."""
        return policy.publish(self._store, page, actor, self._clock())

    def grant(self, who: str, form: ConsentForm, actor: str) -> Granted:
        """Record what an enrolled person agreed to; see ``flows.consent``."""
        return consent.grant(self._desk, self.subject(who).id, form, actor)

    def withdraw(self, who: str, purposes: Sequence[str] | None = None) -> list[StoredConsent]:
        """End a person's consents, for some purposes or for all; see ``flows.consent``."""
        return consent.withdraw(self._desk, self.subject(who).id, purposes)

    def consents(self, *, collection: str | None = None, who: str | None = None) -> list[Entry]:
        """Every consent of the archive, of one collection or of one person; see ``flows.consent``."""
        where = None if collection is None else self.collection(collection).id
        subject = None if who is None else self.subject(who, collection).id
        return consent.listing(self._desk, collection=where, subject=subject)

    def renewals(self, entries: Iterable[Entry], within: timedelta) -> list[Entry]:
        """Which of these consents end within the span and are not renewed; see ``flows.consent``."""
        return consent.renewals(self._desk, entries, within)

    def must_not_appear(self, who: str, reason: str | None) -> Hidden:
        """Hide a person from everything that is released, or lift it; see ``flows.consent``."""
        return consent.must_not_appear(self._desk, self.subject(who).id, reason)

    def why_hidden(self, who: str) -> Hidden:
        """Whether and why a person must not appear: for the steward; see ``flows.consent``."""
        return consent.why_hidden(self._desk, self.subject(who).id)

    @property
    def _desk(self) -> Desk:
        return Desk(self._store, self._keys, self.settings, self._clock)

    # Review ------------------------------------------------------------------------------------------------------

    def review_counts(self, collection: str) -> dict[str, int]:
        """Number of appearances by state."""
        return review.counts(self._store, self.collection(collection))

    def decide(self, collection: str, ids: Sequence[str], state: str, actor: str) -> list[Appearance]:
        """Confirm or reject appearances; see ``flows.review``."""
        return self.decide_each(collection, dict.fromkeys(ids, state), actor)

    def decide_each(self, collection: str, decisions: Mapping[str, str], actor: str) -> list[Appearance]:
        """Confirm some appearances and reject others, all or none; see ``flows.review``."""
        return review.decide(self._store, self._keys, self.collection(collection), decisions, self._clock, actor)

    # Labels ------------------------------------------------------------------------------------------------------

    def name_face(self, face: str, who: str, actor: str) -> Operation | None:
        """Say who a face is; see ``flows.labels``."""
        return labels.name(self._reviewer(actor), face, self.subject(who))

    def split(self, who: str, faces: Sequence[str], actor: str, *, to: str | None = None) -> Operation | None:
        """Say that faces are not this person, but perhaps another; see ``flows.labels``."""
        other = self.subject(to) if to is not None else None
        return labels.split(self._reviewer(actor), self.subject(who), faces, other)

    def merge(self, keep: str, other: str, actor: str) -> Operation:
        """Say that two people are one; see ``flows.labels``."""
        return labels.merge(self._reviewer(actor), self.subject(keep), self.subject(other))

    def remark(self, collection: str, actor: str, *, nobody: Sequence[str], no_face: Sequence[str]) -> Operation | None:
        """Say that nobody is on photos, or that faces are none; see ``flows.labels``."""
        return labels.remark(self._reviewer(actor), self.collection(collection).id, nobody, no_face)

    def undo(self, operation: str, actor: str, *, collection: str | None = None) -> Operation:
        """Take an operation back, of any collection or of one; see ``flows.labels``."""
        place = self.collection(collection).id if collection is not None else None
        return labels.undo(self._reviewer(actor), operation, place)

    def label_history(self, collection: str, who: str | None = None, *, most: int | None = None) -> list[Operation]:
        """What people did to labels, in a collection or to one person, newest first; see ``flows.labels``."""
        subject = self.subject(who, collection) if who is not None else None
        return labels.history(self._store, self.collection(collection).id, subject, most=most)

    def _reviewer(self, actor: str) -> Reviewer:
        return Reviewer(self._store, self._keys, self._clock, actor)


def _make_keys(folder: Path, master: Master, *, may_exist: bool) -> None:
    """A new key store; one that an interrupted ``create`` left whole is kept if the master opens it."""
    try:
        KeyStore.create(folder, master).close()
    except ConflictError:
        if not may_exist:
            raise
        KeyStore.open(folder, master).close()


def _remove_database(path: Path) -> None:
    """Remove a database file and its logs, as far as they are there."""
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            path.with_name(path.name + suffix).unlink()


def require_archive(folder: Path) -> None:
    """Raise NotFoundError unless the folder holds an archive."""
    if not (folder / DATABASE).is_file():
        msg = f"There is no archive in {folder.absolute()}."
        raise NotFoundError(msg, advice="Make one with `countenance init`, or name another with --archive.")
