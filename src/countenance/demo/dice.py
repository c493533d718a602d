"""Chance with a seed, and colours to choose from."""

from __future__ import annotations

import numpy as np

Colour = tuple[float, float, float]
"""Red, green, blue in [0, 1]."""


class Dice:
    """Draws from one stream; most traits lean towards their ends, which sets people apart."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng((0xFACE, seed))

    def between(self, low: float, high: float) -> float:
        """A number in [low, high], the ends more likely than the middle."""
        return low + (high - low) * float(self.rng.beta(0.5, 0.5))

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


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """The colour ``share`` in [0, 1] of the way from one to the other."""
    r, g, b = (a + (z - a) * share for a, z in zip(one, other, strict=True))
    return (r, g, b)


def ramp(tones: tuple[Colour, ...], place: float) -> Colour:
    """The colour at ``place`` in [0, 1] along a row of tones."""
    spot = place * (len(tones) - 1)
    low = min(int(spot), len(tones) - 2)
    return mix(tones[low], tones[low + 1], spot - low)
