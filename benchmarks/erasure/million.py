"""Erase 1 of 1,000 people from an archive of 1,000,000 faces: seconds, and what is left in the bytes of each store.

    python -m benchmarks.erasure.million [--faces N] [--keep DIR]

Before, a search that shares no code with the sweep finds the person's rows, keys and files in each kind of store;
after, it must find none of them, while it finds what was planted in the same places. Templates are looked for as well,
plain and as the collection turns them, in five forms.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.erasure.crowd import NAME, Crowd, everything_below, make
from benchmarks.erasure.search import Search, forms_of
from benchmarks.erasure.traces import leave
from benchmarks.places import CHECKOUT, RESULTS
from countenance.core.arrays import unit_rows
from countenance.measure.report import write_json
from countenance.store import facts

SEED = 4
N_FACES, N_SUBJECTS = 1_000_000, 1_000
MOST_S, FEWEST_STORES, CORES = 60.0, 10, 2
_CONTROL = "benchmark-control"


def needles_of(crowd: Crowd) -> dict[str, list[bytes]]:
    """What must not be left, by kind of store (rows by table, files by kind) and by form."""
    keys = crowd.archive._keys.folder  # noqa: SLF001 - bytes on the disk
    with closing(sqlite3.connect(f"file:{keys / 'keys.sqlite'}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT wrapped FROM subject_keys WHERE subject_id = ?", (crowd.victim,)).fetchall()
    slots = crowd.archive._keys._file.slots()  # noqa: SLF001 - the epoch key in force, wrapped
    wanted = {f"rows: {table}": values for table, values in crowd.rows.items() if values}
    wanted |= {f"files: {kind}": contents for kind, contents in crowd.files.items()}
    wanted |= {"keys: of the person": [row[0] for row in rows], "keys: epoch": [slot.wrapped for slot in slots]}
    wanted["names"] = [NAME.encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be")]
    for word, templates in (("plain", crowd.templates), ("turned", crowd.turned)):
        wanted |= {f"templates: {word} {form}": strings for form, strings in forms_of(templates).items()}
    return wanted


def control_of() -> dict[str, list[bytes]]:
    """Random values in every form, of nobody."""
    template = unit_rows(np.random.default_rng(secrets.randbits(64)).normal(size=(1, 128)))
    return {f"control: {form}": strings for form, strings in forms_of(template).items()}


def look(crowd: Crowd, wanted: dict[str, list[bytes]]) -> dict[str, int]:
    """How many pieces of each kind stand in any file of ours."""
    search, found = Search(wanted), set[tuple[str, bytes]]()
    for path in everything_below(crowd.archive.folder, crowd.out):
        found |= search.found_in(path)
    return {kind: sum(each == kind for each, _ in found) for kind in wanted}


def planted(crowd: Crowd, control: dict[str, list[bytes]]) -> list[Path]:
    """Put the control into a file of each folder, and what of it is text into the database."""
    content = b"|".join(string for strings in control.values() for string in strings)
    places = sorted({path.parent for path in everything_below(crowd.archive.folder, crowd.out)})
    for place in places:
        (place / _CONTROL).write_bytes(content)
    text = b"|".join(string for form in ("hex", "base64") for string in control[f"control: {form}"])
    with crowd.archive._store.transaction() as tx:  # noqa: SLF001 - past the door, as a leak would be
        facts.put(tx, _CONTROL, text.decode("ascii"))
    return [place / _CONTROL for place in places]


def control_found(crowd: Crowd, control: dict[str, list[bytes]], files: list[Path]) -> tuple[int, int]:
    """How many of the planted values were found where they are, of how many."""
    search = Search(control)
    seen = [{kind for kind, _ in search.found_in(path)} for path in files]
    database = [path for path in everything_below(crowd.archive.folder) if path.name.startswith("countenance.db")]
    inside = {kind for path in database for kind, _ in search.found_in(path)}
    n_found = sum(len(kinds & set(control)) for kinds in seen) + len(inside & {"control: hex", "control: base64"})
    return n_found, len(files) * len(control) + 2


def measure(folder: Path, n_faces: int) -> tuple[dict[str, Any], bool]:
    """Make, look, erase, look again."""
    clock = time.monotonic()
    crowd = make(folder, n_faces=n_faces, n_subjects=N_SUBJECTS, seed=SEED)
    leave(crowd)
    made_s = time.monotonic() - clock
    print(f"made in {made_s:.1f} s: {crowd.counts}")
    wanted = needles_of(crowd)
    before = look(crowd, wanted)
    steps: dict[str, float] = {}
    clock = time.monotonic()
    erased = crowd.archive.erase(crowd.victim, lambda step: steps.update({step: time.monotonic() - clock}))
    seconds = time.monotonic() - clock
    control = control_of()
    files = planted(crowd, control)
    after = look(crowd, wanted)
    found, n_planted = control_found(crowd, control, files)
    sweep = erased.statement["sweep"]
    stores = {kind: n for kind, n in before.items() if not kind.startswith(("templates", "names"))}
    result = {
        "made_s": made_s,
        "counts": crowd.counts,
        "seconds": seconds,
        "begun_at_s": steps,
        "pieces_looked_for": len(Search(wanted)),
        "stores": {kind: {"before": before[kind], "after": after[kind]} for kind in wanted},
        "left": sum(after.values()),
        "control": {"planted": n_planted, "found": found},
        "sweep": sweep,
    }
    passed = (
        result["left"] == 0
        and found == n_planted
        and sweep["control"] == sweep["control_found"]
        and len(stores) >= FEWEST_STORES
        and all(stores.values())
        and seconds <= MOST_S
    )
    crowd.archive.close()
    return result, passed


def main() -> int:
    """Run, print, write; 1 when a bar is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--faces", type=int, default=N_FACES)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    folder = given.keep or Path(tempfile.mkdtemp(prefix="countenance-million-"))
    try:
        result, passed = measure(folder, given.faces)
    finally:
        if given.keep is None:
            shutil.rmtree(folder)
    for kind, counts in result["stores"].items():
        print(f"{kind:40} before {counts['before']:6} after {counts['after']:6}")
    print(f"{result['seconds']:.1f} s; left {result['left']}; control {result['control']}; passed {passed}")
    if given.faces == N_FACES:
        write_json(RESULTS / "erasure.json", result | {"passed": passed}, seed=SEED, checkout=CHECKOUT)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
