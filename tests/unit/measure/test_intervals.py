from __future__ import annotations

import numpy as np
import pytest

from countenance.errors import UsageError
from countenance.measure.intervals import by_subject, fnmr_at_fmr_by_subject, rate_by_subject, wilson
from countenance.measure.rates import fnmr_at_fmr


def test_wilson_of_published_examples() -> None:
    # R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17, 1998.
    published = ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718))
    for events, trials, low, high in published:
        found = wilson(events, trials)
        assert found.low == pytest.approx(low, abs=5e-5)
        assert found.high == pytest.approx(high, abs=5e-5)
        assert found.value == events / trials


def test_wilson_at_the_ends_stays_inside_and_is_symmetric() -> None:
    none, every = wilson(0, 50), wilson(50, 50)
    assert none.low == 0
    assert none.high > 0
    assert every.high == 1
    assert every.low == pytest.approx(1 - none.high)


@pytest.mark.parametrize(("events", "trials"), [(0, 0), (2, 1), (-1, 5)])
def test_wilson_needs_a_proportion(events: int, trials: int) -> None:
    with pytest.raises(UsageError):
        wilson(events, trials)


def test_bootstrap_of_a_mean_has_the_width_that_theory_gives() -> None:
    values = np.random.default_rng(2).normal(5, 2, 400)
    found = by_subject(lambda draw: float(draw @ values / draw.sum()), 400, seed=1)
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    assert found.low < found.value < found.high


def test_the_same_seed_gives_the_same_interval() -> None:
    events, owners = np.random.default_rng(0).integers(0, 2, 700), np.arange(700) % 100
    first = rate_by_subject(events, owners, 100, seed=7)
    assert first == rate_by_subject(events, owners, 100, seed=7)
    assert first != rate_by_subject(events, owners, 100, seed=8)


def test_one_persons_errors_widen_the_interval() -> None:
    events = np.zeros(1_000)
    events[:50] = 1
    together = rate_by_subject(events, np.arange(1_000) // 50, 20, seed=1)  # all errors are one person's
    apart = rate_by_subject(events, np.arange(1_000) % 20, 20, seed=1)
    assert together.value == apart.value == 0.05
    assert together.high - together.low > 5 * (apart.high - apart.low)


def test_no_event_gives_wilson_over_people_not_over_comparisons() -> None:
    owners = np.arange(1_000) // 50
    assert rate_by_subject(np.zeros(1_000), owners, 20, seed=1) == wilson(0, 20)
    assert rate_by_subject(np.ones(1_000), owners, 20, seed=1) == wilson(20, 20)


def test_subjects_without_trials_do_not_count() -> None:
    assert rate_by_subject(np.zeros(4), [0, 0, 1, 1], 90, seed=1) == wilson(0, 2)


def test_samples_that_say_nothing_are_left_out() -> None:
    found = by_subject(lambda draw: 0.5 if draw[0] else float("nan"), 5, seed=1)
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)
    with pytest.raises(UsageError):
        by_subject(lambda draw: float("nan") if draw[0] else 0.5, 5, seed=1)  # nor does the whole
    with pytest.raises(UsageError):
        by_subject(lambda _: float("nan"), 5, seed=1)


def test_intervals_need_subjects_and_trials() -> None:
    with pytest.raises(UsageError):
        by_subject(lambda _: 0.0, 0, seed=1)
    with pytest.raises(UsageError):
        rate_by_subject(np.empty(0), [], 3, seed=1)


def trials(n_people: int, spread: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores of two photos per person: mated around 0.8, non-mated around 0."""
    chance = np.random.default_rng(seed)
    rows = [(a, b) for a in range(n_people) for b in range(a, n_people)]
    subjects = np.array(rows, dtype=np.intp)
    mated = subjects[:, 0] == subjects[:, 1]
    scores = np.where(mated, chance.normal(0.8, spread, len(rows)), chance.normal(0, 0.2, len(rows)))
    return scores, mated, subjects


def test_fnmr_interval_holds_the_measured_value_and_shrinks_with_people() -> None:
    widths = []
    for n_people in (25, 150):
        scores, mated, subjects = trials(n_people, 0.4, 4)
        value, _ = fnmr_at_fmr(scores[mated], scores[~mated], 0.01)
        found = fnmr_at_fmr_by_subject(scores, mated, subjects, 0.01, seed=3)
        assert found.value == pytest.approx(value)
        assert found.low <= value <= found.high
        widths.append(found.high - found.low)
    assert widths[1] < 0.7 * widths[0]


def test_fnmr_without_errors_has_wilsons_upper_bound() -> None:
    scores, mated, subjects = trials(40, 0.001, 5)
    assert fnmr_at_fmr_by_subject(scores, mated, subjects, 0.001, seed=3) == wilson(0, 40)


def test_fnmr_interval_needs_pairs_of_both_kinds() -> None:
    scores, mated, subjects = trials(4, 0.1, 6)
    for part in (mated, ~mated):
        with pytest.raises(UsageError):
            fnmr_at_fmr_by_subject(scores[part], mated[part], subjects[part], 0.01, seed=3)


def test_an_interval_as_json() -> None:
    assert wilson(0, 1).as_json().keys() == {"value", "low", "high"}
