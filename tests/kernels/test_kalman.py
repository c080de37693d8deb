"""The smoother against the joint normal distribution, the chain against all paths."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectome.kernels.kalman import forward_backward, smooth


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
