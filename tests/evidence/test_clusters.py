import numpy as np
import pytest
from scipy import stats

from affectome.errors import InputError
from affectome.evidence.clusters import discriminable_clusters

K = 20


def planted(k, seed, n_each=40, slips=0.1):
    """Guesses that stay within k blocks of categories, but for some slips."""
    rng = np.random.default_rng(seed)
    block = np.sort(np.r_[np.arange(k), rng.integers(0, k, K - k)])
    chance = np.full((K, K), slips / K)
    for category in range(K):
        own = block == block[category]
        chance[category, own] += (1 - slips) / own.sum()
    y = np.repeat(np.arange(K), n_each)
    return y, np.array([rng.choice(K, p=chance[c]) for c in y]), block


def same_partition(a, b):
    pairs = set(zip(a.tolist(), b.tolist(), strict=True))
    return len(pairs) == len(set(a.tolist())) == len(set(b.tolist()))


@pytest.mark.parametrize("k", [3, 5, 8, 11, 15])
def test_planted_blocks_are_recovered_by_the_stricter_rule(k):
    right = 0
    for seed in range(10):
        y, guess, block = planted(k, seed)
        found = discriminable_clusters(y, guess, K, variant="rival", n_bootstrap=0)
        right += found.n == k and same_partition(found.members, block)
    assert right >= 9


def test_the_published_rule_counts_no_fewer_and_splits_blocks_that_are_confused():
    more = []
    for seed in range(10):
        y, guess, _ = planted(11, seed)
        more.append(discriminable_clusters(y, guess, K, n_bootstrap=0).n)
    assert min(more) >= 11
    assert np.median(more) > 11


def test_one_cut_by_hand():
    y = np.repeat([0, 1, 2], [30, 30, 40])
    guess = np.r_[[0] * 16, [1] * 14, [1] * 17, [0] * 13, [2] * 38, [0] * 2]
    found = discriminable_clusters(y, guess, 3, variant="rival", n_bootstrap=0)
    assert found.n == 2
    assert same_partition(found.members, np.array([0, 0, 1]))
    # three clusters: 16 of 30 and 17 of 30 are no more than the toss of a coin
    p = stats.binom.sf([15, 16, 37], [30, 30, 40], 0.5)
    np.testing.assert_allclose(found.share, [1.0, np.mean(p < 0.05)])


def test_the_interval_draws_groups_and_holds_the_number():
    y, guess, _ = planted(8, 0, n_each=24)
    videos = np.arange(len(y)) // 4
    found = discriminable_clusters(
        y, guess, K, variant="rival", groups=videos, n_bootstrap=200, over="120 videos"
    )
    low, high = found.interval
    assert low <= found.n <= high
    assert found.over == "120 videos"
    again = discriminable_clusters(
        y, guess, K, variant="rival", groups=videos, n_bootstrap=200, over="120 videos"
    )
    assert again.to_dict() == found.to_dict()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [0, 1], 2), "3 categories or more; got 2"),
        (([0, 1, 1], [0, 1, 2], 3), "category 2 has no trial"),
    ],
)
def test_what_has_no_clusters_is_told(arguments, message):
    with pytest.raises(InputError, match=message):
        discriminable_clusters(*arguments)
    with pytest.raises(InputError, match="variant is one of base rate, rival"):
        discriminable_clusters([0, 1, 2], [0, 1, 2], 3, variant="strict")


def test_two_groupings_that_cross_are_both_drawn():
    """An interval over people knows nothing of the stimuli, whose number decides here."""
    rng = np.random.default_rng(3)
    person, stimulus = np.repeat(np.arange(20), 12), np.tile(np.arange(12), 20)
    y = stimulus % 6
    odd = np.isin(stimulus, [0, 1, 2])  # these are always taken for another category
    guess = np.where(odd, (y + 3) % 6, np.where(rng.random(240) < 0.8, y, rng.integers(0, 6, 240)))
    told = {"variant": "rival", "n_bootstrap": 200}
    people = discriminable_clusters(y, guess, 6, groups=person, **told)
    both = discriminable_clusters(y, guess, 6, groups=np.stack([person, stimulus], 1), **told)
    assert both.over == "20 × 12 groups"
    assert both.interval[1] - both.interval[0] > people.interval[1] - people.interval[0]
    few = discriminable_clusters(y, guess, 6, groups=person % 2, n_bootstrap=20)
    assert few.interval is None
