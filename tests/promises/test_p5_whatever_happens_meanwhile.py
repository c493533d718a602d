"""P5: other programs, other people's names, and old copies do nothing to an erasure that it does not notice."""

from __future__ import annotations

import shutil
import sqlite3
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from countenance.archive import DATABASE, Archive
from countenance.errors import ConflictError, CountenanceError
from countenance.flows.clear import Request
from countenance.ledger.verify import Verifier
from countenance.store import subjects, written
from countenance.store.written import CONTACT_SHEET, WrittenFile
from tests.drawn import CLUB, name_of
from tests.pretend import POLICY, SETTINGS, WEBSITE, Party, _master, photo, released

WHO = 0


class Stopped(Exception):  # noqa: N818 - no error of ours
    """The erasure is interrupted."""


def stop_before(step: str) -> Callable[[str], None]:
    def told(doing: str) -> None:
        if doing == step:
            raise Stopped

    return told


@contextmanager
def other_program(party: Party) -> Iterator[Archive]:
    with Archive.open(party.archive.folder, _master(), SETTINGS, party.clock) as other:
        yield other


@pytest.fixture
def interrupted(party: Party) -> Party:
    """An erasure that was stopped before the rows went."""
    party.put(a=photo(WHO, 7), b=photo(1))
    party.archive.clear(CLUB, [party.photos], Request(WEBSITE, party.out, POLICY, "office"))
    with pytest.raises(Stopped):
        party.archive.erase(name_of(WHO), stop_before("rows"))
    return party


@pytest.mark.parametrize(
    "act",
    [
        lambda party: party.grant(WHO),
        lambda party: party.archive.note_attributes(name_of(WHO), {"region": "Bavaria"}),
        lambda party: party.archive.merge(name_of(1), name_of(WHO), "Mo"),
    ],
    ids=["consent", "attribute", "merge"],
)
def test_nothing_new_is_taken_about_whoever_is_being_erased(interrupted: Party, act: Callable[[Party], object]) -> None:
    with pytest.raises(CountenanceError):
        act(interrupted)
    (done,) = interrupted.archive.resume_erasures()
    assert done.statement["sweep"]["found"] == 0


def test_a_run_in_between_releases_nothing_that_shows_the_person(interrupted: Party) -> None:
    interrupted.archive.clear(CLUB, [interrupted.photos], Request(WEBSITE, interrupted.out, POLICY, "office"))
    interrupted.archive.resume_erasures()
    assert "clear/a.jpg" not in released(interrupted.out)
    with interrupted.archive._store.reading() as tx:
        known = {file.path for file in written.everything(tx)}
    assert {str(interrupted.out / name).encode() for name in released(interrupted.out)} <= known


def test_erasing_again_takes_up_what_was_interrupted(interrupted: Party) -> None:
    (waiting,) = interrupted.archive.unfinished_erasures()
    done = interrupted.archive.erase_each([waiting.target])
    assert [each.statement["erasure"] for each in done] == [waiting.id]
    assert any(kind.startswith("turned") for kind in done[0].statement["sweep"]["kinds"]), (
        "what was sealed is looked for"
    )


def test_two_programs_do_not_carry_out_erasures_at_once(interrupted: Party) -> None:
    def told(_: str) -> None:
        with other_program(interrupted) as other, pytest.raises(ConflictError, match="Another program"):
            other.resume_erasures()

    (done,) = interrupted.archive.resume_erasures(told)
    Verifier(interrupted.archive.ledger_key()).receipt(done.receipt)


def test_one_erasure_that_cannot_end_holds_up_no_other(party: Party) -> None:
    for seat in (WHO, 1):
        with pytest.raises(Stopped):
            party.archive.erase(name_of(seat), stop_before("rows"))
    first, second = party.archive.unfinished_erasures()
    with closing(sqlite3.connect(party.archive.folder / DATABASE)) as raw, raw:
        raw.execute("UPDATE erasures SET state = x'00' WHERE id = ?", (first.id,))
    with pytest.raises(CountenanceError):
        party.archive.resume_erasures()
    assert [each.id for each in party.archive.unfinished_erasures()] == [first.id]
    assert party.archive.erasure(second.id).receipt


