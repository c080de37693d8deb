"""Intervals of models over people and conditions, and p by exchanged conditions."""

import numpy as np
import pytest
from scipy.spatial.distance import squareform
from scipy.stats import t

from affectome.evidence import NoNullError, model_scores, orders_of
from affectome.kernels import rdm
from affectome.kernels.rsa import compare


def data_of(rng, n_people=6, n=15, strength=1.0):
    x = rng.standard_normal(n)
    code = np.random.default_rng(0).standard_normal((1, 30))
    own = 0.7 * rng.standard_normal((n, 30))
    people = [
        rdm.squared_euclidean(strength * x[:, None] * code + own + rng.standard_normal((n, 30)))
        for _ in range(n_people)
    ]
    i, j = np.triu_indices(n, 1)
    return np.abs(x[i] - x[j])[None], np.stack(people)


def test_scores_are_means_over_people_and_the_jackknife_is_that_by_hand():
    A, B = data_of(np.random.default_rng(1))
    (score,) = model_scores(A, B, n_permutations=200)
    each = compare(A, B)[0]
    assert score.value == pytest.approx(each.mean())
    squares = [squareform(b) for b in B]
    model = squareform(A[0])
    left = []
    for k in range(15):
        kept = np.delete(np.arange(15), k)
        upper = np.triu_indices(14, 1)
        cut = np.stack([s[np.ix_(kept, kept)][upper] for s in squares])
        left.append(compare(model[np.ix_(kept, kept)][upper][None], cut)[0])
    left = np.array(left)
    over_conditions = 14 * left.mean(axis=1).var()
    alone = 14 * left.var(axis=0).mean()
    over_people = each.var(ddof=1) / 6
    orders = orders_of(np.arange(15), None, 200, 0)
    i, j = np.triu_indices(15, 1)
    pairs = np.var([compare(model[np.ix_(o, o)][i, j][None], B)[0].mean() for o in orders])
    over_conditions = max(over_conditions - pairs, min(pairs, over_conditions))
    noise = max(alone - over_conditions, 0) / 5
    variance = max(over_people + over_conditions - noise, over_people, over_conditions)
    freedom = variance**2 / (over_people**2 / 5 + over_conditions**2 / 14)
    reach = t.ppf(0.975, np.clip(freedom, 5, 19)) * np.sqrt(variance) / (1 - each.mean() ** 2)
    wanted = np.tanh(np.arctanh(each.mean()) + reach * np.array([-1, 1]))
    np.testing.assert_allclose(score.interval, wanted, rtol=1e-6)
    assert score.over == "6 people × 15 conditions"
    assert score.p < 0.05
    assert score.null.n_groups == 15


def test_two_people_have_no_interval_and_three_conditions_no_p():
    A, B = data_of(np.random.default_rng(2), n_people=2)
    assert model_scores(A, B, n_permutations=50)[0].interval is None
    few = model_scores(np.array([[1.0, 2, 3]]), B[:, :3], n_permutations=50)[0]
    assert few.p is None
    assert few.why.startswith("no p, because 3 stimuli are too few")


def test_themes_move_as_wholes():
    themes = np.repeat(np.arange(8), 3)
    orders = orders_of(themes, None, 40, 0)
    for order in orders:
        assert sorted(order) == list(range(24))
        moved = themes[order].reshape(8, 3)
        assert (moved == moved[:, :1]).all()
    parts = np.repeat([0, 1], 12)
    assert (parts[orders_of(np.arange(24), parts, 20, 0)] == parts).all()
    with pytest.raises(NoNullError, match="too few"):
        orders_of(np.arange(24) // 12, None, 20, 0)


@pytest.mark.slow
def test_intervals_hold_and_p_is_five_percent_without_an_effect():
    alarms = 0
    for seed in range(150):
        _, B = data_of(np.random.default_rng(seed), strength=1.0)
        other, _ = data_of(np.random.default_rng(10_000 + seed))
        alarms += model_scores(other, B, n_permutations=99)[0].p <= 0.05
    assert alarms / 150 < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)
    found = [
        model_scores(*data_of(np.random.default_rng(seed)), n_permutations=20)[0]
        for seed in range(200)
    ]
    truth = np.mean([one.value for one in found])
    held = np.mean([one.interval[0] <= truth <= one.interval[1] for one in found])
    assert 0.9 < held <= 1.0
