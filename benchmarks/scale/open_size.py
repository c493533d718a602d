"""Open an archive of one size in a process of its own; ``benchmarks.scale.opening`` calls it.

    python -m benchmarks.scale.open_size ARCHIVE KEYFILE COLLECTION people|faces

Prints one JSON object: seconds until the first search was answered, from the start of ``Archive.open`` on.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from benchmarks.scale.big_archive import DIM, pack
from countenance.archive import Archive
from countenance.core.arrays import unit_rows
from countenance.core.permit import permit_open_templates
from countenance.flows.face_index import FaceIndex
from countenance.flows.gallery import LiveGallery
from countenance.flows.scope import Scope, documented_basis
from countenance.settings import Settings
from countenance.store import collections
from countenance.store.keyfile import Master


def main() -> None:
    """Open, search once, print."""
    folder, key_file, name, of = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    told: list[tuple[int, int]] = []
    probe = unit_rows(np.random.default_rng(1).normal(size=(1, DIM)))
    started = time.perf_counter()
    with Archive.open(folder, Master.from_key_file(key_file), Settings()) as archive:
        opened = time.perf_counter()
        store, keys, now = archive._store, archive._keys, datetime.now(UTC)  # noqa: SLF001 - a pack that is drawn
        with store.reading() as tx:
            where = collections.by_name(tx, name)
            scope = Scope(store, keys, where, pack(), Settings(), archive._clock, told=lambda *n: told.append(n))  # noqa: SLF001
            if of == "people":
                gallery = LiveGallery(scope)
                gallery.refresh(tx, now)
                gallery.compare(probe)
                n_open, kind = len(gallery.consenting), gallery.kind
            else:
                release = documented_basis(where)
                permit = permit_open_templates(where.id, where.basis, release, now)
                faces = FaceIndex.open(tx, scope, permit)
                faces.search(probe, at_least=0.0, most=10)
                n_open, kind = len(faces), faces.kind
        ended = time.perf_counter()
    print(
        json.dumps(
            {
                "open": n_open,
                "index": kind,
                "archive_s": opened - started,
                "seconds": ended - started,
                "progress_told": len(told),
                "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