def rename(party: Party, seat: int, name: str) -> str:
    """Give somebody another name; gives the id."""
    archive = party.archive
    person = archive.subject(name_of(seat))
    with archive._store.transaction() as tx:
        sealed = subjects._sealed(archive._keys, "subject-name", person.collection, person.id, name)
        tx.exec_driver_sql("UPDATE subjects SET name_sealed = ? WHERE id = ?", (sealed, person.id))
    return person.id


def test_a_photo_that_says_the_name_in_another_spelling_holds_nothing_up(party: Party) -> None:
    name = unicodedata.normalize("NFC", "Zoë Björk")
    who = rename(party, WHO, name)
    party.put_as({unicodedata.normalize("NFD", f"{name}.jpg"): photo(WHO)})
    party.archive.ingest(CLUB, [party.photos])
    (done,) = party.archive.erase_each([who])
    assert done.statement["left"]["places where your own file names or notes say the name"] >= 1


def test_a_file_about_a_namesake_holds_nothing_up_and_stays(party: Party, tmp_path: Path) -> None:
    who, other = rename(party, WHO, "Ada Fern"), rename(party, 1, "Ada Fernandez")
    sheet = tmp_path / "sheet.html"
    sheet.write_text("<h1>Ada Fernandez</h1>", "utf-8")
    with party.archive._store.transaction() as tx:
        where = party.scope.collection.id
        row = WrittenFile(CONTACT_SHEET, bytes(sheet), bytes(32), 1, party.clock.now, where, None, (other,))
        written.put(tx, row)
    (done,) = party.archive.erase_each([who])
    assert sheet.exists()
    assert done.statement["left"]["files about other people that say the same name"] == 1


def test_somebody_else_in_an_old_copy_of_a_merge_is_not_erased(party: Party, tmp_path: Path) -> None:
    archive = party.archive
    merged = archive.merge(name_of(WHO), name_of(1), "Mo")
    archive._store.truncate_log()
    shutil.copy(archive.folder / DATABASE, tmp_path / "old.db")
    archive.undo(merged.id, "Mo")
    who, other = archive.subject(name_of(WHO)).id, archive.subject(name_of(1)).id
    archive.erase(name_of(WHO))
    _put_back(archive, tmp_path / "old.db")
    with other_program(party) as back:
        assert back.replay_ledger().targets == (who,)
        assert back.subject(name_of(1)).id == other


def test_both_ids_of_a_merged_person_are_erased_in_an_older_copy(party: Party, tmp_path: Path) -> None:
    archive = party.archive
    people = {archive.subject(name_of(seat)).id for seat in (WHO, 1)}
    archive._store.truncate_log()
    shutil.copy(archive.folder / DATABASE, tmp_path / "old.db")
    archive.merge(name_of(WHO), name_of(1), "Mo")
    archive.erase(name_of(WHO))
    _put_back(archive, tmp_path / "old.db")
    with other_program(party) as back:
        assert set(back.replay_ledger().targets) == people
        assert not people & {person.id for person in back.subjects(CLUB)}


def test_a_copy_made_in_the_middle_of_an_erasure_is_finished(interrupted: Party, tmp_path: Path) -> None:
    archive = interrupted.archive
    archive._store.truncate_log()
    shutil.copy(archive.folder / DATABASE, tmp_path / "old.db")
    archive.resume_erasures()
    _put_back(archive, tmp_path / "old.db")
    with other_program(interrupted) as back:
        back.replay_ledger()
        assert not back.unfinished_erasures()
        assert name_of(WHO) not in {person.name for person in back.subjects(CLUB)}


def _put_back(archive: Archive, old: Path) -> None:
    archive.close()
    for path in archive.folder.glob(f"{DATABASE}*"):
        path.unlink()
    shutil.copy(old, archive.folder / DATABASE)
