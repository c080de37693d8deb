"""One slow dimension: its gradient, its climb, and levels that tell nothing of it."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from affectome.dynamics.slow_dimension import (
    _likelihood,
    fit_slow_dimension,
    pack,
    start_from,
    unpack,
)
from affectome.evidence.dynamics_surrogates import linear_trials

TAUS = np.array([40.0, 4.0, 2.0])


def drawn(seed=0, n_trials=30, n_times=80):
    a = np.exp(-1 / TAUS)
    return linear_trials(
        np.diag(a),
        0.3 * np.diag(1 - a**2),
        np.diag([20.0, 60.0, 60.0]),
        np.eye(3),
        (n_trials, n_times),
        np.random.default_rng(seed),
    )


def begin():
    return start_from(np.diag([0.9, 0.5, 0.2]), 0.3 * np.eye(3), 9 * np.eye(3), 800.0)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_gradient_is_that_of_differences(k):
    rng = np.random.default_rng(k)
    parameters = 0.5 * rng.normal(size=1 + (k - 1) ** 2 + k * k + k * (k + 1))
    scores = rng.normal(size=(7, 5, k))
    found = _likelihood(parameters, scores)[1]
    expected = approx_fprime(parameters, lambda p: _likelihood(p, scores)[0], 1e-6)
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_parameters_come_back_as_the_system_that_they_were_made_from():
    A = np.array([[0.95, 0.0, 0.1], [0.2, 0.5, 0.3], [0.0, -0.3, 0.4]])
    Q, V = np.diag([0.1, 0.4, 0.3]) + 0.02, np.diag([3.0, 2.0, 1.0]) + 0.5
    eta, B, C, root, spread = unpack(start_from(A, Q, V, 1000.0), 3)
    size = np.exp(-np.exp(-eta))
    left, s, right = np.linalg.svd(B)
    F = size * (left * (s / np.sqrt(1 + s**2))) @ right
    inner = np.zeros((3, 3))
    inner[0, 0], inner[1:, 1:] = size, F
    back = np.linalg.inv(C)
    np.testing.assert_allclose(C @ inner @ back, A, atol=1e-6)
    np.testing.assert_allclose(C @ root @ root.T @ C.T, Q, atol=1e-6)
    np.testing.assert_allclose(C @ spread @ spread.T @ C.T, V, atol=1e-6)
    np.testing.assert_allclose(
        pack(eta, B, C, root, spread), start_from(A, Q, V, 1000.0), atol=1e-9
    )


def test_time_constants_are_recovered_and_the_held_one_is_the_slowest():
    scores = drawn()
    found = fit_slow_dimension(scores, begin(), 800.0)
    assert found.converged
    np.testing.assert_allclose(found.time_constants, TAUS, rtol=0.2)
    held = fit_slow_dimension(scores, found.parameters, 800.0, tau=10.0)
    assert held.time_constants[0] == pytest.approx(10.0)
    assert found.log_likelihood > held.log_likelihood + 5


def test_levels_of_trials_change_nothing():
    scores = drawn()
    levels = 50 * np.random.default_rng(1).normal(size=(len(scores), 1, 3))
    one = fit_slow_dimension(scores, begin(), 800.0)
    two = fit_slow_dimension(scores + levels, begin(), 800.0)
    assert two.tau == pytest.approx(one.tau, rel=1e-3)
    assert two.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-3)
