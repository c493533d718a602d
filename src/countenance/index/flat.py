"""Exact comparison with every template. The oracle that every other index is held against."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import Scores, Templates
from countenance.index.best import Best, Found

KIND = "flat"
BLOCK_BYTES = 1 << 20
"""Templates that are compared at a time, so that they and their scores stay in the processor's cache."""
BLOCK_ROWS = 65_536
"""References whose scores with every probe are made at a time, where all scores are wanted."""
FEW_PROBES = 4
"""Up to so many probes, one dot product a row is faster than a matrix product, which copies the rows first."""


class Flat:
    """Templates in memory as float32, compared one by one."""

    kind = KIND

    def __init__(self, dim: int, templates: Templates | None = None, alive: NDArray[np.bool_] | None = None) -> None:
        """Begin with (n, dim) templates of unit length, which are not copied, or with none.

        Args:
            dim: length of a template.
            templates: to begin with.
            alive: (n,) False for those that were removed; None when none was.
        """
        self.dim = dim
        self._matrix: Templates = np.empty((0, dim), dtype=np.float32) if templates is None else templates
        self._n = len(self._matrix)
        self._alive = np.ones(self._n, dtype=bool) if alive is None else alive
        self._n_dead = int(np.count_nonzero(~self._alive))

    def __len__(self) -> int:
        """Templates that can be found."""
        return self._n - self._n_dead

    @property
    def n_rows(self) -> int:
        """Rows given out so far, removed ones included."""
        return self._n

    @property
    def n_dead(self) -> int:
        """Rows that were removed."""
        return self._n_dead

    def add(self, templates: Templates) -> NDArray[np.int64]:
        """Add (n, dim) templates of unit length; gives their rows (n,), which stay theirs."""
        end = self._n + len(templates)
        if end > len(self._matrix):
            room = max(end, len(self._matrix) + len(self._matrix) // 4)
            grown = np.zeros((room, self.dim), dtype=np.float32)
            grown[: self._n] = self._matrix[: self._n]
            self._matrix = grown
            self._alive = np.concatenate([self._alive[: self._n], np.zeros(room - self._n, dtype=bool)])
        self._matrix[self._n : end] = templates
        self._alive[self._n : end] = True
        rows = np.arange(self._n, end, dtype=np.int64)
        self._n = end
        return rows

    def remove(self, rows: NDArray[np.int64]) -> None:
        """Let rows be found no more, from the next search on; their numbers are overwritten with zeros."""
        gone = rows[self._alive[rows]]
        self._alive[gone] = False
        self._matrix[gone] = 0.0
        self._n_dead += len(gone)

    def search(
        self, probes: Templates, most: int, *, at_least: float = -1.0, among: NDArray[np.bool_] | None = None
    ) -> Found:
        """The best rows of each probe, exactly.

        Args:
            probes: (n, dim) of unit length.
            most: candidates for each, at least 1.
            at_least: cosine below which nothing is a candidate.
            among: (n_rows,) True for rows that may be found; None for all.
        """
        best = Best(len(probes), most, at_least)
        counts = self._counting(among)
        step = max(256, BLOCK_BYTES // (4 * self.dim))
        if len(probes) <= FEW_PROBES:
            step *= 16 if len(probes) == 1 else 1
            scores = np.empty((len(probes), step), dtype=np.float32)
        else:
            columns = np.ascontiguousarray(probes.T)
            scores = np.empty((step, len(probes)), dtype=np.float32).T
        for start in range(0, self._n, step):
            end = min(start + step, self._n)
            part, block = self._matrix[start:end], scores[:, : end - start]
            if len(probes) <= FEW_PROBES:
                for row, probe in zip(block, probes, strict=True):
                    np.vecdot(part, probe, out=row)
            else:
                np.matmul(part, columns, out=block.T)
            best.offer(block, start, None if counts is None else counts[start:end])
        return best.found()

    def scores_of(self, probe: Templates, rows: NDArray[np.int64]) -> Scores:
        """Scores (n,) of one probe (dim,) with chosen rows."""
        return np.asarray(self._matrix[rows] @ probe, dtype=np.float32)

    def parts(self) -> Iterator[tuple[str, NDArray[np.generic]]]:
        """What has to be saved, by name."""
        yield "matrix", self._matrix[: self._n]
        yield "alive", self._alive[: self._n]

    @classmethod
    def from_parts(cls, dim: int, parts: Iterator[tuple[str, NDArray[np.generic]]]) -> Self:
        """The index again, from what ``parts`` gave."""
        head = dict(parts)
        return cls(dim, np.asarray(head["matrix"], np.float32).copy(), np.asarray(head["alive"], dtype=bool).copy())

    def _counting(self, among: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
        """Which rows count; None when all do."""
        alive = self._alive[: self._n] if self._n_dead else None
        if among is None or alive is None:
            return alive if among is None else among
        counted: NDArray[np.bool_] = alive & among
        return counted


def best_by_group(probes: Templates, references: Templates, groups: NDArray[np.intp], n_groups: int) -> Scores:
    """Best score of every probe with every group of references: all of them, as measuring needs it.

    Args:
        probes: (n, d) of unit length.
        references: (m, d) of unit length.
        groups: (m,) group of each reference, in [0, n_groups).
        n_groups: how many groups.

    Returns:
        (n, n_groups) float32; -1 for a group without references.
    """
    best = np.full((n_groups, len(probes)), -1.0, dtype=np.float32)
    for start in range(0, len(references), BLOCK_ROWS):
        part = slice(start, start + BLOCK_ROWS)
        np.maximum.at(best, groups[part], references[part] @ probes.T)
    return np.ascontiguousarray(best.T)
