"""Approximate comparison: a short code of every template is scanned, and the best of the codes are looked at again.

Face templates are very many very small clusters, so every code is scanned; an index that skips parts loses the mated
template. A code is made of the directions in which the collection's templates differ most, turned evenly, 4 bits for
each few of them; scanning it is the fast-scan product quantiser of FAISS. Whatever leaves was scored again from
float16, so the scores are those of exact comparison to within its rounding; only who is looked at again is a guess.

Source:
    F. André et al., "Quicker ADC", TPAMI 2019 (fast scan); T. Ge et al., "Optimized product quantization", CVPR 2013
    (why the directions are turned). The measured table is in ``docs/guide/scale.md``, the choice in ADR 0024.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import FloatArray, Scores, Templates
from countenance.index.best import Best, Found
from countenance.index.vault import FileVault, MemoryVault, floats

# One thread, as everywhere in this package: a process for each core does more than a core for each search.
faiss.omp_set_num_threads(1)

KIND: Final = "ann"
_SEED: Final = 20_260
_TRAINING_ROWS: Final = 65_536
_CHUNK_ROWS: Final = 65_536
_BITS: Final = 4
_SCAN_PROBES: Final = 64
MEMORY_BYTES: Final = 600_000_000
"""Templates for the second look stay in memory up to so many bytes; beyond, they go into an encrypted file."""


# Measured: so many keep the share of mated hits that are found level as collections grow. Longer templates are told
# apart more easily by codes of the same length.
_SHORTLISTS: Final = ((200_000, 500), (2_000_000, 1_000), (20_000_000, 3_000))
_LONGEST_SHORTLIST: Final = 8_000
_LONG: Final = 256
_SHARE_OF_LONG: Final = 2


@dataclass(frozen=True, slots=True)
class Setting:
    """How an index of some size is made.

    Attributes:
        directions: of each template that the code is made of.
        pieces: parts of the code, 4 bits each; a divisor of ``directions``.
        shortlist: codes that are looked at again for each probe.
    """

    directions: int
    pieces: int
    shortlist: int


def setting_for(n: int, dim: int) -> Setting:
    """The measured setting for ``n`` templates of ``dim`` numbers."""
    shortlist = next((most for size, most in _SHORTLISTS if n <= size), _LONGEST_SHORTLIST)
    shortlist = shortlist if dim < _LONG else shortlist // _SHARE_OF_LONG
    directions = min(96 if dim < _LONG else 128, dim - dim % 8)
    pieces = 32 if directions % 32 == 0 else directions // 4
    return Setting(directions, pieces, shortlist)


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """The codes, and how a template becomes one.

    Attributes:
        setting: how they are made.
        mean: (dim,) of the templates they were learned from.
        turn: (dim, directions) that gives what the codes see.
        codes: the index of FAISS.
    """

    setting: Setting
    mean: NDArray[np.float32]
    turn: NDArray[np.float32]
    codes: Any

    def seen(self, templates: Templates) -> Templates:
        """Templates (n, dim) as the codes see them: (n, directions)."""
        return np.ascontiguousarray((templates - self.mean) @ self.turn, dtype=np.float32)


class Ann:
    """Codes in memory, templates for the second look in a vault."""

    kind = KIND

    def __init__(self, dim: int, scan: Scan, vault: MemoryVault | FileVault, alive: NDArray[np.bool_]) -> None:
        """Join the parts; use ``learn``."""
        self.dim, self._scan, self._vault, self._alive = dim, scan, vault, alive
        self._n_dead = int(np.count_nonzero(~alive))

    @classmethod
    def learn(cls, dim: int, sample: Templates, *, expected: int, folder: Path | None = None) -> Self:
        """Learn the directions and the codes.

        Args:
            dim: length of the templates, a multiple of 8 from 32 on.
            sample: (n, dim) of the templates that will come, at least 1,000 of them.
            expected: how many will come.
            folder: where an encrypted file may be made when the templates are too many for memory; None keeps them
                in memory.
        """
        setting = setting_for(expected, dim)
        chance = np.random.default_rng(_SEED)
        if len(sample) > _TRAINING_ROWS:
            sample = sample[np.sort(chance.choice(len(sample), _TRAINING_ROWS, replace=False))]
        mean = sample.mean(axis=0, dtype=np.float64).astype(np.float32)
        codes = faiss.IndexPQFastScan(setting.directions, setting.pieces, _BITS, faiss.METRIC_L2)
        codes.pq.cp.seed = _SEED
        scan = Scan(setting, mean, _directions(sample - mean, setting.directions, chance), codes)
        codes.train(scan.seen(sample))
        return cls(dim, scan, _new_vault(dim, expected, folder), np.zeros(0, dtype=bool))

    @property
    def setting(self) -> Setting:
        """How it was made."""
        return self._scan.setting

    def __len__(self) -> int:
        """Templates that can be found."""
        return len(self._alive) - self._n_dead

    @property
    def n_rows(self) -> int:
        """Rows given out so far, removed ones included."""
        return len(self._alive)

    @property
    def n_dead(self) -> int:
        """Rows that were removed, whose codes are still scanned."""
        return self._n_dead

    def add(self, templates: Templates) -> NDArray[np.int64]:
        """Add (n, dim) templates of unit length; gives their rows (n,), which stay theirs."""
        first = self.n_rows
        for start in range(0, len(templates), _CHUNK_ROWS):
            part = templates[start : start + _CHUNK_ROWS]
            self._vault.append(part)  # first: a full disk must not leave codes without templates
            self._scan.codes.add(self._scan.seen(part))
        self._alive = np.concatenate([self._alive, np.ones(len(templates), dtype=bool)])
        return np.arange(first, self.n_rows, dtype=np.int64)

    def remove(self, rows: NDArray[np.int64]) -> None:
        """Let rows be found no more, from the next search on. Their codes go when the index is built anew."""
        gone = rows[self._alive[rows]]
        self._alive[gone] = False
        self._vault.wipe(gone)
        self._n_dead += len(gone)

    def search(
        self, probes: Templates, most: int, *, at_least: float = -1.0, among: NDArray[np.bool_] | None = None
    ) -> Found:
        """The best rows of each probe, among those whose codes are best.

        Args:
            probes: (n, dim) of unit length.
            most: candidates for each, at least 1.
            at_least: cosine below which nothing is a candidate.
            among: (n_rows,) True for rows that may be found; None for all.
        """
        best = Best(len(probes), most, at_least)
        counts = self._counting(among)
        n_counting = self.n_rows if counts is None else int(np.count_nonzero(counts))
        wanted = max(self.setting.shortlist, 2 * most)
        if n_counting <= 2 * wanted:  # so few that all of them are looked at
            rows = np.arange(self.n_rows) if counts is None else np.flatnonzero(counts)
            for probe in range(len(probes)):
                best.offer_rows(probe, rows, self.scores_of(probes[probe], rows))
            return best.found()
        # Rows that do not count stand in the shortlist too, so it is longer by their share.
        scanned = min(self.n_rows, -(-wanted * self.n_rows // n_counting))
        for start in range(0, len(probes), _SCAN_PROBES):
            _, near = self._scan.codes.search(self._scan.seen(probes[start : start + _SCAN_PROBES]), scanned)
            for probe, rows in enumerate(near, start):
                kept = rows[rows >= 0]
                kept = kept if counts is None else kept[counts[kept]]
                best.offer_rows(probe, kept, self.scores_of(probes[probe], kept))
        return best.found()

    def scores_of(self, probe: Templates, rows: NDArray[np.int64]) -> Scores:
        """Scores (n,) of one probe (dim,) with chosen rows, from float16."""
        return np.asarray(floats(self._vault.take(rows)) @ probe, dtype=np.float32)

    def parts(self) -> Iterator[tuple[str, NDArray[np.generic]]]:
        """What has to be saved, by name."""
        yield "setting", np.array([self.setting.directions, self.setting.pieces, self.setting.shortlist])
        yield "mean", self._scan.mean
        yield "turn", self._scan.turn
        yield "codes", faiss.serialize_index(self._scan.codes)
        yield "alive", self._alive
        for number, block in enumerate(self._vault.blocks()):
            yield f"rows {number}", block

    @classmethod
    def from_parts(
        cls, dim: int, parts: Iterator[tuple[str, NDArray[np.generic]]], *, expected: int, folder: Path | None
    ) -> Self:
        """The index again, from what ``parts`` gave, in that order."""
        head: dict[str, NDArray[np.generic]] = {}
        vault = _new_vault(dim, expected, folder)
        for name, array in parts:
            if name.startswith("rows "):
                vault.append(np.asarray(array, dtype=np.float32))
            else:
                head[name] = array
        directions, pieces, shortlist = (int(each) for each in head["setting"])
        mean, turn = (np.asarray(head[name], dtype=np.float32) for name in ("mean", "turn"))
        codes = faiss.deserialize_index(np.ascontiguousarray(head["codes"]))
        scan = Scan(Setting(directions, pieces, shortlist), mean, turn, codes)
        return cls(dim, scan, vault, np.asarray(head["alive"], dtype=bool).copy())

    def _counting(self, among: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
        if not self._n_dead:
            return among
        counted: NDArray[np.bool_] = self._alive if among is None else self._alive & among
        return counted


def _new_vault(dim: int, expected: int, folder: Path | None) -> MemoryVault | FileVault:
    if folder is None or 2 * dim * expected <= MEMORY_BYTES:
        return MemoryVault(dim)
    return FileVault(dim, folder)


def _directions(centred: FloatArray, most: int, chance: np.random.Generator) -> NDArray[np.float32]:
    """(dim, most): the directions in which (n, dim) rows differ most, turned so that each carries its share."""
    covariance = centred.T.astype(np.float64) @ centred.astype(np.float64) / len(centred)
    _, vectors = np.linalg.eigh(covariance)
    turn, _ = np.linalg.qr(chance.normal(size=(most, most)))
    return np.asarray(vectors[:, ::-1][:, :most] @ turn, dtype=np.float32)
