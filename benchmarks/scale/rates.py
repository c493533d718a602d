"""The measured rates that the plan goes by, and how they are carried to other sizes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from countenance.index.ann import MEMORY_BYTES, setting_for
from countenance.index.choice import EXACT_ROWS

DIM, MILLION, LARGEST = 128, 1_000_000, 10_000_000
KINDS = ("default", "recommended")
MADE_BY = {
    "index": "benchmarks.speed.index",
    "opening": "benchmarks.scale.opening",
    "pipeline": "benchmarks.speed.pipeline",
    "workers": "benchmarks.speed.workers",
    "ledger": "benchmarks.speed.ledger",
    "erasure": "benchmarks.erasure.million",
}
_FACE_ID_BYTES, _ALIVE_BYTES = 14, 1
"""Beside each row of an index of faces (``flows/face_index.py``, ``index/ann.py``)."""


@dataclass(frozen=True, slots=True)
class Line:
    """A measured quantity by size: straight between two sizes; beyond the largest, on as between the last two.

    Below the smallest size it stays what was measured there, which is too much rather than too little.

    Attributes:
        sizes, values: two at least, sizes rising.
    """

    sizes: tuple[float, ...]
    values: tuple[float, ...]

    @classmethod
    def through(cls, points: Iterable[tuple[float, float]]) -> Line:
        """The line through (size, value), in any order.

        Raises:
            ValueError: fewer than two sizes, or one twice.
        """
        ordered = sorted(points)
        if len({size for size, _ in ordered}) != len(ordered) or len(ordered) < 2:  # noqa: PLR2004 - what a line needs
            msg = f"A line needs two sizes or more, each once; given: {[size for size, _ in ordered]}."
            raise ValueError(msg)
        return cls(tuple(size for size, _ in ordered), tuple(value for _, value in ordered))

    @property
    def slope(self) -> float:
        """Growth with each one more, beyond the largest size."""
        return (self.values[-1] - self.values[-2]) / (self.sizes[-1] - self.sizes[-2])

    def at(self, sizes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values (n,) at sizes (n,)."""
        beyond = np.maximum(0.0, sizes - self.sizes[-1]) * self.slope
        return np.asarray(np.interp(sizes, self.sizes, self.values) + beyond)


