"""SIMPLS from covariances against the one from trials, and scikit-learn's."""

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression

from affectome.errors import InputError
from affectome.kernels import pls
from affectome.kernels.simpls import coefficients


def data(q, seed=0, n=40, m=12):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, m)) * np.linspace(1, 3, m)
    Y = X @ rng.standard_normal((m, q)) + 2 * rng.standard_normal((n, q))
    return X - X.mean(axis=0), Y - Y.mean(axis=0)


@pytest.mark.parametrize("n_components", [1, 3, 12])
@pytest.mark.parametrize("q", [1, 2, 7])
def test_it_is_the_fit_from_trials(q, n_components):
    X, Y = data(q)
    other = Y[np.random.default_rng(1).permutation(len(Y))]
    S = np.stack([Y.T @ X, other.T @ X])
    found = coefficients(X.T @ X, S, n_components)
    for targets, B in zip((Y, other), found, strict=True):
        expected = pls.fit(X, targets, n_components).weights.T
        np.testing.assert_allclose(B, expected, atol=1e-7)


def test_one_target_is_scikit_learns():
    X, Y = data(1)
    found = coefficients(X.T @ X, (Y.T @ X)[None], 4)[0]
    np.testing.assert_allclose(found, PLSRegression(4, scale=False).fit(X, Y).coef_, atol=1e-8)


def test_components_beyond_the_rank_add_nothing():
    X, Y = data(3, m=4)
    C, S = X.T @ X, (Y.T @ X)[None]
    np.testing.assert_allclose(coefficients(C, S, 4), coefficients(C, S, 50), atol=1e-8)
    np.testing.assert_allclose(coefficients(C, S, 4)[0], np.linalg.lstsq(X, Y)[0].T, atol=1e-8)
    assert not coefficients(C, np.zeros_like(S), 3).any()


def test_shapes_that_do_not_meet():
    with pytest.raises(InputError, match=r"\(3, 3\) and \(1, 2, 4\) do not meet"):
        coefficients(np.eye(3), np.zeros((1, 2, 4)), 1)
    with pytest.raises(InputError, match="n_components must be 1 or more; got 0"):
        coefficients(np.eye(3), np.zeros((1, 2, 3)), 0)
