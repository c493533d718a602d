"""What 10^8 to 10^11 faces take: bytes, machines and seconds a search, from measured rates; writes the guide on scale.

    python -m benchmarks.scale.plan [--results DIR] [--exponent S] [--cores N] [--memory-gib N] [--disk-tb N]

Reads ``results/`` of ``speed.index``, ``scale.opening``, ``speed.pipeline``, ``speed.workers``, ``speed.ledger`` and
``erasure.million``, measures bytes at rest itself, and writes ``plan.json`` and ``docs/guide/scale.md`` (beside the
results when another folder is given). Collections are strangers: a search touches one of them, so size means many of
them, few large.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from benchmarks.places import CHECKOUT, RESULTS
from benchmarks.scale import at_rest, say
from benchmarks.scale.big_archive import SEED
from benchmarks.scale.rates import DIM, KINDS, LARGEST, Rates, in_file, looked_at_again, read_results, vault_bytes
from benchmarks.scale.zipf import Sizes, collection_of_a_face, median_collection, zipf_sizes
from benchmarks.speed.pipeline import SEED_RATE
from countenance.index.ann import MEMORY_BYTES, setting_for
from countenance.index.choice import EXACT_ROWS
from countenance.measure.report import write_json

TEMPLATE = CHECKOUT / "docs" / "scale.md.j2"
GUIDE = CHECKOUT / "docs" / "guide" / "scale.md"
TOTALS = ((10**8, 10**4), (10**9, 10**5), (10**10, 10**6), (10**11, 10**6))
"""Faces, and the collections that they lie in."""
EXPONENTS = (0.8, 1.0, 1.2)
PLANNED_INDEX = 100_000_000
MOST_PAGES = 4_294_967_294
"""Of one database file (sqlite.org/limits.html)."""
_DAYS_A_MONTH, _HOUR_S = 30, 3_600


@dataclass(frozen=True, slots=True)
class Assumed:
    """What is not measured: the machine that is bought, and what people bring.

    Attributes:
        exponent: of the sizes of collections.
        cores, memory_bytes, disk_bytes: of a machine.
        memory_bytes_per_s: read by all cores together.
        random_read_s: of one template from its disk.
        used: share of memory and disk that is filled.
        copies: of databases, checksums and keys, the one in use included.
        people_a_face: enrolled people for each face.
        photos_a_month: that come in.
        erase_s: longest that reading the archive may take when somebody is erased.
    """

    exponent: float = 1.0
    cores: int = 64
    memory_bytes: float = 512 * 2.0**30
    disk_bytes: float = 30e12
    memory_bytes_per_s: float = 300e9
    random_read_s: float = 1e-4
    used: float = 0.8
    copies: int = 2
    people_a_face: float = 0.01
    photos_a_month: float = SEED_RATE * _DAYS_A_MONTH * 86_400
    erase_s: float = 600.0


def main() -> int:
    """Read, measure bytes, plan, write."""
    parser, usual = argparse.ArgumentParser(description=__doc__), Assumed()
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--exponent", type=float, default=usual.exponent)
    parser.add_argument("--cores", type=int, default=usual.cores)
    parser.add_argument("--memory-gib", type=float, default=usual.memory_bytes / 2**30)
    parser.add_argument("--disk-tb", type=float, default=usual.disk_bytes / 1e12)
    given = parser.parse_args()
    assumed = Assumed(
        exponent=given.exponent,
        cores=given.cores,
        memory_bytes=given.memory_gib * 2**30,
        disk_bytes=given.disk_tb * 1e12,
    )
    plan = planned(read_results(given.results), at_rest.measured(), assumed)
    guide = GUIDE if given.results == RESULTS else given.results / GUIDE.name
    write_json(given.results / "plan.json", plan, seed=SEED, checkout=CHECKOUT)
    guide.write_text(render(plan), "utf-8")
    print(f"plan.json and {guide.name} written")
    return 0


def planned(results: dict[str, dict[str, Any]], rest: dict[str, Any], assumed: Assumed) -> dict[str, Any]:
    """The whole plan, from results by name and bytes at rest."""
    rates = Rates.of(results)
    return {
        "assumed": dataclasses.asdict(assumed),
        "measured_on": results["index"]["machine"],
        "bytes_at_rest": rest,
        "settings": {
            "exact_rows": EXACT_ROWS,
            "memory_bytes": MEMORY_BYTES,
            "dim": DIM,
            "largest": LARGEST,
            "largest_opened": max(int(n) for n in results["opening"]["sizes"]),
        },
        "indexes": [index_row(size) for size in results["index"]["sizes"]],
        "planned_index": planned_index(PLANNED_INDEX, rates),
        "opening": results["opening"]["sizes"],
        "totals": [
            total_row(faces, zipf_sizes(faces, n, assumed.exponent), rates, rest, assumed) for faces, n in TOTALS
        ],
        "exponents": [
            {"exponent": s} | total_row(TOTALS[-1][0], zipf_sizes(*TOTALS[-1], s), rates, rest, assumed)
            for s in EXPONENTS
        ],
        "ingest": ingest(rates, rest, assumed)
        | {"two_workers": {kind: results["workers"]["results"][kind]["ratio"] for kind in KINDS}},
        "sqlite": where_sqlite_ends(rates, rest, assumed) | {"cores": results["erasure"]["machine"]["cores"]},
    }


def index_row(size: dict[str, Any]) -> dict[str, Any]:
    """A measured index, and which one a collection of that size gets."""
    exact = size["n"] < EXACT_ROWS
    return {
        "n": size["n"],
        "dim": size["dim"],
        "kind": "flat" if exact else "ann",
        "flat_ms": size["ms"]["flat_1"],
        "ann_ms": size["ms"]["ann_1"],
        "ann_64_ms": size["ms"]["ann_64"],
        "times_as_fast": 1 / size["ann_1_over_flat_1"],
        "kept": size["kept"],
        "shortlist": size["shortlist"],
        "bytes": 4.0 * size["dim"] if exact else size["resident_bytes_per_template"],
        "build_s": 0.0 if exact else size["build_s"],
        "code_bytes": size["code_bytes"],
        "read_bytes_per_s": size["read_bytes_per_s"],
    }


def planned_index(n: int, rates: Rates) -> dict[str, Any]:
    """An index beyond the largest that was measured."""
    at = np.array([float(n)])
    return {
        "n": n,
        "dim": DIM,
        "flat_ms": float(rates.flat_ms.at(at)[0]),
        "ann_ms": float(rates.ann_ms.at(at)[0]),
        "ann_64_ms": float(rates.ann_64_ms.at(at)[0]),
        "shortlist": setting_for(n, DIM).shortlist,
        "bytes": rates.resident_in_file,
        "memory_bytes": float(rates.memory_bytes(at)[0]),
        "vault_bytes": float(vault_bytes(at)[0]),
        "build_s": float(rates.index_build_s(at)[0]),
        "cold_s": float(rates.cold_s.at(at)[0]),
    }


def total_row(faces: int, sizes: Sizes, rates: Rates, rest: dict[str, Any], assumed: Assumed) -> dict[str, Any]:
    """What so many faces in collections of these sizes take."""
    memory, coded = float(rates.memory_bytes(sizes).sum()), sizes[sizes >= EXACT_ROWS]
    vault, saved = float(vault_bytes(sizes).sum()), float(rates.saved_bytes(sizes).sum())
    people = faces * assumed.people_a_face
    rows = faces * rest["face"]["database"] + people * rest["person"]["database"]
    sums = faces * rest["face"]["checksums"] + people * rest["person"]["checksums"]
    keys = people * rest["person"]["keys"]
    disk = assumed.copies * (rows + sums + keys) + vault + saved
    machines = {
        "memory": machines_for(memory, assumed.memory_bytes * assumed.used),
        "memory_cached": machines_for(memory + vault, assumed.memory_bytes * assumed.used),
        "disk": machines_for(disk, assumed.disk_bytes * assumed.used),
    }
    needed = max(machines["memory"], machines["disk"])
    which = {"median": median_collection(sizes), "of_a_face": collection_of_a_face(sizes), "largest": float(sizes[0])}
    return {
        "faces": faces,
        "collections": len(sizes),
        "largest_share": float(sizes[0] / sizes.sum()),
        "exact_collections": len(sizes) - len(coded),
        "exact_share": float(1 - coded.sum() / faces),
        "codes_bytes": float(coded.sum() * rates.code_bytes),
        "memory_bytes": memory,
        "memory_of_large_bytes": float(rates.memory_bytes(sizes[in_file(sizes)]).sum()),
        "vault_bytes": vault,
        "saved_bytes": saved,
        "database_bytes": rows,
        "checksums_bytes": sums,
        "keys_bytes": keys,
        "disk_bytes": disk,
        "machines": machines | {"needed": needed},
        "build_core_h": float(rates.index_build_s(sizes).sum()) / _HOUR_S,
        "open_core_h": float(rates.cold_s.at(sizes).sum()) / _HOUR_S,
        "beyond_sqlite": int((sizes > where_sqlite_ends(rates, rest, assumed)["faces"]).sum()),
        "search": {name: search_row(size, needed, rates, assumed) for name, size in which.items()},
    }


def search_row(faces: float, machines: int, rates: Rates, assumed: Assumed) -> dict[str, Any]:
    """Seconds of one search in a collection: on one core, as it is built; and shared out, as it would be."""
    at = np.array([faces])
    core = float(rates.search_s(at)[0])
    scanned = faces * (4.0 * DIM if faces < EXACT_ROWS else rates.code_bytes)
    return {
        "faces": faces,
        "index": "flat" if faces < EXACT_ROWS else "ann",
        "core_s": core,
        "machine_s": shared_out(core, scanned, 1, rates, assumed),
        "machines_s": shared_out(core, scanned, machines, rates, assumed),
        "reread_s": looked_at_again(faces) * assumed.random_read_s,
        "memory_bytes": float(rates.memory_bytes(at)[0]),
        "build_core_h": float(rates.index_build_s(at)[0]) / _HOUR_S,
        "cold_s": float(rates.cold_s.at(at)[0]),
        "saved_s": float(rates.saved_s.at(at)[0]),
    }


def shared_out(core_s: float, scanned_bytes: float, machines: int, rates: Rates, assumed: Assumed) -> float:
    """Seconds when every core of some machines scans its share.

    Not less than their memory needs to be read, nor than the smallest search that was measured; all of it divides, the
    second look too, because each share has one of its own. The network and the merge of the best rows are left out.
    """
    by_cores = core_s / (assumed.cores * machines)
    by_memory = scanned_bytes / (assumed.memory_bytes_per_s * machines)
    least = min(core_s, rates.flat_ms.values[0] / 1e3)
    return max(by_cores, by_memory, least)


def ingest(rates: Rates, rest: dict[str, Any], assumed: Assumed) -> dict[str, Any]:
    """Cores that take in the photos of a month in a month, and the bytes they leave."""
    photos_per_s = assumed.photos_a_month / (_DAYS_A_MONTH * 86_400)
    faces_per_s = photos_per_s * rest["faces_a_photo"]
    return {
        "photos_per_s": photos_per_s,
        "cores": {
            kind: {
                "portraits": photos_per_s / rates.photos_per_s[kind][0],
                "scenes": photos_per_s / rates.photos_per_s[kind][1],
            }
            for kind in KINDS
        },
        "compare_cores": faces_per_s * rates.compare_ms / 1e3,
        "compare_ms": rates.compare_ms,
        "references": rates.references,
        "faces_a_month": assumed.photos_a_month * rest["faces_a_photo"],
        "database_bytes_a_month": assumed.photos_a_month * rest["faces_a_photo"] * rest["face"]["database"],
    }


def where_sqlite_ends(rates: Rates, rest: dict[str, Any], assumed: Assumed) -> dict[str, Any]:
    """Faces of one archive, beyond which one file, one writer and one machine are not enough."""
    each = rest["face"]["database"]
    return {
        "sweep_bytes_per_s": rates.sweep_bytes_per_s,
        "faces": assumed.erase_s * rates.sweep_bytes_per_s / each,
        "file_bytes": MOST_PAGES * rest["page_bytes"],
        "file_faces": MOST_PAGES * rest["page_bytes"] / each,
        "acts_per_s": rates.acts_per_s,
        "erase_s_of_a_billion": 1e9 * each / rates.sweep_bytes_per_s,
    }


def machines_for(wanted: float, each: float) -> int:
    """Machines that hold so many bytes; at least 1."""
    return max(1, int(-(-wanted // each)))


def render(plan: dict[str, Any]) -> str:
    """The guide's text."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, trim_blocks=True)  # noqa: S701 - Markdown
    environment.filters |= {"number": say.number, "size": say.size, "span": say.span, "exact": say.exact}
    return environment.from_string(TEMPLATE.read_text("utf-8")).render(plan)


if __name__ == "__main__":
    sys.exit(main())
