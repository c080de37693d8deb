"""Intensity with classes, and ordered levels against statsmodels."""

import numpy as np
import pytest
from scipy.optimize import check_grad
from scipy.special import expit
from sklearn.utils.estimator_checks import parametrize_with_checks
from statsmodels.miscmodels.ordinal_model import OrderedModel

from affectome.decoding.intensity import (
    EmotionIntensityDecoder,
    OrdinalDecoder,
    _ordinal_loss,
)
from affectome.errors import InputError


def graded(n=300, n_units=20, seed=0):
    rng = np.random.default_rng(seed)
    y = np.array(["fear", "joy", "disgust"])[rng.integers(0, 3, n)]
    strength = rng.uniform(0.5, 3, n)
    directions = {e: rng.normal(size=n_units) for e in ("fear", "joy", "disgust")}
    X = strength[:, None] * np.stack([directions[e] for e in y]) + rng.normal(size=(n, n_units))
    return X, y, strength


def levels(n=250, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)) * [1, 5, 0.2]
    position = X @ [1.0, -0.3, 2.0]
    below = expit(np.array([-1.0, 0.5, 2.0]) - position[:, None])
    return X, (rng.uniform(size=(n, 1)) > below).sum(1)


def test_reads_emotion_and_intensity_of_new_trials_together():
    X, y, strength = graded()
    pairs = np.stack([y.astype(object), strength.astype(object)], axis=1)
    decoder = EmotionIntensityDecoder().fit(X[:200], pairs[:200])
    named = decoder.predict(X[200:])
    assert (named[:, 0] == y[200:]).mean() > 0.9
    assert np.corrcoef(named[:, 1].astype(float), strength[200:])[0, 1] > 0.85
    np.testing.assert_array_equal(named[:, 1].astype(float), decoder.predict_intensity(X[200:]))


def test_reads_opposite_directions_that_one_regression_can_not():
    rng = np.random.default_rng(1)
    y = np.array(["fear", "joy"])[rng.integers(0, 2, 200)]
    strength = rng.uniform(1, 3, 200)
    X = (np.where(y == "joy", 1, -1) * strength)[:, None] * np.ones(4) + rng.normal(size=(200, 4))
    pairs = np.stack([y.astype(object), strength], axis=1)
    decoder = EmotionIntensityDecoder().fit(X[:120], pairs[:120])
    assert np.corrcoef(decoder.predict_intensity(X[120:]), strength[120:])[0, 1] > 0.6


@parametrize_with_checks([OrdinalDecoder()])
def test_follows_scikit_learns_contract(estimator, check):
    check(estimator)


def test_equals_statsmodels_without_a_penalty():
    X, y = levels()
    ours = OrdinalDecoder(alpha=1e-9).fit(X, y)
    oracle = OrderedModel(y, X, distr="logit").fit(method="bfgs", disp=False, gtol=1e-8)
    np.testing.assert_allclose(ours.coef_, oracle.params[:3], rtol=1e-3)
    np.testing.assert_allclose(ours.predict_proba(X), oracle.predict(X), atol=1e-3)
    assert (np.diff(ours.thresholds_) > 0).all()


def test_the_gradient_is_that_of_the_loss():
    X, y = levels(40)
    start = np.random.default_rng(0).normal(size=6)
    error = check_grad(
        lambda w: _ordinal_loss(w, X, y, 0.1)[0], lambda w: _ordinal_loss(w, X, y, 0.1)[1], start
    )
    assert error < 1e-5


def test_says_what_is_wrong():
    X, y, strength = graded(30)
    pairs = np.stack([y.astype(object), strength.astype(object)], axis=1)
    with pytest.raises(InputError, match=r"two columns, emotion and intensity.*got \(30,\)"):
        EmotionIntensityDecoder().fit(X, y)
    with pytest.raises(InputError, match="no number: could not convert"):
        EmotionIntensityDecoder().fit(X, pairs[:, [0, 0]])
    pairs[4, 1] = np.nan
    with pytest.raises(InputError, match="NaN or infinite in row 4"):
        EmotionIntensityDecoder().fit(X, pairs)
    few = np.array([["a", 1], ["a", 2], ["a", 1], ["b", 1]], dtype=object)
    with pytest.raises(InputError, match="intensity of 'b' is learned from 1 trials"):
        EmotionIntensityDecoder().fit(X[:4], few)
