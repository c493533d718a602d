from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from countenance.errors import UsageError
from countenance.measure import rates

NON_MATED = np.arange(100) / 100  # 0.00 ... 0.99
MATED = np.array([0.5, 0.95, 0.97, 0.99])


def test_a_score_at_the_threshold_matches() -> None:
    assert rates.fmr(NON_MATED, 0.99) == 0.01
    assert rates.fmr(NON_MATED, np.nextafter(0.99, 1)) == 0
    assert rates.fnmr(MATED, 0.5) == 0
    assert rates.fnmr(MATED, np.nextafter(0.5, 1)) == 0.25


@pytest.mark.parametrize(("limit", "just_above"), [(0, 0.99), (0.01, 0.98), (0.019, 0.98), (0.29, 0.70), (0.5, 0.49)])
def test_threshold_at_fmr_is_just_above_the_score_that_would_be_too_many(limit: float, just_above: float) -> None:
    threshold = rates.threshold_at_fmr(NON_MATED, limit)
    assert threshold == np.nextafter(just_above, 1)
    assert rates.fmr(NON_MATED, threshold) <= limit


def test_ties_at_the_threshold_do_not_match() -> None:
    scores = np.array([0.9, 0.9, 0.9, 0.1])
    threshold = rates.threshold_at_fmr(scores, 0.5)  # two may match, but the three are alike
    assert rates.fmr(scores, threshold) == 0


def test_threshold_that_lets_everything_match() -> None:
    assert rates.threshold_at_fmr(NON_MATED, 1) == -np.inf


@pytest.mark.parametrize("limit", [-0.1, 1.1, float("nan")])
def test_a_limit_is_a_rate(limit: float) -> None:
    with pytest.raises(UsageError):
        rates.threshold_at_fmr(NON_MATED, limit)


@given(
    arrays(np.float64, st.integers(1, 60), elements=st.floats(-1, 1)),
    st.floats(0, 0.999),
)
def test_threshold_at_fmr_is_the_lowest_that_keeps_the_limit(scores: np.ndarray, limit: float) -> None:
    threshold = rates.threshold_at_fmr(scores, limit)
    assert rates.fmr(scores, threshold) <= limit + 1e-9
    assert rates.fmr(scores, np.nextafter(threshold, -np.inf)) > limit


def test_fnmr_at_fmr() -> None:
    value, threshold = rates.fnmr_at_fmr(MATED, NON_MATED, 0.05)
    assert (value, threshold) == (0.25, np.nextafter(0.94, 1))
    value, threshold = rates.fnmr_at_fmr(MATED, NON_MATED, 0.01)
    assert (value, threshold) == (0.75, np.nextafter(0.98, 1))


@pytest.mark.parametrize(
    ("mated", "non_mated", "expected"),
    [
        ([0.9, 0.8], [0.1, 0.2], 1.0),
        ([0.1, 0.2], [0.9, 0.8], 0.0),
        ([0.5], [0.5], 0.5),
        ([0.3, 0.7], [0.5, 0.5], 0.5),
        ([0.5, 0.9], [0.5, 0.1, 0.95], (1.5 + 2) / 6),
    ],
)
def test_auc_of_known_scores(mated: list[float], non_mated: list[float], expected: float) -> None:
    assert rates.auc(np.array(mated), np.array(non_mated)) == pytest.approx(expected)


def test_auc_of_two_normal_distributions_is_the_textbook_value() -> None:
    chance = np.random.default_rng(1)
    high, low = chance.normal(1, 1, 20_000), chance.normal(0, 1, 20_000)
    assert rates.auc(high, low) == pytest.approx(0.7602, abs=0.005)  # Phi(1 / sqrt 2)


def test_a_comparison_that_could_not_be_made_never_matches() -> None:
    mated = np.append(MATED, rates.NO_SCORE)
    lowest = rates.threshold_at_fmr(np.array([-1.0, -0.9]), 0.5)
    assert rates.fnmr(mated, lowest) == pytest.approx(1 / 5)


def test_fte() -> None:
    assert rates.fte(0, 10) == 0
    assert rates.fte(3, 12) == 0.25
    for failed, photos in ((0, 0), (2, 1), (-1, 3)):
        with pytest.raises(UsageError):
            rates.fte(failed, photos)


def test_det_curve_of_known_scores() -> None:
    curve = rates.det_curve(np.array([0.4, 0.6]), np.array([0.1, 0.5]))
    assert curve.thresholds == pytest.approx(np.array([0.1, 0.4, 0.5, 0.5]))
    assert curve.fmr.tolist() == [1.0, 0.5, 0.5, 0.0]
    assert curve.fnmr.tolist() == [0.0, 0.0, 0.5, 0.5]


@given(
    arrays(np.float64, st.integers(1, 30), elements=st.floats(-1, 1)),
    arrays(np.float64, st.integers(1, 30), elements=st.floats(-1, 1)),
)
def test_det_curve_agrees_with_the_rates_and_only_trades(mated: np.ndarray, non_mated: np.ndarray) -> None:
    curve = rates.det_curve(mated, non_mated)
    for threshold, false_match, false_non_match in zip(curve.thresholds, curve.fmr, curve.fnmr, strict=True):
        assert false_match == pytest.approx(rates.fmr(non_mated, threshold))
        assert false_non_match == pytest.approx(rates.fnmr(mated, threshold))
    assert (np.diff(curve.fmr) <= 0).all()
    assert (np.diff(curve.fnmr) >= 0).all()
    assert curve.fmr[-1] == 0


@pytest.mark.parametrize("bad", [[], [float("nan")]])
def test_rates_need_scores(bad: list[float]) -> None:
    scores = np.array(bad)
    for call in (rates.fmr, rates.fnmr, rates.threshold_at_fmr):
        with pytest.raises(UsageError):
            call(scores, 0.5)
    for one, other in ((scores, MATED), (MATED, scores)):
        with pytest.raises(UsageError):
            rates.auc(one, other)
        with pytest.raises(UsageError):
            rates.det_curve(one, other)
