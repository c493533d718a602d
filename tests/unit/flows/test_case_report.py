"""The report of a case with its proofs, and the numbers of a month."""

from __future__ import annotations

import pytest

from countenance.errors import (
    UsageError,
)
from countenance.ledger.verify import Verifier
from tests.searching import NUMBER, OKORO, REED, STUDIO, Bureau, reason_of


def test_usage_has_numbers_and_roles_and_no_names(bureau: Bureau) -> None:
    bureau.open()
    assert reason_of(bureau.search) == "not-approved"
    bureau.approve()
    bureau.search()
    bureau.archive.set_role(OKORO, "data protection officer")
    month = f"{bureau.party.clock.now:%Y-%m}"
    found = bureau.archive.case_usage(month)
    assert (found.searches, found.urgent, found.probes, found.candidates) == (1, 0, 1, 3)
    assert found.refusals == {"not-approved": 1}
    assert found.cases["missing-person"] == {"opened": 1, "open": 1, "expired": 0, "closed": 0}
    assert found.by_role["data protection officer"] == {"approved": 1}
    assert found.by_role["staff"] == {"opened": 1, "refused": 1, "searched": 1}
    assert not any(name in str(found) for name in (REED, OKORO, NUMBER, STUDIO))
    assert bureau.archive.case_usage("2020-12").searches == 0
    for wrong in ("2026-13", "2999-01", "November", ""):
        with pytest.raises(UsageError):
            bureau.archive.case_usage(wrong)


def test_the_report_comes_with_proofs_that_hold(bureau: Bureau) -> None:
    bureau.approved()
    bureau.search()
    made = bureau.archive.report_case(NUMBER, bureau.party.folder / "report")
    files = sorted(path.name for path in made.page.parent.iterdir())
    numbers = [name.removeprefix("entry-").removesuffix(".json") for name in files if name.endswith(".json")]
    assert len(numbers) == made.n_entries == 5
    verifier = Verifier(bureau.archive.ledger_key())
    for n in numbers:
        entry = (made.page.parent / f"entry-{n}.json").read_bytes()
        verifier.proof((made.page.parent / f"entry-{n}.proof").read_text("utf-8"), entry)
