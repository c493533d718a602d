"""Chance with a seed."""

from __future__ import annotations

import numpy as np


class Dice:
    """Draws from one stream; most traits lean towards their ends, which sets people apart."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng((0xFACE, seed))

    def between(self, low: float, high: float) -> float:
        """A number in [low, high], the ends more likely than the middle."""
        return low + (high - low) * float(self.rng.beta(0.25, 0.25))

    def evenly(self, low: float, high: float) -> float:
        """A number in [low, high], all equally likely."""
        return float(self.rng.uniform(low, high))

    def happens(self, share: float) -> bool:
        """True with probability ``share``."""
        return bool(self.rng.random() < share)

    def pick(self, names: tuple[str, ...], weights: tuple[float, ...]) -> str:
        """One name, in proportion to its weight."""
        share = np.asarray(weights) / sum(weights)
        return names[int(self.rng.choice(len(names), p=share))]
