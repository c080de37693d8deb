"""Quick looks: bounds of shares against scipy, folds that cover every trial once."""

import numpy as np
import pytest
from scipy import stats
from scipy.stats import binomtest

from affectome.evidence.quick import (
    binomial_bounds,
    fold_numbers,
    gap_interval,
    group_folds,
    kept_together,
    random_folds,
    share_low,
    stretch_folds,
)


def test_binomial_bounds_are_those_of_scipy():
    for hits, n in ((0, 7), (3, 7), (7, 7), (40, 60)):
        oracle = binomtest(hits, n).proportion_ci()
        assert binomial_bounds(hits, n) == pytest.approx((oracle.low, oracle.high))
    assert binomial_bounds(0, 0) == (0.0, 1.0)


def test_folds_test_every_trial_once_and_keep_groups_together():
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=60)
    groups = np.arange(60) // 6
    for folds in (random_folds(y, rng), group_folds(groups, y, rng)):
        tested = np.concatenate([test for _, test in folds])
        assert sorted(tested) == list(range(60))
    numbers = fold_numbers(group_folds(groups, y, rng), 60)
    assert all(len(np.unique(numbers[groups == g])) == 1 for g in range(10))


def test_the_interval_of_a_gap_holds_for_all_gaps_at_once():
    (low, high), least = gap_interval(0.3, 0.1, 11, 4)
    assert high - 0.3 == pytest.approx(0.1 * stats.t.ppf(1 - 0.05 / 8, 10))
    assert (low + high) / 2 == pytest.approx(0.3)
    assert least == pytest.approx(0.3 - 0.1 * stats.t.ppf(0.95, 10))


def test_families_and_stretches_stay_together():
    rng = np.random.default_rng(0)
    y, family = rng.integers(2, size=80), rng.integers(30, size=80)
    random = random_folds(y, rng)
    fold = fold_numbers(kept_together(random, family), 80)
    assert all(len(np.unique(fold[family == f])) == 1 for f in family)
    first = np.unique(family, return_index=True)[1]
    assert np.array_equal(fold[first], fold_numbers(random, 80)[first])
    place = rng.random(200)
    rank = place.argsort().argsort()
    for train, test in stretch_folds(place, rng.integers(2, size=200), rng):
        assert np.abs(rank[train][:, None] - rank[test]).min() > 2


def test_a_share_has_a_lower_bound():
    assert share_low(0, 50) == pytest.approx(0, abs=1e-12)
