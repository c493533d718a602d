"""P5 for searching under cases: whoever is erased vanishes from candidate lists, pages and reports; probes go in time.

P1 for probes: no file of ours ever holds the template of a probe, plain or turned as a collection turns it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from countenance.archive import KEYS, Archive
from countenance.core.case import Mark
from countenance.core.permit import permit_probes
from countenance.errors import ConflictError, CountenanceError, DamagedError, NotFoundError
from countenance.flows import case
from countenance.flows.enrol import ConsentForm
from countenance.flows.identity import Check
from countenance.store import case_results, cases, probes
from countenance.store.connection import Tx
from tests.drawn import EVIDENCE
from tests.pretend import DIM, SETTINGS, Guest, _master, template_of
from tests.promises.byte_scan import Needles
from tests.searching import NUMBER, OKORO, OTHER, REED, SOUGHT, STUDIO, Bureau

ANN = "Ann in the studio"


@pytest.fixture
def searched(bureau: Bureau) -> Bureau:
    """A case in which the person searched for was found three times, with reviews and pages."""
    bureau.approved()
    bureau.search()
    every = dict.fromkeys((1, 2, 3), Mark.LEAD)
    for actor in (REED, OKORO):
        bureau.acting(actor).review_case(NUMBER, every)
    bureau.acting(REED).report_case(NUMBER, bureau.party.folder / "report")
    bureau.acting(REED).write_candidates(NUMBER, bureau.party.folder / "candidates")
    return bureau


def photo_named(bureau: Bureau, name: str) -> str:
    found = bureau.archive.case_results(NUMBER)
    return next(each for each, path in found.paths.items() if Path(path).stem == name)


def left(bureau: Bureau) -> dict[str, int]:
    tables = ("case_candidates", "case_marks", "case_searches", "case_collections", "cases")
    return {table: bureau.rows(f"SELECT count(*) FROM {table}")[0][0] for table in tables}  # noqa: S608


def enrolled(bureau: Bureau) -> str:
    """The person searched for, enrolled in the studio and confirmed on two of the photos."""
    archive, party = bureau.archive, bureau.party
    until = party.clock.now.replace(year=party.clock.now.year + 1, day=1)
    form = ConsentForm(("find-my-photos",), ("website",), party.clock.now, until, EVIDENCE, "form.pdf")
    made = archive.enrol(STUDIO, ANN, [("ref.jpg", bureau.pictures()["alone"])], form, "office")
    archive.rescan(STUDIO)
    assert len(archive.find(ANN)) == 3
    return made.subject


def test_a_photo_that_is_erased_leaves_every_list_and_page(searched: Bureau) -> None:
    gone = photo_named(searched, "both")
    pages = [searched.party.folder / "report", searched.party.folder / "candidates"]
    done = searched.archive.erase_photo(STUDIO, gone)
    found = searched.acting(OKORO).case_results(NUMBER)
    assert searched.names(found) == ["alone", "third"]
    assert left(searched) | {"case_candidates": 2, "case_marks": 4} == left(searched)
    assert [page for page in pages if page.exists()] == []
    stores = {row["store"]: (row["before"], row["after"]) for row in done.statement["stores"]}
    assert stores["candidates of cases"] == (1, 0)
    assert stores["reviews of candidates"] == (2, 0)
    assert stores["files: case-report"][1] == stores["files: case-page"][1] == 0


def test_a_person_who_is_erased_leaves_every_list_and_page(searched: Bureau) -> None:
    enrolled(searched)
    searched.archive.erase(ANN)
    assert searched.acting(OKORO).case_results(NUMBER).results.candidates == ()
    assert (left(searched)["case_candidates"], left(searched)["case_marks"]) == (0, 0)
    assert not (searched.party.folder / "report").exists()
    assert searched.search().results.candidates == (), "nor is the person found again"


def test_a_person_is_found_no_more_from_the_first_moment(searched: Bureau) -> None:
    enrolled(searched)

    class Stopped(Exception):  # noqa: N818 - no error of ours
        pass

    def told(_: str) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        searched.archive.erase(ANN, told)
    assert searched.acting(OKORO).case_results(NUMBER).results.candidates == ()
    assert searched.search().results.candidates == ()


def test_a_collection_that_is_destroyed_takes_what_was_found_in_it(searched: Bureau) -> None:
    searched.archive.destroy_collection(STUDIO)
    assert left(searched) == {
        "case_candidates": 0,
        "case_marks": 0,
        "case_searches": 1,
        "case_collections": 0,
        "cases": 1,
    }
    assert searched.rows("SELECT count(*) FROM case_searches WHERE sealed IS NOT NULL") == [(0,)]
    assert searched.rows("SELECT count(*) FROM case_probes WHERE sealed IS NOT NULL") == [(0,)]
    assert not (searched.party.folder / "report").exists()
    with pytest.raises(CountenanceError):
        searched.acting(OKORO).case_results(NUMBER)
    assert searched.archive.cases()[0].number == NUMBER, "that there was a case is known"
    month = f"{searched.party.clock.now:%Y-%m}"
    assert searched.archive.case_usage(month).searches == 1


def test_a_page_is_not_written_when_its_candidate_was_erased_meanwhile(
    searched: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, render = photo_named(searched, "both"), case.write_pages

    def late(*args: object) -> object:
        monkeypatch.undo()
        searched.archive.erase_photo(STUDIO, gone)
        return render(*args)  # type: ignore[arg-type]

    monkeypatch.setattr("countenance.flows.case_review.write_pages", late)
    target = searched.party.folder / "late"
    with pytest.raises(ConflictError, match="erased"):
        searched.archive.write_candidates(NUMBER, target)
    assert not list(target.iterdir())


def test_nothing_about_whom_is_being_erased_is_noted(searched: Bureau) -> None:
    """A search that compared before the erasure began notes nothing after it."""
    enrolled(searched)
    add: Callable[..., None] = case_results.add
    erased: list[bool] = []

    def late(tx: Tx, *args: object) -> None:
        tx.exec_driver_sql(
            "INSERT INTO erasures (id, kind, target, collection_id, step, state, actor, begun_at) "
            "SELECT 'e', 'subject', id, collection_id, 'rows', x'00', 'office', created_at FROM subjects WHERE id = ?",
            (searched.archive.subject(ANN).id,),
        )
        erased.append(True)
        add(tx, *args)

    before = left(searched)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(case_results, "add", late)
        with pytest.raises(ConflictError, match="being erased"):
            searched.search()
    assert erased
    assert left(searched) == before


def test_show_me_says_when_a_face_of_the_person_was_a_candidate(searched: Bureau) -> None:
    enrolled(searched)
    searched.search()
    pack = searched.archive.show_me(ANN, Check("account"), searched.party.folder / "pack")
    assert len(pack.told["found_in_cases"]) == 2
    assert NUMBER not in str(pack.told)
    assert all(name not in str(pack.told) for name in (REED, OKORO))
    assert "case-search" in {entry["act"] for entry in pack.told["ledger"]["entries"]}


# P1 and backups ------------------------------------------------------------------------------------------------------


def test_no_file_ever_holds_the_template_of_a_probe(bureau: Bureau) -> None:
    noise = np.random.default_rng(1).normal(size=DIM)
    noisy = template_of(Guest(SOUGHT, 1.0)) + 0.15 * noise / np.linalg.norm(noise)
    bureau_probe = (noisy / np.linalg.norm(noisy)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.searching.template_of", lambda _: bureau_probe)
        bureau.open()
    bureau.approve()
    assert bureau.search().results.candidates
    turns = [bureau.archive._keys.rotation_of(bureau.archive.collection(name).id, DIM) for name in (STUDIO, OTHER)]
    folder = bureau.archive.folder
    for turn in turns:
        for path, found in Needles([bureau_probe], turn).found_below(folder, bureau.party.folder).items():
            assert not found, path
    left_behind = folder / "control"
    left_behind.write_bytes(b"xyz" + bureau_probe.tobytes())
    assert Needles([bureau_probe]).found_below(folder)[left_behind], "the scan finds what is there"


def test_keys_of_today_open_no_probe_and_no_candidate_in_a_backup(searched: Bureau, tmp_path: Path) -> None:
    archive = searched.archive
    archive._store.truncate_log()
    backup = tmp_path / "backup"
    shutil.copytree(archive.folder, backup)
    searched.party.clock.advance(days=40)
    archive.purge_cases()
    archive.close()
    for file in (backup / KEYS).iterdir():
        shutil.copy(archive.folder / KEYS / file.name, file)
    with Archive.open(backup, _master(), SETTINGS) as old, old._store.reading() as tx:
        (search,) = tx.exec_driver_sql("SELECT id FROM case_searches WHERE sealed IS NOT NULL").scalars()
        with pytest.raises((NotFoundError, DamagedError)):
            case_results.of_search(tx, old._keys, search)
        permit = permit_probes(
            cases.by_number(tx, old._keys, NUMBER).case, searched.party.clock.now - timedelta(days=39)
        )
        with pytest.raises(NotFoundError, match="destroyed"):
            probes.of_case(tx, old._keys, permit, permit.collection)
