"""Every file that is written outside the archive stands in the register, as it is, with whomever it is about."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from countenance.errors import CountenanceError, StoreError
from countenance.flows import clear_report
from countenance.flows.clear import Request
from countenance.flows.layout import Folder
from countenance.store import written
from countenance.store.written import CONTACT_SHEET, RENDITION, REPORT, THUMBNAIL, WrittenFile
from tests.drawn import CLUB, name_of
from tests.pretend import POLICY, WEBSITE, Party, photo, released
from tests.promises.logged import Scene

ANN, BOB, CEM, STRANGER = 0, 1, 2, 9


def register(party: Party) -> dict[bytes, WrittenFile]:
    with party.archive._store.reading() as tx:
        return {file.path: file for file in written.everything(tx)}


def name_in(path: bytes) -> bytes:
    return path.rpartition(b"/")[2]


def run(party: Party, out: Path | None = None, channel: str = WEBSITE) -> None:
    party.archive.clear(CLUB, [party.photos], Request(channel, out or party.out, POLICY, "office"))


def check(party: Party, folder: Path) -> dict[bytes, WrittenFile]:
    """The register holds exactly the files of the folder, with their hashes and sizes."""
    top, files = os.path.realpath(os.fsencode(folder)), register(party)
    there = {os.path.realpath(os.fsencode(path)): path for path in folder.rglob("*") if path.is_file()}
    ours = {path: file for path, file in files.items() if path.startswith(top + b"/")}
    assert ours.keys() == there.keys()
    for path, file in ours.items():
        content = there[path].read_bytes()
        assert (file.sha256, file.bytes) == (hashlib.sha256(content).digest(), len(content))
        assert file.collection == party.scope.collection.id
    return ours


@pytest.fixture
def out(party: Party) -> Party:
    party.put(ann=photo(ANN), both=photo(ANN, CEM, STRANGER), bob=photo(BOB), signs=photo(signs=True))
    run(party)
    return party


def kinds(files: dict[bytes, WrittenFile]) -> dict[str, int]:
    found = [file.kind for file in files.values()]
    return {kind: found.count(kind) for kind in sorted({*found})}


def test_a_cleared_folder_is_in_the_register(out: Party) -> None:
    files = check(out, out.out)
    assert kinds(files) == {RENDITION: 3, THUMBNAIL: 3, REPORT: 3}, "two reports, and the file that says whose it is"
    made_from = {file.photo for file in files.values()}
    assert len(made_from - {None}) == 3
    people = {out.archive.subject(name_of(seat)).id for seat in (ANN, BOB, CEM)}
    about = {name_in(path): {*file.subjects} for path, file in files.items() if file.kind == REPORT}
    assert about == {b"report.json": people, b"report.html": people, b"countenance-clear.json": set()}
    with out.archive._store.reading() as tx:
        ann = written.of_subject(tx, out.archive.subject(name_of(ANN)).id)
        shown = written.of_photos(tx, {file.photo for file in files.values() if file.photo})
    assert {name_in(file.path) for file in ann} == {b"report.json", b"report.html"}
    assert len(shown) == 6


def test_what_is_taken_out_is_forgotten(out: Party) -> None:
    out.archive.withdraw(name_of(ANN))
    (out.photos / "bob.jpg").unlink()
    run(out)
    files = check(out, out.out)
    assert kinds(files)[RENDITION] == len(released(out.out)) == 3
    out.archive.withdraw(name_of(BOB))
    run(out)
    assert kinds(check(out, out.out))[RENDITION] == 2


def test_a_folder_begun_anew_for_another_channel(out: Party) -> None:
    shutil.rmtree(out.out)
    run(out, channel="print")
    files = check(out, out.out)
    assert kinds(files) == {RENDITION: 3, THUMBNAIL: 3, REPORT: 3}
    assert len(released(out.out)) == 3


def test_a_dry_run_registers_nothing(out: Party) -> None:
    before = register(out)
    request = Request(WEBSITE, out.folder / "elsewhere", POLICY, "office", dry_run=True)
    out.archive.clear(CLUB, [out.photos], request)
    assert register(out) == before


def test_files_are_registered_before_they_are_written(out: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        msg = "The disk is full."
        raise CountenanceError(msg)

    target = out.folder / "second"
    with monkeypatch.context() as patch:
        patch.setattr(Folder, "write", fail)
        found = out.archive.clear(CLUB, [out.photos], Request(WEBSITE, target, POLICY, "office", dry_run=True))
        with pytest.raises(CountenanceError):
            clear_report.write(out.scope, Folder(target), found)
    names = {name_in(path) for path in register(out) if path.startswith(os.fsencode(target))}
    assert names == {b"report.json", b"report.html"}


def test_what_cannot_be_registered_is_not_written(out: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        msg = "The register is full."
        raise StoreError(msg)

    monkeypatch.setattr(written, "put", fail)
    with pytest.raises(StoreError):
        run(out, out.folder / "second")
    assert released(out.folder / "second") == {}
    Scene(out).archive.grant(name_of(ANN), Scene(out).form("find-my-photos"), "office")
    found = out.archive.find(name_of(ANN))
    with pytest.raises(StoreError):
        out.archive.contact_sheet(name_of(ANN), found, out.folder / "sheet")
    assert not list((out.folder / "sheet").iterdir())


def test_a_contact_sheet_is_in_the_register_with_every_id_of_the_person(out: Party) -> None:
    twin = out.enrol(3)
    out.archive.grant(name_of(ANN), Scene(out).form("find-my-photos"), "office")
    out.archive.merge(name_of(ANN), name_of(3), "office")
    found, folder = out.archive.find(name_of(ANN)), out.folder / "sheet"
    for _ in range(2):
        out.archive.contact_sheet(name_of(ANN), found, folder)
    ((path, file),) = check(out, folder).items()
    assert (name_in(path), file.kind) == (b"index.html", CONTACT_SHEET)
    assert {*file.subjects} == {out.archive.subject(name_of(ANN)).id, twin}
