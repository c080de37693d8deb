import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import null_space
from sklearn.cross_decomposition import PLSRegression
from sklearn.model_selection import KFold

from affectome.errors import InputError
from affectome.kernels import pls


def problem(n=40, p=120, q=4, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * rng.uniform(0.5, 2, p) + 3
    Y = rng.normal(size=(n, q)) * np.arange(1, q + 1) + X[:, :q] * 3
    return X, Y, list(KFold(4).split(X))


def peer(X, Y, folds, n_components, scale):
    predictions = np.empty_like(Y)
    for train, test in folds:
        model = PLSRegression(n_components, scale=scale, tol=0, max_iter=3000)
        predictions[test] = model.fit(X[train], Y[train]).predict(X[test]).reshape(len(test), -1)
    return predictions


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("p", [12, 400])
def test_pls1_of_many_arrangements_equals_scikit_learn(p, scale):
    X, Y, folds = problem(p=p)
    found = pls.cross_validated_predictions(X, Y.T[:, :, None], folds, 5, standardize=scale)
    for k in range(4):
        expected = peer(X, Y[:, [k]], folds, 5, scale)
        np.testing.assert_allclose(found[k], expected, rtol=0, atol=1e-10)


@pytest.mark.filterwarnings("ignore:Maximum number of iterations reached")
@pytest.mark.parametrize("scale", [False, True])
def test_nipals_equals_scikit_learn_converged(scale):
    X, Y, folds = problem()
    found = pls.cross_validated_predictions(X, Y, folds, 3, standardize=scale, algorithm="nipals")
    np.testing.assert_allclose(found, peer(X, Y, folds, 3, scale), rtol=0, atol=1e-8)


def best_directions(X, Y, n_components):
    """SIMPLS by its definition: most covariance with Y among directions that keep the scores
    orthogonal, that is directions at right angles to the loadings so far."""
    X, level = X - X.mean(axis=0), Y.mean(axis=0)
    directions = np.empty((X.shape[1], 0))
    for _ in range(n_components):
        allowed = null_space((X.T @ X @ directions).T) if directions.size else np.eye(X.shape[1])
        inside = np.linalg.svd(allowed.T @ X.T @ (Y - level))[0][:, 0]
        directions = np.column_stack([directions, allowed @ inside])
    scores = X @ directions
    return directions @ np.linalg.lstsq(scores, Y - level, rcond=None)[0]


@pytest.mark.parametrize(("p", "q", "n_components"), [(12, 4, 5), (120, 4, 8), (60, 9, 12)])
def test_simpls_takes_the_directions_of_its_definition(p, q, n_components):
    X, Y, folds = problem(p=p, q=q)
    found = pls.cross_validated_predictions(X, Y, folds, n_components)
    for train, test in folds:
        weights = best_directions(X[train], Y[train], n_components)
        expected = (X[test] - X[train].mean(axis=0)) @ weights + Y[train].mean(axis=0)
        np.testing.assert_allclose(found[test], expected, rtol=0, atol=1e-9)
    nipals = pls.cross_validated_predictions(X, Y, folds, n_components, algorithm="nipals")
    assert np.abs(nipals - found).max() > 1e-3
    np.testing.assert_allclose(
        pls.cross_validated_predictions(X, Y, folds, 1),
        pls.cross_validated_predictions(X, Y, folds, 1, algorithm="nipals"),
        atol=1e-10,
    )


@pytest.mark.parametrize("algorithm", pls.ALGORITHMS)
@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize(("p", "q"), [(9, 1), (120, 1), (120, 4)])
def test_the_fit_and_the_folds_agree(p, q, standardize, algorithm):
    X, Y, folds = problem(p=p, q=q)
    how = {"standardize": standardize, "algorithm": algorithm}
    found = pls.cross_validated_predictions(X, Y, folds, 4, **how)
    for train, test in folds:
        model = pls.fit(X[train], Y[train], 4, **how)
        np.testing.assert_allclose(
            X[test] @ model.weights + model.intercept, found[test], rtol=0, atol=1e-9
        )
        scores = (X[train] - model.mean) / model.scale @ model.rotations
        np.testing.assert_allclose(scores.T @ scores, np.eye(4), atol=1e-9)


@pytest.mark.parametrize("algorithm", pls.ALGORITHMS)
@pytest.mark.parametrize("q", [1, 3])
def test_components_beyond_the_rank_give_least_squares(q, algorithm):
    X, Y, folds = problem(p=3, q=q)
    found = pls.cross_validated_predictions(X, Y, folds, 30, algorithm=algorithm)
    for train, test in folds:
        design = np.column_stack([np.ones(len(train)), X[train]])
        weights = np.linalg.lstsq(design, Y[train], rcond=None)[0]
        expected = np.column_stack([np.ones(len(test)), X[test]]) @ weights
        np.testing.assert_allclose(found[test], expected, atol=1e-8)


def test_a_constant_target_is_predicted_by_itself():
    X, Y, folds = problem()
    found = pls.cross_validated_predictions(X, np.full_like(Y, 0.1), folds, 3, standardize=True)
    np.testing.assert_allclose(found, 0.1, atol=1e-12)
    np.testing.assert_allclose(pls.fit(X, np.full_like(Y, 0.1), 3).weights, 0.0, atol=1e-20)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 999), st.booleans())
