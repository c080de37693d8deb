import numpy as np
import pytest
from mne.decoding import GeneralizingEstimator
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from affectome.errors import InputError
from affectome.kernels.generalisation import arranged_matrices, generalisation_matrix


def problem(n_units=6, n_classes=2, n=40, n_times=7):
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(n) % n_classes)
    X = rng.normal(size=(n, n_units, n_times)) * rng.uniform(0.5, 2, (n_units, 1)) + 2
    X[:, 0, 3:] += 3 * y[:, None]
    return X, y, list(StratifiedKFold(4).split(X[:, 0], y))


def peer(model, X, y, folds, scoring):
    scores = []
    for train, test in folds:
        estimator = GeneralizingEstimator(model, scoring=scoring, verbose=False)
        scores.append(estimator.fit(X[train], y[train]).score(X[test], y[test]))
    return np.array(scores)


@pytest.mark.parametrize("n_units", [6, 50])
@pytest.mark.parametrize("standardize", [True, False])
def test_equals_mne(n_units, standardize):
    X, y, folds = problem(n_units)
    model = make_pipeline(StandardScaler(with_std=standardize), RidgeClassifier(2.0))
    found = generalisation_matrix(X, y, folds, 2.0, standardize=standardize)
    np.testing.assert_allclose(found, peer(model, X, y, folds, "roc_auc"), rtol=0, atol=1e-10)
    assert found[:, 4, 5].mean() > 0.6


def test_more_classes_equal_the_mean_of_one_against_the_rest():
    X, y, folds = problem(n_classes=3, n=48)
    found = generalisation_matrix(X, y, folds)
    alone = [
        peer(make_pipeline(StandardScaler(), RidgeClassifier()), X, y == k, folds, "roc_auc")
        for k in range(3)
    ]
    np.testing.assert_allclose(found, np.mean(alone, axis=0), rtol=0, atol=1e-10)


def test_shrinkage_lda_of_standardised_units_is_a_ridge():
    X, y, folds = problem()
    alpha = 30 * 0.2 / 0.8

    class Shrunk:
        def fit(self, Z):
            self.covariance_ = np.cov(Z.T, ddof=0) + alpha / 30 * np.eye(6)
            return self

    lda = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=Shrunk())
    expected = peer(make_pipeline(StandardScaler(), lda), X, y, folds, "roc_auc")
    np.testing.assert_allclose(generalisation_matrix(X, y, folds, alpha), expected, atol=1e-10)


def test_order_of_trials_scale_and_constant_units_do_not_matter():
    X, y, folds = problem()
    order = np.random.default_rng(1).permutation(40)
    where = np.argsort(order)
    changed = np.concatenate([X * np.logspace(-3, 3, 6)[:, None] - 7, np.full((40, 1, 7), 0.1)], 1)
    moved = [(where[train], where[test]) for train, test in folds]
    np.testing.assert_array_equal(
        generalisation_matrix(changed[order], y[order], moved), generalisation_matrix(X, y, folds)
    )


def test_a_time_without_signal_generalises_at_chance():
    X, y, folds = problem()
    X[:, :, 0] = 0.1
    matrix = generalisation_matrix(X, y, folds)
    assert (matrix[:, 0] == 0.5).all()
    assert (matrix[:, :, 0] == 0.5).all()


def test_a_wild_test_trial_costs_no_digits():
    X, y, folds = problem()
    X[folds[0][1][0]] *= 1e6
    model = make_pipeline(StandardScaler(), RidgeClassifier())
    found = generalisation_matrix(X, y, folds)
    np.testing.assert_allclose(found, peer(model, X, y, folds, "roc_auc"), atol=1e-10)


def test_folds_that_leave_trials_out_altogether():
    X, y, folds = problem()
    purged = [(train[::2], test) for train, test in folds]
    model = make_pipeline(StandardScaler(), RidgeClassifier())
    found = generalisation_matrix(X, y, purged)
    np.testing.assert_allclose(found, peer(model, X, y, purged, "roc_auc"), atol=1e-10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.zeros((6, 3))}, r"X has shape \(6, 3\) and y \(6,\)"),
        ({"X": np.full((6, 3, 2), np.inf)}, "X holds NaN or infinity"),
        ({"y": np.zeros(6)}, "y holds one class only"),
        ({"alpha": -1.0}, "alpha must be a positive number"),
    ],
)
def test_bad_input_is_refused_in_one_line(change, message):
    good = {"X": np.ones((6, 3, 2)), "y": np.arange(6) % 2, "folds": [([0, 1, 2], [3, 4])]}
    with pytest.raises(InputError, match=message):
        generalisation_matrix(**good | change)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_arranged_matrices_are_those_of_each_arrangement_fitted_anew(n_classes):
    rng = np.random.default_rng(0)
    person, stimulus = (a.ravel() for a in np.indices((3, 12)))
    X = rng.normal(size=(36, 5, 4))
    Y = np.array([rng.permutation(12)[stimulus] % n_classes for _ in range(60)])
    folds = [(np.flatnonzero(stimulus % 2 == k), np.flatnonzero(stimulus % 2 != k)) for k in (0, 1)]
    found = arranged_matrices(X, Y, folds, person, 3.0)
    assert found.shape == (60, 3, 4, 4)
    for number in (0, 25, 59):
        for g in range(3):
            own = [(train, test[person[test] == g]) for train, test in folds]
            by_fold = generalisation_matrix(X, Y[number], own, 3.0)
            if np.isnan(by_fold).any():
                continue
            pairs = [_pairs(Y[number][test], n_classes) for _, test in own]
            if n_classes == 2:
                expected = np.average(by_fold, axis=0, weights=[p[0] for p in pairs])
                np.testing.assert_allclose(found[number, g], expected)
            else:
                assert np.isfinite(found[number, g]).all()
    assert np.isnan(
        arranged_matrices(X, np.where(person == 1, 1, Y[:1] % 2), folds, person)[0, 1]
    ).all()


def _pairs(y, n_classes):
    return [(y == k).sum() * (y != k).sum() for k in range(n_classes)]
