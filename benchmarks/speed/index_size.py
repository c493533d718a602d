"""One size of an index, measured in a process of its own; ``benchmarks.speed.index`` calls it.

    python -m benchmarks.speed.index_size N DIM SCRATCH [--no-peer]

Prints one JSON object. One core, one thread. Ratios are of times taken in turn within each round, medians of rounds.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.scale.drawn_crowd import DrawnCrowd
from countenance.index.ann import Ann, setting_for
from countenance.index.flat import Flat

SEED, ROUNDS, MOST = 20_260, 9, 10
N_PROBES, BATCH, SAMPLE = 1_000, 64, 65_536


def resident_bytes() -> int:
    """Memory of this process that is in use now, after giving back what is free."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def build(crowd: DrawnCrowd, n: int, scratch: Path) -> tuple[Ann, dict[str, float]]:
    """The index, made page by page so that the templates are never together in memory, and what it cost."""
    before, spent = resident_bytes(), 0.0
    sample = np.concatenate([part for _, part, _, _ in crowd.pages(min(n, SAMPLE), SEED)])
    started = time.perf_counter()
    index = Ann.learn(crowd.dim, sample, expected=n, folder=scratch)
    spent += time.perf_counter() - started
    del sample
    for _, part, _, _ in crowd.pages(n, SEED):
        started = time.perf_counter()
        index.add(part)
        spent += time.perf_counter() - started
    del part
    probes = crowd.photos(crowd.people(8, np.random.default_rng(1)), np.random.default_rng(2))
    for _ in range(20):  # whatever searching leaves in memory counts as well
        index.search(probes, MOST)
    return index, {"build_s": spent, "resident_bytes_per_template": (resident_bytes() - before) / n}


def main() -> None:
    """Measure and print."""
    n, dim, scratch = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    with_peer = "--no-peer" not in sys.argv
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    faiss.omp_set_num_threads(1)
    crowd = DrawnCrowd.of(dim, SEED)
    chance = np.random.default_rng(SEED)
    own = np.sort(chance.choice(n, min(N_PROBES, n // 4), replace=False))
    index, result = build(crowd, n, scratch)
    matrix = np.empty((n, dim), dtype=np.float32)
    probes = crowd.fill(matrix, SEED, own)
    order = chance.permutation(len(own))
    own, probes = own[order], probes[order]
    flat = Flat(dim, matrix)
    truth = np.concatenate([flat.search(probes[at : at + 250], MOST).rows for at in range(0, len(probes), 250)])
    found = np.concatenate([index.search(probes[at : at + 250], MOST).rows for at in range(0, len(probes), 250)])
    hit, kept = (truth == own[:, None]).any(axis=1), (found == own[:, None]).any(axis=1)
    everything = matrix.reshape(-1)
    peer = faiss.IndexFlatIP(dim) if with_peer else None
    if peer is not None:
        peer.add(matrix)
    works: dict[str, Callable[[int], object]] = {
        "floor": lambda _: np.dot(everything, everything),
        "flat_1": lambda at: flat.search(probes[at : at + 1], MOST),
        "ann_1": lambda at: index.search(probes[at : at + 1], MOST),
        "flat_64": lambda at: flat.search(probes[at : at + BATCH], MOST),
        "ann_64": lambda at: index.search(probes[at : at + BATCH], MOST),
    }
    if peer is not None:
        works["peer_64"] = lambda at: peer.search(probes[at : at + BATCH], MOST)
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(ROUNDS + 1):
        at = turn * 7 % max(1, len(probes) - BATCH)
        for name, work in works.items():
            spent = seconds(lambda: work(at))  # noqa: B023 - called at once
            if turn:
                times[name].append(spent)
    print(json.dumps({**result, **summary(times, n, dim, index, hit, kept, matrix.nbytes)}))


def summary(
    times: dict[str, list[float]],
    n: int,
    dim: int,
    index: Ann,
    hit: NDArray[np.bool_],
    kept: NDArray[np.bool_],
    n_bytes: int,
) -> dict[str, Any]:
    """Ratios and shares by name."""

    def ratio(one: str, other: str) -> float:
        return median(a / b for a, b in zip(times[one], times[other], strict=True))

    setting = setting_for(n, dim)
    return {
        "n": n,
        "dim": dim,
        "directions": setting.directions,
        "code_bytes": setting.pieces // 2,
        "shortlist": setting.shortlist,
        "vault": type(index._vault).__name__,  # noqa: SLF001 - only its name
        "read_bytes_per_s": n_bytes / median(times["floor"]),
        "flat_1_over_floor": ratio("flat_1", "floor"),
        "ann_1_over_flat_1": ratio("ann_1", "flat_1"),
        "ann_64_over_flat_64": ratio("ann_64", "flat_64"),
        "flat_mated_hits": float(hit.mean()),
        "probes": len(hit),
        "kept": float((hit & kept).sum() / max(1, hit.sum())),
        "ms": {name: 1e3 * median(spent) / (BATCH if name.endswith("64") else 1) for name, spent in times.items()},
        **({"flat_64_over_peer_rate": ratio("peer_64", "flat_64")} if "peer_64" in times else {}),
    }


if __name__ == "__main__":
    main()
