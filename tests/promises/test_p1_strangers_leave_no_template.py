"""P1. Strangers leave no template: a byte scan of every file we own, with a positive control.

The templates looked for are the very ones that the run made in memory: they are taken down as they leave the embedder.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from countenance.archive import DATABASE, Archive
from countenance.core import calibration as rule
from countenance.core.arrays import Crops, Templates
from countenance.core.permit import permit_open_templates
from countenance.core.policy import DEFAULT_POLICY, parse_policy
from countenance.flows.calibrate import Wanted
from countenance.flows.clear import Request
from countenance.flows.identity import Check
from countenance.flows.stages import Embed, Work
from countenance.run.stage import Batch
from countenance.settings import Settings
from countenance.store import templates
from countenance.store.collections import Release
from countenance.store.keyfile import Master, write_key_file
from countenance.vision.embed import Embedder
from tests.drawn import SCENES, portrait
from tests.gala import COLLECTION, consent_form, environment, guests_of, key_file_of, run_command
from tests.promises.byte_scan import FORMS, Needles

BEFORE, AFTER = (0, 1), 2
"""Places in the cast of those enrolled before the photos came in, and of the one enrolled afterwards."""
ENROLLED = frozenset({*BEFORE, AFTER})
Seen = tuple[bytes, tuple[float, float, float, float]]


@dataclass
class Notes:
    """Every template that was made: whose photo, which box, what numbers."""

    seen: list[tuple[Seen, Templates]] = field(default_factory=list)

    def take(self, batch: Batch[Work]) -> None:
        for work in batch.items:
            for box, template in zip(work.boxes.tolist(), work.templates, strict=True):
                x, y, w, h = box
                self.seen.append(((work.sha256, (x, y, w, h)), template.copy()))

    @property
    def templates(self) -> list[Templates]:
        return [template for _, template in self.seen]


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> Notes:
    made, embed = Notes(), Embed.__call__

    def watched(self: Embed, batch: Batch[Work]) -> Batch[Work]:
        done = embed(self, batch)
        made.take(done)
        return done

    monkeypatch.setattr(Embed, "__call__", watched)
    return made


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "temporary"
    folder.mkdir()
    for name in ("TMPDIR", "SQLITE_TMPDIR"):
        monkeypatch.setenv(name, str(folder))
    before, tempfile.tempdir = tempfile.tempdir, None
    yield folder
    tempfile.tempdir = before


@pytest.fixture
def archive(tmp_path: Path, models: Path, notes: Notes, temporary: Path) -> Iterator[Archive]:
    """An archive that is open, and watched from the beginning."""
    assert not notes.seen
    assert temporary.is_dir()
    folder = tmp_path / "archive"
    write_key_file(key_file_of(folder))
    settings = Settings(cache_dir=models, device="cpu", batch_photos=2)
    with Archive.create(folder, Master.from_key_file(key_file_of(folder)), settings) as made:
        yield made


def enrol(archive: Archive, place: int) -> str:
    photos = [(f"{place}-{picture}.jpg", portrait(place, picture)) for picture in (100, 101)]
    return archive.enrol(COLLECTION, f"Guest {place}", photos, consent_form(datetime.now(UTC)), "office").subject


def needles_of(archive: Archive, notes: Notes) -> Needles:
    collection = archive.collection(COLLECTION).id
    dim = len(notes.templates[0])
    return Needles(notes.templates, archive._keys.rotation_of(collection, dim))


def strangers_among(notes: Notes, gala_photos: Path) -> list[Templates]:
    """Templates of faces in the scenes whose person is not enrolled."""
    by_digest = {hashlib.sha256((gala_photos / name).read_bytes()).digest(): guests_of(name) for name in SCENES}
    found = []
    for (digest, (x, y, w, h)), template in notes.seen:
        for place, face in by_digest.get(digest, {}).items():
            left, top, width, height = face.box
            near = np.hypot(x + w / 2 - left - width / 2, y + h / 2 - top - height / 2) < width / 2
            if near and place not in ENROLLED:
                found.append(template)
    return found


def count(folder: Path, question: str) -> int:
    with closing(sqlite3.connect(folder / DATABASE)) as db:
        return int(db.execute(question).fetchone()[0])


def assert_nothing(found: dict[Path, set[str]], *must_be_read: str) -> None:
    read = {path.name for path in found}
    assert read.issuperset(must_be_read), f"not read: {set(must_be_read) - read}"
    assert {path.name: names for path, names in found.items() if names} == {}


def test_no_file_holds_a_template_of_anybody(
    archive: Archive, notes: Notes, gala_photos: Path, models: Path, temporary: Path
) -> None:
    archive.create_collection(COLLECTION)
    for place in BEFORE:
        enrol(archive, place)
    summary = archive.ingest(COLLECTION, [gala_photos])
    assert summary.new == len(SCENES)
    late = enrol(archive, AFTER)
    assert archive.rescan(COLLECTION).suggested > 0
    assert [row for row in archive.find(late) if row.state == "suggested"]

    strangers = strangers_among(notes, gala_photos)
    assert len(strangers) >= 2 * 6  # made at ingest, and again at the look back
    assert len(notes.templates) >= 2 * summary.faces > len(strangers)
    needles = needles_of(archive, notes)  # enrolled people's as well: theirs are kept, but sealed
    everywhere = (archive.folder, models, temporary)
    while_open = needles.found_below(*everywhere)
    assert_nothing(while_open, DATABASE, f"{DATABASE}-wal", "keys.sqlite", "epoch.key")
    assert max(path.stat().st_size for path in while_open if path.name.endswith("-wal")) > 0
    archive.close()
    after_close = needles.found_below(*everywhere)
    assert_nothing(after_close, DATABASE, "keys.sqlite", "epoch.key")
    assert any(path.suffix == ".onnx" for path in after_close)

    # Nothing that could be opened with a key either, but the references of those who said yes.
    assert count(archive.folder, "SELECT count(*) FROM face_templates") == 0
    assert count(archive.folder, "SELECT count(*) FROM subjects") == len(ENROLLED)
    assert count(archive.folder, "SELECT count(*) FROM subject_references") == 2 * len(ENROLLED)
    assert count(archive.folder, "SELECT count(*) FROM faces") == summary.faces
    assert_scan_finds_what_is_planted(archive.folder, needles)


def test_clearing_a_folder_leaves_no_template_of_anybody(
    archive: Archive,
    gala_photos: Path,
    models: Path,
    temporary: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Templates] = []
    embed = Embedder.embed

    def watched(self: Embedder, crops: Crops) -> Templates:
        done = embed(self, crops)
        made.extend(done.copy())  # looking, and again for the check of what was written
        return done

    monkeypatch.setattr(Embedder, "embed", watched)
    archive.create_collection(COLLECTION)
    for place in BEFORE:
        enrol(archive, place)
    out = tmp_path / "out"
    cleared = archive.clear(COLLECTION, [gala_photos], Request("website", out, parse_policy(DEFAULT_POLICY), "office"))
    hidden = [face for photo in cleared["photos"] for face in photo["faces"] if face["action"] == "redact"]
    n_faces = sum(len(photo["faces"]) for photo in cleared["photos"])
    assert len(made) >= n_faces + len(hidden) > n_faces
    first = archive.subjects(COLLECTION)[0].id
    n_made, pack = len(made), tmp_path / "pack"
    archive.show_me(first, Check("selfie", portrait(BEFORE[0], 105)), pack)
    assert len(made) > n_made, "the selfie and whoever is hidden in the copies"

    collection = archive.collection(COLLECTION).id
    needles = Needles(made, archive._keys.rotation_of(collection, len(made[0])))
    everywhere = (archive.folder, models, temporary, out, pack, pack.with_suffix(".zip"))
    assert_nothing(needles.found_below(*everywhere), DATABASE, f"{DATABASE}-wal", "report.json", "report.html")
    archive.close()
    assert_nothing(needles.found_below(*everywhere), DATABASE, "report.json", "report.html")
    assert count(archive.folder, "SELECT count(*) FROM face_templates") == 0
    assert count(archive.folder, "SELECT count(*) FROM faces") == n_faces
    assert_scan_finds_what_is_planted(archive.folder, needles)


def test_calibrating_leaves_no_template_of_anybody(
    archive: Archive, notes: Notes, gala_photos: Path, models: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule, "FEWEST_PEOPLE", 1)  # the drawn scenes are few, and the threshold is not looked at
    archive.create_collection(COLLECTION)
    people = [enrol(archive, place) for place in BEFORE]
    archive.ingest(COLLECTION, [gala_photos])
    said = {row.id: "confirmed" for each in people for row in archive.find(each)}
    archive.decide_each(COLLECTION, said, "Ms Reed")
    n_before = len(notes.templates)
    made = archive.calibrate(COLLECTION, Wanted(0.95, 0.96))
    assert len(notes.templates) - n_before == made.searches == len(said) > 0, "of nobody else a template is made"
    needles = needles_of(archive, notes)
    assert_nothing(needles.found_below(archive.folder, models, temporary), DATABASE, f"{DATABASE}-wal")
    archive.close()
    assert_nothing(needles.found_below(archive.folder, models, temporary), DATABASE)
    assert count(archive.folder, "SELECT count(*) FROM face_templates") == 0
    assert_scan_finds_what_is_planted(archive.folder, needles)


def assert_scan_finds_what_is_planted(folder: Path, needles: Needles) -> None:
    """The control: every form of one template, in a file, in the database, and in the log of an open database."""
    forms = {name: form for name, form in needles.forms.items() if name.startswith("0 ")}
    assert len(forms) == 2 * len(FORMS)
    copy = folder.with_name("planted")
    shutil.copytree(folder, copy)
    for number, (name, form) in enumerate(forms.items()):
        path = copy / f"planted-{number}"
        path.write_bytes(b"\0" * number + form + b"\0")
        assert needles.found_in(path.read_bytes()) == {name}
        path.write_bytes(b"\0" * number + form[: len(form) // 2])
        assert needles.found_below(copy)[path] == {name}
        path.unlink()
    with closing(sqlite3.connect(copy / DATABASE, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE planted (form BLOB)")
        for name, form in forms.items():
            db.execute("INSERT INTO planted VALUES (?)", (form,))
            assert needles.found_below(copy)[copy / f"{DATABASE}-wal"] >= {name}
    assert needles.found_below(copy)[copy / DATABASE] == forms.keys()


def test_a_release_collection_keeps_templates_but_sealed(
    archive: Archive, notes: Notes, gala_photos: Path, models: Path, temporary: Path
) -> None:
    until_at = datetime.now(UTC) + timedelta(days=30)
    basis: dict[str, datetime | str | None] = {
        "reference": "contract 12",
        "approver": "The board",
        "until_at": until_at,
    }
    collection = archive.create_collection(COLLECTION, Release("contract 12", "The board", until_at))
    summary = archive.ingest(COLLECTION, [gala_photos])
    made = {template.tobytes() for template in notes.templates}
    assert len(made) == summary.faces > 0
    with archive._store.reading() as tx:
        permit = permit_open_templates(collection.id, collection.basis, basis, datetime.now(UTC))
        kept = [
            row
            for _, rows in templates.each_face_template(
                tx, archive._keys, permit, collection.id, pack=collection.pack, dim=len(notes.templates[0])
            )
            for row in rows
        ]
    # They are there, and open with the key ...
    scores = np.stack(kept) @ np.stack(notes.templates).T
    assert len(kept) == summary.faces
    assert (scores.max(axis=1) > 0.9999).all()
    # ... and nobody without it can see them.
    needles = needles_of(archive, notes)
    assert_nothing(needles.found_below(archive.folder, models, temporary), DATABASE, f"{DATABASE}-wal")
    archive.close()
    assert_nothing(needles.found_below(archive.folder, models, temporary), DATABASE)


def test_the_command_and_its_workers_leave_nothing_behind(
    archive: Archive, notes: Notes, gala_photos: Path, models: Path, temporary: Path, tmp_path: Path
) -> None:
    archive.create_collection(COLLECTION)
    for place in BEFORE:
        enrol(archive, place)
    journal = tmp_path / "journal"
    env = environment(models, archive.folder, TMPDIR=str(temporary))
    words: list[str | Path] = ["--engine", "processes", "--workers", "2", "--journal", journal, "--json"]
    done = run_command(["ingest", COLLECTION, gala_photos, *words], env)
    assert done.returncode == 0, done.stderr
    assert journal.read_text("ascii").count("\n") == len(SCENES)

    # The same photos again in this process, for the templates that the command must have made.
    other = archive.folder.with_name("other")
    settings = archive.settings
    with Archive.create(other, Master.from_key_file(key_file_of(archive.folder)), settings) as twin:
        twin.create_collection(COLLECTION)
        twin.ingest(COLLECTION, [gala_photos])
    assert len(strangers_among(notes, gala_photos)) >= 6
    needles = needles_of(archive, notes)
    log = tmp_path / "output"
    log.mkdir()
    (log / "stdout").write_text(done.stdout)
    (log / "stderr").write_text(done.stderr)
    (log / "journal").write_bytes(journal.read_bytes())
    found = needles.found_below(archive.folder, models, temporary, log)
    assert_nothing(found, DATABASE, "journal", "stdout")
    assert count(archive.folder, "SELECT count(*) FROM face_templates") == 0
