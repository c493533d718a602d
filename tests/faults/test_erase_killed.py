"""An erasure is killed (SIGKILL) at each of its steps: ``resume`` completes it, and no receipt is there before."""

from __future__ import annotations

import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from countenance.archive import DATABASE, Archive
from countenance.ledger.verify import Verifier
from tests.drawn import CLUB, Clock, name_of
from tests.pretend import DIM, SETTINGS, Guest, Party, _master, photo, template_of
from tests.promises.byte_scan import Needles

STEPS = ("begin", "files", "rows", "keys", "pages", "sweep", "needles", "receipt")
WHO = 0

CHILD = """
import os, signal, sys, threading
from pathlib import Path
from countenance.archive import Archive
from tests.drawn import Clock, name_of
from tests.pretend import SETTINGS, _master

folder, step, after = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
archive = Archive.open(folder, _master(), SETTINGS, Clock())

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def told(doing):
    if doing == step:
        # Zero is the moment before the step; later ones fall into it, or behind it.
        threading.Timer(after, die).start() if after else die()

if step == "begin":
    threading.Timer(after, die).start()
archive.erase(name_of(0), told)
print("done", flush=True)
"""


@pytest.fixture(scope="module")
def ground(party_stock: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with released files; ``pristine`` beside it is what every round begins with."""
    folder = tmp_path_factory.mktemp("erase-killed")
    with pytest.MonkeyPatch.context() as patch, Party.open_copy(party_stock, folder / "work").pretend(patch) as made:
        made.put(**{f"p{n}": photo(n % 3, 7, mark=str(n)) for n in range(9)})
        made.clear()
    shutil.copytree(folder / "work", folder / "pristine")
    return folder


def needles_of(ground: Path) -> Needles:
    """The reference as the collection turns it."""
    pristine = ground / "pristine" / "archive"
    with Archive.open(pristine, _master(), SETTINGS, Clock()) as archive:
        turn = archive._keys.rotation_of(archive.collection(CLUB).id, DIM)
    return Needles([template_of(Guest(WHO, 1.0)) @ turn.T])


def kill_once(ground: Path, step: str, after_s: float) -> bool:
    """Erase and be killed at a step; True when the kill came before the end. Then resume and look."""
    shutil.rmtree(ground / "work")
    shutil.copytree(ground / "pristine", ground / "work")  # the same paths: files are registered with theirs
    archive = ground / "work" / "archive"
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", CHILD, str(archive), step, str(after_s)], capture_output=True, check=False, timeout=120
    )
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr.decode()
    killed = done.returncode != 0
    with closing(sqlite3.connect(f"file:{archive / DATABASE}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT step, receipt, done_at FROM erasures").fetchall()
    if killed and rows and rows[0][1] is None:
        assert rows[0][2] is None, "not called done"
    with Archive.open(archive, _master(), SETTINGS, Clock()) as again:
        if not rows:  # killed before it began: nothing of it may be there, and it is asked for once more
            again.erase(name_of(WHO))
        again.resume_erasures()
        assert not again.unfinished_erasures()
        with again._store.reading() as tx:
            receipts = [bytes(row[0]) for row in tx.exec_driver_sql("SELECT receipt FROM erasures")]
        (receipt,) = receipts
        assert Verifier(again.ledger_key()).receipt(receipt)["sweep"]["found"] == 0
        acts = [json.loads(body)["act"] for body in _entries(archive)]
        assert acts.count("erase-begin") == 1
        assert acts.count("erase") == 1
        assert name_of(WHO) not in {each.name for each in again.subjects(CLUB)}
    found = needles_of(ground).found_below(ground / "work")
    assert not any(found.values())
    assert not any((ground / "work").rglob(".erasing-*"))
    return killed


def _entries(archive: Path) -> list[bytes]:
    with closing(sqlite3.connect(f"file:{archive / DATABASE}?mode=ro", uri=True)) as db:
        return [bytes(row[0]) for row in db.execute("SELECT body FROM ledger_entries ORDER BY n")]


@pytest.mark.parametrize("step", STEPS[1:])
def test_a_kill_before_each_step(ground: Path, step: str) -> None:
    assert kill_once(ground, step, 0.0)


def kill_often(ground: Path, n_kills: int, seed: int) -> dict[str, int]:
    """So many kills at each step, most of them somewhere inside it; gives how many came before the end, by step."""
    chance = random.Random(seed)  # noqa: S311 - moments of kills, not secrets
    hits = dict.fromkeys(STEPS, 0)
    for step in STEPS:
        while hits[step] < n_kills:
            after_s = 0.0 if hits[step] == 0 else chance.uniform(0.0, 0.03)
            hits[step] += kill_once(ground, step, after_s)
    return hits


@pytest.mark.long
def test_twenty_kills_at_each_step(ground: Path) -> None:
    hits = kill_often(ground, 20, seed=1)
    sys.stdout.write(" ".join(f"at_{step}={n}" for step, n in hits.items()) + "\n")
    assert hits == dict.fromkeys(STEPS, 20)
