"""Surrogate maps: their variogram against all pairs, exact cases, false alarms and power."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import pdist

from affectome.errors import InputError
from affectome.evidence import NoNullError, SurrogateMaps, spatial_test
from affectome.evidence.spatial import _differences


def smooth(rng, shape, width):
    """A stationary field that does not wrap round."""
    pad = int(np.ceil(4 * width)) + 1
    big = gaussian_filter(rng.standard_normal([n + 2 * pad for n in shape]), width)
    cut = big[tuple(slice(pad, -pad) for _ in shape)]
    return cut / cut.std()


def ball(shape):
    places = np.indices(shape).reshape(3, -1).T
    away = (places - (np.array(shape) - 1) / 2) / (np.array(shape) / 2)
    return ((away**2).sum(axis=1) <= 1).reshape(shape)


@given(st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_the_sums_over_lags_are_those_over_all_pairs(seed):
    rng = np.random.default_rng(seed)
    mask = rng.random((4, 5, 3)) < 0.6
    mask[0, 0, 0] = mask[3, 4, 2] = True
    z = np.where(mask, rng.standard_normal(mask.shape), 0.0)
    voxel = np.array([2.0, 3.0, 4.5])
    gamma, pairs, distance = _differences(z, mask, voxel)
    apart = pdist(np.argwhere(mask) * voxel)
    differ = pdist(z[mask][:, None]) ** 2 / 2
    assert pairs[distance > 0].sum() == pytest.approx(2 * apart.size)
    for d in np.unique(apart.round(6)):
        at = np.isclose(distance, d)
        assert pairs[at].sum() == 2 * np.isclose(apart, d).sum()
        assert gamma[at].sum() == pytest.approx(2 * differ[np.isclose(apart, d)].sum())


@pytest.mark.parametrize("width", [0.0, 1.5])
def test_surrogates_have_the_variogram_the_mean_and_the_spread_of_the_map(width):
    rng = np.random.default_rng(0)
    shape = (18, 20, 16)
    inside = ball(shape)
    field = smooth(rng, shape, width) if width else rng.standard_normal(shape)
    w = 3 + 2 * field[inside]
    made = SurrogateMaps(w, inside)
    drawn = made.draw(31, rng)
    np.testing.assert_allclose(drawn.mean(axis=1), w.mean(), rtol=1e-3)
    np.testing.assert_allclose(drawn.std(axis=1), w.std(), rtol=1e-3)
    semivariance = np.mean(
        [SurrogateMaps(one.astype(float), inside).variogram.semivariance for one in drawn], axis=0
    )
    near = made.variogram.distance < 6
    np.testing.assert_allclose(
        semivariance[near], made.variogram.semivariance[near], atol=0.1 if width else 0.03
    )
    assert abs(np.corrcoef(drawn[0], drawn[1])[0, 1]) < 0.35
    if width:
        # sum over all lags of exp(-h² / 2 s²), a Gaussian kernel's own correlation, squared
        places = inside.sum() / (2 * np.pi * width**2) ** 1.5
        assert places < made.n_places < 3 * places
    else:
        assert made.n_places > 0.8 * inside.sum()


def test_widths_are_in_millimetres():
    field = smooth(np.random.default_rng(1), (20, 20, 20), 2.0)
    inside = np.ones(field.shape, dtype=bool)
    one = SurrogateMaps(field.ravel(), inside, (1, 1, 1)).variogram
    three = SurrogateMaps(field.ravel(), inside, (3, 3, 3)).variogram
    np.testing.assert_allclose(three.distance, 3 * one.distance)
    np.testing.assert_allclose(three.widths, 3 * one.widths)


def test_maps_without_surrogates_say_why():
    inside = np.ones((6, 6, 6), dtype=bool)
    with pytest.raises(NoNullError, match="no p, because the map has the same value everywhere"):
        SurrogateMaps(np.full(216, 2.0), inside)
    ramp = np.indices((6, 6, 6)).sum(axis=0).astype(float)
    with pytest.raises(NoNullError, match=r"so smooth that it holds .* independent places"):
        SurrogateMaps(ramp.ravel(), inside)
    with pytest.raises(InputError, match=r"a map of shape \(5,\) doesn't fill the 216 voxels"):
        SurrogateMaps(np.arange(5.0), inside)
    rough = SurrogateMaps(np.random.default_rng(0).standard_normal(216), inside)
    with pytest.raises(InputError, match=r"19 surrogates give no p below \.05"):
        spatial_test(rough, np.zeros(216), np.zeros(216), 19)


def test_the_p_of_white_maps_is_that_of_a_correlation():
    # Without smoothness the null is that of a product of independent numbers.
    rng = np.random.default_rng(2)
    inside = np.ones((12, 12, 12), dtype=bool)
    w = rng.standard_normal(1728)
    u = rng.standard_normal(1728)
    u /= np.linalg.norm(u)
    ((z, p, null),) = spatial_test(SurrogateMaps(w, inside), w, u, 1000)
    exact = float(u @ (w - w.mean()) / w.std())
    assert z == pytest.approx(exact, abs=0.15)
    assert 0 < p <= 1
    assert (null.n_arrangements, null.correction) == (1000, None)
    assert "variogram" in null.scheme


@pytest.mark.slow
@pytest.mark.parametrize("pattern_width", [1, 2, 4])
def test_unrelated_smooth_maps_agree_in_five_percent_and_the_t_over_people_does_not(pattern_width):
    rng = np.random.default_rng(3)
    shape, n_sets = (14, 16, 12), 100
    inside = ball(shape)
    p = []
    for _ in range(n_sets):
        w = smooth(rng, shape, pattern_width)[inside]
        u = np.stack([smooth(rng, shape, width)[inside] for width in (1, 2, 4)])
        try:
            made = SurrogateMaps(w, inside)
        except NoNullError:
            continue
        p.append([one[1] for one in spatial_test(made, w, u, 99)])
    alarms = np.mean(np.array(p) <= 0.05)
    assert len(p) >= 5
    assert alarms < 0.05 + 3 * np.sqrt(0.05 * 0.95 / len(p))


@pytest.mark.slow
def test_power_is_that_of_surrogates_drawn_by_the_true_process():
    rng = np.random.default_rng(4)
    shape, width, n_sets = (14, 16, 12), 1.0, 80
    inside = ball(shape)
    true = np.stack([smooth(rng, shape, width)[inside] for _ in range(99)])
    true = (true - true.mean(axis=1, keepdims=True)) / true.std(axis=1, keepdims=True)
    found, best, tried = 0, 0, 0
    for k in range(n_sets):
        w = smooth(rng, shape, width)[inside]
        u = 0.3 * w + smooth(rng, shape, 2)[inside]
        try:
            made = SurrogateMaps(w, inside)
        except NoNullError:
            continue
        tried += 1
        found += spatial_test(made, w, u, 99, k)[0][1] <= 0.05
        observed = abs(u @ (w - w.mean()) / w.std())
        best += (1 + (np.abs(true @ u) >= observed).sum()) / 100 <= 0.05
    assert tried > 0.9 * n_sets
    assert 0.3 * tried < best < 0.98 * tried
    assert found >= 0.8 * best
