"""How long people are kept, and what is noted of them for that."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from countenance.archive.opened import Opened
from countenance.core.retention import Hold, Rule
from countenance.errors import ConflictError, KeyGoneError, NotFoundError
from countenance.flows import case_purge, retention
from countenance.flows.retention import Described, Ended, Line, Outcome


class Retention(Opened):
    """Rules, legal holds, reminders, and destroying what is due."""

    def retention_rule(self, collection: str) -> Rule:
        """What a collection says about keeping; see ``flows.retention``."""
        return retention.rule_of(self._desk, self.collection(collection).id)

    def set_retention_rule(self, collection: str, rule: Rule) -> Rule:
        """Set what a collection says about keeping; see ``flows.retention``."""
        return retention.set_rule(self._desk, self.collection(collection).id, rule)

    def hold(self, what: str, *, collection: str | None = None, reference: str, approver: str, until: datetime) -> Hold:
        """Place a legal hold on a collection or on a person; see ``flows.retention``.

        Args:
            what: name or id of the one or of the other.
            collection: look for a person in this collection only.
            reference: where the order is found.
            approver: who approved it.
            until: aware moment at which it expires.

        Raises:
            NotFoundError: there is neither a collection nor a person of that name.
            ConflictError: there is both, or several people have this name.
        """
        place, subject = self._held(what, collection)
        return retention.hold(self._desk, place, subject, reference=reference, approver=approver, until_at=until)

    def lift_hold(self, hold: str) -> Hold:
        """Lift a legal hold by its id; see ``flows.retention``."""
        return retention.lift(self._desk, hold)

    def holds(self) -> list[Hold]:
        """Legal holds that stand now; see ``flows.retention``."""
        return retention.holds(self._desk)

    def retention(self, collection: str | None = None, *, within: timedelta | None = None) -> list[Line]:
        """What the rules say about everybody, soonest first; see ``flows.retention``."""
        where = None if collection is None else self.collection(collection).id
        return retention.listing(self._desk, where, within=within)

    def ended_collections(self) -> list[Ended]:
        """Collections whose own last day has passed; see ``flows.retention``."""
        return retention.ended(self._desk)

    def clock_doubt(self) -> str | None:
        """Why nothing may be destroyed by this machine's clock, if it cannot be right; see ``flows.retention``."""
        return retention.clock_doubt(self._desk)

    def run_retention(
        self,
        destroy: Callable[[str], object],
        *,
        finish: Callable[[], Sequence[str]] = tuple,
        trust_clock: bool = False,
    ) -> Outcome:
        """Destroy what is due, candidates of cases among it, then person by person; see ``flows.retention``."""
        case_purge.purge(self._desk)
        return retention.run(self._desk, destroy, finish=finish, trust_clock=trust_clock)

    def describe(self, who: str, collection: str | None = None) -> Described:
        """What is noted of a person, and what the rules say; see ``flows.retention``."""
        return retention.describe(self._desk, self.subject(who, collection).id)

    def note_attributes(
        self, who: str, given: Mapping[str, str], gone: Collection[str] = (), *, collection: str | None = None
    ) -> dict[str, str]:
        """Note attributes of a person and take others away; see ``flows.retention``."""
        return retention.note_attributes(self._desk, self.subject(who, collection).id, given, gone)

    def note_contact(self, who: str, at: datetime | None = None, *, collection: str | None = None) -> datetime:
        """Note a contact with a person; see ``flows.retention``."""
        return retention.note_contact(self._desk, self.subject(who, collection).id, at)

    def _held(self, what: str, collection: str | None) -> tuple[str, str | None]:
        """(id of the collection, id of the person or None) that a hold is about."""
        named = (row.collection for row in self.collections() if what in {row.collection.name, row.collection.id})
        place = None if collection is not None else next(named, None)
        try:
            person = self.subject(what, collection)
        except NotFoundError as error:
            if place is not None:
                return place.id, None
            if collection is not None or isinstance(error, KeyGoneError):
                raise
            msg = f"There is neither a collection nor a person called {what!r} here."
            raise NotFoundError(msg) from error
        if place is not None:
            msg = f"There is a collection called {what!r} ({place.id}) and a person ({person.id})."
            raise ConflictError(msg, advice="Use one of these ids instead of the name.")
        return person.collection, person.id
