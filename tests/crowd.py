"""Templates of people who do not exist, drawn like a model's: around one mean, each person in a small cluster."""

from __future__ import annotations

import numpy as np

from countenance.core.arrays import Templates, unit_rows


def crowd(n_people: int, dim: int, seed: int, *, each: int = 1, spread: float = 0.15) -> Templates:
    """(n_people, each, dim) float32 of unit length; templates of one person are ``spread`` apart, people about 1."""
    chance = np.random.default_rng(seed)
    mean, people = chance.normal(size=dim), chance.normal(size=(n_people, 1, dim))
    rows = mean * 2 + people + spread * chance.normal(size=(n_people, each, dim))
    return unit_rows(rows.reshape(-1, dim)).reshape(n_people, each, dim)
