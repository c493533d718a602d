from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from countenance.errors import UsageError
from countenance.measure.discard import SHARES, discard, rates_left

MISSED = np.array([True] * 20 + [False] * 80)
OWNERS = np.arange(100) % 25


def test_a_quality_that_knows_every_error_leaves_what_arithmetic_says() -> None:
    left = rates_left(MISSED, np.where(MISSED, 0.0, np.arange(100.0) + 1))
    assert left == pytest.approx(np.clip(0.2 - SHARES, 0, None) / (1 - SHARES), abs=1e-12)


def test_one_quality_for_all_is_chance() -> None:
    assert rates_left(MISSED, np.full(100, 7.0)) == pytest.approx(np.full(len(SHARES), 0.2))


def test_a_quality_that_is_wrong_every_time_is_worse_than_chance() -> None:
    found = discard(MISSED, np.where(MISSED, 9.0, 1.0), OWNERS, seed=1)
    assert found.margin.high < 0
    assert found.rates[-1] == pytest.approx(0.4), "half is gone, and every error is still there"
    assert found.part < 0


def test_a_good_quality_is_better_by_a_margin_that_people_do_not_explain() -> None:
    found = discard(MISSED, np.where(MISSED, 0.0, 1.0), OWNERS, seed=1)
    assert found.margin.low > 0
    assert found.margin.value == pytest.approx(float(np.mean(0.2 - found.rates)))
    assert found.part == pytest.approx(found.margin.value / 0.2)


def test_a_quality_without_meaning_has_no_margin() -> None:
    chance = np.random.default_rng(3)
    missed = chance.uniform(size=2_000) < 0.2
    found = discard(missed, chance.uniform(size=2_000), np.arange(2_000) % 200, seed=1)
    assert found.margin.low < 0 < found.margin.high
    assert abs(found.part) < 0.1


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=40), st.integers(0, 4))
def test_weights_count_like_copies(rows: list[tuple[bool, int]], extra: int) -> None:
    missed, quality = np.array([row[0] for row in rows]), np.array([float(row[1]) for row in rows])
    weights = np.ones(len(rows))
    weights[0] += extra
    copies = np.concatenate([np.arange(len(rows)), np.zeros(extra, dtype=int)])
    assert rates_left(missed, quality, weights) == pytest.approx(rates_left(missed[copies], quality[copies]))


def test_nothing_is_said_where_nothing_is() -> None:
    with pytest.raises(UsageError, match="no error"):
        discard(np.zeros(5, dtype=bool), np.arange(5.0), np.arange(5), seed=1)
    assert np.isnan(rates_left(MISSED, np.arange(100.0), np.zeros(100))).all()
