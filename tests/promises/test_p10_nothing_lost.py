"""P10. Nothing acknowledged is lost, and one bad file stops nothing: kill -9 at any point, disk full, corrupt images.

A photo is acknowledged when ``countenance ingest --journal FILE`` has written its SHA-256. Kills fall at random moments
between the start of the program and the end of an ingest; nothing is repaired between a kill and the next run. Checks
read a copy of the database, so that looking at it does not recover it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from countenance.archive import DATABASE, SETTINGS, Archive
from countenance.settings import Settings
from countenance.store.keyfile import Master, write_key_file
from tests.gala import COLLECTION, COUNTENANCE, environment, key_file_of, run_command, write_portraits

N_PHOTOS, SIDE_PX = 32, 160
SERIAL, PROCESSES = ("--engine", "serial"), ("--engine", "processes", "--workers", "2")
ENGINES = (SERIAL, PROCESSES)
ORPHANS_LIVE_S = 10.0
LINE_BYTES = 65
"""Of the journal: a SHA-256 in hexadecimal and the end of the line."""
Rows = dict[str, tuple[int, list[tuple[float, ...]]]]


@dataclass(frozen=True)
class Ground:
    """What all kills share: photos, an archive that knows none of them, and what an undisturbed ingest makes of them.

    Attributes:
        folder: where archives may be made.
        photos: folder of photos.
        models: model cache.
        empty: archive with an empty collection, to be copied.
        rows: faces by the photo's SHA-256 after an undisturbed ingest.
        seconds: how long the undisturbed ingest took, from the start of the program to its end.
    """

    folder: Path
    photos: Path
    models: Path
    empty: Path
    rows: Rows
    seconds: float

    def copy(self, name: str) -> Path:
        archive = self.folder / name
        shutil.copytree(self.empty, archive)
        shutil.copy(key_file_of(self.empty), key_file_of(archive))
        return archive


def make_archive(folder: Path, batch_photos: int) -> Path:
    archive = folder / "empty"
    write_key_file(key_file_of(archive))
    with Archive.create(archive, Master.from_key_file(key_file_of(archive)), Settings()) as made:
        made.create_collection(COLLECTION)
    (archive / SETTINGS).write_text(f"batch_photos = {batch_photos}\n", "utf-8")
    return archive


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Ground:
    folder = tmp_path_factory.mktemp("ground")
    photos = write_portraits(folder / "photos", N_PHOTOS, SIDE_PX)
    empty = make_archive(folder, batch_photos=4)
    archive = Ground(folder, photos, models, empty, {}, 0.0).copy("calm")
    since = time.monotonic()
    done = run_command(["ingest", COLLECTION, photos, *SERIAL, "--json"], environment(models, archive))
    seconds = time.monotonic() - since
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["photos"]["new"] == N_PHOTOS
    rows = rows_of(archive)
    assert len(rows) == N_PHOTOS
    assert sum(n_faces for n_faces, _ in rows.values()) > 0.9 * N_PHOTOS
    return Ground(folder, photos, models, empty, rows, seconds)


def looked_at(archive: Path, scratch: Path) -> Path:
    """A copy of the database as it lies there, log included."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    for file in archive.glob(f"{DATABASE}*"):
        shutil.copy(file, scratch)
    return scratch / DATABASE