def test_order_of_trials_scale_and_constant_columns_do_not_matter(seed, standardize):
    X, Y, folds = problem(n=24, p=40, seed=seed)
    rng = np.random.default_rng(seed)
    order = rng.permutation(24)
    where = np.argsort(order)
    factors = rng.uniform(0.1, 10, 40) if standardize else np.full(40, 7.0)
    changed = np.column_stack([X * factors + 5, np.full(24, 0.3)])[order]
    found = pls.cross_validated_predictions(X, Y, folds, 3, standardize=standardize)
    moved = [(where[train], where[test]) for train, test in folds]
    again = pls.cross_validated_predictions(changed, Y[order], moved, 3, standardize=standardize)
    np.testing.assert_allclose(again, found[order], atol=1e-7)


def test_every_trial_twice_changes_nothing():
    X, Y, folds = problem(n=20)
    twice = [(np.concatenate([train, train + 20]), test) for train, test in folds]
    found = pls.cross_validated_predictions(np.tile(X, (2, 1)), np.tile(Y, (2, 1)), twice, 3)
    np.testing.assert_allclose(
        found[:20], pls.cross_validated_predictions(X, Y, folds, 3), atol=1e-9
    )
    assert np.isnan(found[20:]).all()


def test_many_folds_and_sets_come_out_in_their_places():
    X, Y, _ = problem(n=40, p=45)
    folds = [(np.delete(np.arange(40), i), [i]) for i in range(40)]
    sets = np.random.default_rng(0).permuted(np.tile(Y[:, :1], (30, 1, 1)), axis=1)
    found = pls.cross_validated_predictions(X, sets, folds, 2)
    train, _ = folds[37]
    model = pls.fit(X[train], sets[29, train], 2)
    np.testing.assert_allclose(found[29, 37], X[37] @ model.weights + model.intercept, atol=1e-10)


def test_bad_input_is_refused_in_one_line():
    X, Y, folds = problem()
    with pytest.raises(InputError, match="n_components must be 1 or more; got 0"):
        pls.cross_validated_predictions(X, Y, folds, 0)
    with pytest.raises(InputError, match="n_components must be 1 or more; got 0"):
        pls.fit(X, Y, 0)
    with pytest.raises(InputError, match="algorithm must be one of simpls, nipals; got 'svd'"):
        pls.fit(X, Y, 2, algorithm="svd")
    with pytest.raises(InputError, match=r"Y has shape \(40,\); wanted \(n, q\)"):
        pls.cross_validated_predictions(X, Y[:, 0], folds, 2)
