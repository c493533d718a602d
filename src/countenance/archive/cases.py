"""Searching under cases. Whatever is due is destroyed before anything else is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from countenance.archive.opened import Opened
from countenance.core.case import Mark
from countenance.errors import UsageError
from countenance.flows import case, case_purge, case_report, case_review, case_search, case_usage
from countenance.flows.case import Wanted
from countenance.flows.case_purge import Purged
from countenance.flows.case_report import Report
from countenance.flows.case_review import Reviewed
from countenance.flows.case_search import Outcome
from countenance.flows.case_usage import Usage
from countenance.flows.scope import Scope
from countenance.store import collections
from countenance.store.cases import StoredCase
from countenance.store.filters import Within


class Cases(Opened):
    """Open, approve, search, review, close, report; see ``flows.case`` and its neighbours."""

    def open_case(self, wanted: Wanted, names: Sequence[str], photos: Sequence[tuple[str, bytes]]) -> StoredCase:
        """Open a case about collections (by name), with its first probes; see ``flows.case``.

        Raises:
            UsageError: no collection is named.
        """
        self.purge_cases()
        if not names:
            msg = "A case is about at least one collection."
            raise UsageError(msg, advice="Name it with --collection.")
        return case.open_case([self._scope(each) for each in dict.fromkeys(names)], wanted, photos)

    def add_probes(self, number: str, photos: Sequence[tuple[str, bytes]]) -> StoredCase:
        """Hand in more probes; see ``flows.case``."""
        self.purge_cases()
        about = self._about(number)
        if not about:
            msg = f"The collections of the case {number} were destroyed."
            raise UsageError(msg, advice="Open a new case about another collection.")
        return case.add_probes(self._scope(about[0]), number, photos)

    def show_probes(self, number: str, folder: Path) -> Path:
        """Write the page for whoever approves; see ``flows.case``."""
        self.purge_cases()
        return case.show_probes(self._desk, number, folder)

    def approve_case(self, number: str, code: str) -> StoredCase:
        """Approve the probes that a case has now; see ``flows.case``."""
        self.purge_cases()
        return case.approve(self._desk, number, code)

    def search_case(
        self,
        number: str,
        collection: str | None = None,
        *,
        at_least: float = -1.0,
        most: int = 20,
        within: Within = case_search.EVERYTHING,
        urgent_reason: str | None = None,
    ) -> Outcome:
        """Search a collection (by name; the case's only one when None) under a case; see ``flows.case_search``."""
        self.purge_cases()
        scope = self._scope_of_case(number, collection)
        return case_search.search(
            scope, number, at_least=at_least, most=most, within=within, urgent_reason=urgent_reason
        )

    def case_results(self, number: str, search: str | None = None) -> Outcome:
        """What a search gave, as long as it is shown; see ``flows.case_search``."""
        self.purge_cases()
        return case_search.results(self._desk, number, search)

    def write_candidates(self, number: str, folder: Path, search: str | None = None) -> Path:
        """Write the page for reviewers; see ``flows.case_review``."""
        self.purge_cases()
        return case_review.write_candidates(self._desk, number, folder, search)

    def review_case(self, number: str, marks: Mapping[int, Mark], search: str | None = None) -> Reviewed:
        """Say what every candidate is; see ``flows.case_review``."""
        self.purge_cases()
        return case_review.review(self._desk, number, marks, search)

    def close_case(self, number: str) -> StoredCase:
        """Close a case, and destroy its probes at once; see ``flows.case``."""
        self.purge_cases()
        case.close_case(self._desk, number)
        self.purge_cases()
        return case.one(self._desk, number)

    def report_case(self, number: str, folder: Path) -> Report:
        """Write the report of a case; see ``flows.case_report``."""
        self.purge_cases()
        self._mirror.require_appendable()
        return case_report.write_report(self._desk, number, folder)

    def cases(self) -> list[StoredCase]:
        """Every case, without probes and candidates."""
        self.purge_cases()
        return case.listing(self._desk)

    def case(self, number: str) -> StoredCase:
        """One case, without probes and candidates."""
        self.purge_cases()
        return case.one(self._desk, number)

    def case_usage(self, month: str) -> Usage:
        """Numbers of one month; see ``flows.case_usage``."""
        self.purge_cases()
        return case_usage.usage(self._desk, month)

    def purge_cases(self) -> Purged:
        """Destroy probes and candidates whose time has come; see ``flows.case_purge``."""
        return case_purge.purge(self._desk)

    def _scope_of_case(self, number: str, collection: str | None) -> Scope:
        if collection is not None:
            return self._scope(collection)
        about = self._about(number)
        if len(about) != 1:
            msg = f"The case {number} is about {len(about)} collections, and one is searched at a time."
            raise UsageError(msg, advice="Name it with --collection.")
        return self._scope(about[0])

    def _about(self, number: str) -> list[str]:
        """Names of the collections of a case."""
        about = case.one(self._desk, number).case.collections
        with self._store.reading() as tx:
            return sorted(collections.by_id(tx, each).name for each in about)
