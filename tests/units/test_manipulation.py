"""Lesion and enhancement on a small planted population whose decoder is known."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import stats

from affectome.errors import InputError
from affectome.units import enhance, lesion, matched_draws

N_UNITS = 40


def population(seed, n_trials=200):
    """Units 0 … 7 carry the class, all have the same mean activity; labels are 0 and 1."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n_trials)
    X = 2 + rng.standard_normal((n_trials, N_UNITS))
    X[:, :8] += 0.6 * (2 * y[:, None] - 1)
    return X, y


def decoder(weight=1.0):
    """Reads the eight units, and a constant; what the others do is noise to it."""
    w = np.full(N_UNITS, 0.5)
    w[:8] = weight
    return w


def answering(X, weights):
    """A virtual population: each change multiplies columns before the decoder reads them."""

    def respond(changes):
        answers = []
        for change in changes:
            changed = X.copy()
            changed[:, list(change.units)] *= 1 + change.gain
            answers.append((changed - changed.mean(0)) @ weights)
        return answers

    return respond


def accuracy(y):
    return lambda scores: float(np.mean((scores > 0) == y))


def test_a_lesion_of_the_units_that_carry_the_class_hurts_more_than_random_ones():
    X, y = population(0)
    activity = {"area": X.mean(0)}
    found = lesion(answering(X, decoder()), accuracy(y), {"area": np.arange(8)}, activity)["area"]
    assert found.base > 0.75
    assert found.score < found.random.min()
    assert found.p == 1 / 21
    assert found.gain == -1
    numbers = found.to_dict()
    assert numbers["units"] == 8
    assert numbers["random_mean"] == pytest.approx(found.random.mean())
    assert numbers["random_interval"][0] <= numbers["random_mean"] <= numbers["random_interval"][1]


def test_enhancement_picks_its_gain_on_validation_and_helps_on_test():
    X, y = population(1)
    V, v = population(2)
    w = decoder(0.3)
    found = enhance(
        answering(X, w),
        accuracy(y),
        answering(V, w),
        accuracy(v),
        {"area": np.arange(8)},
        {"area": X.mean(0)},
        gains=(-1, 0, 1, 3),
    )["area"]
    assert sorted(found.curve) == [-1, 0, 1, 3]
    best = max((0, 1, 3), key=lambda g: found.curve[g])
    assert found.gain == best > 0
    assert found.score > found.base
    assert found.p == 1 / 21


def test_a_gain_that_helps_nobody_is_left_alone():
    X, y = population(3)
    respond = answering(X, np.zeros(N_UNITS))
    found = enhance(respond, accuracy(y), respond, accuracy(y), {"a": [1, 2]}, {"a": X.mean(0)})[
        "a"
    ]
    assert (found.gain, found.p, found.score) == (0, 1, found.base)


def test_random_units_get_a_uniform_p():
    p = []
    for seed in range(60):
        X, y = population(seed, n_trials=40)
        units = np.random.default_rng(seed).choice(np.arange(8, N_UNITS), 6, replace=False)
        noise = np.random.default_rng(seed + 99).standard_normal(N_UNITS)
        chosen, activity = {"a": units}, {"a": np.zeros(N_UNITS)}
        p.append(
            lesion(answering(X, noise), accuracy(y), chosen, activity, random_state=seed)["a"].p
        )
    assert stats.binom.sf(np.sum(np.array(p) <= 0.1) - 1, 60, 0.1) > 0.001


def test_all_places_are_asked_for_at_once():
    X, y = population(4)
    calls = []

    def respond(changes):
        calls.append(len(changes))
        return answering(X, decoder())(changes)

    chosen, activity = {"a": [0, 1], "b": [2]}, {"a": X.mean(0), "b": X.mean(0)}
    lesion(respond, accuracy(y), chosen, activity, n_random=25)
    assert calls == [1 + 2 * 26]


def test_draws_are_as_many_as_active_never_the_chosen_and_without_repeats():
    rng = np.random.default_rng(0)
    activity = rng.lognormal(0, 1, 512)
    chosen = rng.choice(512, 60, replace=False)
    draws = matched_draws(chosen, activity, 30)
    assert draws.shape == (30, 60)
    assert not np.isin(draws, chosen).any()
    assert all(len(set(d)) == 60 for d in draws)
    assert len({tuple(sorted(d)) for d in draws}) == 30
    ranks = stats.rankdata(activity)
    assert np.abs(ranks[draws] - ranks[chosen]).mean() < 10
    assert_array_equal(draws, matched_draws(chosen, activity, 30))


def test_half_of_the_units_can_be_matched_and_more_can_not():
    assert matched_draws(np.arange(4), np.ones(8), 3).shape == (3, 4)
    with pytest.raises(InputError, match=r"5 of 8 units are chosen; .* between 1 and 4"):
        matched_draws(np.arange(5), np.ones(8))
    with pytest.raises(InputError, match="0 of 8 units are chosen"):
        matched_draws([], np.ones(8))


def test_too_few_draws_and_gains_without_zero_are_refused():
    X, y = population(0)
    respond, chosen, activity = answering(X, decoder()), {"a": [0]}, {"a": X.mean(0)}
    with pytest.raises(InputError, match="at least 20 draws; got 19"):
        lesion(respond, accuracy(y), chosen, activity, n_random=19)
    for gains in ((1.0,), (-2.0, 0.0)):
        with pytest.raises(InputError, match="gains hold 0 and none is below -1"):
            enhance(respond, accuracy(y), respond, accuracy(y), chosen, activity, gains=gains)


def test_no_place_is_no_effect():
    assert lesion(lambda changes: [], accuracy(np.zeros(2)), {}, {}) == {}
