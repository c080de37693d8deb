"""Groups that trade trials, classes that trade names: they hold their level, and have power."""

import numpy as np
import pytest
from scipy.stats import chisquare

from affectome.evidence.membership import balance_test, membership_test


def spread_between(X: np.ndarray):
    """How little groups differ: as a score over folds of them would, it falls where they do."""

    def read(groups: np.ndarray) -> float:
        sizes = np.maximum(np.bincount(groups), 1)
        return -float((np.bincount(groups, X) ** 2 / sizes).sum())

    return read


def test_groups_that_matter_are_told_from_those_that_do_not():
    rng = np.random.default_rng(0)
    groups, y = np.repeat(np.arange(12), 10), np.repeat(np.arange(12) % 2, 10)
    noise = rng.normal(size=120)
    p, null = membership_test(spread_between(noise), groups, y, "person", 3, 0)
    assert p > 0.05
    assert null.n_groups == 12
    assert null.n_arrangements < 500
    assert null.correction == "Bonferroni over the 3 gaps of this audit"
    p, null = membership_test(
        spread_between(noise + rng.normal(size=12)[groups]), groups, y, "person", 3, 0
    )
    assert p < 0.01
    assert null.n_arrangements == 500


def test_labels_of_groups_stay_with_their_groups():
    groups, y = np.repeat(np.arange(8), 6), np.repeat(np.arange(8) % 2, 6)
    seen = []

    def read(traded: np.ndarray) -> float:
        seen.append(traded.copy())
        return 0.0

    membership_test(read, groups, y, "person", 1, 0)
    for traded in seen:
        assert np.array_equal(np.bincount(traded), np.bincount(groups))
        assert all(len(set(y[traded == g])) == 1 for g in range(8))


@pytest.mark.slow
def test_false_gaps_keep_their_level():
    rng = np.random.default_rng(1)
    groups, y = np.repeat(np.arange(10), 8), np.repeat(np.arange(10) % 2, 8)
    p = [
        membership_test(spread_between(rng.normal(size=80) + y), groups, y, "person", 1, seed)[0]
        for seed in range(200)
    ]
    assert np.mean(np.array(p) <= 0.05) <= 0.085


def test_independent_trials_have_the_p_of_chi_square():
    y = np.repeat([0, 1, 2], [35, 52, 33])
    p, null = balance_test(y, 3, None, "single trials", 0)
    assert p == pytest.approx(chisquare([35, 52, 33]).pvalue, abs=0.02)
    assert null.scheme == "names of the classes exchanged within single trials"


def test_repeated_trials_of_few_people_prove_no_imbalance():
    person = np.repeat(np.arange(8), 30)
    y = np.isin(person, [0, 1, 2, 3, 4, 5]).astype(int)
    assert balance_test(y, 2, None, "single trials", 0)[0] < 0.001
    p, null = balance_test(y, 2, person, "values of person", 0)
    # six heads or more in eight throws, or six tails
    assert p == pytest.approx(2 * 37 / 256, abs=0.03)
    assert null.n_groups == 8


def test_people_with_several_labels_each():
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(40), 10)
    assert balance_test(rng.integers(3, size=400), 3, person, "values of person", 0)[0] > 0.05
    rare = (rng.random(400) < 0.2).astype(int)
    assert balance_test(rare, 2, person, "values of person", 0)[0] < 0.001
