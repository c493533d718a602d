"""How long it takes until an archive with a million sealed templates answers, cold, and again with its saved index.

    python -m benchmarks.scale.opening [--keep DIR]

Archives of 0.1, 0.3 and 1 million: enrolled people, each reference under a key of its own, and faces of a ``release``
collection. Each opening is a new process on one core: keys, decryption, the turn back, the index, one search. Cold
means that no index is saved and the database's pages are dropped from the system's cache where that is allowed. Then
one person of the million withdraws while a gallery is in use: from the commit on, until the next comparison has ended.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.places import CHECKOUT, RESULTS
from benchmarks.scale import big_archive
from benchmarks.scale.big_archive import FACES, PEOPLE, SEED, BigArchive
from benchmarks.scale.drawn_crowd import DrawnCrowd
from countenance.archive import Archive
from countenance.flows.gallery import LiveGallery
from countenance.flows.scope import Scope
from countenance.measure.report import write_json
from countenance.settings import Settings
from countenance.store import collections, consents
from countenance.store.keyfile import Master

SIZES = (100_000, 300_000, 1_000_000)
MOST_SECONDS, MOST_REMOVE_MS, MOST_GROWTH = 30.0, 50.0, 1.15
N_REMOVED = 15


def main() -> int:
    """Measure, print, write; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="folder for the archives, used again by the next run")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=CHECKOUT) as scratch:
        place = given.keep or Path(scratch)
        result: dict[str, Any] = {"sizes": {}}
        for n in SIZES:
            archive = _archive(place / str(n), n)
            result["sizes"][str(n)] = {
                of: {"cold": _opened(archive, name, of, cold=True), "saved": _opened(archive, name, of, cold=False)}
                for of, name in (("people", PEOPLE), ("faces", FACES))
            }
            print(n, json.dumps(result["sizes"][str(n)]), flush=True)
        result["removed"] = _removed(archive)
    biggest = result["sizes"][str(SIZES[-1])]
    slowest = max(biggest[of]["cold"]["seconds"] for of in biggest)
    growth = max(_growth(result["sizes"], of) for of in biggest)
    removed = result["removed"]
    bars = {
        "open a million cold, s (<= 30)": (slowest, slowest <= MOST_SECONDS),
        "growth from 0.3 to 1 million over linear (<= 1.15)": (growth, growth <= MOST_GROWTH),
        "withdrawn of a million, not found by the next comparison": (removed["found"], removed["found"] == 0),
        "and it takes, median ms (<= 50)": (removed["median_ms"], removed["median_ms"] <= MOST_REMOVE_MS),
    }
    result["bars"] = {name: {"measured": value, "met": met} for name, (value, met) in bars.items()}
    for name, (value, met) in bars.items():
        print(f"{'met   ' if met else 'MISSED'} {name}: {value:.4g}")
    write_json(RESULTS / "opening.json", result, seed=SEED, checkout=CHECKOUT)
    return 0 if all(met for _, met in bars.values()) else 1


def _archive(folder: Path, n: int) -> BigArchive:
    known = folder / "subjects.json"
    if known.is_file():
        return BigArchive(folder / "archive", folder / "archive.key", json.loads(known.read_text("ascii")))
    shutil.rmtree(folder, ignore_errors=True)
    made = big_archive.make(folder, n)
    known.write_text(json.dumps(made.subjects), "ascii")
    return made


def _opened(archive: BigArchive, name: str, of: str, *, cold: bool) -> dict[str, Any]:
    if cold:
        for path in (archive.folder / "index").glob("*"):
            path.unlink()
        for path in archive.folder.rglob("*"):
            if path.is_file():
                with path.open("rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    arguments = [str(archive.folder), str(archive.key_file), name, of]
    # A process of its own, as a command is; fixed words, nothing comes from outside.
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "benchmarks.scale.open_size", *arguments],
        check=True,
        capture_output=True,
        text=True,
        cwd=CHECKOUT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _growth(sizes: dict[str, Any], of: str) -> float:
    """Seconds a template at a million over seconds a template at 0.3 million, the start of the program taken off."""
    middle, large = (sizes[str(n)][of]["cold"] for n in SIZES[1:])
    each = [(size["seconds"] - size["archive_s"]) / size["open"] for size in (middle, large)]
    return float(each[1] / each[0])


def _removed(archive: BigArchive) -> dict[str, Any]:
    """Withdraw people one by one while a gallery of a million is in use."""
    crowd = DrawnCrowd.of(big_archive.DIM, SEED)
    _, rows, _, _ = next(crowd.pages(len(archive.subjects), SEED))
    times, n_found, n_before = list[float](), 0, 0
    with Archive.open(archive.folder, Master.from_key_file(archive.key_file), Settings()) as opened:
        store, keys = opened._store, opened._keys  # noqa: SLF001 - a pack that is drawn
        with store.reading() as tx:
            where = collections.by_name(tx, PEOPLE)
        scope = Scope(store, keys, where, big_archive.pack(), Settings(), opened._clock)  # noqa: SLF001
        gallery = LiveGallery(scope)
        with store.reading() as tx:
            gallery.refresh(tx, datetime.now(UTC))
        chance = np.random.default_rng(time.time_ns())
        for one in chance.choice(min(len(rows), len(archive.subjects)), N_REMOVED, replace=False).tolist():
            subject, probe = archive.subjects[one], rows[one : one + 1]
            before = [each.subject for each in gallery.compare(probe)]
            n_before += before == [subject]
            with store.transaction() as tx:
                consents.withdraw_all(tx, subject, at=datetime.now(UTC))
            started = time.perf_counter()
            with store.reading() as tx:
                gallery.refresh(tx, datetime.now(UTC))
            after = gallery.compare(probe)
            times.append(1e3 * (time.perf_counter() - started))
            n_found += any(each.subject == subject for each in after)
    return {
        "people": len(archive.subjects),
        "removed": N_REMOVED,
        "found_before": n_before,
        "found": n_found,
        "median_ms": median(times),
        "most_ms": max(times),
    }


if __name__ == "__main__":
    sys.exit(main())
