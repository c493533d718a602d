from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.core.arrays import unit_rows
from countenance.core.rotation import rotation

SECRETS = st.binary(min_size=16, max_size=64)


@given(SECRETS, st.integers(1, 40))
def test_a_rotation_keeps_lengths_and_angles(secret: bytes, dim: int) -> None:
    matrix = rotation(secret, dim)
    assert matrix.shape == (dim, dim)
    assert matrix.dtype == np.float32
    assert np.abs(matrix.astype(np.float64) @ matrix.T - np.eye(dim)).max() < 1e-6
    vectors = unit_rows(np.random.default_rng(dim).normal(size=(5, dim)))
    turned = vectors @ matrix.T
    assert np.abs(turned @ turned.T - vectors @ vectors.T).max() < 2e-6
    assert np.abs(turned @ matrix - vectors).max() < 2e-6


def test_the_same_secret_gives_the_same_matrix_everywhere() -> None:
    expected = [
        [-0.096718, 0.833857, -0.543440],
        [-0.992773, -0.119793, -0.007124],
        [0.071040, -0.538824, -0.839418],
    ]
    assert np.abs(rotation(b"sixteen bytes ok", 3) - expected).max() < 1e-6


def test_across_collections_mated_scores_look_non_mated() -> None:
    """On the mean of many pairs of collections; one pair may lean, because its relative turn has some trace."""
    dim, n_people, n_pairs = 128, 1_000, 30
    chance = np.random.default_rng(1)
    people = unit_rows(chance.normal(size=(n_people, dim)))
    again = unit_rows(people + 0.3 * unit_rows(chance.normal(size=(n_people, dim))))
    curves = []
    for pair in range(n_pairs):
        here, there = (rotation(hashlib.sha256(b"%s %d" % (name, pair)).digest(), dim) for name in (b"here", b"there"))
        turned, abroad = people @ here.T, again @ there.T
        assert np.sum(turned * (again @ here.T), axis=1).min() > 0.9
        scores = np.concatenate([np.sum(turned * abroad, axis=1), np.sum(turned * np.roll(abroad, 1, axis=0), axis=1)])
        ranks = scores.argsort().argsort()[:n_people]
        curves.append((ranks.sum() - n_people * (n_people - 1) / 2) / n_people**2)
    assert abs(np.mean(curves) - 0.5) < 0.02
    assert np.abs(np.array(curves) - 0.5).max() < 0.12


def test_rotations_lean_to_no_side() -> None:
    corners = np.array([rotation(seed.to_bytes(16, "big"), 4)[0] for seed in range(2_000)])
    assert np.abs(corners.mean(axis=0)).max() < 0.05
    assert np.abs((corners**2).mean(axis=0) - 0.25).max() < 0.03
    determinants = [np.linalg.det(rotation(seed.to_bytes(16, "big"), 3)) for seed in range(300)]
    assert 100 < sum(determinant > 0 for determinant in determinants) < 200


@pytest.mark.parametrize(("secret", "dim"), [(b"too short", 4), (bytes(16), 0), (bytes(16), -1)])
def test_weak_secrets_and_empty_spaces_are_refused(secret: bytes, dim: int) -> None:
    with pytest.raises(ValueError, match="secret"):
        rotation(secret, dim)
