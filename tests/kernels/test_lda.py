import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax
from sklearn.covariance import empirical_covariance, ledoit_wolf_shrinkage
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

from affectome.errors import InputError
from affectome.kernels import lda


def problem(p, n_classes=3, n=48, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % n_classes)
    X = rng.normal(size=(n, p)) * rng.uniform(0.5, 3, p) + 4
    X[:, :n_classes] += 2 * np.eye(n_classes)[y]
    return X, y, list(StratifiedKFold(4).split(X, y))


class Within:
    """(1 - g) times the covariance of a class, plus g times the mean of the total variances."""

    def __init__(self, g, mean_variance):
        self.g, self.mean_variance = g, mean_variance

    def fit(self, Z):
        self.covariance_ = (1 - self.g) * empirical_covariance(Z)
        self.covariance_ += self.g * self.mean_variance * np.eye(Z.shape[1])
        return self


def peer(X, y, folds, g, standardize):
    scores = np.empty((len(X), len(np.unique(y))))
    for train, test in folds:
        scaler = StandardScaler(with_std=standardize).fit(X[train])
        Z = scaler.transform(X[train])
        weight = ledoit_wolf_shrinkage(Z) if g == "auto" else g
        model = LinearDiscriminantAnalysis(
            solver="lsqr", covariance_estimator=Within(weight, Z.var(axis=0).mean())
        )
        scores[test] = model.fit(Z, y[train]).predict_proba(scaler.transform(X[test]))
    return scores


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("g", [0.3, "auto"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("p", [6, 80])
def test_equals_scikit_learn_with_the_same_covariance_within(p, n_classes, g, standardize):
    X, y, folds = problem(p, n_classes)
    found = lda.cross_validated_scores(X, y[None], folds, g, standardize=standardize)[0]
    expected = peer(X, y, folds, g, standardize)
    np.testing.assert_allclose(softmax(found, axis=1), expected, rtol=0, atol=1e-8)


def test_without_shrinkage_it_is_lda_to_the_letter():
    X, y, folds = problem(6)
    found = lda.cross_validated_scores(X, y[None], folds, 0.0)[0]
    for train, test in folds:
        model = LinearDiscriminantAnalysis(solver="lsqr").fit(X[train], y[train])
        np.testing.assert_allclose(
            log_softmax(found[test], axis=1), model.predict_log_proba(X[test]), atol=1e-9
        )


@pytest.mark.parametrize("p", [6, 80])
def test_ledoit_wolf_equals_scikit_learn(p):
    X = problem(p)[0]
    X = X - X.mean(axis=0)
    expected = ledoit_wolf_shrinkage(X, assume_centered=True)
    assert lda.ledoit_wolf(X, False, p) == pytest.approx(expected, abs=1e-12)
    assert lda.ledoit_wolf(X @ X.T, True, p) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("p", [6, 80])
def test_the_fit_and_the_folds_agree_for_every_arrangement(p):
    X, y, folds = problem(p)
    Y = np.random.default_rng(1).permuted(np.tile(y, (5, 1)), axis=1)
    found = lda.cross_validated_scores(X, Y, folds, standardize=True)
    for a, labels in enumerate(Y):
        for train, test in folds:
            model = lda.fit(X[train], labels[train, None] == np.arange(3), standardize=True)
            np.testing.assert_allclose(
                X[test] @ model.weights + model.intercept, found[a, test], atol=1e-8
            )


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 999), st.sampled_from([5, 60]))
def test_order_scale_and_constant_columns_do_not_matter(seed, p):
    X, y, folds = problem(p, seed=seed)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(X))
    where = np.argsort(order)
    changed = (X * rng.uniform(0.01, 100, p) + 9)[order]
    moved = [(where[train], where[test]) for train, test in folds]
    found = lda.cross_validated_scores(X, y[None], folds, 0.2, standardize=True)[0]
    again = lda.cross_validated_scores(changed, y[order][None], moved, 0.2, standardize=True)[0]
    np.testing.assert_allclose(again, found[order], atol=1e-7)


def test_a_class_that_was_not_seen_can_not_be_chosen():
    X, y, folds = problem(6)
    y[folds[0][1][0]] = 7
    scores = lda.cross_validated_scores(X, y[None], folds)[0]
    assert (scores[folds[0][1], 3] == -np.inf).all()
    assert np.isfinite(scores[folds[0][1], :3]).all()


def test_bad_input_is_refused_in_one_line():
    X, y, folds = problem(80)
    with pytest.raises(InputError, match="the covariance is singular"):
        lda.cross_validated_scores(X, y[None], folds, 0.0)
    with pytest.raises(InputError, match="the covariance is singular"):
        lda.fit(np.column_stack([np.ones(48), X[:, :3]]), y[:, None] == np.arange(3), 0.0)
    with pytest.raises(InputError, match=r'must be "auto" or from 0 to below 1; got 1\.5'):
        lda.cross_validated_scores(X, y[None], folds, 1.5)


def test_equal_priors_equal_scikit_learn_where_classes_differ_in_size():
    X, y, _ = problem(5)
    kept = np.flatnonzero((y > 0) | (np.arange(len(y)) < 20))
    X, y = X[kept], y[kept]
    folds = list(StratifiedKFold(3).split(X, y))
    scores = lda.cross_validated_scores(X, y[None], folds, 0.0, priors="equal")[0]
    peers = np.empty((len(X), 3))
    for train, test in folds:
        # Given priors, scikit-learn weighs the classes' covariances by them, too.
        model = LinearDiscriminantAnalysis(solver="lsqr").fit(X[train], y[train])
        peers[test] = softmax(model.predict_log_proba(X[test]) - np.log(model.priors_), axis=1)
    np.testing.assert_allclose(softmax(scores, axis=1), peers, atol=1e-8)
