import numpy as np
import pytest
import rsatoolbox
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from affectome.errors import InputError
from affectome.kernels import rdm

X = np.random.default_rng(0).normal(size=(12, 30)) * 3 + 5


def peer(measurements, method):
    data = rsatoolbox.data.Dataset(measurements)
    return rsatoolbox.rdm.calc_rdm(data, method=method).get_vectors()[0]


def test_correlation_equals_rsatoolbox_and_scipy():
    np.testing.assert_allclose(rdm.correlation(X), peer(X, "correlation"), rtol=0, atol=1e-12)
    np.testing.assert_allclose(rdm.correlation(X), pdist(X, "correlation"), rtol=0, atol=1e-12)


def test_squared_euclidean_equals_rsatoolbox():
    np.testing.assert_allclose(rdm.squared_euclidean(X), peer(X, "euclidean"), atol=1e-11)


def test_distance_of_far_patterns_costs_no_digits():
    np.testing.assert_allclose(
        rdm.squared_euclidean(X + 1e7), pdist(X, "sqeuclidean") / 30, rtol=1e-7
    )


@pytest.mark.parametrize("with_precision", [False, True])
def test_crossnobis_equals_rsatoolbox(with_precision):
    parts = np.random.default_rng(1).normal(size=(4, 6, 10))
    precision = np.cov(np.random.default_rng(2).normal(size=(10, 40))) if with_precision else None
    data = rsatoolbox.data.Dataset(
        parts.reshape(24, 10),
        obs_descriptors={
            "condition": np.tile(np.arange(6.0), 4),
            "part": np.repeat(np.arange(4.0), 6),
        },
    )
    expected = rsatoolbox.rdm.calc_rdm(
        data, "crossnobis", descriptor="condition", cv_descriptor="part", noise=precision
    )
    np.testing.assert_allclose(
        rdm.crossnobis(parts, precision), expected.get_vectors()[0], rtol=0, atol=1e-12
    )


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 999), st.floats(0.01, 100), st.floats(-50, 50))
def test_correlation_ignores_scale_and_shift_of_a_pattern_and_order_of_units(seed, scale, shift):
    rng = np.random.default_rng(seed)
    changed = X[:, rng.permutation(30)]
    changed = changed * rng.uniform(0.5, 2, (12, 1)) * scale + shift * rng.normal(size=(12, 1))
    np.testing.assert_allclose(rdm.correlation(changed), rdm.correlation(X), atol=1e-9)


def test_a_constant_pattern_has_no_correlation_and_a_duplicate_no_distance():
    changed = X[:3].copy()
    changed[1], changed[2] = 0.1, changed[0]
    assert np.isnan(rdm.correlation(changed)).tolist() == [True, False, True]
    assert rdm.correlation(changed)[1] == pytest.approx(0, abs=1e-15)
    assert rdm.squared_euclidean(changed)[1] == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rdm.correlation(X[0]), r"patterns have shape \(30,\); wanted \(n_conditions"),
        (lambda: rdm.correlation(X[:1]), "two conditions or more"),
        (lambda: rdm.correlation(np.array([[1.0, 2.0], [np.inf, -np.inf]])), r"first at \(1, 0\)"),
        (lambda: rdm.squared_euclidean(X * np.nan), r"hold NaN or infinity, first at \(0, 0\)"),
        (lambda: rdm.crossnobis(X[None]), "two independent parts of the data or more; got 1"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, message):
    with pytest.raises(InputError, match=message):
        call()
