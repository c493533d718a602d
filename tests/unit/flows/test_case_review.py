"""Two reviewers, neither of whom knows what the other says."""

from __future__ import annotations

import pytest

from countenance.core.case import Mark
from countenance.errors import (
    ConflictError,
    UsageError,
)
from countenance.flows.case_review import seen_by
from tests.searching import LEE, NUMBER, OKORO, REED, Bureau


def test_two_reviewers_do_not_see_each_other_before_both_are_done(bureau: Bureau) -> None:
    bureau.approved()
    bureau.search()
    first = {1: Mark.LEAD, 2: Mark.LEAD, 3: Mark.NOT}
    done = bureau.acting(REED).review_case(NUMBER, first)
    assert not done.done
    assert {rank: marks[REED] for rank, marks in done.marks.items()} == first
    seen = seen_by(OKORO, bureau.acting(OKORO).case_results(NUMBER))
    assert [dict(marks) for marks in seen.marks.values()] == [{}, {}, {}]
    assert seen.differ == ()
    report = bureau.acting(OKORO).report_case(NUMBER, bureau.party.folder / "report").page.read_text("utf-8")
    assert f"{REED}: " not in report
    for again in (REED, REED.upper()):
        with pytest.raises(ConflictError, match="before"):
            bureau.acting(again).review_case(NUMBER, first)
    done = bureau.acting(OKORO).review_case(NUMBER, first | {3: Mark.UNSURE})
    assert (done.done, done.differ, done.reviewers) == (True, (3,), (OKORO, REED))
    with pytest.raises(ConflictError, match="Two others"):
        bureau.acting(LEE).review_case(NUMBER, first)
    report = bureau.acting(LEE).report_case(NUMBER, bureau.party.folder / "report").page.read_text("utf-8")
    assert f"{REED}: not" in report
    assert f"{OKORO}: unsure" in report
    assert "they differ on 3" in report


@pytest.mark.parametrize("ranks", [(1, 2), (1, 2, 3, 4), ()])
def test_a_review_is_about_every_candidate(bureau: Bureau, ranks: tuple[int, ...]) -> None:
    bureau.approved()
    bureau.search()
    with pytest.raises(UsageError, match="every candidate"):
        bureau.acting(OKORO).review_case(NUMBER, dict.fromkeys(ranks, Mark.LEAD))


def test_candidates_are_shown_beside_the_probes(bureau: Bureau) -> None:
    bureau.approved()
    bureau.search()
    page = bureau.acting(OKORO).write_candidates(NUMBER, bureau.party.folder / "candidates").read_text("utf-8")
    assert "A lead, not an identification." in page
    assert all(f"{name}.jpg" in page for name in ("alone", "both", "third"))
