"""The enrolled and consenting people of one collection, in memory, ready to be compared with new faces.

A subject may have several references; the best of them counts (ADR 0028 has the measurement). No score below
the operating floor leaves a gallery, whatever threshold is asked for: exact low scores would let anybody rebuild a
template.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import Templates
from countenance.core.permit import Act, Permit
from countenance.index.best import NONE, Found
from countenance.index.choice import Index, new_index

_WORN_ROWS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """The best subject for one face.

    Attributes:
        face: row of the compared templates.
        subject: id.
        score: cosine in [-1, 1], best of the subject's references.
        rival: id of the second-best subject; None when there is no second at or above the floor.
        rival_score: the rival's cosine in [-1, 1]; -1 without one.
    """

    face: int
    subject: str
    score: float
    rival: str | None = None
    rival_score: float = -1.0

    @property
    def margin(self) -> float:
        """By how much the first leads the second, in [0, 2]; 2 without a second."""
        return 2.0 if self.rival is None else self.score - self.rival_score


class Gallery:
    """References of subjects that a permit covers."""

    def __init__(
        self,
        collection: str,
        subjects: Sequence[str],
        references: Templates,
        *,
        floor: float = -1.0,
        folder: Path | None = None,
        index: Index | None = None,
    ) -> None:
        """Group references by subject.

        Args:
            collection: id of the collection that all of them belong to.
            subjects: id of the subject of each reference.
            references: (m, d) float32 of unit length.
            floor: cosine below which no score leaves, in [-1, 1].
            folder: where an encrypted file may be made when there are too many for memory.
            index: one that holds the references as its rows already; then none are given.
        """
        self._collection, self._floor = collection, floor
        self.index: Index
        if index is None:
            self.index = new_index(references.shape[1], references, expected=len(references), folder=folder)
        else:
            self.index = index
        self._names: list[str] = []
        self._place: dict[str, int] = {}
        self._groups: NDArray[np.int32] = np.empty(0, dtype=np.int32)
        self._n_rows: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._covered: tuple[Permit, NDArray[np.bool_] | None] | None = None
        if index is None:
            self.index.add(references)
        self._note(subjects)

    def __len__(self) -> int:
        """How many subjects."""
        return int(np.count_nonzero(self._n_rows))

    @property
    def is_worn(self) -> bool:
        """Whether so much was removed that building it anew is worth it."""
        return self.index.n_dead > max(_WORN_ROWS, self.index.n_rows // 10)

    @property
    def kind(self) -> str:
        """Which index holds the references."""
        return self.index.kind

    def add(self, subjects: Sequence[str], references: Templates) -> None:
        """Add references: (m, d) float32 of unit length, with the id of the subject of each."""
        self.index.add(references)
        self._note(subjects)

    def owners(self) -> list[str]:
        """Id of the subject of each row of the index, removed ones included."""
        return [self._names[group] for group in self._groups]

    def _note(self, subjects: Sequence[str]) -> None:
        """Whose the last rows of the index are."""
        for name in subjects:
            if name not in self._place:
                self._place[name] = len(self._names)
                self._names.append(name)
        groups = np.fromiter((self._place[name] for name in subjects), dtype=np.int32, count=len(subjects))
        self._groups = np.concatenate([self._groups, groups])
        counts = np.bincount(groups, minlength=len(self._names))
        counts[: len(self._n_rows)] += self._n_rows
        self._n_rows, self._covered = counts, None

    def remove(self, subject: str) -> None:
        """Let a subject be found no more, from the next comparison on; nothing when it is not here."""
        group = self._place.get(subject)
        if group is not None and self._n_rows[group]:
            self.index.remove(np.flatnonzero(self._groups == group))
            self._n_rows[group] = 0

    def subjects(self) -> set[str]:
        """Ids of those who can be found."""
        return {self._names[group] for group in np.flatnonzero(self._n_rows)}

    def compare(
        self,
        templates: Templates,
        permit: Permit,
        threshold: float,
        ruled_out: Mapping[int, Collection[str]] | None = None,
    ) -> list[Candidate]:
        """The best subject of each face whose score reaches the threshold.

        Args:
            templates: (n, d) of faces; they are not kept.
            permit: for ``Act.COMPARE`` in this collection; subjects that it does not cover are passed over.
            threshold: cosine from which two templates match; below the floor it counts as the floor.
            ruled_out: by row of ``templates``, subjects whom a person said this face is not.

        Raises:
            PermitError: the permit is for another act or collection.
        """
        permit.require(Act.COMPARE, self._collection)
        if not len(templates) or not len(self):
            return []
        barred = {
            face: {self._place[name] for name in names if name in self._place}
            for face, names in (ruled_out or {}).items()
        }
        # So many rows hold two subjects at least, whoever the others are.
        most = int(self._n_rows.max()) * (2 + max(map(len, barred.values()), default=0))
        found = self.index.search(templates, most, at_least=self._floor, among=self._among(permit))
        candidates = (self._candidate(face, found, barred.get(face, set())) for face in range(len(templates)))
        return [each for each in candidates if each is not None and each.score >= threshold]

    def _candidate(self, face: int, found: Found, barred: Collection[int]) -> Candidate | None:
        best: dict[int, float] = {}
        for row, score in zip(found.rows[face].tolist(), found.scores[face].tolist(), strict=True):
            if row != NONE and (group := int(self._groups[row])) not in barred:
                best.setdefault(group, score)
                if len(best) == 2:  # noqa: PLR2004 - the first and the second
                    break
        if not best:
            return None
        (first, score), *second = best.items()
        if not second:
            return Candidate(face, self._names[first], score)
        return Candidate(face, self._names[first], score, self._names[second[0][0]], second[0][1])

    def _among(self, permit: Permit) -> NDArray[np.bool_] | None:
        """Which rows the permit covers; None when it covers all."""
        if self._covered is None or self._covered[0] is not permit:
            covered = np.fromiter((name in permit.subjects for name in self._names), bool, len(self._names))
            self._covered = (permit, None if covered.all() else covered[self._groups])
        return self._covered[1]
