"""What people may ask for: to be shown what is held on them, and by whom it was handled."""

from __future__ import annotations

from pathlib import Path

from countenance.archive.opened import Opened
from countenance.errors import KeyGoneError, NotFoundError
from countenance.flows import show_me, staff
from countenance.flows.identity import Check
from countenance.flows.show_me import Pack, Progress
from countenance.flows.show_me_folder import NOTHING_HELD, SOME_UNFINISHED, UNFINISHED_ERASURE
from countenance.store import collections, erasures
from countenance.store.actors import Actor


class Rights(Opened):
    """Show me, and the roles of those who act."""

    def show_me(
        self,
        who: str,
        check: Check,
        out: Path,
        *,
        collection: str | None = None,
        progress: Progress = show_me.silent,
    ) -> Pack:
        """Make the pack of everything held on a person; see ``flows.show_me``.

        Raises:
            NotFoundError: nobody of that name or id is known (any more).
        """
        try:
            subject = self.subject(who, collection)
        except KeyGoneError:
            raise
        except NotFoundError as error:
            if collection is not None:
                self.collection(collection)  # it may be this that is unknown
            msg = f"Nothing is held here on anybody called {who!r}, so there is nothing to show."
            raise NotFoundError(msg, advice=self._why_nothing(who)) from error
        with self._store.reading() as tx:
            name = collections.by_id(tx, subject.collection).name
        return show_me.show_me(self._scope(name), subject.id, check, out, progress)

    def _why_nothing(self, who: str) -> str:
        """Whoever is half erased has no name here any more, only an id in the erasure that was interrupted."""
        with self._store.reading() as tx:
            going = {each.target for each in erasures.unfinished(tx)}
        if who in going:
            return UNFINISHED_ERASURE
        return f"{NOTHING_HELD} {SOME_UNFINISHED}" if going else NOTHING_HELD

    def actors(self) -> list[Actor]:
        """Everybody who ever did something here; see ``flows.staff``."""
        return staff.listing(self._desk)

    def set_role(self, name: str, role: str) -> Actor:
        """Note what somebody is in the organisation; see ``flows.staff``."""
        return staff.set_role(self._desk, name, role)