@dataclass(frozen=True, slots=True)
class Rates:
    """What was measured, of templates of ``DIM`` numbers, on one core.

    Attributes:
        flat_ms, ann_ms: time of one search by faces; ann_64_ms: of a probe among 64.
        build_s: to make an approximate index of templates that are in memory.
        cold_s, saved_s: from opening the archive to the first answer, by sealed faces; of none, the archive alone.
        code_bytes: scanned for each template.
        resident_in_memory, resident_in_file: bytes of memory a template, when those for the second look are in memory
            and when they are in a file.
        sweep_bytes_per_s: of an archive, read by an erasure on both cores of the machine.
        acts_per_s: entries of the ledger, one by one.
        compare_ms: a new face against ``references``.
        photos_per_s: ingest, by pack: portraits of one face, and group scenes among them.
    """

    flat_ms: Line
    ann_ms: Line
    ann_64_ms: Line
    build_s: Line
    cold_s: Line
    saved_s: Line
    code_bytes: int
    resident_in_memory: float
    resident_in_file: float
    sweep_bytes_per_s: float
    acts_per_s: float
    compare_ms: float
    references: int
    photos_per_s: dict[str, tuple[float, float]]

    @classmethod
    def of(cls, results: dict[str, dict[str, Any]]) -> Rates:
        """The rates in the results by name.

        Raises:
            SystemExit: the largest index was not measured.
        """
        index, opening, pipeline, erasure = (results[name] for name in ("index", "opening", "pipeline", "erasure"))
        sizes = {size["n"]: size for size in index["sizes"] if size["dim"] == DIM}
        if not {MILLION, LARGEST} <= sizes.keys():
            msg = f"index.json lacks {MILLION:,} or {LARGEST:,}: run python -m {MADE_BY['index']} without --quick."
            raise SystemExit(msg)
        coded = {n: size for n, size in sizes.items() if n >= EXACT_ROWS}
        faces = {int(n): size["faces"] for n, size in opening["sizes"].items()}
        begun = erasure["begun_at_s"]
        return cls(
            flat_ms=Line.through((n, size["ms"]["flat_1"]) for n, size in sizes.items()),
            ann_ms=Line.through((n, size["ms"]["ann_1"]) for n, size in coded.items()),
            ann_64_ms=Line.through((n, size["ms"]["ann_64"]) for n, size in coded.items()),
            build_s=Line.through((n, size["build_s"]) for n, size in coded.items()),
            cold_s=_opening(faces, "cold"),
            saved_s=_opening(faces, "saved"),
            code_bytes=int(sizes[LARGEST]["code_bytes"]),
            resident_in_memory=float(sizes[MILLION]["resident_bytes_per_template"]),
            resident_in_file=float(sizes[LARGEST]["resident_bytes_per_template"]),
            sweep_bytes_per_s=erasure["sweep"]["bytes"] / (begun["needles"] - begun["sweep"]),
            acts_per_s=float(results["ledger"]["appends_per_s"]["one by one"]),
            compare_ms=float(index["ingest_compare"]["ms_a_face"]),
            references=int(index["ingest_compare"]["references"]),
            photos_per_s={kind: _photos_per_s(pipeline["results"], kind) for kind in KINDS},
        )

    def search_s(self, sizes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Seconds (n,) of one search on one core in collections of ``sizes`` (n,) faces."""
        return np.where(sizes < EXACT_ROWS, self.flat_ms.at(sizes), self.ann_ms.at(sizes)) / 1e3

    def index_build_s(self, sizes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Seconds (n,) to make approximate indexes; exact ones are not made."""
        return np.where(sizes < EXACT_ROWS, 0.0, self.build_s.at(sizes))

    def memory_bytes(self, sizes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Memory (n,) of an index and of the ids of its faces."""
        each = np.where(in_file(sizes), self.resident_in_file, self.resident_in_memory)
        return np.asarray(sizes * (np.where(sizes < EXACT_ROWS, 4.0 * DIM, each) + _FACE_ID_BYTES))

    def saved_bytes(self, sizes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Files (n,) in which indexes wait for the next run: codes, float16, ids. Exact ones are not saved."""
        each = self.code_bytes + 2 * DIM + _ALIVE_BYTES + _FACE_ID_BYTES
        return np.where(sizes < EXACT_ROWS, 0.0, sizes * each)


def in_file(sizes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n,) whether the templates for the second look are in a file."""
    return np.asarray(2 * DIM * sizes > MEMORY_BYTES)


def vault_bytes(sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Encrypted files (n,) of the second look, while an index is open."""
    return np.where(in_file(sizes), 2.0 * DIM * sizes, 0.0)


def looked_at_again(faces: float) -> int:
    """Templates of a collection that a search reads from that file; 0 when they are in memory."""
    return setting_for(int(faces), DIM).shortlist if bool(in_file(np.array([faces]))[0]) else 0


def read_results(folder: Path) -> dict[str, dict[str, Any]]:
    """The results that the plan goes by.

    Raises:
        SystemExit: one of them is not there.
    """
    found = {}
    for name, made_by in MADE_BY.items():
        path = folder / f"{name}.json"
        if not path.is_file():
            msg = f"{path.name} is not there: run python -m {made_by} first."
            raise SystemExit(msg)
        found[name] = json.loads(path.read_text("utf-8"))
    return found


def _opening(faces: dict[int, Any], how: str) -> Line:
    smallest = faces[min(faces)][how]
    return Line.through([(0, smallest["archive_s"]), *((n, each[how]["seconds"]) for n, each in faces.items())])


def _photos_per_s(results: dict[str, Any], kind: str) -> tuple[float, float]:
    one, many = (results[f"{kind} {sets}"]["photos_per_second"] for sets in ("london", "album+london"))
    return float(one), float(many)
