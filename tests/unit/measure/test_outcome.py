"""Rates of scores whose error rates are known beforehand: two normal distributions, and tables made by hand."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from countenance.errors import UsageError
from countenance.measure.intervals import Owned, auc_by_subject, misses_by_subject, share_by_subject
from countenance.measure.lists import ListSearches
from countenance.measure.outcome import needed, rate_failures, rate_pairs, rate_searches
from countenance.measure.rates import NO_SCORE
from countenance.measure.searches import Searches
from countenance.measure.trials import Scored

Z = NormalDist()
APART = 3.0
"""Distance between the mated and the non-mated scores, in standard deviations of both."""


def normal(n_mated: int, n_non_mated: int, *, seed: int = 1) -> Scored:
    """Every photo of a person of its own kind: independent scores."""
    chance = np.random.default_rng(seed)
    scores = np.concatenate([chance.normal(APART, 1, n_mated), chance.normal(0, 1, n_non_mated)])
    mated = np.arange(n_mated + n_non_mated) < n_mated
    own = np.arange(n_mated)
    others = chance.integers(n_mated, size=(n_non_mated, 2))
    others[:, 1] = np.where(others[:, 0] == others[:, 1], (others[:, 1] + 1) % n_mated, others[:, 1])
    return Scored(scores, mated, np.concatenate([np.stack([own, own], axis=1), others]))


@pytest.fixture(scope="module")
def rated() -> dict[str, object]:
    return rate_pairs(normal(4_000, 100_000), {"match": 2.0}, seed=7)


def test_rates_are_those_of_the_distributions(rated: dict[str, object]) -> None:
    fnmr = rated["fnmr"]
    assert isinstance(fnmr, dict)
    assert list(fnmr) == ["0.1", "0.01", "0.001", "0.0001"]
    for limit, cell in fnmr.items():
        threshold = Z.inv_cdf(1 - float(limit))
        assert cell["threshold"] == pytest.approx(threshold, abs=0.25)
        assert cell["low"] <= Z.cdf(threshold - APART) <= cell["high"]
        assert cell["low"] <= cell["value"] <= cell["high"]
        assert cell["high"] - cell["low"] < 0.25
    assert rated["auc"] == pytest.approx(Z.cdf(APART / 2**0.5), abs=0.003)
    assert rated["too_few"] == {}
    assert rated["pairs"] == {"mated": 4_000, "non_mated": 100_000}
    assert rated["people"] == 4_000


def test_rates_at_a_threshold_that_is_used_already(rated: dict[str, object]) -> None:
    at = rated["at"]
    assert isinstance(at, dict)
    assert at["match"]["fmr"]["low"] <= 1 - Z.cdf(2.0) <= at["match"]["fmr"]["high"]
    assert at["match"]["fnmr"]["low"] <= Z.cdf(2.0 - APART) <= at["match"]["fnmr"]["high"]


def test_what_the_trials_are_too_few_for_is_said_and_not_reported() -> None:
    found = rate_pairs(normal(100, 299), {}, seed=1)
    assert list(found["fnmr"]) == ["0.1"]
    assert found["too_few"]["0.01"] == {"given": 299, "needed": 300}
    assert list(rate_pairs(normal(100, 300), {}, seed=1)["fnmr"]) == ["0.1", "0.01"]


def test_the_rule_of_three() -> None:
    assert [needed(limit) for limit in (1.0, 0.1, 1e-2, 1e-3, 1e-4)] == [3, 30, 300, 3_000, 30_000]


def test_ten_of_each_kind_are_the_least() -> None:
    rate_pairs(normal(10, 10), {}, seed=1)
    for few in (normal(9, 10), normal(10, 9)):
        with pytest.raises(UsageError, match="too few to say anything"):
            rate_pairs(few, {}, seed=1)


def test_a_photo_without_a_template_is_a_miss_at_every_threshold() -> None:
    scored = normal(200, 4_000)
    scored.scores[:20] = NO_SCORE
    found = rate_pairs(scored, {}, seed=1)
    assert all(cell["value"] >= 0.1 for cell in found["fnmr"].values())


def test_the_interval_of_auc_holds_its_value_and_knows_ties() -> None:
    alarms = Owned(np.array([0.0, 1.0]), np.array([[0, 1], [1, 2]]))
    tied = auc_by_subject(alarms, Owned(np.array([1.0, 1.0, 2.0]), np.array([[0], [1], [2]])), seed=1)
    assert tied.value == pytest.approx((0.75 + 0.75 + 1) / 3)
    assert tied.low <= tied.value <= tied.high


def test_a_share_without_events_is_not_surely_zero() -> None:
    owners = np.arange(40).reshape(-1, 1) // 2
    none = share_by_subject(np.zeros(40, dtype=bool), owners, seed=1)
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(0.161, abs=0.001), "Wilson's bound for 20 people, not for 40 events"
    every = share_by_subject(np.ones(40, dtype=bool), owners, seed=1)
    assert (every.value, every.high) == (1.0, 1.0)


def test_a_share_is_drawn_over_people() -> None:
    """All events are one person's: without that person there is none, so the interval reaches down to zero."""
    events, owners = np.arange(100) < 10, np.arange(100).reshape(-1, 1) // 10
    assert share_by_subject(events, owners, seed=1).low == 0.0
    spread = share_by_subject(np.arange(100) % 10 == 0, owners, seed=1)
    assert (spread.value, spread.low, spread.high) == pytest.approx((0.1, 0.1, 0.1))


