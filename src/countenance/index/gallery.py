"""The enrolled and consenting people of one collection, in memory, ready to be compared with new faces."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from countenance.core.arrays import Templates
from countenance.core.permit import Act, Permit
from countenance.index import flat


@dataclass(frozen=True, slots=True)
class Candidate:
    """The best subject for one face.

    Attributes:
        face: row of the compared templates.
        subject: id.
        score: cosine in [-1, 1], best of the subject's references.
        rival: id of the second-best subject; None when there is no second.
        rival_score: the rival's cosine in [-1, 1]; -1 without one.
    """

    face: int
    subject: str
    score: float
    rival: str | None = None
    rival_score: float = -1.0


class Gallery:
    """References of subjects that a permit covers."""

    def __init__(self, collection: str, subjects: Sequence[str], references: Templates) -> None:
        """Group references by subject.

        Args:
            collection: id of the collection that all of them belong to.
            subjects: id of the subject of each reference.
            references: (m, d) float32 of unit length.
        """
        self._collection = collection
        self._names = sorted(set(subjects))
        place = {name: row for row, name in enumerate(self._names)}
        self._groups: NDArray[np.intp] = np.array([place[name] for name in subjects], dtype=np.intp)
        self._references = references

    def __len__(self) -> int:
        """How many subjects."""
        return len(self._names)

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
            threshold: cosine from which two templates match.
            ruled_out: by row of ``templates``, subjects whom a person said this face is not.

        Raises:
            PermitError: the permit is for another act or collection.
        """
        permit.require(Act.COMPARE, self._collection)
        allowed = np.array([name in permit.subjects for name in self._names], dtype=bool)
        if not len(templates) or not allowed.any():
            return []
        best = flat.top(templates, self._references, self._groups, len(self._names))
        best[:, ~allowed] = -np.inf
        for row, names in (ruled_out or {}).items():
            best[row, [place for place, name in enumerate(self._names) if name in names]] = -np.inf
        winner = best.argmax(axis=1)
        rows = np.arange(len(best))
        score = best[rows, winner]
        best[rows, winner] = -np.inf
        second = best.argmax(axis=1)
        runner_up = best[rows, second]
        return [
            Candidate(
                int(row), self._names[winner[row]], float(score[row]), self._names[second[row]], float(runner_up[row])
            )
            if np.isfinite(runner_up[row])
            else Candidate(int(row), self._names[winner[row]], float(score[row]))
            for row in np.flatnonzero((score >= threshold) & np.isfinite(score))
        ]
