"""Every file of ``../shared/badimages`` through a whole ingest, with both packs and both engines.

    python -m benchmarks.faults.bad_files

Bars: the program ends by itself, indexed + partial + known + refused = given, no batch takes longer than 30 s a file.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from benchmarks.places import CHECKOUT, RESULTS, SHARED
from benchmarks.speed.ours import COLLECTION, Ours
from countenance.cli.ingest import as_json
from countenance.flows.ingest import IngestSummary
from countenance.flows.scope import Engine
from countenance.measure.report import write_json

LONGEST_S = 30.0


def main() -> int:
    """Measure, print, write; 1 when a bar is missed."""
    results, missed = {}, []
    with tempfile.TemporaryDirectory() as name:
        for pack in ("default", "recommended"):
            for engine in (Engine("serial"), Engine("processes", 2)):
                label = f"{pack} {engine.name}"
                with Ours(Path(name) / label.replace(" ", "-"), pack) as ours:
                    moments = [time.monotonic()]

                    def saved(_: IngestSummary, __: Sequence[bytes], moments: list[float] = moments) -> None:
                        moments.append(time.monotonic())

                    row = as_json(ours.archive.ingest(COLLECTION, [SHARED / "badimages"], engine, saved))
                photos = dict(row["photos"])  # type: ignore[call-overload]
                dealt = photos["new"] + photos["known"] + photos["partial"] + sum(photos["refused"].values())
                longest = max(after - before for before, after in pairwise(moments))
                results[label] = {**row, "dealt_with": dealt, "longest_batch_s": longest}
                missed += [f"{label}: {dealt} of {photos['given']}"] if dealt != photos["given"] else []
                missed += [f"{label}: {longest:.1f} s"] if longest > LONGEST_S else []
                sys.stdout.write(f"{label}: {photos}, {row['faces']} faces, longest batch {longest:.1f} s\n")
    sys.stdout.write(f"missed: {missed or 'nothing'}\n")
    write_json(RESULTS / "bad_files.json", {"results": results, "missed": missed}, seed=0, checkout=CHECKOUT)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