def test_failures_are_a_share_of_photos() -> None:
    assert rate_failures(np.array([True, False, False, False]), np.array([0, 0, 1, 1]), seed=1)["value"] == 0.25


def searches(n_mated: int, n_alarms: int) -> ListSearches:
    chance = np.random.default_rng(2)
    scores, alarms = chance.normal(APART, 1, n_mated), chance.normal(0, 1, n_alarms)
    ranks = np.where(np.arange(n_mated) % 10 == 0, 5, 1)
    owners = [np.arange(n).reshape(-1, 1) for n in (n_mated, n_alarms)]
    return ListSearches(Searches(scores, ranks, alarms), owners[0], owners[1] + n_mated, 500, left_out=False)


def test_searches_have_the_rates_of_their_distributions() -> None:
    found = rate_searches(searches(2_000, 4_000), seed=1)
    assert list(found["fnir"]) == ["0.1", "0.01", "0.001"]
    for limit, ranks in found["fnir"].items():
        missed = Z.cdf(Z.inv_cdf(1 - float(limit)) - APART)
        assert list(ranks) == ["1", "20"]
        for rank, truth in (("20", missed), ("1", 0.1 + 0.9 * missed)):  # a tenth is past rank 1 at any threshold
            low, high = ranks[rank]["low"], ranks[rank]["high"]
            assert low - (high - low) / 2 <= truth <= high + (high - low) / 2, "95 % is not always"
            assert high - low < 0.35
    assert found["rank_1"]["value"] == pytest.approx(0.9)
    assert found["cmc"][:5] == pytest.approx([0.9, 0.9, 0.9, 0.9, 1.0])
    assert len(found["cmc"]) == 50
    assert found["gallery"] == {"people": 500}


def test_too_few_searches_are_said_to_be_too_few() -> None:
    found = rate_searches(searches(50, 29), seed=1)
    assert found["fnir"] == {}
    assert found["too_few"]["0.1"] == {"given": 29, "needed": 30}
    with pytest.raises(UsageError, match="9 mated and 30 non-mated searches"):
        rate_searches(searches(9, 30), seed=1)


def test_lost_mates_are_missed_whatever_the_threshold() -> None:
    alarms = Owned(np.zeros(20), np.arange(20).reshape(-1, 1))
    mates = Owned(np.ones(20), np.arange(20).reshape(-1, 1))
    lost = np.arange(20) < 5
    assert misses_by_subject(alarms, mates, 0.1, seed=1, lost=lost).value == 0.25
    assert misses_by_subject(alarms, mates, 0.1, seed=1).value == 0.0
    assert misses_by_subject(alarms, mates, 1.0, seed=1, lost=lost).value == 0.25
