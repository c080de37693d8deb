import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from sklearn.metrics import roc_auc_score

from affectome.errors import InputError
from affectome.kernels import ranks


@settings(deadline=None, max_examples=40)
@given(
    scores=hnp.arrays(
        float, st.tuples(st.integers(1, 4), st.integers(2, 30)), elements=st.integers(-3, 3)
    ),
    seed=st.integers(0, 99),
)
def test_auc_equals_scikit_learn_with_ties(scores, seed):
    positive = np.random.default_rng(seed).permutation(np.arange(scores.shape[1]) % 2 == 0)
    expected = [roc_auc_score(positive, row) for row in scores]
    np.testing.assert_allclose(ranks.auc(scores, positive), expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("n", [ranks.LONGEST_PAIRWISE_ROW, ranks.LONGEST_PAIRWISE_ROW + 1, 2000])
def test_long_and_short_rows_agree_with_the_mann_whitney_count(n):
    rng = np.random.default_rng(n)
    scores = rng.normal(size=(3, n)).round(1)
    positive = rng.random((3, n)) < 0.3
    expected = [
        stats.mannwhitneyu(row[marks], row[~marks]).statistic / (marks.sum() * (~marks).sum())
        for row, marks in zip(scores, positive, strict=True)
    ]
    np.testing.assert_array_equal(ranks.auc(scores, positive), expected)


@pytest.mark.parametrize("n", [20, 500])
def test_auc_is_missing_with_one_class_or_a_missing_score(n):
    scores = np.arange(2.0 * n).reshape(2, n)
    positive = np.arange(n) > n // 2
    scores[1, 3] = np.nan
    np.testing.assert_array_equal(ranks.auc(scores, positive), [1.0, np.nan])
    assert np.isnan(ranks.auc(scores[0], np.ones(n, bool)))


def test_auc_of_more_rows_than_a_block_and_more_axes():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(5, 400, 200))
    positive = rng.random(200) < 0.5
    found = ranks.auc(scores, positive)
    assert found.shape == (5, 400)
    assert found[4, 399] == pytest.approx(roc_auc_score(positive, scores[4, 399]), abs=1e-15)
    np.testing.assert_allclose(ranks.auc(-scores, positive), 1 - found, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(ranks.auc(scores, np.broadcast_to(positive, scores.shape)), found)


def test_auc_says_which_shapes_do_not_meet():
    with pytest.raises(InputError, match=r"positive has shape \(3,\), scores \(2, 4\)"):
        ranks.auc(np.zeros((2, 4)), np.zeros(3, bool))


def test_spearman_equals_scipy_with_ties():
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 5, (2, 6, 30)).astype(float)
    expected = [stats.spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(ranks.spearman(a, b), expected, atol=1e-12)


def test_correlation_of_a_constant_is_missing():
    assert np.isnan(ranks.pearson(np.full(9, 0.1), np.arange(9.0)))
    assert np.isnan(ranks.spearman(np.arange(9.0), np.full(9, 3.0)))


@pytest.mark.parametrize("decimals", [0, 8])
def test_weighted_auc_is_the_mean_of_folds_by_their_weight(decimals):
    rng = np.random.default_rng(decimals)
    scores, positive = rng.normal(size=80).round(decimals), rng.random(80) < 0.4
    fold = rng.integers(0, 4, 80)
    positive[fold == 3] = True  # one class only: says nothing
    weights = rng.gamma(0.5, size=(5, 80))
    for w, found in zip(weights, ranks.weighted_auc(scores, positive, weights, fold), strict=True):
        areas = [
            roc_auc_score(positive[fold == f], scores[fold == f], sample_weight=w[fold == f])
            for f in range(3)
        ]
        wanted = np.average(areas, weights=[w[fold == f].sum() for f in range(3)])
        assert found == pytest.approx(wanted, abs=1e-12)
    assert ranks.weighted_auc(scores, np.ones(80, bool), weights, fold) == pytest.approx(0.5)
