import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from affectome.errors import InputError
from affectome.kernels import ridge


def problem(n, p, q=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * rng.uniform(0.1, 10, p) + rng.normal(size=p) * 5
    return X, rng.normal(size=(n, q)) + X[:, :1] / 10, list(KFold(5).split(X))


def peer(model, X, Y, folds):
    predictions = np.empty_like(Y)
    for train, test in folds:
        predictions[test] = model.fit(X[train], Y[train]).predict(X[test])
    return predictions


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize(("n", "p"), [(40, 7), (40, 300), (32, 32), (40, 1200)])
def test_predictions_equal_scikit_learn(n, p, standardize):
    X, Y, folds = problem(n, p)
    model = make_pipeline(StandardScaler(with_std=standardize), Ridge(2.5))
    found = ridge.cross_validated_predictions(X, Y, folds, 2.5, standardize=standardize)
    np.testing.assert_allclose(found, peer(model, X, Y, folds), rtol=0, atol=1e-10)


@pytest.mark.parametrize("p", [7, 100])
def test_penalty_chosen_by_leave_one_out_equals_scikit_learn(p):
    X, Y, folds = problem(40, p)
    alphas = np.logspace(-2, 4, 7)
    model = RidgeCV(alphas, alpha_per_target=True)
    found = ridge.cross_validated_predictions(X, Y, folds, alphas)
    np.testing.assert_allclose(found, peer(model, X, Y, folds), rtol=0, atol=1e-9)
    fitted = ridge.fit(X, Y, alphas)
    model.fit(X, Y)
    np.testing.assert_array_equal(fitted.alpha, model.alpha_)
    np.testing.assert_allclose(fitted.weights.T, model.coef_, atol=1e-9)


@pytest.mark.parametrize("p", [7, 100])
def test_leave_one_out_errors_equal_refitting_without_each_trial(p):
    X, Y, _ = problem(20, p)
    centred = X - X.mean(0), Y - Y.mean(0)
    refitted = peer(Ridge(3.0), X, Y, [(np.delete(np.arange(20), i), [i]) for i in range(20)])
    errors = ridge.leave_one_out_errors(*centred, [1.0, 3.0])
    np.testing.assert_allclose(errors[1], ((refitted - Y) ** 2).mean(0), rtol=1e-9)


@pytest.mark.parametrize("p", [7, 100])
def test_hat_matrix_gives_the_predictions(p):
    X, Y, _ = problem(30, p)
    X, Y = X - X.mean(0), Y - Y.mean(0)
    direct = X[:4] @ ridge.coefficients(X, Y, 1.5)
    np.testing.assert_allclose(ridge.hat_matrix(X, X[:4], 1.5) @ Y, direct, atol=1e-10)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 999), st.sampled_from([5, 60]), st.booleans())
def test_order_of_trials_and_of_features_does_not_matter(seed, p, standardize):
    X, Y, folds = problem(30, p, seed=seed)
    rng = np.random.default_rng(seed)
    order, columns = rng.permutation(30), rng.permutation(p)
    where = np.argsort(order)
    moved = [(where[train], where[test]) for train, test in folds]
    found = ridge.cross_validated_predictions(X, Y, folds, 1.0, standardize=standardize)
    again = ridge.cross_validated_predictions(
        X[order][:, columns], Y[order], moved, 1.0, standardize=standardize
    )
    np.testing.assert_allclose(again, found[order], atol=1e-9)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 999), st.sampled_from([5, 60]))
def test_standardised_predictions_ignore_scale_shift_and_constant_columns(seed, p):
    X, Y, folds = problem(30, p, seed=seed)
    rng = np.random.default_rng(seed)
    changed = X * rng.uniform(0.01, 100, p) + rng.normal(size=p) * 100
    changed = np.column_stack([changed, np.full(30, 0.1)])
    found = ridge.cross_validated_predictions(X, Y, folds, 1.0, standardize=True)
    again = ridge.cross_validated_predictions(changed, Y, folds, 1.0, standardize=True)
    np.testing.assert_allclose(again, found, atol=1e-8)


@pytest.mark.parametrize("p", [5, 60])
def test_every_trial_twice_is_the_same_as_half_the_penalty(p):
    X, Y, folds = problem(20, p)
    twice = [(np.concatenate([train, train + 20]), test) for train, test in folds]
    found = ridge.cross_validated_predictions(np.tile(X, (2, 1)), np.tile(Y, (2, 1)), twice, 4.0)
    np.testing.assert_allclose(
        found[:20], ridge.cross_validated_predictions(X, Y, folds, 2.0), atol=1e-10
    )
    assert np.isnan(found[20:]).all()


def test_a_far_mean_costs_no_digits():
    X, Y, folds = problem(40, 200)
    found = ridge.cross_validated_predictions(X + 1e4, Y, folds, 1.0)
    np.testing.assert_allclose(
        found, ridge.cross_validated_predictions(X, Y, folds, 1.0), atol=1e-8
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Y": np.zeros((9, 2))}, r"X has shape \(10, 3\) and Y \(9, 2\)"),
        ({"X": np.full((10, 3), np.nan)}, "X holds NaN or infinity, first at row 0, column 0"),
        ({"folds": []}, "no folds were given"),
        ({"folds": [([0, 1], [1, 2])]}, "fold 0 has a trial on both sides"),
        ({"folds": [([0, 1], [])]}, "fold 0 has 2 training and 0 test trials"),
        ({"folds": [([0, 1], [10])]}, "fold 0 points outside the 10 trials"),
        ({"folds": [([0, 1], [2]), ([3], [2])]}, "fold 1 tests a trial that another fold tested"),
        ({"alpha": 0.0}, "alpha must be a positive number or a list of them; got 0.0"),
    ],
)
def test_bad_input_is_refused_in_one_line(change, message):
    given_ = {"X": np.eye(10, 3), "Y": np.eye(10, 2), "folds": [([0, 1], [2])], "alpha": 1.0}
    with pytest.raises(InputError, match=message):
        ridge.cross_validated_predictions(**given_ | change)
