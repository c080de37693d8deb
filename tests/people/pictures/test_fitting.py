import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GroupKFold

from affectome.errors import InputError
from affectome.people.pictures.fitting import fit_ratings

BLOCKS = [("one", 0, 30), ("one", 30, 40), ("two", 40, 60)]
MIXES = {"one": {"one": 1.0}, "both": {"one": 0.6, "two": 0.4}, "two": {"two": 1.0}}


def planted(rng, n=150, n_groups=30):
    groups = np.repeat(np.arange(n_groups), n // n_groups)
    X = rng.normal(size=(n, 60)) * rng.uniform(0.1, 20, 60) + rng.normal(size=60)
    weights = np.zeros(60)
    weights[:30] = rng.normal(size=30) / X[:, :30].std(axis=0)
    y = 3 + X @ weights / np.sqrt(30) + rng.normal(0, 0.3, n)
    return X, np.column_stack([y, rng.normal(size=n)]), groups


def test_predictions_are_kernel_ridge_on_standardised_blocks():
    X, Y, groups = planted(np.random.default_rng(0))
    fitted = fit_ratings(X, Y, groups, BLOCKS, {"both": MIXES["both"]})
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    K = 0.6 * (z[:, :30] @ z[:, :30].T / 60 + z[:, 30:40] @ z[:, 30:40].T / 20)
    K = K + 0.4 * z[:, 40:] @ z[:, 40:].T / 20
    found = fitted.predict(X)
    for column, rating in enumerate(fitted.ratings):
        y = Y[:, column]
        expected = KernelRidge(alpha=rating.alpha * len(y), kernel="precomputed").fit(
            K, y - y.mean()
        )
        np.testing.assert_allclose(found[:, column], expected.predict(K) + y.mean(), atol=1e-8)


def test_the_network_that_carries_the_rating_is_chosen_on_groups_left_out():
    X, Y, groups = planted(np.random.default_rng(1))
    fitted = fit_ratings(X, Y, groups, BLOCKS, MIXES)
    assert fitted.ratings[0].mix == "one"
    assert not fitted.ratings[0].weights[40:].any()
    assert fitted.ratings[0].spread < 0.7 < fitted.ratings[1].spread


def test_intervals_hold_nine_of_ten_ratings_of_new_groups():
    inside = []
    for seed in range(12):
        X, Y, groups = planted(np.random.default_rng(seed), 240, 40)
        Y = Y + np.random.default_rng(seed).normal(0, 0.4, 40)[groups][:, None]
        for train, test in GroupKFold(4).split(X, groups=groups):
            fitted = fit_ratings(X[train], Y[train], groups[train], BLOCKS, MIXES)
            off = np.abs(fitted.predict(X[test]) - Y[test])
            inside.append((off <= [one.half for one in fitted.ratings]).mean())
    assert np.mean(inside) == pytest.approx(0.91, abs=0.03)


def test_too_few_groups_are_refused():
    X, Y, _ = planted(np.random.default_rng(0))
    with pytest.raises(InputError, match=r"from 5 groups or more.*there are 3"):
        fit_ratings(X, Y, np.arange(len(Y)) % 3, BLOCKS, MIXES)
