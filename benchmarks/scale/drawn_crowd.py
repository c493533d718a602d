"""Templates of millions of people who do not exist, drawn with the default model's statistics.

Read from ``results/spectrum.json``: mean, variances between and within people, and how far photos of one person lie
from it. What the few hundred people of that measurement cannot show is filled in on the safe side: photos of one person
lie further apart than measured (``WIDER``), so that mated templates are harder to find than those of the photos.
For another length the same spectrum is stretched: the same variances in sum, over more directions.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.places import RESULTS
from countenance.core.arrays import Templates, unit_rows

WIDER = 1.5
"""Times the measured variance within people: as between portraits taken years apart."""
_PAGE = 50_000


@dataclass(frozen=True, slots=True)
class DrawnCrowd:
    """Where people and their photos lie.

    Attributes:
        dim: length of the templates.
        mean: (dim,) of everybody.
        between, within: (dim,) standard deviations along the directions.
        directions: (dim, dim) orthonormal, by rows.
        log_std: standard deviation of the logarithm of a photo's squared distance from its person.
    """

    dim: int
    mean: NDArray[np.float32]
    between: NDArray[np.float32]
    within: NDArray[np.float32]
    directions: NDArray[np.float32]
    log_std: float

    @classmethod
    def of(cls, dim: int, seed: int) -> DrawnCrowd:
        """The crowd of a model with templates of this length."""
        found: dict[str, Any] = json.loads((RESULTS / "spectrum.json").read_text("utf-8"))
        chance = np.random.default_rng(seed)
        directions, _ = np.linalg.qr(chance.normal(size=(dim, dim)))
        mean = unit_rows(chance.normal(size=(1, dim)))[0] * np.float32(found["mean_length"])
        between, within = (_stretched(np.array(found[name]), dim) for name in ("between", "within"))
        within = np.sqrt(WIDER) * within
        return cls(dim, mean, between, within, directions.astype(np.float32), float(found["log_distance_std"]))

    def people(self, n: int, chance: np.random.Generator) -> NDArray[np.float32]:
        """(n, dim) people, by direction."""
        return chance.standard_normal((n, self.dim), dtype=np.float32) * self.between

    def photos(self, people: NDArray[np.float32], chance: np.random.Generator) -> Templates:
        """(n, dim) one template of a new photo of each of these people."""
        variance = np.exp(chance.normal(0, self.log_std, (len(people), 1)) - self.log_std**2 / 2)
        away = (
            chance.standard_normal(people.shape, dtype=np.float32) * self.within * np.sqrt(variance, dtype=np.float32)
        )
        return unit_rows((people + away).astype(np.float32) @ self.directions + self.mean)

    def fill(self, rows: Templates, seed: int, probes: NDArray[np.int64]) -> Templates:
        """Fill (n, dim) with a template of each of n people; gives a second template of those at ``probes``."""
        asked = np.empty((len(probes), self.dim), dtype=np.float32)
        for start, part, people, chance in self.pages(len(rows), seed):
            rows[start : start + len(part)] = part
            here = (probes >= start) & (probes < start + len(part))
            asked[here] = people[probes[here] - start]
            del chance
        return self.photos(asked, np.random.default_rng(seed + 1))

    def pages(self, n: int, seed: int) -> Any:  # noqa: ANN401 - a generator of four things
        """(first row, templates, people, chance) page by page; the same for the same seed."""
        for start in range(0, n, _PAGE):
            chance = np.random.default_rng([seed, start])
            people = self.people(min(_PAGE, n - start), chance)
            yield start, self.photos(people, chance), people, chance


def _stretched(variances: NDArray[np.float64], dim: int) -> NDArray[np.float32]:
    """Standard deviations along ``dim`` directions whose variances have the same sum and the same shape."""
    places = np.linspace(0, len(variances) - 1, dim)
    shaped = np.interp(places, np.arange(len(variances)), variances)
    return np.asarray(np.sqrt(shaped * variances.sum() / shaped.sum()), dtype=np.float32)
