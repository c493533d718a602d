"""Clearing is killed (SIGKILL) at random moments; the next run leaves what an undisturbed run would have left."""

from __future__ import annotations

import contextlib
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from countenance.archive import DATABASE, SETTINGS, Archive
from countenance.settings import Settings
from countenance.store.keyfile import Master, write_key_file
from tests.calibrated import calibrate
from tests.drawn import portrait
from tests.gala import COLLECTION, COUNTENANCE, consent_form, environment, key_file_of, run_command, write_portraits
from tests.pretend import released

N_PHOTOS, SIDE_PX = 12, 160
SERIAL, PROCESSES = ("--engine", "serial"), ("--engine", "processes", "--workers", "2")


@dataclass(frozen=True)
class Ground:
    """Photos, an archive that has not seen them, and what an undisturbed run releases in how many seconds."""

    folder: Path
    photos: Path
    models: Path
    archive: Path
    files: dict[str, bytes]
    seconds: float

    def copy(self, name: str) -> Path:
        archive = self.folder / name / "archive"
        shutil.copytree(self.archive, archive)
        shutil.copy(key_file_of(self.archive), key_file_of(archive))
        return archive

    def words(self, archive: Path, engine: tuple[str, ...]) -> list[str | Path]:
        return ["clear", self.photos, "--channel", "website", "--out", out_of(archive), *engine, "--json"]


def out_of(archive: Path) -> Path:
    return archive.parent / "out"


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Ground:
    folder = tmp_path_factory.mktemp("clear-killed")
    archive, photos = folder / "first" / "archive", write_portraits(folder / "photos", N_PHOTOS, SIDE_PX)
    archive.parent.mkdir()
    write_key_file(key_file_of(archive))
    settings = Settings(cache_dir=models, device="cpu")
    with Archive.create(archive, Master.from_key_file(key_file_of(archive)), settings) as made:
        made.create_collection(COLLECTION)
        calibrate(made, COLLECTION)
        for seat in (0, 1, 2):
            form = consent_form(made._clock(), purposes=("publication",))
            made.enrol(COLLECTION, f"Person {seat}", [(f"{seat}.jpg", portrait(seat, 100))], form, "office")
    (archive / SETTINGS).write_text("batch_photos = 2\n", "utf-8")
    bare = Ground(folder, photos, models, archive, {}, 0.0)
    calm, since = bare.copy("calm"), time.monotonic()
    done = run_command(bare.words(calm, SERIAL), environment(models, calm))
    assert done.returncode == 0, done.stderr
    files = released(out_of(calm))
    assert any(name.startswith("clear/") for name in files)
    assert any(name.startswith("redacted/") for name in files)
    return Ground(folder, photos, models, archive, files, time.monotonic() - since)


def rows_of(archive: Path) -> dict[str, bytes]:
    """SHA-256 by path of the released files that the database knows; looked at in a copy."""
    scratch = archive.parent / "look"
    scratch.mkdir()
    for file in archive.glob(f"{DATABASE}*"):
        shutil.copy(file, scratch)
    with closing(sqlite3.connect(scratch / DATABASE)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        found = db.execute("SELECT output, output_sha256 FROM clearings WHERE output IS NOT NULL").fetchall()
    shutil.rmtree(scratch)
    return {name.decode(): digest for name, digest in found}


def kill(ground: Ground, archive: Path, engine: tuple[str, ...], chance: random.Random) -> bool:
    """Start a clearing and kill it; every second time only once it releases files. True when it still ran."""
    said = archive.parent / "said"
    with said.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [*COUNTENANCE, *map(str, ground.words(archive, engine))],
            env=environment(ground.models, archive),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    delay_s = chance.uniform(0.3, 1.0) * ground.seconds
    if chance.random() < 0.5:
        wanted, delay_s = len(released(out_of(archive))) + chance.randrange(1, 4), chance.uniform(0, 0.1)
        while len(released(out_of(archive))) < wanted and process.poll() is None:
            time.sleep(0.005)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(delay_s)
    process.kill()
    process.wait()
    assert process.returncode in {0, -signal.SIGKILL}, said.read_text("utf-8", "replace")
    return process.returncode != 0


def kill_often(ground: Ground, n_kills: int, seed: int) -> int:
    """Kill until so many have hit; gives how many of them hit while files were being released."""
    chance = random.Random(seed)  # noqa: S311 - moments of kills, not secrets
    kills = hits = rounds = 0
    while kills < n_kills:
        engine = (SERIAL, PROCESSES)[rounds % 2]
        archive = ground.copy(f"killed-{seed}-{rounds}")
        rounds += 1
        for _ in range(min(3, n_kills - kills)):
            killed = kill(ground, archive, engine, chance)
            there = released(out_of(archive))
            assert there.keys() <= rows_of(archive).keys(), "a file without a row"
            assert there.items() <= ground.files.items(), "a file that is not whole"
            kills += killed
            hits += killed and 0 < len(there) < N_PHOTOS
            if not killed:
                break
        done = run_command(ground.words(archive, engine), environment(ground.models, archive))
        assert done.returncode == 0, done.stderr
        assert released(out_of(archive)) == ground.files
        assert rows_of(archive).keys() == ground.files.keys()
        assert not list(out_of(archive).rglob(".part-*"))
        assert len(list((out_of(archive) / "thumbnails").iterdir())) == N_PHOTOS
        shutil.rmtree(archive.parent)
    return hits


def test_kills_leave_nothing_behind(ground: Ground) -> None:
    kill_often(ground, 4, seed=4)


@pytest.mark.long
def test_fifty_kills_leave_nothing_behind(ground: Ground) -> None:
    assert kill_often(ground, 50, seed=50) >= 10
