"""Temperature and reliability against scikit-learn and against planted miscalibration."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.calibration import CalibratedClassifierCV, calibration_curve
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from affectome.decoding.calibration import CalibratedDecoder, fit_temperature, reliability
from affectome.decoding.lda import ShrinkageLDA
from affectome.decoding.ridge import RidgeClassifierDecoder
from affectome.errors import InputError


def blobs(n=400, seed=0, n_classes=3):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n)
    return rng.normal(size=(n, 5)) + np.eye(n_classes, 5)[y], y


def crossed(seed, n_people=26, n_stimuli=26, n_units=12):
    """Each person meets each stimulus once; both have an identity as strong as the noise."""
    rng = np.random.default_rng(seed)
    person, stimulus = (a.ravel() for a in np.indices((n_people, n_stimuli)))
    y = stimulus % 2
    own = rng.normal(size=(n_people, n_units))
    shown = 1.5 * rng.normal(size=(n_stimuli, n_units))
    way = rng.normal(size=(2, n_units)) * 0.3
    X = way[y] + own[person] + shown[stimulus] + rng.normal(size=(len(y), n_units))
    return X, y, np.column_stack([person, stimulus])


@settings(deadline=None, max_examples=6)
@given(st.floats(0.05, 20), st.integers(0, 5))
def test_finds_the_planted_temperature(temperature, seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(4000, 4)) * 1.5
    y = np.array([rng.choice(4, p=p) for p in softmax(logits, axis=1)])
    assert fit_temperature(logits * temperature, y) == pytest.approx(temperature, rel=0.15)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_equals_scikit_learns_temperature(n_classes):
    X, y = blobs(n_classes=n_classes)
    model = LogisticRegression(C=100).fit(X[:50], y[:50])
    oracle = CalibratedClassifierCV(FrozenEstimator(model), method="temperature").fit(X, y)
    logits = model.decision_function(X)
    if n_classes == 2:
        logits = np.stack([-logits, logits], axis=1)
    ours = softmax(logits / fit_temperature(logits, y), axis=1)
    np.testing.assert_allclose(ours, oracle.predict_proba(X), atol=2e-3)


def test_a_perfect_and_a_hopeless_decoder_hit_the_bounds():
    y = np.array([0, 1, 0, 1])
    right = np.eye(2)[y]
    assert fit_temperature(right, y) < 0.02
    assert fit_temperature(1 - right, y) > 500


def test_makes_an_overconfident_decoder_honest():
    X, y = blobs(1500)
    X = np.repeat(X, 6, axis=1)  # copies of a feature make naive Bayes far too sure
    groups = np.arange(1500) // 30
    raw = GaussianNB().fit(X[:900], y[:900])
    scaled = CalibratedDecoder(GaussianNB()).fit(X[:900], y[:900], groups[:900])
    before = reliability(y[900:], raw.predict_proba(X[900:])).ece
    after = reliability(y[900:], scaled.predict_proba(X[900:])).ece
    assert scaled.temperature_ > 2
    assert before > 0.12
    assert after < 0.06
    np.testing.assert_array_equal(scaled.predict(X[900:]), raw.predict(X[900:]))


def test_works_on_decoders_without_probabilities():
    X, y = blobs(300, n_classes=2)
    labels = np.array(["calm", "fear"])[y]
    decoder = CalibratedDecoder(RidgeClassifierDecoder()).fit(X, labels, np.arange(300))
    np.testing.assert_allclose(decoder.predict_proba(X).sum(1), 1)
    np.testing.assert_array_equal(
        decoder.predict(X), RidgeClassifierDecoder().fit(X, labels).predict(X)
    )
    assert reliability(y, decoder.predict_proba(X)).ece < 0.1


def test_is_as_right_as_sure_on_new_people_and_new_stimuli():
    """Strong identities of people and stimuli; trials alone make it far too sure of strangers."""
    error = {"both": [], "trials": []}
    for seed in range(12):
        X, y, groups = crossed(seed)
        known = (groups < 14).all(axis=1)
        new = (groups >= 14).all(axis=1)
        for how, columns in (("both", groups[known]), ("trials", np.arange(known.sum()))):
            decoder = CalibratedDecoder(ShrinkageLDA(priors="equal"))
            p = decoder.fit(X[known], y[known], columns).predict_proba(X[new])
            error[how].append(reliability(y[new], p).ece)
    assert np.mean(error["both"]) < 0.12
    assert np.mean(error["trials"]) > 2 * np.mean(error["both"])


def test_without_groups_it_says_that_trials_are_taken_as_independent():
    X, y = blobs(60)
    with pytest.warns(UserWarning, match="calibration takes the trials as independent"):
        CalibratedDecoder(GaussianNB()).fit(X, y)


def test_reliability_equals_scikit_learns_curve_and_a_sum_by_hand():
    rng = np.random.default_rng(3)
    p = rng.uniform(0.5, 1, 500)
    y = (rng.uniform(size=500) > p).astype(int)
    ours = reliability(y, np.stack([p, 1 - p], axis=1), n_bins=10)
    right, sure = calibration_curve(y == 0, p, n_bins=10)
    np.testing.assert_allclose(ours.accuracy, right)
    np.testing.assert_allclose(ours.confidence, sure)
    assert ours.ece == pytest.approx(np.abs(right - sure) @ ours.count / 500)
    assert ours.to_dict()["count"] == ours.count.tolist()


def test_says_what_is_wrong():
    X, y = blobs(30)
    with pytest.raises(InputError, match=r"got \(3, 2\) and \(2,\)"):
        fit_temperature(np.zeros((3, 2)), [0, 1])
    with pytest.raises(InputError, match=r"shape \(n_trials, n_classes\)"):
        reliability([0, 1], [0.1, 0.9])
    with pytest.raises(InputError, match="sum to 1"):
        reliability([0, 1], [[0.1, 0.8], [0.5, 0.5]])
    with pytest.raises(InputError, match="there is one group"):
        CalibratedDecoder(GaussianNB()).fit(X, y, np.zeros(30))
    with pytest.raises(InputError, match="the rarest has 1"):
        CalibratedDecoder(GaussianNB()).fit(X[:4], [0, 0, 0, 1], np.arange(4))
    with pytest.raises(InputError, match="no inner fold holds every class"):
        CalibratedDecoder(GaussianNB()).fit(X, y, y)
