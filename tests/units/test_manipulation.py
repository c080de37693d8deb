"""Lesion and enhancement on a small planted population whose decoder is known."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import stats

from affectome.decoding import ShrinkageLDA
from affectome.errors import InputError
from affectome.units import corrected, enhance, kept, lesion, matched_draws, refitted

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
    assert found.p == found.q == 1 / 21
    assert found.match.why_not is None
    assert found.gain == -1
    numbers = found.to_dict()
    assert numbers["units"] == 8
    assert numbers["random_mean"] == pytest.approx(found.random.mean())
    assert numbers["random_range"][0] <= numbers["random_mean"] <= numbers["random_range"][1]
    assert numbers["null"]["n_arrangements"] == 20


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
        gains=(0, 1, 3),
    )["area"]
    assert sorted(found.curve) == [0, 1, 3]
    best = max((0, 1, 3), key=lambda g: found.curve[g])
    for draw, gain in enumerate(found.random_gains):
        assert gain == max((0, 1, 3), key=lambda g: found.random_curves[g][draw])
    assert found.gain == best > 0
    assert found.score > found.base
    assert found.p == 1 / 21


def test_a_gain_that_helps_nobody_is_left_alone():
    X, y = population(3)
    respond = answering(X, np.zeros(N_UNITS))
    found = enhance(respond, accuracy(y), respond, accuracy(y), {"a": [1, 2]}, {"a": np.ones(40)})[
        "a"
    ]
    assert (found.gain, found.p, found.score) == (0, 1, found.base)


def by_lot(seed):
    """Units, activity and a reader for which nothing depends on which units are chosen."""
    rng = np.random.default_rng(seed)
    X, y = rng.gamma(2, size=(24, N_UNITS)), np.arange(24) % 2
    chosen = {"a": rng.choice(N_UNITS, 4, replace=False)}
    return answering(X, rng.standard_normal(N_UNITS)), accuracy(y), chosen, {"a": X.mean(0)}


def test_units_chosen_by_lot_give_a_uniform_p_of_a_lesion():
    found = [lesion(*by_lot(s), random_state=s)["a"] for s in range(150)]
    p = np.array([effect.p for effect in found if effect.null is not None])
    assert p.size > 100
    assert stats.binomtest(int(np.sum(p <= 0.05)), p.size, 1 / 21).pvalue > 0.005


def test_wiggly_curves_of_gain_give_no_false_alarms_for_each_set_has_its_own_best():
    p = []
    for seed in range(150):
        respond, measure, chosen, activity = by_lot(seed)
        one = enhance(respond, measure, respond, measure, chosen, activity, random_state=seed)["a"]
        p += [one.p] if one.null is not None else []
    assert len(p) > 100
    assert stats.binomtest(int(np.sum(np.array(p) <= 0.05)), len(p), 1 / 21).pvalue > 0.005


def test_over_many_places_q_holds_the_chance_of_any_false_alarm():
    hits = 0
    for seed in range(80):
        respond, measure, _, activity = by_lot(seed)
        rng = np.random.default_rng(seed)
        chosen = {f"a{i}": rng.choice(N_UNITS, 4, replace=False) for i in range(6)}
        level = dict.fromkeys(chosen, activity["a"])
        found = lesion(respond, measure, chosen, level, random_state=seed)
        hits += any(e.q is not None and e.q <= 0.05 for e in found.values())
    assert stats.binom.sf(hits - 1, 80, 0.06) > 0.005


def test_the_most_active_units_have_no_matched_control_and_that_is_said():
    X, y = population(0)
    X[:, :8] *= 5
    found = lesion(
        answering(X, decoder()), accuracy(y), {"a": np.arange(8)}, {"a": np.maximum(X, 0).mean(0)}
    )["a"]
    assert found.p is found.q is found.null is None
    numbers = found.to_dict()
    assert numbers["p"] is None
    assert numbers["why"].startswith("no p, because")
    assert "no matched control" in numbers["why"]


def test_a_decoder_that_is_kept_is_hurt_where_a_refitted_one_finds_the_code_elsewhere():
    rng = np.random.default_rng(3)
    y = np.arange(400) % 2
    X = 4 + rng.standard_normal((400, 20)) + 0.6 * (2 * y[:, None] - 1)
    X[:, :2] += 1.5 * (2 * y[:, None] - 1)
    train, test = slice(0, 200), slice(200, 400)
    fitted = ShrinkageLDA().fit(X[train], y[train])
    chosen, activity = {"all": [0, 1]}, {"all": X[train].mean(0)}

    def judge(guess):
        return float(np.mean(guess == y[test]))

    hurt = lesion(kept(fitted, X[test]), judge, chosen, activity)["all"]
    again = refitted(ShrinkageLDA(), X[train], y[train], X[test])
    spared = lesion(again, judge, chosen, activity)["all"]
    assert hurt.base == spared.base > 0.95
    assert hurt.score < spared.score - 0.1
    assert spared.score > 0.95
    assert corrected({"a": hurt}, "less")["a"].q == hurt.p


def test_all_places_are_asked_for_at_once():
    X, y = population(4)
    calls = []

    def respond(changes):
        calls.append(len(changes))
        return answering(X, decoder())(changes)

    chosen, activity = {"a": [0, 1], "b": [2]}, {"a": X.mean(0), "b": X.mean(0)}
    lesion(respond, accuracy(y), chosen, activity, n_random=25)
    assert calls == [2 * 27]


def test_draws_are_as_many_as_active_and_without_repeats():
    rng = np.random.default_rng(0)
    activity = rng.lognormal(0, 1, 512)
    chosen = rng.choice(512, 60, replace=False)
    draws = matched_draws(chosen, activity, 30)
    assert draws.shape == (30, 60)
    assert all(len(set(d)) == 60 for d in draws)
    assert len({tuple(sorted(d)) for d in draws}) == 30
    for tenth in np.array_split(np.argsort(activity), 10):
        assert_array_equal(np.isin(draws, tenth).sum(axis=1), np.isin(chosen, tenth).sum())
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
    for gains in ((1.0,), (-1.0, 0.0)):
        with pytest.raises(InputError, match="gains hold 0 and none is negative"):
            enhance(respond, accuracy(y), respond, accuracy(y), chosen, activity, gains=gains)


def test_no_place_is_no_effect():
    assert lesion(lambda changes: [], accuracy(np.zeros(2)), {}, {}) == {}
