"""Other codes on the same million templates: how long a scan takes, and how many mated templates its best hold.

    python -m benchmarks.speed.index_rivals

Prints one JSON object. One core, one thread; nothing is looked at again, so the shares are of the shortlist alone.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.scale.drawn_crowd import DrawnCrowd
from benchmarks.speed.index_size import SEED
from countenance.index.ann import Ann

N, DIM, N_PROBES, ROUNDS = 1_000_000, 128, 500, 9
SHORTLISTS = (250, 1_000, 2_000)


def main() -> None:
    """Measure and print."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    faiss.omp_set_num_threads(1)
    crowd, chance = DrawnCrowd.of(DIM, SEED), np.random.default_rng(SEED)
    matrix, own = np.empty((N, DIM), dtype=np.float32), np.sort(chance.choice(N, N_PROBES, replace=False))
    probes = crowd.fill(matrix, SEED, own)
    ours = Ann.learn(DIM, matrix, expected=N)
    ours.add(matrix)
    scan = ours._scan  # noqa: SLF001 - the scan alone
    mean = matrix[:65_536].mean(axis=0)
    turn, _ = np.linalg.qr(chance.normal(size=(DIM, DIM)))
    turned, asked = ((rows - mean) @ turn.astype(np.float32) for rows in (matrix, probes))
    del matrix
    rabitq = faiss.IndexRaBitQFastScan(DIM, faiss.METRIC_L2)
    rabitq.train(turned[:100_000])
    rabitq.add(turned)
    bits = faiss.IndexBinaryFlat(DIM)
    bits.add(np.packbits(turned > 0, axis=1))
    asked_bits, seen = np.packbits(asked > 0, axis=1), scan.seen(probes)
    rivals: dict[str, Callable[[slice, int], Any]] = {
        "product quantiser, 16 bytes": lambda some, k: scan.codes.search(seen[some], k)[1],
        "RaBitQ, fast scan": lambda some, k: rabitq.search(asked[some], k)[1],
        "one bit a direction": lambda some, k: bits.search(asked_bits[some], k)[1],
    }
    print(json.dumps({name: _measured(search, own) for name, search in rivals.items()}))


def _measured(search: Callable[[slice, int], Any], own: NDArray[np.int64]) -> dict[str, Any]:
    found = {}
    for shortlist in SHORTLISTS:
        times = []
        for turn in range(ROUNDS):
            started = time.perf_counter()
            search(slice(turn, turn + 1), shortlist)
            times.append(1e3 * (time.perf_counter() - started))
        rows = np.concatenate([search(slice(at, at + 100), shortlist) for at in range(0, N_PROBES, 100)])
        found[str(shortlist)] = {"ms": median(times), "held": float((rows == own[:, None]).any(axis=1).mean())}
    return found


if __name__ == "__main__":
    main()
