"""Selectivity statistics against scipy, scikit-learn and the formula as printed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.feature_selection import f_classif

from affectome.errors import InputError
from affectome.kernels.selectivity import (
    class_moments,
    class_statistics,
    f_tail,
    statistics_from_moments,
)


def responses(n_trials=203, n_units=37, n_classes=3, seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, n_trials - n_classes)])
    X = rng.standard_normal((n_trials, n_units)) + rng.standard_normal((n_classes, n_units))[codes]
    return X.astype(dtype), codes


def printed_d_prime(X, codes, e):
    """d′ of emotion e among three, term by term as the paper prints it."""
    means = [X[codes == c].mean(0) for c in range(3)]
    variances = [X[codes == c].var(0, ddof=1) for c in range(3)]
    others = [means[c] for c in range(3) if c != e]
    return (means[e] - 0.5 * (others[0] + others[1])) / np.sqrt(sum(variances) / 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [2, 3, 4, 7])
def test_anova_is_that_of_scipy(dtype, n_classes):
    X, codes = responses(n_classes=n_classes, dtype=dtype)
    ours = class_statistics(X, codes)
    F, p = stats.f_oneway(*[X[codes == c].astype(float) for c in range(n_classes)])
    rtol = 2e-5 if dtype == np.float32 else 1e-9
    assert_allclose(ours.F, F, rtol=rtol)
    assert_allclose(ours.p, p, rtol=1e-3 if dtype == np.float32 else 1e-6)
    X = X.astype(float)
    total = ((X - X.mean(0)) ** 2).sum(0)
    within = sum(((X[codes == c] - X[codes == c].mean(0)) ** 2).sum(0) for c in range(n_classes))
    assert_allclose(ours.eta_squared, 1 - within / total, rtol=1e-4)


def test_d_prime_is_the_printed_formula_and_the_index_its_largest():
    X, codes = responses(dtype=np.float64)
    ours = class_statistics(X, codes)
    printed = np.stack([printed_d_prime(X, codes, e) for e in range(3)])
    assert_allclose(ours.d_prime, printed, rtol=1e-9)
    assert_allclose(ours.index, printed.max(0), rtol=1e-9)
    assert_array_equal(ours.preferred, printed.argmax(0))


def test_two_classes_give_the_textbook_d_prime():
    X, codes = responses(n_classes=2, dtype=np.float64)
    a, b = X[codes == 0], X[codes == 1]
    wanted = (a.mean(0) - b.mean(0)) / np.sqrt((a.var(0, ddof=1) + b.var(0, ddof=1)) / 2)
    ours = class_statistics(X, codes)
    assert_allclose(ours.d_prime, [wanted, -wanted], rtol=1e-9)


def test_tuning_is_in_standard_deviations_from_the_grand_mean():
    X, codes = responses(dtype=np.float64)
    wanted = [(X[codes == c].mean(0) - X.mean(0)) / X.std(0, ddof=1) for c in range(3)]
    assert_allclose(class_statistics(X, codes).tuning, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("ratio", [1e3, 1e5])
def test_float32_is_stable_when_the_mean_is_far_above_the_deviation(ratio):
    X, codes = responses(n_trials=1000, n_units=50, seed=3)
    X = (X + np.float32(ratio)).astype(np.float32)
    F, p = f_classif(X.astype(float), codes)
    ours = class_statistics(X, codes)
    assert_allclose(ours.F, F, rtol=1e-4)
    assert_allclose(ours.p, p, rtol=2e-2, atol=1e-300)


def test_a_first_trial_that_is_an_outlier_costs_no_precision():
    X, codes = responses(n_trials=1000, n_units=20, seed=4)
    X[0] = 1e4
    F, _ = f_classif(X.astype(float), codes)
    assert_allclose(class_statistics(X, codes).F, F, rtol=1e-4)


def test_the_result_does_not_depend_on_threads_or_on_the_pieces_trials_come_in():
    X, codes = responses(n_trials=300, n_units=20_000)
    one, two = (class_statistics(X, codes, n_jobs=n) for n in (1, 2))
    assert_array_equal(one.F, two.F)
    assert_array_equal(one.d_prime, two.d_prime)
    moments = None
    for first in range(0, 300, 70):
        piece = slice(first, first + 70)
        moments = class_moments(X[piece], codes[piece], 3, start=moments)
    streamed = statistics_from_moments(moments)
    assert_allclose(streamed.F, one.F, rtol=1e-4, atol=1e-5)
    assert_allclose(streamed.mean, one.mean, atol=1e-6)


def test_streaming_leaves_the_earlier_moments_as_they_were():
    X, codes = responses()
    earlier = class_moments(X, codes, 3)
    before = earlier.mean.copy()
    class_moments(X + 5, codes, 3, start=earlier)
    assert_array_equal(earlier.mean, before)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.sampled_from([1e-3, 1.0, 50.0]))
def test_order_scale_and_shift_do_not_matter(seed, scale):
    X, codes = responses(n_trials=40, n_units=5, seed=seed, dtype=np.float64)
    order = np.random.default_rng(seed).permutation(40)
    plain = class_statistics(X, codes)
    changed = class_statistics(X[order] * scale + 7, codes[order])
    assert_allclose(changed.F, plain.F, rtol=1e-6)
    assert_allclose(changed.d_prime, plain.d_prime, rtol=1e-6, atol=1e-9)
    assert_array_equal(changed.preferred, plain.preferred)


def test_any_layout_and_type_gives_the_same_numbers():
    X, codes = responses(dtype=np.float64)
    wanted = class_statistics(X, codes).F
    assert_allclose(class_statistics(np.asfortranarray(X), codes).F, wanted)
    assert_allclose(class_statistics(X[::-1][::-1], codes).F, wanted)
    whole = (X * 10).astype(int)
    assert_allclose(class_statistics(whole, codes).F, f_classif(whole, codes)[0], rtol=1e-9)


def test_units_that_never_vary_and_units_that_vary_between_classes_only():
    codes = np.repeat([0, 1, 2], 10)
    X = np.stack([np.full(30, 0.1), codes.astype(float), np.zeros(30)], axis=1)
    for dtype in (np.float32, np.float64):
        ours = class_statistics(X.astype(dtype), codes)
        assert_array_equal(ours.F, [0, np.inf, 0])
        assert_array_equal(ours.p, [1, 0, 1])
        assert_array_equal(ours.eta_squared, [0, 1, 0])
        assert_array_equal(ours.preferred, [-1, 2, -1])
        assert_array_equal(ours.index, [0, np.inf, 0])


def test_nan_stays_with_its_unit():
    X, codes = responses()
    X[4, 2] = np.nan
    ours = class_statistics(X, codes)
    assert np.flatnonzero(np.isnan(ours.F)).tolist() == [2]


def test_a_class_without_trials_is_left_out():
    X, codes = responses(n_classes=2, dtype=np.float64)
    ours = class_statistics(X, codes, n_classes=3)
    two = class_statistics(X, codes)
    assert_allclose(ours.F, two.F)
    assert_allclose(ours.d_prime[:2], two.d_prime)
    assert_array_equal(ours.d_prime[2], 0)


def test_the_tail_with_two_degrees_is_that_of_scipy():
    F = np.array([0.0, 0.3, 2.0, 40.0, np.inf])
    assert_allclose(f_tail(F, 2, 97), stats.f.sf(F, 2, 97), rtol=1e-10)


@pytest.mark.parametrize(
    ("X", "codes", "n_classes", "message"),
    [
        (np.ones((4, 2)), np.zeros(3, int), None, r"got \(4, 2\) and \(3,\)"),
        (np.ones(4), np.zeros(4, int), None, r"got \(4,\) and \(4,\)"),
        (np.ones((0, 2)), np.zeros(0, int), None, r"got \(0, 2\)"),
        (np.ones((4, 2)), np.zeros(4), None, "classes are integers from 0 on; got float64"),
        (np.ones((4, 2)), np.array([0, 1, 2, 3]), 3, "got 0 … 3 with n_classes=3"),
        (np.ones((4, 2)), np.zeros(4, int), None, r"at least two classes .* got 1"),
        (np.ones((3, 2)), np.arange(3), None, "each of the 3 classes has one trial"),
    ],
)
def test_bad_input_is_refused_in_one_line(X, codes, n_classes, message):
    with pytest.raises(InputError, match=message):
        class_statistics(X, codes, n_classes)


def test_pieces_of_other_shapes_are_refused():
    X, codes = responses()
    with pytest.raises(InputError, match=r"earlier trials .* \(3, 37\), these \(3, 36\)"):
        class_moments(X[:, 1:], codes, 3, start=class_moments(X, codes, 3))
