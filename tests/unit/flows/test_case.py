"""Opening a case, having it approved, and that nothing is done that cannot be logged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from countenance.archive import DATABASE
from countenance.core.case import Mark
from countenance.errors import (
    ConflictError,
    CountenanceError,
    NotFoundError,
    PhotoRefusedError,
    UsageError,
)
from countenance.flows.case import MOST_PROBES, Wanted, open_case
from tests.promises.logged import bodies_of
from tests.searching import LEE, NUMBER, OKORO, OTHER, REED, SOUGHT, STUDIO, Bureau, probe, reason_of


def test_a_case_ends_after_thirty_days_or_sooner(bureau: Bureau) -> None:
    now = bureau.party.clock.now
    assert bureau.open().case.expires_at == now + timedelta(days=30)
    assert bureau.open("2", expires_at=now + timedelta(days=2)).case.expires_at == now + timedelta(days=2)
    last_day = now + timedelta(days=30, hours=20)
    assert bureau.open("3", expires_at=last_day).case.expires_at == now + timedelta(days=30)
    for wrong in (now, now - timedelta(days=1), now + timedelta(days=31, seconds=1)):
        with pytest.raises(UsageError, match="within 30 days"):
            bureau.open("4", expires_at=wrong)


def test_what_cannot_be_opened(bureau: Bureau) -> None:
    archive, fine = bureau.acting(REED), Wanted("new", "safeguarding")
    wrong: list[tuple[type[CountenanceError], Wanted, list[str], list[tuple[str, bytes]]]] = [
        (UsageError, Wanted(" ", "safeguarding"), [STUDIO], [probe()]),
        (UsageError, Wanted("new", "curiosity"), [STUDIO], [probe()]),
        (UsageError, fine, [], [probe()]),
        (UsageError, fine, [STUDIO], []),
        (UsageError, fine, [STUDIO], [probe(SOUGHT, str(n)) for n in range(MOST_PROBES + 1)]),
        (NotFoundError, fine, ["nowhere"], [probe()]),
    ]
    for kind, wanted, names, photos in wrong:
        with pytest.raises(kind):
            archive.open_case(wanted, names, photos)
    assert archive.cases() == []
    bureau.open()
    with pytest.raises(ConflictError, match="already"):
        bureau.open()


def test_a_case_is_about_one_model_pack(bureau: Bureau) -> None:
    one, other = bureau.acting(REED)._scope(STUDIO), bureau.archive._scope(OTHER)
    foreign = replace(other, pack=replace(other.pack, id="another@1"))
    assert foreign.pack.id != one.pack.id
    with pytest.raises(UsageError, match="several model packs"):
        open_case([one, foreign], Wanted("new", "safeguarding"), [probe()])


def test_a_photo_that_cannot_be_used_opens_no_case(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        reason, msg = "no-face", "No face was found in it."
        raise PhotoRefusedError(reason, msg)

    monkeypatch.setattr("countenance.flows.case_probes.read_probes", refused)
    with pytest.raises(PhotoRefusedError):
        bureau.open()
    assert bureau.archive.cases() == []


def test_the_page_shows_purpose_and_probes_and_a_code_for_one_person(bureau: Bureau) -> None:
    bureau.open()
    codes = {by: bureau.code(by=by) for by in (OKORO, LEE)}
    assert codes[OKORO] != codes[LEE]
    page = (bureau.party.folder / "pages" / NUMBER / "probes.html").read_text("utf-8")
    assert all(word in page for word in ("missing-person", STUDIO, REED, LEE, "data:image/jpeg;base64,"))
    assert reason_of(lambda: bureau.acting(OKORO).approve_case(NUMBER, codes[LEE])) == "wrong-code"
    assert bureau.acting(OKORO).approve_case(NUMBER, f" {codes[OKORO].upper()}").case.approvals[0].by == OKORO
    with pytest.raises(ConflictError, match="before"):
        bureau.acting(OKORO).approve_case(NUMBER, codes[OKORO])


def test_another_probe_needs_another_approval(bureau: Bureau) -> None:
    bureau.open()
    code = bureau.code()
    bureau.acting(LEE).add_probes(NUMBER, [probe(SOUGHT, "second")])
    assert reason_of(lambda: bureau.acting(OKORO).approve_case(NUMBER, code)) == "wrong-code"
    assert reason_of(lambda: bureau.code(by=LEE)) == "self-approval", "who hands in a probe asks for it"
    bureau.approve()
    assert bureau.search().search.n_probes == 2
    with pytest.raises(UsageError, match="1 to 10"):
        bureau.acting(LEE).add_probes(NUMBER, [probe(SOUGHT, str(n)) for n in range(MOST_PROBES - 1)])


ACTS: dict[str, Callable[[Bureau], object]] = {
    "open": lambda bureau: bureau.open("another"),
    "add": lambda bureau: bureau.acting(LEE).add_probes(NUMBER, [probe(SOUGHT, "more")]),
    "look": lambda bureau: bureau.acting(LEE).show_probes(NUMBER, bureau.party.folder / "tried"),
    "search": lambda bureau: bureau.search(),
    "show": lambda bureau: bureau.archive.case_results(NUMBER),
    "candidates": lambda bureau: bureau.archive.write_candidates(NUMBER, bureau.party.folder / "tried"),
    "review": lambda bureau: bureau.archive.review_case(NUMBER, dict.fromkeys((1, 2, 3), Mark.NOT)),
    "report": lambda bureau: bureau.archive.report_case(NUMBER, bureau.party.folder / "tried"),
    "close": lambda bureau: bureau.acting(REED).close_case(NUMBER),
}


@pytest.mark.parametrize("act", ACTS)
def test_what_cannot_be_logged_is_not_done_and_shows_nothing(bureau: Bureau, act: str) -> None:
    bureau.approved()
    bureau.search()
    tables = ("cases", "case_probes", "case_searches", "case_candidates", "case_marks", "written_files")
    before = [bureau.rows(f"SELECT * FROM {table}") for table in tables]  # noqa: S608 - names of our tables
    n_entries = len(bodies_of(bureau.archive))
    with closing(sqlite3.connect(bureau.archive.folder / DATABASE)) as raw:
        raw.execute("CREATE TRIGGER full BEFORE INSERT ON ledger_entries BEGIN SELECT RAISE(ABORT, 'full'); END")
    with pytest.raises(CountenanceError):
        ACTS[act](bureau)
    assert [bureau.rows(f"SELECT * FROM {table}") for table in tables] == before  # noqa: S608
    assert len(bodies_of(bureau.archive)) == n_entries
    assert not (bureau.party.folder / "tried").exists() or not list((bureau.party.folder / "tried").iterdir())
