"""The smoother against the joint normal distribution, the chain against all paths."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectome.kernels.kalman import forward_backward, smooth, smooth_about_levels


def system(n_times, m, n_trials, k, seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n_times, m, k, k))
    diagonal = root @ root.swapaxes(2, 3) + 6 * np.eye(k)
    return (
        diagonal,
        rng.normal(size=(n_times - 1, m, k, k)),
        rng.normal(size=(n_times, n_trials, k)),
    )


@settings(deadline=None, max_examples=12)
@given(st.integers(2, 5), st.integers(1, 3), st.booleans(), st.integers(0, 99))
def test_equals_the_inverse_of_the_whole_precision(n_times, k, shared, seed):
    n = 3
    diagonal, off, linear = system(n_times, 1 if shared else n, n, k, seed)
    found = smooth(diagonal, off, linear)
    total = 0.0
    for i in range(n):
        r = 0 if shared else i
        J = np.zeros((n_times * k, n_times * k))
        for t in range(n_times):
            here = slice(t * k, (t + 1) * k)
            J[here, here] = diagonal[t, r]
            if t < n_times - 1:
                after = slice((t + 1) * k, (t + 2) * k)
                J[here, after] = -off[t, r]
                J[after, here] = -off[t, r].T
        V, h = np.linalg.inv(J), linear[:, i].ravel()
        np.testing.assert_allclose(found.mean[:, i].ravel(), V @ h, atol=1e-9)
        for t in range(n_times):
            here = slice(t * k, (t + 1) * k)
            np.testing.assert_allclose(found.covariance[t, r], V[here, here], atol=1e-9)
            if t < n_times - 1:
                after = slice((t + 1) * k, (t + 2) * k)
                np.testing.assert_allclose(found.neighbour[t, r], V[here, after], atol=1e-9)
        total += 0.5 * h @ V @ h - 0.5 * np.linalg.slogdet(J)[1]
    assert found.log_normaliser == pytest.approx(total)


@settings(deadline=None, max_examples=12)
@given(st.integers(1, 5), st.integers(1, 3), st.integers(0, 99))
def test_equals_the_sum_over_all_paths(n_times, k, seed):
    rng = np.random.default_rng(seed)
    start, step = rng.dirichlet(np.ones(k)), rng.dirichlet(np.ones(k), k)
    log_emit = 5 * rng.normal(size=(n_times, 2, k))
    found = forward_backward(start, step, log_emit)
    state, pair, likelihood = np.zeros((n_times, 2, k)), np.zeros((k, k)), 0.0
    for i in range(2):
        weights = {}
        for path in itertools.product(range(k), repeat=n_times):
            chance = np.log(start[path[0]]) + log_emit[range(n_times), i, path].sum()
            chance += sum(np.log(step[a, b]) for a, b in itertools.pairwise(path))
            weights[path] = np.exp(chance)
        total = sum(weights.values())
        likelihood += np.log(total)
        for path, weight in weights.items():
            state[range(n_times), i, path] += weight / total
            for a, b in itertools.pairwise(path):
                pair[a, b] += weight / total
    np.testing.assert_allclose(found.state, state, atol=1e-9)
    np.testing.assert_allclose(found.pair, pair, atol=1e-9)
    assert found.log_likelihood == pytest.approx(likelihood)


@settings(deadline=None, max_examples=8)
@given(st.integers(3, 6), st.integers(1, 3), st.integers(0, 99))
def test_free_levels_are_integrated_out_as_by_contrasts_of_the_joint_normal(n_times, k, seed):
    rng = np.random.default_rng(seed)
    n_units, n = k + 1, 3
    A, C = 0.4 * rng.normal(size=(k, k)), rng.normal(size=(n_units, k))
    Q, V = (root @ root.T + np.eye(k) for root in rng.normal(size=(2, k, k)))
    cov = np.zeros((n_times, k, n_times, k))
    cov[0, :, 0] = V
    for t in range(1, n_times):
        for s in range(t):
            cov[t, :, s] = A @ cov[t - 1, :, s]
            cov[s, :, t] = cov[t, :, s].T
        cov[t, :, t] = A @ cov[t - 1, :, t - 1] @ A.T + Q
    cov = cov.reshape(n_times * k, -1)
    loads = np.kron(np.eye(n_times), C)
    seen = loads @ cov @ loads.T + np.eye(n_times * n_units)
    contrasts = np.kron(np.linalg.svd(np.ones((1, n_times)))[2][1:], np.eye(n_units))
    part = contrasts @ seen @ contrasts.T
    gain = cov @ loads.T @ contrasts.T @ np.linalg.inv(part)
    Y = 3 * rng.normal(size=(n, n_times, n_units)) + 100 * rng.normal(size=(n, 1, n_units))
    z = Y.reshape(n, -1) @ contrasts.T
    centred = np.ascontiguousarray((Y - Y.mean(1, keepdims=True)).swapaxes(0, 1))
    found = smooth_about_levels(A, Q, V, C, centred)
    likelihood = -0.5 * (z @ np.linalg.inv(part) * z).sum() - n / 2 * np.linalg.slogdet(part)[1]
    assert found.log_likelihood == pytest.approx(likelihood)
    states = z @ gain.T
    left = cov - gain @ contrasts @ loads @ cov
    np.testing.assert_allclose(found.mean.swapaxes(0, 1).reshape(n, -1), states, atol=1e-8)
    second = (states.T @ states + n * left).reshape(n_times, k, n_times, k)
    np.testing.assert_allclose(found.first, second[0, :, 0], atol=1e-7)
    np.testing.assert_allclose(
        found.cross, sum(second[t + 1, :, t] for t in range(n_times - 1)), atol=1e-7
    )
    everything = sum(second[t, :, t] for t in range(n_times))
    average = second.sum((0, 2)) / n_times
    np.testing.assert_allclose(found.spread, everything - average, atol=1e-7)
