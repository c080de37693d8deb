import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import KFold

from affectome.decoding import (
    PLSClassifierDecoder,
    PLSDecoder,
    RidgeClassifierDecoder,
    RidgeDecoder,
    ShrinkageLDA,
)
from affectome.errors import InputError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 90)) * RNG.uniform(0.1, 9, 90)
FOLDS = list(KFold(4, shuffle=True, random_state=0).split(X))


def refitted(estimator, method, arrangements):
    expected = None
    for a, y in enumerate(arrangements):
        for train, test in FOLDS:
            values = getattr(estimator.fit(X[train], y[train]), method)(X[test])
            if expected is None:
                expected = np.empty((len(arrangements), len(X), *values.shape[1:]))
            expected[a, test] = values
    return expected


@pytest.mark.parametrize("alpha", [3.0, (0.1, 10.0, 1000.0)])
@pytest.mark.parametrize("standardize", [True, False])
def test_closed_form_equals_fitting_every_arrangement_anew(alpha, standardize):
    Y = RNG.normal(size=(4, 60))
    decoder = RidgeDecoder(alpha, standardize)
    np.testing.assert_allclose(
        decoder.closed_form_predictions(X, Y, FOLDS), refitted(decoder, "predict", Y), atol=1e-9
    )


@pytest.mark.parametrize("alpha", [3.0, (0.1, 10.0, 1000.0)])
@pytest.mark.parametrize("labels", [["calm", "fear"], ["anger", "calm", "fear"]])
def test_closed_form_scores_equal_fitting_every_arrangement_anew(alpha, labels):
    Y = np.array([RNG.permutation(np.resize(labels, 60)) for _ in range(4)])
    decoder = RidgeClassifierDecoder(alpha)
    np.testing.assert_allclose(
        decoder.closed_form_predictions(X, Y, FOLDS),
        refitted(decoder, "decision_function", Y),
        atol=1e-9,
    )


@pytest.mark.parametrize("n_classes", [2, 4])
def test_classifier_equals_scikit_learn(n_classes):
    y = RNG.permutation(np.arange(60) % n_classes)
    ours = RidgeClassifierDecoder(2.0, standardize=False).fit(X, y)
    peer = RidgeClassifier(2.0).fit(X, y)
    np.testing.assert_allclose(ours.decision_function(X), peer.decision_function(X), atol=1e-10)
    np.testing.assert_array_equal(ours.predict(X), peer.predict(X))


def test_regression_of_several_targets_keeps_their_shape():
    Y = RNG.normal(size=(60, 3))
    decoder = RidgeDecoder((1.0, 100.0)).fit(X, Y)
    assert decoder.coef_.shape == (3, 90)
    assert decoder.alpha_.shape == (3,)
    alone = RidgeDecoder((1.0, 100.0)).fit(X, Y[:, 1])
    np.testing.assert_allclose(decoder.predict(X)[:, 1], alone.predict(X), atol=1e-12)


@pytest.mark.parametrize("standardize", [True, False])
def test_pls_closed_form_equals_fitting_every_arrangement_anew(standardize):
    Y = RNG.normal(size=(4, 60))
    decoder = PLSDecoder(3, standardize)
    np.testing.assert_allclose(
        decoder.closed_form_predictions(X, Y, FOLDS), refitted(decoder, "predict", Y), atol=1e-9
    )
    with pytest.raises(InputError, match=r"Y has shape \(60,\)"):
        decoder.closed_form_predictions(X, Y[0], FOLDS)


@pytest.mark.parametrize("labels", [["calm", "fear"], ["anger", "calm", "fear"]])
def test_pls_closed_form_scores_equal_fitting_every_arrangement_anew(labels):
    Y = np.array([RNG.permutation(np.resize(labels, 60)) for _ in range(4)])
    decoder = PLSClassifierDecoder(3)
    np.testing.assert_allclose(
        decoder.closed_form_predictions(X, Y, FOLDS),
        refitted(decoder, "decision_function", Y),
        atol=1e-8,
    )


@pytest.mark.parametrize("labels", [["calm", "fear"], ["anger", "calm", "fear"]])
@pytest.mark.parametrize("shrinkage", [0.3, "auto"])
def test_lda_closed_form_scores_equal_fitting_every_arrangement_anew(shrinkage, labels):
    Y = np.array([RNG.permutation(np.resize(labels, 60)) for _ in range(4)])
    decoder = ShrinkageLDA(shrinkage)
    np.testing.assert_allclose(
        decoder.closed_form_predictions(X, Y, FOLDS),
        refitted(decoder, "decision_function", Y),
        atol=1e-8,
    )
    probabilities = decoder.fit(X, Y[0]).predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    chosen = decoder.classes_[probabilities.argmax(axis=1)]
    np.testing.assert_array_equal(chosen, decoder.predict(X))


def test_a_class_of_one_trial_scores_lowest_where_it_was_not_seen():
    y = np.resize([0, 1], 60)
    y[7] = 2
    scores = RidgeClassifierDecoder().closed_form_predictions(X, y[None], FOLDS)
    assert scores[0, 7, 2] == pytest.approx(-1.0)


def test_one_class_is_refused():
    with pytest.raises(InputError, match="y holds one class only"):
        RidgeClassifierDecoder().fit(X, np.zeros(60))
    with pytest.raises(InputError, match="Y holds 1 class"):
        RidgeClassifierDecoder().closed_form_predictions(X, np.zeros((2, 60)), FOLDS)
    with pytest.raises(InputError, match=r"Y has shape \(60,\)"):
        RidgeClassifierDecoder().closed_form_predictions(X, np.arange(60), FOLDS)
