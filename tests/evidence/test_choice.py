"""Choice on the reported trials: the optimism of noise is seen, a true best has none."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import balanced_accuracy_score

from affectome.errors import InputError
from affectome.evidence.choice import (
    chosen_elsewhere,
    cut,
    optimism,
    thresholds_of,
    weighted_scores,
)


def test_scores_under_weights_are_those_of_the_trials_taken():
    rng = np.random.default_rng(0)
    y, found = rng.integers(3, size=90), rng.integers(3, size=(4, 90))
    rows = rng.random(90) < 0.5
    values = weighted_scores("balanced_accuracy", y, found, np.stack([np.ones(90), rows]))
    for k in range(4):
        assert values[k, 0] == pytest.approx(balanced_accuracy_score(y, found[k]))
        assert values[k, 1] == pytest.approx(balanced_accuracy_score(y[rows], found[k][rows]))


def of_noise(seed: int, skill: float = 0.0):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(40), 5)
    y = rng.integers(2, size=200)
    found = rng.integers(2, size=(20, 200))
    right = rng.random(200) < skill
    found[7] = np.where(right, y, found[7])
    picked, best = chosen_elsewhere("balanced_accuracy", y, found, groups, seed)
    elsewhere = np.take_along_axis(found, picked, axis=0)
    return best, optimism("balanced_accuracy", y, found[best], elsewhere, groups, "people")


def test_the_best_of_twenty_guesses_is_too_good():
    shown, honest, between = np.array(
        [[s.value for s in of_noise(seed)[1]] for seed in range(30)]
    ).T
    assert shown.mean() > 0.56
    assert honest.mean() == pytest.approx(0.5, abs=0.02)
    assert between.mean() == pytest.approx((shown - honest).mean())


def test_one_that_is_truly_best_costs_nothing():
    best, (_, _, between) = of_noise(0, skill=0.6)
    assert best == 7
    assert between.value == pytest.approx(0, abs=1e-9)


@pytest.mark.slow
def test_the_interval_of_an_optimism_holds_the_true_one():
    intervals = [of_noise(seed)[1] for seed in range(200)]
    # all twenty guess: the honest score is .5, whatever was chosen
    true = [shown.value - 0.5 for shown, _, _ in intervals]
    inside = [
        b.interval[0] <= t <= b.interval[1] for t, (_, _, b) in zip(true, intervals, strict=True)
    ]
    assert np.mean(inside) >= 0.92


@pytest.mark.slow
def test_the_interval_of_a_thresholds_optimism_holds_what_choosing_adds() -> None:
    optimisms, intervals = [], []
    for seed in range(80):
        rng = np.random.default_rng(seed)
        y, groups = rng.integers(2, size=200), np.arange(200) // 5
        values = y + rng.normal(size=200)
        tried = thresholds_of(values)
        found = cut(values, tried)
        picked, best = chosen_elsewhere("balanced_accuracy", y, found, groups, seed)
        elsewhere = np.take_along_axis(found, picked, axis=0)
        scored = optimism("balanced_accuracy", y, found[best], elsewhere, groups, "people")
        at = tried[best]
        true = (norm.cdf(at) + norm.sf(at - 1)) / 2
        optimisms.append(scored[0].value - true)
        intervals.append(scored[2].interval)
    added = np.mean(optimisms)
    assert np.mean([low <= added <= high for low, high in intervals]) >= 0.9


def test_too_few_groups_to_choose_elsewhere():
    y = np.arange(40) % 2
    with pytest.raises(InputError, match="4 groups can't be parted into those that choose"):
        chosen_elsewhere("balanced_accuracy", y, np.stack([y, y]), np.arange(40) % 4)


def test_thresholds_lie_between_values():
    values = np.array([0.1, 0.4, 0.4, 0.9])
    assert thresholds_of(values) == pytest.approx([0.25, 0.65])
    assert cut(values, np.array([0.25])).tolist() == [[0, 1, 1, 1]]
    assert len(thresholds_of(np.arange(1000.0))) == 200
