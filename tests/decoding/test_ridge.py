import numpy as np
import pytest

from affectome.decoding.ridge import BalancedRidgeClassifierDecoder, RidgeClassifierDecoder


@pytest.mark.parametrize("n_classes", [2, 3])
def test_balanced_scores_have_mean_zero_and_the_closed_form_is_the_loop(n_classes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 5))
    y = np.repeat(np.arange(n_classes), [60 - 9 * (n_classes - 1), *[9] * (n_classes - 1)])
    decoder = BalancedRidgeClassifierDecoder([0.1, 10.0])
    scores = decoder.fit(X, y).decision_function(X)
    np.testing.assert_allclose(scores.mean(axis=0), 0, atol=1e-9)
    plain = RidgeClassifierDecoder([0.1, 10.0]).fit(X, y)
    np.testing.assert_allclose(decoder.coef_, plain.coef_)
    arrangements = np.stack([y, rng.permutation(y)])
    folds = [(np.flatnonzero(np.arange(60) % 3 != k), np.arange(k, 60, 3)) for k in range(3)]
    found = decoder.closed_form_predictions(X, arrangements, folds)
    for labels, own in zip(arrangements, found, strict=True):
        for train, test in folds:
            again = BalancedRidgeClassifierDecoder([0.1, 10.0]).fit(X[train], labels[train])
            np.testing.assert_allclose(own[test], again.decision_function(X[test]), atol=1e-8)
