"""Quick looks: bounds of shares against scipy, folds that cover every trial once."""

import numpy as np
import pytest
from scipy import stats
from scipy.stats import binomtest

from affectome.evidence.quick import (
    binomial_bounds,
    fold_numbers,
    gap_test,
    group_folds,
    random_folds,
    share_low,
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


def test_a_gap_is_tested_by_students_t_for_all_gaps_at_once():
    (low, high), p, null = gap_test(0.3, 0.1, 11, 4, 1000)
    assert p == pytest.approx(8 * stats.t.sf(3, 10))
    assert (low + high) / 2 == pytest.approx(0.3)
    assert null.correction == "Bonferroni over the 4 gaps of this audit"
    assert share_low(0, 50) == pytest.approx(0, abs=1e-12)
