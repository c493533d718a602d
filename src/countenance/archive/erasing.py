"""Erase people, photos and collections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from countenance.archive.opened import Opened
from countenance.erase.plan import Plan, Target
from countenance.errors import NotFoundError
from countenance.flows import erase, redact_person
from countenance.flows.erase import Erased, Office
from countenance.flows.redact_person import Redacted
from countenance.ledger.checkpoint import signing_key
from countenance.store import attributes, erasures, photos
from countenance.store.erasures import Erasure

Told = Callable[[str], None]


class Erasing(Opened):
    """Erase with proof, and take up again what was interrupted."""

    def plan_erasure(self, who: str) -> Plan:
        """What erasing a person would reach; see ``flows.erase``."""
        return erase.plan_subject(self._office, self.subject(who).id)

    def erase(self, who: str, told: Told | None = None) -> Erased:
        """Erase a person; see ``flows.erase``."""
        return self.erase_each([self.subject(who).id], told)[0]

    def redact_and_erase(self, who: str, out: Path, told: Told | None = None) -> tuple[Erased, Redacted]:
        """Write copies of the person's photos without the person, then erase; see ``flows.redact_person``."""
        subject = self.subject(who)
        where = next(row.collection.name for row in self.collections() if row.collection.id == subject.collection)
        scope = self._scope(where)
        erase.require_free(self._office, subject.id)
        redacted = redact_person.redact_person(scope, subject.id, out)
        kept = [file.path for file in redacted.files]
        return erase.erase_subjects(self._telling(told), [subject.id], kept)[0], redacted

    def erase_each(self, subjects: Sequence[str], told: Told | None = None) -> list[Erased]:
        """Erase people by their ids, with one sweep for all; see ``flows.erase``."""
        return erase.erase_subjects(self._telling(told), subjects)

    def subjects_having(self, collection: str, name: str, value: str) -> list[str]:
        """Ids of the people of a collection of whom the organisation noted this value of an attribute."""
        where = self.collection(collection)
        with self._store.reading() as tx:
            return attributes.having(tx, self._keys, where.id, name, value)

    def photo_id(self, collection: str, photo: str) -> str:
        """Id of a photo of a collection, by its id or by the hex SHA-256 of its file.

        Raises:
            NotFoundError: there is none.
        """
        where = self.collection(collection)
        with self._store.reading() as tx:
            hexadecimal = len(photo) == 64 and set(photo) <= set("0123456789abcdef")  # noqa: PLR2004 - digits of SHA-256
            known = photos.known(tx, where.id, [bytes.fromhex(photo)]) if hexadecimal else {}
            found = next((row.id for row in known.values()), photo)
            if photos.by_id(tx, found).collection != where.id:
                msg = f"There is no photo with the id {photo} in the collection {collection}."
                raise NotFoundError(msg, advice="Take the id that `countenance find --json` prints.")
        return found

    def plan_photo_erasure(self, collection: str, photo: str) -> Plan:
        """What erasing a photo would reach; see ``flows.erase``."""
        return erase.plan_photo(self._office, self.collection(collection).id, photo)

    def erase_photo(self, collection: str, photo: str, told: Told | None = None) -> Erased:
        """Erase what is known of a photo; see ``flows.erase``."""
        return erase.erase_photo(self._telling(told), self.collection(collection).id, photo)

    def plan_destruction(self, collection: str) -> Plan:
        """What destroying a collection would reach; see ``flows.erase``."""
        return erase.plan_collection(self._office, self.collection(collection).id)

    def destroy_collection(self, collection: str, told: Told | None = None) -> Erased:
        """Destroy a collection with everybody in it; see ``flows.erase``."""
        return erase.destroy_collection(self._telling(told), self.collection(collection).id)

    def hold_against(self, target: Target) -> str | None:
        """Why a legal hold refuses this erasure now; None when none does."""
        return erase.hold_against(self._office, target)

    def unfinished_erasures(self) -> list[Erasure]:
        """Erasures that were interrupted, oldest first."""
        return erase.unfinished(self._store)

    def resume_erasures(self, told: Told | None = None) -> list[Erased]:
        """Bring every interrupted erasure to its end; see ``flows.erase``."""
        return erase.resume(self._telling(told))

    def erasure(self, wanted: str) -> Erasure:
        """An erasure by its id, with its receipt if it is done.

        Raises:
            NotFoundError: there is none.
        """
        with self._store.reading() as tx:
            return erasures.by_id(tx, wanted)

    def ledger_key(self) -> str:
        """The line by which anybody verifies what this archive signs."""
        return signing_key(self._keys).line

    def _telling(self, told: Told | None) -> Office:
        return self._office if told is None else replace(self._office, told=told)

    @property
    def _office(self) -> Office:
        return Office(self._store, self._keys, self.settings, self._clock, self.actor, self.folder)
