"""What goes when a case is over, and when its candidates have been kept long enough."""

from __future__ import annotations

import pytest

from countenance.core.case import State
from countenance.errors import (
    CaseError,
    ConflictError,
)
from tests.searching import NUMBER, REED, STUDIO, Bureau, probe, reason_of


def test_a_closed_case_has_no_probes_and_searches_nothing(bureau: Bureau) -> None:
    bureau.approved()
    bureau.search()
    closed = bureau.acting(REED).close_case(NUMBER)
    assert closed.case.state_at(bureau.party.clock.now) is State.CLOSED
    assert closed.probes_gone_at is not None
    assert bureau.rows("SELECT count(*) FROM case_probes WHERE sealed IS NOT NULL") == [(0,)]
    assert not bureau.archive._keys.secret_names("case:")
    assert bureau.archive._keys.secret_names("case-search:"), "what was found stays until its time is over"
    assert bureau.archive.case_results(NUMBER).results.candidates
    for call in (bureau.search, bureau.code, lambda: bureau.archive.add_probes(NUMBER, [probe()])):
        assert reason_of(call) == "closed"
    with pytest.raises(ConflictError, match="closed already"):
        bureau.archive.close_case(NUMBER)


def test_everything_goes_when_its_time_is_over(bureau: Bureau) -> None:
    bureau.approved()
    bureau.party.clock.advance(days=10)
    bureau.search()
    report = bureau.archive.report_case(NUMBER, bureau.party.folder / "report").page
    page = bureau.archive.write_candidates(NUMBER, bureau.party.folder / "candidates")
    bureau.party.clock.advance(days=21)
    gone = bureau.archive.purge_cases()
    assert (gone.n_probes, gone.n_candidates, gone.files_left) == (1, 0, ())
    assert not page.exists()
    assert report.exists()
    assert bureau.archive.case_results(NUMBER).results.candidates, "thirty days from the search"
    bureau.party.clock.advance(days=10)
    assert bureau.archive.purge_cases().n_candidates == 3
    assert not report.exists()
    assert bureau.archive._keys.secret_names("case-") == []
    assert bureau.rows("SELECT count(*) FROM case_candidates") == [(0,)]
    assert bureau.rows("SELECT count(*) FROM written_files WHERE case_id IS NOT NULL") == [(0,)]
    assert bureau.archive.purge_cases() == type(gone)()
    with pytest.raises(CaseError, match="time"):
        bureau.archive.case_results(NUMBER)


def test_secrets_that_a_kill_left_go_with_the_next_purge(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    bureau.approved()
    bureau.search()
    bureau.party.clock.advance(days=40)

    def killed() -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bureau.archive._keys, "rotate_epoch", killed)
        patch.setattr(bureau.archive._keys, "drop_secret", lambda _: None)
        with pytest.raises(KeyboardInterrupt):
            bureau.archive.purge_cases()
    assert len(bureau.archive._keys.secret_names("case")) == 3, "the archive's own seal of terms among them"
    bureau.archive.purge_cases()
    assert bureau.archive._keys.secret_names("case") == ["cases"]


def test_the_retention_run_purges_too(bureau: Bureau) -> None:
    bureau.approved()
    bureau.search()
    bureau.party.clock.advance(days=40)
    bureau.archive.run_retention(lambda _: None)
    assert bureau.rows("SELECT count(*) FROM case_candidates") == [(0,)]


def test_a_new_key_of_the_collection_leaves_cases_as_they_are(bureau: Bureau) -> None:
    bureau.approved()
    before = bureau.search().results.candidates
    bureau.archive.rekey(STUDIO)
    assert bureau.archive.case_results(NUMBER).results.candidates == before
    again = bureau.search().results.candidates
    assert [each.found.score for each in again] == [each.found.score for each in before]
