"""A gallery of a million enrolled people, as ingest uses it: comparing new faces, and removing one of them.

    python -m benchmarks.speed.compare_million

Prints one JSON object. One core, one thread. Half of the faces are of enrolled people, half of strangers; they come two
by two, as photos bring them. ``benchmarks.scale.opening`` measures the same with the database behind it.
"""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta
from statistics import median

import numpy as np

from benchmarks.scale.drawn_crowd import DrawnCrowd
from benchmarks.speed.index_size import SEED, resident_bytes
from countenance.core.consent import Term
from countenance.core.permit import permit_compare
from countenance.index.gallery import Gallery

N, DIM, N_FACES, A_PHOTO, N_REMOVED = 1_000_000, 128, 1_000, 2, 25
MATCH, FLOOR, PLACE = 0.945, 0.895, "a collection"


def main() -> None:
    """Measure and print."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    crowd, chance = DrawnCrowd.of(DIM, SEED), np.random.default_rng(SEED)
    matrix, own = np.empty((N, DIM), dtype=np.float32), np.sort(chance.choice(N, N_FACES // 2, replace=False))
    mated = crowd.fill(matrix, SEED, own)
    strangers = crowd.photos(crowd.people(N_FACES // 2, chance), chance)
    faces = np.stack([mated, strangers], axis=1).reshape(-1, DIM)
    names = [f"{number:024x}" for number in range(N)]
    now = datetime.now(UTC)
    terms = (Term(name, "find-my-photos", now, now + timedelta(days=1), None) for name in names)
    permit = permit_compare(PLACE, terms, now)
    before = resident_bytes()
    started = time.perf_counter()
    gallery = Gallery(PLACE, names, matrix, floor=FLOOR)
    build_s = time.perf_counter() - started
    del matrix
    times, named = list[float](), 0
    gallery.compare(faces[:2], permit, MATCH)
    for start in range(0, N_FACES, A_PHOTO):
        started = time.perf_counter()
        found = gallery.compare(faces[start : start + A_PHOTO], permit, MATCH)
        times.append((time.perf_counter() - started) / A_PHOTO)
        named += any(each.face == 0 and each.subject == names[own[start // 2]] for each in found)
    started = time.perf_counter()
    gallery.compare(faces, permit, MATCH)
    together = (time.perf_counter() - started) / N_FACES
    removals, found_after = list[float](), 0
    for place in range(N_REMOVED):
        started = time.perf_counter()
        gallery.remove(names[own[place]])
        again = gallery.compare(mated[place : place + 1], permit, MATCH)
        removals.append(time.perf_counter() - started)
        found_after += any(each.subject == names[own[place]] for each in again)
    result = {
        "references": N,
        "dim": DIM,
        "index": gallery.kind,
        "faces": N_FACES,
        "ms_a_face": 1e3 * median(times),
        "ms_a_face_all_together": 1e3 * together,
        "mated_named": named / (N_FACES // 2),
        "build_s": build_s,
        "resident_bytes": resident_bytes() - before,
        "remove_ms": 1e3 * median(removals),
        "found_after_removal": found_after,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
