"""Clusters against MNE's test, their error under the null, and the edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mne.stats import permutation_cluster_1samp_test
from scipy import stats

from affectome.errors import InputError
from affectome.kernels.clusters import largest_masses, null_clusters, sign_flip_clusters


def effect(n=10, shape=(15, 12), seed=0):
    rng = np.random.default_rng(seed)
    maps = rng.normal(size=(n, *shape))
    maps[:, 3:8, 2:7] += 1.2
    maps[:, -3:, -3:] -= 1.5
    return maps


@pytest.mark.parametrize("shape", [(15, 12), (40,), (6, 7, 5)])
def test_equals_mne_with_all_sign_flips(shape):
    maps = np.random.default_rng(1).normal(size=(9, *shape))
    maps[:, 2:5] += 1.1
    ours = sign_flip_clusters(maps, n_permutations=512)
    t, clusters, p, _ = permutation_cluster_1samp_test(
        maps, threshold=ours.threshold, n_permutations="all", adjacency=None, verbose="error"
    )
    np.testing.assert_allclose(ours.statistic, t, rtol=1e-6)
    mass = np.array([t[c].sum() for c in clusters])
    order = np.argsort(-np.abs(mass))
    np.testing.assert_allclose(ours.mass, mass[order], rtol=1e-6)
    # MNE counts half of the flips: each with its mirror image is the same two-sided test.
    np.testing.assert_allclose(ours.p, p[order], atol=1 / 256)


def test_t_is_students():
    maps = np.random.default_rng(3).normal(size=(7, 20))
    np.testing.assert_allclose(
        sign_flip_clusters(maps, n_permutations=10).statistic, stats.ttest_1samp(maps, 0).statistic
    )


def test_finds_a_planted_rise_and_fall_and_says_where():
    found = sign_flip_clusters(effect(n=16))
    assert found.p[0] < 0.01
    assert found.p[1] < 0.05
    inside = found.significant()
    assert inside[3:8, 2:7].mean() > 0.8
    assert inside[-3:, -3:].mean() > 0.7
    assert inside[3:8, 9:].mean() < 0.2
    assert (np.diff(np.abs(found.mass)) <= 0).all()
    for number, mass in enumerate(found.mass, start=1):
        assert found.statistic[found.labels == number].sum() == pytest.approx(mass)


def test_a_null_map_is_seldom_called():
    rng = np.random.default_rng(5)
    called = sum(
        (sign_flip_clusters(rng.normal(size=(14, 30)), n_permutations=200).p <= 0.05).any()
        for _ in range(100)
    )
    assert called <= 12


def test_one_map_against_maps_of_the_null():
    rng = np.random.default_rng(2)
    null = 0.5 + 0.05 * rng.normal(size=(300, 25))
    observed = 0.5 + 0.05 * rng.normal(size=25)
    observed[10:15] += 0.15
    found = null_clusters(observed, null)
    assert found.p[0] == pytest.approx(1 / 301)
    assert found.significant()[10:15].all()
    assert not found.significant()[:8].any()
    assert null_clusters(np.full(25, 0.5), null).p.size == 0
    assert not null_clusters(null[0], np.tile(null[0], (30, 1))).significant().any()


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 100), st.integers(1, 4))
def test_maps_do_not_touch_each_other_and_sign_does_not_matter(seed, n):
    maps = np.random.default_rng(seed).normal(size=(n, 5, 6)) * 2
    together = largest_masses(maps, 1.0)
    alone = [largest_masses(m[None], 1.0)[0] for m in maps]
    np.testing.assert_allclose(together, alone)
    np.testing.assert_allclose(largest_masses(-maps, 1.0), together)


def test_says_what_is_wrong():
    with pytest.raises(InputError, match=r"three subjects or more.*got \(2, 5\)"):
        sign_flip_clusters(np.zeros((2, 5)))
    with pytest.raises(InputError, match="NaN or infinity"):
        sign_flip_clusters(np.full((4, 5), np.nan))
    with pytest.raises(InputError, match=r"20 maps or more; got \(5, 3\)"):
        null_clusters(np.zeros(3), np.zeros((5, 3)))
    assert sign_flip_clusters(np.zeros((4, 5))).p.size == 0
