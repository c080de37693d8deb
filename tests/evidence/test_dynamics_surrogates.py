"""Nulls of dynamics: what is drawn, how many, and intervals that hold."""

import numpy as np
import pytest
from scipy.stats import norm

from affectome.errors import InputError
from affectome.evidence.dynamics_surrogates import (
    likelihood_interval,
    linear_trials,
    reversal_test,
    surrogate_test,
)


def test_trials_have_the_covariance_of_the_system():
    A, Q = np.array([[0.9, 0.1], [0.0, 0.5]]), np.diag([0.2, 0.4])
    V, C = np.array([[2.0, 0.3], [0.3, 1.0]]), np.array([[1.0, 0.0], [0.5, 1.0], [0.0, 2.0]])
    Y = linear_trials(A, Q, V, C, (40_000, 3), np.random.default_rng(0))
    assert Y.shape == (40_000, 3, 3)
    np.testing.assert_allclose(np.cov(Y[:, 0].T), C @ V @ C.T + np.eye(3), atol=0.15)
    ahead = C @ A @ A @ V @ C.T
    cross = (Y[:, 2] - Y[:, 2].mean(0)).T @ (Y[:, 0] - Y[:, 0].mean(0)) / len(Y)
    np.testing.assert_allclose(cross, ahead, atol=0.1)


def test_p_of_surrogates_is_uniform_and_stops_where_many_are_as_large():
    rng = np.random.default_rng(0)
    found = [
        surrogate_test(value, lambda own: own.normal(), 99, "normal", 8, random_state=seed)
        for seed, value in enumerate(rng.normal(size=2000))
    ]
    p = np.array([one for one, _ in found])
    assert (p <= 0.05).mean() == pytest.approx(0.05, abs=0.012)
    assert (p <= 0.2).mean() == pytest.approx(0.2, abs=0.025)
    assert np.mean([null.n_arrangements for _, null in found]) < 45
    with pytest.raises(InputError, match="needs one or more; got 0"):
        surrogate_test(0.0, lambda own: own.normal(), 0, "normal", 8)
    with pytest.raises(InputError, match="not a number has no p"):
        surrogate_test(np.nan, lambda own: own.normal(), 9, "normal", 8)


def test_reversals_find_what_has_a_sign_and_nothing_else():
    rng = np.random.default_rng(0)
    alarms = [
        reversal_test(rng.normal(size=20), n_reversals=199, random_state=seed)[0] <= 0.05
        for seed in range(1000)
    ]
    assert np.mean(alarms) == pytest.approx(0.05, abs=0.02)
    p, null = reversal_test(1 + 0.5 * rng.normal(size=20))
    assert p < 0.01
    assert null.n_groups == 20
    assert "backwards" in null.scheme


def test_interval_of_a_normal_likelihood_is_its_mean_and_196_errors():
    found = likelihood_interval(lambda x: -0.5 * ((x - 2) / 0.3) ** 2, 0.0, 2.0, (-10, 10))
    reach = 0.3 * norm.ppf(0.975)
    assert found == pytest.approx((2 - reach, 2 + reach), abs=0.01)


def test_an_end_that_the_data_cannot_tell_is_open():
    found = likelihood_interval(lambda x: -(max(0.0, 1 - x) ** 2), 0.0, 1.5, (-10, 3))
    assert found[1] == np.inf
    assert found[0] == pytest.approx(1 - np.sqrt(norm.ppf(0.975) ** 2 / 2), abs=0.01)