def rows_of(archive: Path) -> Rows:
    """Number and boxes of faces by SHA-256; fails when the database is damaged or a photo is there twice."""
    copy = looked_at(archive, archive.with_name(f"{archive.name}-copy"))
    with closing(sqlite3.connect(copy)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        photos = db.execute("SELECT id, lower(hex(sha256)), n_faces FROM photos").fetchall()
        faces = db.execute("SELECT photo_id, x, y, w, h FROM faces ORDER BY photo_id, ordinal").fetchall()
        without_path = "SELECT count(*) FROM photos WHERE id NOT IN (SELECT photo_id FROM photo_paths)"
        assert db.execute(without_path).fetchone() == (0,)
    boxes: dict[str, list[tuple[float, ...]]] = {photo: [] for photo, _, _ in photos}
    for photo, *box in faces:
        boxes[photo].append(tuple(box))
    twice = [digest for digest, count in Counter(digest for _, digest, _ in photos).items() if count > 1]
    assert not twice
    for photo, digest, n_faces in photos:
        assert len(boxes[photo]) == n_faces, f"{digest} is there in part"
    return {digest: (n_faces, boxes[photo]) for photo, digest, n_faces in photos}


def assert_same_rows(found: Rows, expected: Rows) -> None:
    """The same photos with the same faces; batches cut elsewhere may move a box by rounding."""
    assert found.keys() == expected.keys()
    for digest, (n_faces, boxes) in found.items():
        assert n_faces == expected[digest][0]
        for box, other in zip(boxes, expected[digest][1], strict=True):
            assert box == pytest.approx(other, abs=0.05)


def living_members(session: int) -> list[int]:
    """Process ids of a session that still run."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text("utf-8", "replace").rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        if int(fields[3]) == session and fields[0] not in {"Z", "X"}:
            members.append(int(stat.parent.name))
    return members


@dataclass
class Tally:
    """What happened in a series of kills."""

    kills: int = 0
    rounds: int = 0
    nothing_new: int = 0
    between_commits: int = 0
    after_last_commit: int = 0
    most_processes: int = 0


@dataclass(frozen=True)
class Moment:
    """When to kill: so many seconds after the journal has grown by so many lines."""

    n_lines: int
    delay_s: float

    def wait(self, process: subprocess.Popen[bytes], journal: Path) -> None:
        """Return at that moment, or when the process has ended."""
        wanted = self.n_lines * LINE_BYTES + size_of(journal)
        while size_of(journal) < wanted and process.poll() is None:
            time.sleep(0.002)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(self.delay_s)


def size_of(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def draw_moment(chance: random.Random, span_s: float) -> Moment:
    """Any time of the run, or, every second time, while it saves: that part is short, and most could go wrong there."""
    if chance.random() < 0.5:
        return Moment(0, chance.uniform(0, span_s))
    return Moment(chance.randrange(1, N_PHOTOS), chance.uniform(0, 0.1))


def run_and_kill(ground: Ground, archive: Path, engine: tuple[str, ...], moment: Moment, tally: Tally) -> bool:
    """Start an ingest and kill it at a moment; True when it was still running then."""
    words = ["ingest", COLLECTION, str(ground.photos), *engine, "--json", "--journal", str(journal_of(archive))]
    said = archive.with_name(f"{archive.name}.said")
    with said.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [*COUNTENANCE, *words],
            env=environment(ground.models, archive),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    moment.wait(process, journal_of(archive))
    if process.poll() is None:
        tally.most_processes = max(tally.most_processes, len(living_members(process.pid)))
        process.kill()
        process.wait()
    killed = process.returncode == -signal.SIGKILL
    assert killed or process.returncode == 0, said.read_text("utf-8", "replace")
    patience = time.monotonic() + ORPHANS_LIVE_S
    while living_members(process.pid):
        assert time.monotonic() < patience, "a process outlived the ingest that started it"
        time.sleep(0.01)
    return killed


def journal_of(archive: Path) -> Path:
    return archive.with_name(f"{archive.name}.journal")


def acknowledged(archive: Path) -> list[str]:
    """Lines of the journal; it is made by the first run that comes so far."""
    path = journal_of(archive)
    return path.read_text("ascii").splitlines() if path.exists() else []


def kill_until(ground: Ground, n_kills: int, seed: int) -> Tally:
    """Kill ingests until ``n_kills`` have hit; every archive is carried on to its end and compared."""
    chance, tally = random.Random(seed), Tally()  # noqa: S311 - moments of kills, not secrets
    while tally.kills < n_kills:
        engine = ENGINES[tally.rounds % 2]
        archive = ground.copy(f"killed-{seed}-{tally.rounds}")
        tally.rounds += 1
        for _ in range(min(4, n_kills - tally.kills)):  # an archive that is nearly full has few moments left
            known = len(rows_of(archive))
            killed = run_and_kill(ground, archive, engine, draw_moment(chance, ground.seconds), tally)
            rows = rows_of(archive)
            said = acknowledged(archive)
            assert all(len(line) == 64 for line in said)
            assert set(said) <= rows.keys(), "an acknowledged photo is lost"
            if not killed:
                break
            tally.kills += 1
            tally.nothing_new += len(rows) == known
            tally.between_commits += known < len(rows) < N_PHOTOS
            tally.after_last_commit += known < len(rows) == N_PHOTOS
        words: list[str | Path] = [
            "ingest",
            COLLECTION,
            ground.photos,
            *engine,
            "--json",
            "--journal",
            journal_of(archive),
        ]
        done = run_command(words, environment(ground.models, archive))
        assert done.returncode == 0, done.stderr
        counted = json.loads(done.stdout)["photos"]
        assert counted["new"] + counted["known"] == counted["given"] == N_PHOTOS
        assert_same_rows(rows_of(archive), ground.rows)
        assert set(acknowledged(archive)) == ground.rows.keys()
        for path in archive.parent.glob(f"{archive.name}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return tally


def test_kills_lose_and_double_nothing(ground: Ground) -> None:
    tally = kill_until(ground, 5, seed=10)
    assert tally.kills >= 5
    assert tally.most_processes >= 2, "children were looked for, but none were ever seen"


@pytest.mark.long
def test_two_hundred_kills_lose_and_double_nothing(ground: Ground) -> None:
    tally = kill_until(ground, 200, seed=200)
    sys.stdout.write(f"{tally}\n")  # shown with -s
    assert tally.kills >= 200
    assert tally.nothing_new > 0
    assert tally.between_commits > 10
    assert tally.most_processes >= 4


FULL_DISK = """
import resource, sys
from countenance.flows import stages
whole = stages.Decode.setup
def setup(self):
    whole(self)  # the decoder's shared memory would count as well
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
stages.Decode.setup = setup
from countenance.cli.main import main
main(sys.argv[2:])
"""


def test_a_full_disk_is_one_clear_sentence_and_keeps_what_was_saved(ground: Ground) -> None:
    archive = ground.copy("full")
    env = environment(ground.models, archive)
    limit = (archive / DATABASE).stat().st_size // 2
    program = [sys.executable, "-c", FULL_DISK, str(limit)]
    words: list[str | Path] = ["ingest", COLLECTION, ground.photos, *SERIAL, "--journal", journal_of(archive)]
    failed = run_command([*words, "--json"], env, program)
    assert failed.returncode == 1, failed.stderr
    assert "Traceback" not in failed.stderr
    answer = json.loads(failed.stdout)
    assert answer["ok"] is False
    assert answer["error"]["code"] == "store"
    assert answer["error"]["message"].count(".") == 1
    assert answer["error"]["advice"]
    kept = rows_of(archive)
    assert 0 < len(kept) < N_PHOTOS, "the disk was not full in the middle of it"
    assert set(acknowledged(archive)) == kept.keys()

    fuller = [*program[:-1], str(10_000)]
    again = run_command(words, env, fuller)  # as people see it, and not even one batch fits
    assert again.returncode == 1
    assert "Traceback" not in again.stderr
    assert len([line for line in again.stderr.splitlines() if line.strip()]) <= 2
    assert kept.keys() <= rows_of(archive).keys()

    done = run_command([*words, "--json"], env)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["photos"]["known"] >= len(kept)
    assert_same_rows(rows_of(archive), ground.rows)


def bad_files(folder: Path, good: bytes) -> dict[str, bytes]:
    chance = random.Random(3)  # noqa: S311 - noise, not a secret
    files = {
        "cut-in-the-middle.jpg": good[: len(good) // 2],
        "cut-in-the-header.jpg": good[:100],
        "empty.jpg": b"",
        "garbage.jpg": chance.randbytes(4_000),
        "garbage-behind-a-jpeg-marker.jpg": b"\xff\xd8\xff\xe0" + chance.randbytes(4_000),
        "letter.txt": b"Dear members, here are the photos.\n",
        "letter.jpg": b"Dear members, here are the photos.\n",
        "page.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return files


@pytest.fixture
def spoilt(tmp_path: Path, ground: Ground) -> Iterator[Path]:
    folder = tmp_path / "spoilt"
    folder.mkdir()
    for photo in sorted(ground.photos.iterdir())[:6]:
        shutil.copy(photo, folder / f"{photo.stem}.good.jpg")
    yield folder
    shutil.rmtree(folder)


def test_one_bad_file_stops_nothing(spoilt: Path, ground: Ground) -> None:
    good = {path.name: path.read_bytes() for path in spoilt.iterdir()}
    bad = bad_files(spoilt, next(iter(good.values())))
    (spoilt / "twin.jpg").write_bytes(next(iter(good.values())))
    archive = ground.copy("spoilt")
    env = environment(ground.models, archive)
    for engine, n_new in ((SERIAL, len(good)), (PROCESSES, 0)):
        done = run_command(["ingest", COLLECTION, spoilt, *engine, "--json"], env)
        assert done.returncode == 3, done.stderr
        photos = json.loads(done.stdout)["photos"]
        n_refused = sum(photos["refused"].values())
        assert photos["given"] == len(good) + len(bad) + 1
        assert photos["given"] == photos["new"] + photos["partial"] + photos["known"] + n_refused
        assert photos["new"] == n_new
        assert n_refused >= len(bad) - 1  # of a cut photo, a part may be used
    rows = rows_of(archive)
    for content in good.values():
        digest = hashlib.sha256(content).hexdigest()
        assert rows[digest][0] == ground.rows[digest][0]
    with closing(sqlite3.connect(archive / DATABASE)) as db:
        refused = {Path(os.fsdecode(path)).name: (why, said) for path, why, said in db.execute(REFUSALS)}
        partial = db.execute("SELECT count(*) FROM photos WHERE status = 'partial'").fetchone()[0]
    assert refused.keys() <= bad.keys()
    assert len(refused) == n_refused
    assert len(refused) + partial == len(bad)
    assert all(why and said.endswith(".") for why, said in refused.values())


REFUSALS = "SELECT path, reason, message FROM refusals"
