"""Indexes by size: times against exact comparison and the memory's speed, mated hits kept, memory a template.

    python -m benchmarks.speed.index [--quick]

Each size is a process of its own on one core and one thread (``benchmarks.speed.index_size``), on templates drawn with
the default model's statistics (``benchmarks.scale.drawn_crowd``). Then a gallery of a million references as ingest uses
it (``benchmarks.speed.compare_million``), and other codes on the same templates (``benchmarks.speed.index_rivals``).
``--quick`` leaves ten million out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

from benchmarks.places import CHECKOUT, RESULTS
from benchmarks.speed.index_size import SEED
from countenance.measure.report import write_json

SIZES = ((10_000, 128), (100_000, 128), (1_000_000, 128), (10_000_000, 128), (1_000_000, 512))
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def main() -> int:
    """Measure, print, write; 1 when a bar is missed."""
    sizes = [size for size in SIZES if "--quick" not in sys.argv or size[0] < 10**7]
    found = []
    with tempfile.TemporaryDirectory(dir=CHECKOUT) as scratch:
        for n, dim in sizes:
            peer = [] if n * dim <= 1_000_000 * 512 else ["--no-peer"]
            found.append(called("index_size", [str(n), str(dim), scratch, *peer]))
            print(json.dumps(found[-1]), flush=True)
    compare, rivals = called("compare_million", []), called("index_rivals", [])
    print(json.dumps(compare), json.dumps(rivals), sep="\n")
    bars = _bars({(size["n"], size["dim"]): size for size in found}, compare)
    for bar in bars:
        print(f"{'met   ' if bar['met'] else 'MISSED'} {bar['what']}: {bar['measured']:.4g} (bar {bar['bar']})")
    result = {"sizes": found, "ingest_compare": compare, "rivals": rivals, "bars": bars}
    write_json(RESULTS / "index.json", result, seed=SEED, checkout=CHECKOUT)
    return 0 if all(bar["met"] for bar in bars) else 1


def called(name: str, arguments: Sequence[str]) -> dict[str, Any]:
    """What another measurement of this folder prints, from a process of its own."""
    done = subprocess.run(  # noqa: S603 - fixed words
        [sys.executable, "-m", f"benchmarks.speed.{name}", *arguments],
        check=True,
        capture_output=True,
        text=True,
        cwd=CHECKOUT,
        env={**os.environ, **ENVIRONMENT},
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _bars(sizes: dict[tuple[int, int], dict[str, Any]], compare: dict[str, Any]) -> list[dict[str, Any]]:
    million, long, ten = sizes[10**6, 128], sizes[10**6, 512], sizes.get((10**7, 128))
    bars = [
        _bar("flat, one probe, 1 M x 128, times the memory floor", million["flat_1_over_floor"], most=1.6),
        _bar("flat, 64 probes, queries/s over faiss.IndexFlatIP", million["flat_64_over_peer_rate"], least=0.9),
        _bar("ann, 1 M x 128, mated hits of flat kept", million["kept"], least=0.995),
        _bar("ann, 1 M x 128, time over flat", million["ann_1_over_flat_1"], most=1 / 6),
        _bar("ann, 1 M x 512, mated hits of flat kept", long["kept"], least=0.995),
        _bar("ann, 1 M x 512, time over flat", long["ann_1_over_flat_1"], most=1 / 12),
        _bar("compare a face with 1 M references, ms", compare["ms_a_face"], most=2.5),
        _bar("remove one of 1 M from a gallery, ms", compare["remove_ms"], most=50),
        _bar("removed ones found by the next comparison", compare["found_after_removal"], most=0),
    ]
    if ten is not None:
        growth = ten["ms"]["ann_1"] / million["ms"]["ann_1"] / 10
        bars += [
            _bar("ann, 10 M x 128, resident bytes a template", ten["resident_bytes_per_template"], most=40),
            _bar("ann, 10 M x 128, mated hits of flat kept", ten["kept"], least=0.99),
            _bar("ann, 10 M x 128, time over flat", ten["ann_1_over_flat_1"], most=1 / 6),
            _bar("ann, growth from 1 M to 10 M over linear", growth, most=1.0),
        ]
    return bars


def _bar(what: str, measured: float, *, most: float | None = None, least: float | None = None) -> dict[str, Any]:
    met = measured <= most if most is not None else measured >= (least or 0.0)
    return {
        "what": what,
        "measured": measured,
        "bar": f"<= {most:.4g}" if most is not None else f">= {least}",
        "met": met,
    }


if __name__ == "__main__":
    sys.exit(main())
