from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.core.arrays import unit_rows
from countenance.index import flat


def brute_force(probes: np.ndarray, references: np.ndarray, groups: list[int], n_groups: int) -> np.ndarray:
    best = np.full((len(probes), n_groups), -1.0)
    for row, probe in enumerate(probes):
        for reference, group in zip(references, groups, strict=True):
            best[row, group] = max(best[row, group], float(np.dot(probe.astype(np.float64), reference)))
    return best


@given(
    seed=st.integers(0, 2**32 - 1),
    n_probes=st.integers(0, 6),
    groups=st.lists(st.integers(0, 4), max_size=23),
    dim=st.integers(1, 16),
    block=st.sampled_from([1, 2, 3, 7, 65_536]),
)
def test_equals_the_slow_way(seed: int, n_probes: int, groups: list[int], dim: int, block: int) -> None:
    chance = np.random.default_rng(seed)
    probes = unit_rows(chance.normal(size=(n_probes, dim)))
    references = unit_rows(chance.normal(size=(len(groups), dim)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flat, "BLOCK_ROWS", block)
        found = flat.best_by_group(probes, references, np.array(groups, dtype=np.intp), 5)
    assert (found.shape, found.dtype) == ((n_probes, 5), np.dtype(np.float32))
    assert found.flags.c_contiguous
    np.testing.assert_allclose(found, brute_force(probes, references, groups, 5), atol=1e-6)


def test_blocks_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(7)
    probes, references = unit_rows(chance.normal(size=(9, 32))), unit_rows(chance.normal(size=(1_001, 32)))
    groups = chance.integers(0, 100, 1_001)
    whole = flat.best_by_group(probes, references, groups, 100)
    for block in (1, 10, 1_000, 1_001, 1_002):
        monkeypatch.setattr(flat, "BLOCK_ROWS", block)
        np.testing.assert_allclose(flat.best_by_group(probes, references, groups, 100), whole, atol=1e-6)


def test_the_probe_itself_scores_one_and_an_empty_group_minus_one() -> None:
    row = unit_rows(np.array([[3.0, 4.0]]))
    np.testing.assert_allclose(flat.best_by_group(row, row, np.array([1], dtype=np.intp), 3), [[-1, 1, -1]], atol=1e-6)
