import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.multiclass import OutputCodeClassifier
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from affectome.decoding.ridge import RidgeClassifierDecoder, RidgeDecoder
from affectome.errors import InputError
from affectome.evidence import Split, cross_fit, make_split, permutation_test


def made(n_classes=2, effect=1.0, seed=0):
    rng = np.random.default_rng(seed)
    trials = pd.DataFrame({"subject": np.repeat(np.arange(8), 12)})
    y = np.array(["calm", "fear", "joy"])[np.tile(np.arange(12) % n_classes, 8)]
    X = rng.normal(size=(96, 6))
    X[:, 0] += effect * (y == "fear")
    return X, y, make_split(trials, y, "subject", 4)


def rearranged(y, n_parts, n):
    """Labels shuffled within parts of equal length, (n, n_trials)."""
    parts = np.tile(y.reshape(n_parts, -1), (n, 1))
    return np.random.default_rng(0).permuted(parts, axis=1).reshape(n, -1)


class Refitted(RidgeClassifierDecoder):
    """The same decoder without its closed form."""

    closed_form_predictions = property()


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("metric", ["macro_auc", "balanced_accuracy", "f1_macro", "d_from_auc"])
def test_closed_form_gives_the_null_of_refitting(n_classes, metric):
    X, y, split = made(n_classes)
    drawn = rearranged(y, 8, 25)
    fast = permutation_test(RidgeClassifierDecoder(5.0), X, y, split, metric, arrangements=drawn)
    slow = permutation_test(Refitted(5.0), X, y, split, metric, arrangements=drawn)
    assert (fast.how, slow.how) == ("closed form", "joblib")
    assert fast.observed == pytest.approx(slow.observed, abs=1e-12)
    np.testing.assert_allclose(fast.null, slow.null, atol=1e-12)
    assert fast.p == slow.p


def test_observed_score_is_the_mean_auc_of_the_folds():
    X, y, split = made()
    test = permutation_test(RidgeClassifierDecoder(5.0), X, y, split, n_permutations=20)
    areas = []
    for train, rows in split:
        fitted = RidgeClassifierDecoder(5.0).fit(X[train], y[train])
        areas.append(roc_auc_score(y[rows] == "fear", fitted.decision_function(X[rows])))
    assert test.metric == "macro_auc"
    assert test.observed == pytest.approx(np.mean(areas), abs=1e-12)
    assert test.p == (1 + np.sum(test.null >= test.observed)) / 21
    assert test.to_dict()["how"] == "closed form"
    assert test.to_dict()["null"]["n_arrangements"] == 20


def test_ratings_by_a_regressor_with_and_without_a_closed_form():
    X, _, split = made()
    y = X[:, 1] + np.random.default_rng(1).normal(size=96)
    drawn = rearranged(y, 1, 20)
    fast = permutation_test(RidgeDecoder(3.0, standardize=False), X, y, split, arrangements=drawn)
    slow = permutation_test(Ridge(3.0), X, y, split, arrangements=drawn)
    assert fast.metric == "pearson_r"
    assert slow.how == "joblib"
    np.testing.assert_allclose(fast.null, slow.null, atol=1e-9)


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        make_pipeline(StandardScaler(), LinearSVC()),
        SVC(),
        NearestCentroid(),
    ],
)
def test_any_estimator_is_tested(estimator):
    X, y, split = made(3, effect=2.0)
    test = permutation_test(estimator, X, y, split, n_permutations=20, n_jobs=1)
    assert test.how == "joblib"
    assert test.observed > np.quantile(test.null, 0.9)


def test_a_class_that_training_lacks_gets_the_lowest_score():
    X, y, _ = made(3)
    folds = [(np.flatnonzero(y != "joy"), np.flatnonzero(y == "joy"))]
    split = Split("given", (), tuple(folds))
    found = cross_fit(LogisticRegression(), X, y, split, True)
    rows = found.scores[y == "joy"]
    assert (rows[:, 2] < rows[:, :2].min(axis=1)).all()


def test_bad_input_says_why():
    X, y, split = made(3)
    decoder = RidgeClassifierDecoder()
    with pytest.raises(InputError, match=r"arrangements have the shape \(2, 3\)"):
        permutation_test(decoder, X, y, split, arrangements=np.zeros((2, 3)))
    with pytest.raises(InputError, match="there are 95 trials"):
        permutation_test(decoder, X[:95], y, split)
    with pytest.raises(InputError, match="neither decision values nor probabilities"):
        permutation_test(OutputCodeClassifier(LinearSVC()), X, y, split, "macro_auc", 20)


def test_scores_of_pairs_of_classes_are_refused():
    X, _, _ = made()
    y = np.array(list("abcd"))[np.arange(96) % 4]
    split = make_split(pd.DataFrame({"subject": np.repeat(np.arange(8), 12)}), y, "subject", 4)
    with pytest.raises(InputError, match="SVC gives 6 scores for 4 classes; let it decide one"):
        permutation_test(SVC(decision_function_shape="ovo"), X, y, split, None, 20)
