"""P5: erased is erased: rows, files, keys; shown by a search of raw bytes, and by a receipt that anybody can check."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from countenance.archive import DATABASE, KEYS, Archive
from countenance.core.arrays import Templates
from countenance.errors import ConflictError, NotFoundError, ProofError, StoreError
from countenance.flows.clear import Request
from countenance.flows.enrol import ConsentForm
from countenance.flows.erase import Erased
from countenance.ledger.verify import Verifier
from countenance.store import erasures, subjects
from countenance.store.ids import face_id
from tests.drawn import CLUB, EVIDENCE, name_of
from tests.pretend import DIM, POLICY, SETTINGS, WEBSITE, Guest, Party, _master, photo, released, template_of
from tests.promises.byte_scan import Needles

WHO = 0
STEPS = ("files", "rows", "keys", "pages", "sweep", "needles", "receipt")


@pytest.fixture
def party(party_stock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Party]:
    """Six people on nine photos that were cleared and published; notes, labels and attributes about the first."""
    with Party.open_copy(party_stock, tmp_path).pretend(monkeypatch) as made:
        for seat in range(3, 6):
            made.enrol(seat)
        made.put(**{f"p{seat}": photo(seat, (seat + 1) % 6) for seat in range(6)})
        made.put(alone=photo(WHO), maybe=photo(Guest(WHO, 0.955), 3), others=photo(4, 5))
        archive = made.archive
        request = Request(WEBSITE, made.out, POLICY, "office", published_to="https://club.example/gala")
        archive.clear(CLUB, [made.photos], request)
        archive.must_not_appear(name_of(5), "a court order")
        archive.split(name_of(1), [face_id(_photo_of(made, "p1"), 0)], "Mo")
        yield made


def _rows(party: Party, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(party.archive.folder / DATABASE)) as db:
        return db.execute(query).fetchall()


def _photo_of(party: Party, name: str) -> str:
    for path, found in _rows(party, "SELECT path, photo_id FROM photo_paths"):
        if isinstance(path, bytes) and path.endswith(f"/{name}.jpg".encode()):
            return str(found)
    raise AssertionError(name)


def _mentions(party: Party, text: str) -> set[str]:
    """Tables that hold a text in any column, in a copy opened without our code."""
    found = set()
    with closing(sqlite3.connect(party.archive.folder / DATABASE)) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in db.execute(f"SELECT * FROM {table}"):  # noqa: S608 - names of our own tables
                for value in row:
                    content = value.encode() if isinstance(value, str) else value
                    if isinstance(content, bytes) and text.encode() in content:
                        found.add(table)
    return found


def _template(party: Party) -> Templates:
    """The reference as the collection turns it; the plain one is a single 1 among zeros here, which is everywhere."""
    turn = party.archive._keys.rotation_of(party.archive.collection(CLUB).id, DIM)
    return template_of(Guest(WHO, 1.0)) @ turn.T


def test_nothing_of_the_person_is_left_in_any_file(party: Party) -> None:
    who, needles = party.archive.subject(name_of(WHO)), Needles([_template(party)])
    out = [path for path in party.out.rglob("*") if path.is_file()]
    assert any(who.id.encode() in path.read_bytes() for path in out), "the report names the person by id"
    done = party.archive.erase(name_of(WHO))
    party.archive.close()
    for path, found in needles.found_below(party.archive.folder, party.out).items():
        assert not found, path
    name = name_of(WHO)
    for path in [*party.archive.folder.rglob("*"), *party.out.rglob("*")]:
        content = path.read_bytes() if path.is_file() else b""
        for form in (name.encode(), name.encode("utf-16-le"), name.encode("utf-16-be")):
            assert form not in content, path
    assert _mentions(party, who.id) == {"erasures", "ledger_entries"}, "the erasure itself, and nothing else"
    assert [row["after"] for row in done.statement["stores"]] == [0] * len(done.statement["stores"])
    assert sum(row["before"] for row in done.statement["stores"]) > 20
    assert done.statement["sweep"]["found"] == 0
    assert done.statement["sweep"]["control_found"] == done.statement["sweep"]["control"] > 0


def test_files_that_showed_the_person_are_gone_and_others_stay(party: Party) -> None:
    before = released(party.out)
    theirs = {name for name in before if Path(name).stem in {"p0", "p5", "alone"}}
    party.archive.erase(name_of(WHO))
    after = released(party.out)
    assert theirs & after.keys() == set()
    assert {
        name: content for name, content in before.items() if Path(name).stem in {"p2", "p3"}
    }.items() <= after.items()
    assert not (party.out / "report.html").exists()
    cleared = party.clear()
    assert {Path(name).stem for name in released(party.out)} >= {"p0", "alone"}, "the next run writes them anew"
    assert name_of(WHO) not in json.dumps([str(each) for each in cleared.outcomes])


def test_a_hundred_probes_find_nobody(party: Party) -> None:
    who = party.archive.subject(name_of(WHO)).id
    party.archive.erase(name_of(WHO))
    party.put(**{f"probe{n}": photo(WHO, mark=str(n)) for n in range(100)})
    summary = party.archive.ingest(CLUB, [party.photos])
    assert (summary.new, summary.suggested) == (100, 0)
    with pytest.raises(NotFoundError):
        party.archive.find(name_of(WHO))
    with pytest.raises(NotFoundError):
        party.archive.find(who)


def test_everybody_else_is_as_before(party: Party) -> None:
    # Rivals aside: whoever looked most like the erased person has no rival any more.
    others = list(range(1, 6))
    before = {seat: _found(party.archive, seat) for seat in others if seat != 5}
    party.archive.erase(name_of(WHO))
    assert {seat: _found(party.archive, seat) for seat in before} == before


def _found(archive: Archive, seat: int) -> list[tuple[str, str]]:
    subject = archive.subject(name_of(seat))
    with closing(sqlite3.connect(archive.folder / DATABASE)) as db:
        query = "SELECT face_id, state FROM appearances WHERE subject_id = ? ORDER BY 1"
        return db.execute(query, (subject.id,)).fetchall()


def test_keys_of_today_open_nothing_of_the_person_in_a_backup(party: Party, tmp_path: Path) -> None:
    archive, who = party.archive, party.archive.subject(name_of(WHO))
    archive._store.truncate_log()
    backup = tmp_path / "backup"
    shutil.copytree(archive.folder, backup)
    archive.erase(name_of(WHO))
    archive.close()
    for file in (backup / KEYS).iterdir():
        shutil.copy(archive.folder / KEYS / file.name, file)
    raw = sqlite3.connect(backup / DATABASE)
    with closing(raw):
        assert raw.execute("SELECT count(*) FROM subject_references WHERE subject_id = ?", (who.id,)).fetchone() == (1,)
    with Archive.open(backup, _master(), SETTINGS, party.clock) as old, old._store.reading() as tx:
        with pytest.raises(NotFoundError, match="no key"):
            subjects.by_id(tx, old._keys, who.id)
        other = tx.exec_driver_sql("SELECT id FROM subjects WHERE id <> ? LIMIT 1", (who.id,)).scalar_one()
        assert subjects.by_id(tx, old._keys, str(other)).name


def test_a_receipt_is_checked_without_the_archive_and_no_change_passes(party: Party) -> None:
    key = party.archive.ledger_key()
    receipt = party.archive.erase(name_of(WHO)).receipt
    checked = Verifier(key).receipt(receipt)
    assert checked["sweep"]["found"] == 0
    for at in range(0, len(receipt), 7):
        for change in (1, 128):
            other = bytearray(receipt)
            other[at] ^= change
            with pytest.raises(ProofError):
                Verifier(key).receipt(bytes(other))
    for spoilt in (receipt[:-1], receipt + b"\n", receipt + b" ", b"", b"{}\n"):
        with pytest.raises(ProofError):
            Verifier(key).receipt(spoilt)


@pytest.mark.parametrize("step", STEPS)
def test_an_interrupted_erasure_is_not_done_and_is_finished_later(party: Party, step: str) -> None:
    class Stopped(Exception):  # noqa: N818 - no error of ours
        pass

    def told(doing: str) -> None:
        if doing == step:
            raise Stopped

    who = party.archive.subject(name_of(WHO)).id
    with pytest.raises(Stopped):
        party.archive.erase(name_of(WHO), told)
    (waiting,) = party.archive.unfinished_erasures()
    assert (waiting.step, waiting.receipt, waiting.done_at) == (step, None, None)
    party.put(probe=photo(WHO, mark="meanwhile"))
    assert party.archive.ingest(CLUB, [party.photos / "probe.jpg"]).suggested == 0, (
        "found no more from the first moment"
    )
    party.archive.close()
    with Archive.open(party.archive.folder, _master(), SETTINGS, party.clock) as again:
        (done,) = again.resume_erasures()
        assert done.target == who
        Verifier(again.ledger_key()).receipt(done.receipt)
        assert again.resume_erasures() == []
        assert not again.unfinished_erasures()


def test_remains_that_the_sweep_finds_leave_no_receipt(party: Party) -> None:
    left = party.archive.folder / KEYS / "left-behind"
    left.write_bytes(b"x" * 5 + _template(party).astype("<f2").tobytes())
    with pytest.raises(ProofError, match="no receipt"):
        party.archive.erase(name_of(WHO))
    (waiting,) = party.archive.unfinished_erasures()
    assert (waiting.step, waiting.receipt) == ("sweep", None)
    left.unlink()
    (done,) = party.archive.resume_erasures()
    assert done.statement["sweep"]["found"] == 0


def test_a_log_that_a_reader_holds_leaves_no_receipt(party: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy() -> None:
        msg = "The write-ahead log could not be emptied because a reader still holds it."
        raise StoreError(msg)

    with monkeypatch.context() as patch:
        patch.setattr(party.archive._store, "truncate_log", busy)
        with pytest.raises(StoreError, match="reader"):
            party.archive.erase(name_of(WHO))
    (waiting,) = party.archive.unfinished_erasures()
    assert (waiting.step, waiting.receipt) == ("pages", None)
    assert [done.target for done in party.archive.resume_erasures()] == [waiting.target]


def test_a_photo_is_erased_and_its_people_stay(party: Party) -> None:
    wanted = _photo_of(party, "p2")
    done = party.archive.erase_photo(CLUB, wanted)
    assert _mentions(party, wanted) == {"erasures", "ledger_entries"}
    assert not any(Path(name).stem == "p2" for name in released(party.out))
    assert party.archive.subject(name_of(2)).name == name_of(2)
    Verifier(party.archive.ledger_key()).receipt(done.receipt)
    assert (party.photos / "p2.jpg").exists(), "the photo itself is the organisation's own"


def test_a_collection_is_destroyed_with_everybody_in_it(party: Party) -> None:
    other = party.archive.create_collection("other").id
    done: Erased = party.archive.destroy_collection(CLUB)
    assert [row.collection.name for row in party.archive.collections()] == ["other"]
    assert _rows(party, "SELECT count(*) FROM subjects") == _rows(party, "SELECT count(*) FROM photos") == [(0,)]
    assert released(party.out) == {}
    Verifier(party.archive.ledger_key()).receipt(done.receipt)
    assert party.archive.collection("other").id == other


def test_several_people_are_erased_with_one_sweep_and_a_receipt_each(party: Party) -> None:
    wanted = [party.archive.subject(name_of(seat)).id for seat in (1, 2)]
    told: list[str] = []
    done = party.archive.erase_each(wanted, told.append)
    assert [each.target for each in done] == wanted
    assert told == list(STEPS)
    assert len({each.receipt for each in done}) == 2


def test_whoever_a_legal_hold_covers_stays(party: Party) -> None:
    now = party.clock.now
    raw = sqlite3.connect(party.archive.folder / DATABASE, isolation_level=None)
    with closing(raw):
        who, at = party.archive.subject(name_of(WHO)), f"{now:%Y-%m-%dT%H:%M:%S.%f}Z"
        until = f"{now.year + 1}{at[4:]}"
        raw.execute(
            "INSERT INTO legal_holds VALUES ('h', ?, ?, 'court 12', 'The board', ?, 'Mo', ?, NULL, NULL)",
            (who.collection, who.id, until, at),
        )
    with pytest.raises(ConflictError, match="court 12"):
        party.archive.erase(name_of(WHO))
    assert party.archive.subject(name_of(WHO)) == who
    assert WEBSITE in {entry.stored.consent.channels[0] for entry in party.archive.consents(who=name_of(WHO))}


def test_an_old_copy_of_the_database_opens_nothing_and_a_replay_finishes_the_job(party: Party, tmp_path: Path) -> None:
    archive, who = party.archive, party.archive.subject(name_of(WHO)).id
    archive._store.truncate_log()
    old = tmp_path / "old.db"
    shutil.copy(archive.folder / DATABASE, old)
    archive.erase(name_of(WHO))
    archive.grant(name_of(1), _form(party), "Mo")
    checkpoint = archive.ledger_checkpoint()
    archive.close()
    for path in archive.folder.glob(f"{DATABASE}*"):
        path.unlink()
    shutil.copy(old, archive.folder / DATABASE)
    with Archive.open(archive.folder, _master(), SETTINGS, party.clock) as back:
        with pytest.raises(NotFoundError) as caught:
            back.find(name_of(WHO))
        assert "ledger replay" in caught.value.advice
        replayed = back.replay_ledger()
        assert replayed.targets == (who,)
        assert back.verify_ledger([checkpoint]).findings == ()
        with back._store.reading() as tx:
            assert tx.exec_driver_sql("SELECT count(*) FROM subjects WHERE id = ?", (who,)).scalar_one() == 0
            assert [each.target for each in erasures.of_target(tx, who)] == [who]
        assert not back.unfinished_erasures()
        assert back.subject(name_of(1)).name == name_of(1)


def _form(party: Party) -> ConsentForm:
    now = party.clock.now
    return ConsentForm(("find-my-photos",), (WEBSITE,), now, now + timedelta(days=9), EVIDENCE, "form.pdf")
