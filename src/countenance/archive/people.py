"""Enrol people, and what they agreed to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from countenance.archive.opened import Opened
from countenance.flows import (
    consent,
    enrol,
    policy,
    view,
)
from countenance.flows.consent import Entry, Granted, Hidden
from countenance.flows.enrol import ConsentForm, Enrolment
from countenance.store.consents import StoredConsent
from countenance.store.policies import PolicyPage


class People(Opened):
    """Enrolment, policy pages and consents."""

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

    def policy_pages(self) -> list[PolicyPage]:
        """Every version of the policy page, oldest first; the last one is in force."""
        return policy.versions(self._store)

    def publish_policy(self, page: str, actor: str) -> PolicyPage:
        """Publish a version of the policy page; the one in force again when the text is the same."""
        return policy.publish(self._store, self._keys, page, actor, self._clock())

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
        entries = consent.listing(self._desk, collection=where, subject=subject)
        if subject is not None:
            view.log_view(self._desk, subject, view.CONSENTS)
        return entries

    def renewals(self, entries: Iterable[Entry], within: timedelta) -> list[Entry]:
        """Which of these consents end within the span and are not renewed; see ``flows.consent``."""
        return consent.renewals(self._desk, entries, within)

    def must_not_appear(self, who: str, reason: str | None) -> Hidden:
        """Hide a person from everything that is released, or lift it; see ``flows.consent``."""
        return consent.must_not_appear(self._desk, self.subject(who).id, reason)

    def why_hidden(self, who: str) -> Hidden:
        """Whether and why a person must not appear: for the steward; see ``flows.consent``."""
        hidden = consent.why_hidden(self._desk, self.subject(who).id)
        view.log_view(self._desk, hidden.subject.id, view.REASON)
        return hidden
