"""Clusters against MNE's test, their error under the null, and the edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mne.stats import permutation_cluster_1samp_test
from scipy import stats

from affectome.errors import InputError
from affectome.kernels.clusters import judge, largest_masses, null_clusters


@pytest.mark.parametrize("shape", [(15, 12), (40,), (6, 7, 5)])
def test_clusters_and_p_are_those_of_mne_with_all_sign_flips(shape):
    maps = np.random.default_rng(1).normal(size=(9, *shape))
    maps[:, 2:5] += 1.1
    t, clusters, p, _ = permutation_cluster_1samp_test(
        maps, threshold=2.3, n_permutations="all", adjacency=None, verbose="error"
    )
    flips = 1.0 - 2.0 * ((np.arange(1, 2**9)[:, None] >> np.arange(9)) & 1)
    flipped = [stats.ttest_1samp(f.reshape(9, *[1] * len(shape)) * maps, 0)[0] for f in flips]
    ours = judge(t, largest_masses(np.array(flipped), 2.3), 2.3)
    mass = np.array([t[c].sum() for c in clusters])
    order = np.argsort(-np.abs(mass))
    np.testing.assert_allclose(ours.mass, mass[order], rtol=1e-6)
    # MNE counts half of the flips: each with its mirror image is the same two-sided test.
    np.testing.assert_allclose(ours.p, p[order], atol=1 / 256)


def test_finds_a_planted_rise_and_fall_and_says_where():
    rng = np.random.default_rng(0)
    null = rng.normal(size=(200, 15, 12))
    observed = rng.normal(size=(15, 12))
    observed[3:8, 2:7] += 4
    observed[-3:, -3:] -= 5
    found = null_clusters(observed, null)
    assert (found.p[:2] <= 0.01).all()
    inside = found.significant()
    assert inside[3:8, 2:7].mean() > 0.8
    assert inside[-3:, -3:].mean() > 0.7
    assert inside[3:8, 9:].mean() < 0.2
    assert (np.diff(np.abs(found.mass)) <= 0).all()
    for number, mass in enumerate(found.mass, start=1):
        assert found.statistic[found.labels == number].sum() == pytest.approx(mass)


def test_one_of_the_maps_of_the_null_is_called_no_more_often_than_it_should():
    """However few maps there are: the observed one is standardised with all others."""
    rng = np.random.default_rng(5)
    called = sum(
        (null_clusters(maps[0], maps[1:]).p <= 0.05).any()
        for maps in rng.normal(size=(600, 21, 30)).cumsum(axis=2)
    )
    assert called <= 42  # 30 expected, deviation 5.3


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
    with pytest.raises(InputError, match=r"20 maps or more; got \(5, 3\)"):
        null_clusters(np.zeros(3), np.zeros((5, 3)))
