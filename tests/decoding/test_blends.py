"""Blends: planted weights, the simplex, leave-one-out and the scores by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize
from sklearn.linear_model import Ridge

from affectome.decoding.blends import (
    BlendDecoder,
    _leave_one_out,
    divergence,
    project_to_simplex,
    score_blends,
    top_two,
)
from affectome.errors import InputError


def planted(n=200, n_units=120, k=4, noise=1.0, seed=0):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.full(k, 0.5), n)
    return weights @ rng.normal(size=(k, n_units)) + noise * rng.normal(size=(n, n_units)), weights


def test_recovers_planted_weights():
    X, y = planted()
    decoder = BlendDecoder().fit(X[:140], y[:140])
    score = score_blends(y[140:], decoder.predict_proba(X[140:]))
    base = score_blends(y[140:], np.tile(decoder.base_ + 1e-12, (60, 1)) / (1 + 4e-12))
    assert score["r"] >= 0.9
    assert score["kl"] < 0.4 * base["kl"]
    assert score["top2"] > 0.7
    assert (decoder.predict_proba(X) > 0).all()


def test_noise_alone_is_given_the_base_rates():
    rng = np.random.default_rng(1)
    y = rng.dirichlet(np.ones(3), 80)
    decoder = BlendDecoder(alphas=(1.0, 1e4)).fit(rng.normal(size=(80, 40)), y)
    estimate = decoder.predict_proba(rng.normal(size=(20, 40)))
    np.testing.assert_allclose(estimate, np.tile(y.mean(0), (20, 1)), atol=0.1)


def test_weights_are_those_of_ridge_and_leave_one_out_is_exact():
    X, y = planted(25, 6)
    decoder = BlendDecoder(alphas=(0.3,)).fit(X, y)
    oracle = Ridge(alpha=decoder.alpha_).fit(X, y)
    np.testing.assert_allclose(decoder.coef_, oracle.coef_.T, rtol=1e-8)
    left, sizes, _ = np.linalg.svd(X - X.mean(0), full_matrices=False)
    ours = _leave_one_out(left, sizes**2 / (sizes**2 + decoder.alpha_), left.T @ (y - y.mean(0)), y)
    for i in (0, 11, 24):
        rest = np.arange(25) != i
        alone = Ridge(alpha=decoder.alpha_).fit(X[rest], y[rest]).predict(X[i : i + 1])
        np.testing.assert_allclose(ours[i], project_to_simplex(alone)[0], atol=1e-8)


@settings(deadline=None, max_examples=25)
@given(arrays(float, (3, 4), elements=st.floats(-3, 3)))
def test_the_projection_is_the_nearest_point(points):
    ours = project_to_simplex(points)
    np.testing.assert_allclose(ours.sum(1), 1, atol=1e-9)
    assert (ours >= 0).all()
    found = minimize(
        lambda w: ((w - points[0]) ** 2).sum(),
        np.full(4, 0.25),
        bounds=[(0, 1)] * 4,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
    )
    assert ((ours[0] - points[0]) ** 2).sum() <= found.fun + 1e-6


def test_scores_by_hand():
    y = np.array([[0.6, 0.4, 0.0], [1.0, 0.0, 0.0], [0.4, 0.3, 0.3]])
    p = np.array([[0.3, 0.6, 0.1], [0.2, 0.5, 0.3], [0.5, 0.1, 0.4]])
    kl = [0.6 * np.log(2) + 0.4 * np.log(2 / 3), np.log(5), 0]
    kl[2] = 0.4 * np.log(0.8) + 0.3 * np.log(3) + 0.3 * np.log(0.75)
    assert divergence(y, p) == pytest.approx(np.mean(kl))
    assert top_two(y, p) == pytest.approx(2 / 3)  # the second trial's one emotion is named third
    assert score_blends(y, y)["kl"] == 0
    assert score_blends(y, y)["r"] == pytest.approx(1)


def test_says_what_is_wrong():
    X, y = planted(10)
    with pytest.raises(InputError, match=r"two emotions or more; got \(10,\)"):
        BlendDecoder().fit(X, y[:, 0])
    y[3] *= 2
    with pytest.raises(InputError, match="row 3 of the blends"):
        BlendDecoder().fit(X, y)
    with pytest.raises(InputError, match="must not be negative"):
        BlendDecoder().fit(X[:2], [[1.5, -0.5], [0.5, 0.5]])
    with pytest.raises(InputError, match="give the same"):
        score_blends(planted(4, k=3)[1], planted(4)[1])
