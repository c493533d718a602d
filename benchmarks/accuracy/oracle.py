"""How much of somebody's template a searcher can rebuild from the scores that leave, with the full budget of probes.

    python -m benchmarks.accuracy.oracle

The attacker is stronger than photos allow: probes are any vectors he likes, he knows the model's mean and covariance
and 20,000 templates of strangers. The collection holds one face, which is his best case. What he is told is what
``flows.probe_search`` lets out: a score of three decimals at or above the operating floor, or nothing.

His attack: probes are asked in the order in which each is most likely to be the first that is answered (nothing but
silence comes before, so the order is the same for everybody). Once one is answered, every further probe is a small step
from it along the direction in which he knows least, so it is answered too, and he solves for the template (conditional
mean of a normal distribution, which no other linear guess beats). Without any answer he takes the mean of those
templates of his that would have been silent as well.

``recovered`` is the cosine of his guess with the template, the mean of everybody taken off both: 0 is what knowing the
model gives, 1 is everything. ``no defence`` is the same attack where every exact score leaves: the positive control.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.places import CHECKOUT, RESULTS
from benchmarks.scale.drawn_crowd import DrawnCrowd
from countenance.core.arrays import Templates, unit_rows
from countenance.flows.probe_search import DECIMALS
from countenance.measure.intervals import by_subject
from countenance.measure.report import write_json
from countenance.settings import Settings

SEED, FLOOR, BAR = 20_260, 0.945, 0.15
N_TARGETS, N_KNOWN, N_PROBES = 200, 20_000, 2_000
STEP, MOST_PLANNED = 0.2, 40
_NO_FLOOR = -2.0


@dataclass(frozen=True, slots=True)
class Attacker:
    """What he knows.

    Attributes:
        mean: (d,) of everybody's templates.
        covariance: (d, d).
        known: (n, d) templates of strangers.
        probes: (p, d) in the order in which he asks them until one is answered.
        directions: (d, d) in columns; the last ones are those in which people differ most.
    """

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    known: Templates
    probes: Templates
    directions: NDArray[np.float64]

    @classmethod
    def of(cls, crowd: DrawnCrowd, budget: int) -> Attacker:
        """Learn from strangers, and plan the first probes."""
        chance = np.random.default_rng(SEED + 1)
        known = crowd.photos(crowd.people(N_KNOWN, chance), chance)
        mean = known.mean(axis=0, dtype=np.float64)
        covariance = np.cov(known.astype(np.float64).T)
        shares = chance.choice([0.0, 0.15, 0.3, 0.5, 0.8], N_PROBES)[:, None]
        like = known[chance.choice(N_KNOWN, N_PROBES, replace=False)]
        candidates = unit_rows(mean + shares * (like - mean))
        answered = (candidates @ known.T) >= FLOOR
        left, order = np.ones(N_KNOWN, dtype=bool), list[int]()
        for _ in range(min(budget, MOST_PLANNED)):
            gains = answered[:, left].sum(axis=1)
            order.append(int(gains.argmax()))
            left &= ~answered[order[-1]]
            if not left.any():
                break
        return cls(mean, covariance, known, candidates[order], np.linalg.eigh(covariance)[1])

    def guess(self, target: Templates, budget: int, floor: float, decimals: int | None) -> tuple[Templates, bool]:
        """(d,) his guess of a template, less the mean; and whether anything was answered."""
        silent = np.ones(N_KNOWN, dtype=bool)
        for asked, probe in enumerate(self.probes[:budget]):
            score = _told(probe, target, floor, decimals)
            if score is not None:
                return self._climb(probe, score, target, budget - asked - 1, floor, decimals), True
            silent &= self.known @ probe < floor
        rest = self.known[silent] if silent.any() else self.known
        return np.asarray(rest.mean(axis=0) - self.mean, dtype=np.float32), False

    def _climb(
        self, first: Templates, score: float, target: Templates, left: int, floor: float, decimals: int | None
    ) -> Templates:
        noise = (10.0 ** -(decimals or 6)) ** 2 / 12 + 1e-12  # float32 itself is no more exact than that
        rows, scores = [first.astype(np.float64)], [score]
        best = (score, first.astype(np.float64))
        for at in range(left):
            direction = self.directions[:, -1 - at % len(self.mean)]
            for sign in (1.0, -1.0):
                probe = unit_rows((best[1] + sign * STEP * direction)[None])[0]
                told = _told(probe, target, floor, decimals)
                if told is not None:
                    rows.append(probe.astype(np.float64))
                    scores.append(told)
                    best = max(best, (told, probe.astype(np.float64)), key=lambda each: each[0])
                    break
        asked = np.array(rows)
        gain = self.covariance @ asked.T
        solved = np.linalg.solve(asked @ gain + noise * np.eye(len(asked)), np.array(scores) - asked @ self.mean)
        return np.asarray(gain @ solved, dtype=np.float32)


def _told(probe: Templates, target: Templates, floor: float, decimals: int | None) -> float | None:
    """What leaves: nothing below the floor, and rounded scores above it."""
    score = float(probe @ target)
    if score < floor:
        return None
    return score if decimals is None else round(score, decimals)


def measured(dim: int, budget: int, *, defended: bool) -> dict[str, Any]:
    """What is recovered of people who are not among those he knows."""
    crowd = DrawnCrowd.of(dim, SEED)
    attacker = Attacker.of(crowd, budget)
    chance = np.random.default_rng(SEED + 2)
    targets = crowd.photos(crowd.people(N_TARGETS, chance), chance)
    floor, decimals = (FLOOR, DECIMALS) if defended else (_NO_FLOOR, None)
    guesses = [attacker.guess(target, budget, floor, decimals) for target in targets]
    cosines = np.array(
        [_cosine(guess, target - attacker.mean) for (guess, _), target in zip(guesses, targets, strict=True)]
    )
    answered = np.array([some for _, some in guesses])
    interval = by_subject(lambda draw: float(draw @ cosines / draw.sum()), len(cosines), seed=SEED)
    return {
        "budget": budget,
        "recovered": interval.as_json(),
        "percentile_95": float(np.quantile(cosines, 0.95)),
        "answered": float(answered.mean()),
        "recovered_where_answered": float(cosines[answered].mean()) if answered.any() else None,
        "recovered_where_silent": float(cosines[~answered].mean()) if (~answered).any() else None,
    }


def _cosine(one: Templates, other: NDArray[np.floating[Any]]) -> float:
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / length if length > 0 else 0.0


def main() -> int:
    """Measure, print, write; 1 when the bar is missed."""
    settings = Settings()
    budgets = {"one case": settings.case_probes, "one person and day": settings.case_probes_per_day}
    budgets["one person and 30 days"] = 30 * settings.case_probes_per_day
    result: dict[str, Any] = {"floor": FLOOR, "decimals": DECIMALS, "targets": N_TARGETS}
    for dim in (128, 512):
        found = {name: measured(dim, budget, defended=True) for name, budget in budgets.items()}
        found["no defence, one person and day"] = measured(dim, budgets["one person and day"], defended=False)
        found["no defence, one person and 30 days"] = measured(dim, budgets["one person and 30 days"], defended=False)
        result[str(dim)] = found
        for name, each in found.items():
            value = each["recovered"]
            interval = f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"
            print(f"{dim}-d, {name} ({each['budget']} probes): {interval}, answered {each['answered']:.3f}", flush=True)
    worst = max(result["512"][name]["recovered"]["value"] for name in ("one case", "one person and day"))
    met = worst <= BAR
    result["bars"] = [{"what": "recovered at 512-d, full budget", "measured": worst, "bar": f"<= {BAR}", "met": met}]
    print(f"{'met   ' if met else 'MISSED'} recovered at 512-d, full budget: {worst:.3f} (bar <= {BAR})")
    write_json(RESULTS / "oracle.json", result, seed=SEED, checkout=CHECKOUT)
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
