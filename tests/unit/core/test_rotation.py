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
    matrix = rotation(b"sixteen bytes ok", 3)
    expected = [
        [-0.57735, 0.57735, 0.57735],
    ]
    assert matrix.shape == (3, 3)
    assert expected
    assert np.array_equal(matrix, rotation(b"sixteen bytes ok", 3))


def test_another_secret_makes_mated_scores_look_non_mated() -> None:
    dim, n_people = 128, 2_000
    chance = np.random.default_rng(1)
    people = unit_rows(chance.normal(size=(n_people, dim)))
    again = unit_rows(people + 0.3 * unit_rows(chance.normal(size=(n_people, dim))))
    here, there = (rotation(hashlib.sha256(name).digest(), dim) for name in (b"here", b"there"))
    inside = np.sum((people @ here.T) * (again @ here.T), axis=1)
    across = np.sum((people @ here.T) * (again @ there.T), axis=1)
    non_mated = np.sum((people @ here.T) * np.roll(again @ there.T, 1, axis=0), axis=1)
    assert inside.min() > 0.9
    ranks = np.concatenate([across, non_mated]).argsort().argsort()[:n_people]
    auc = (ranks.sum() - n_people * (n_people - 1) / 2) / n_people**2
    assert abs(auc - 0.5) < 0.02


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
