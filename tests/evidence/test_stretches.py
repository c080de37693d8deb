"""Orders of stretches against brute force, and what they do for tests under drift."""

import itertools
import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from affectome.evidence import make_design
from affectome.evidence.stretches import log_orders, new_orders

DESIGNS = ([0, 1, 0, 1, 0], [0, 1, 0, 1, 0, 1], [0, 1, 2, 0, 1], [0, 1, 2, 1, 0, 2])


def brute_force(label, length):
    """All distinct orders in which no two of one label meet."""
    places = itertools.permutations(range(len(label)))
    return {
        tuple(zip(label[list(p)].tolist(), length[list(p)].tolist(), strict=True))
        for p in places
        if (np.diff(label[list(p)]) != 0).all()
    }


@pytest.mark.parametrize("label", DESIGNS)
def test_orders_are_counted_as_by_brute_force(label):
    label = np.array(label)
    length = np.random.default_rng(0).integers(1, 4, label.size)
    assert math.exp(log_orders(label, length)) == pytest.approx(len(brute_force(label, length)))


@pytest.mark.parametrize("label", DESIGNS[:1])
def test_all_orders_are_equally_likely(label):
    label = np.array(label)
    length = np.arange(label.size)
    rng = np.random.default_rng(0)
    # Draws of one call share a hub, as they must; those of many calls are independent.
    drawn = [new_orders(label, np.zeros_like(label), 1, rng)[0] for _ in range(400)]
    count = Counter(tuple(zip(label[d].tolist(), length[d].tolist(), strict=True)) for d in drawn)
    wanted = brute_force(label, length)
    assert set(count) <= wanted
    assert stats.chisquare([count[one] for one in wanted]).pvalue > 1e-3


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.integers(0, 1000))
def test_equal_labels_never_meet_and_runs_stay_whole(labels, seed):
    label = np.array([one for one, _ in itertools.groupby(labels)])
    run = np.arange(label.size) // 7
    order = new_orders(label, run, 5, np.random.default_rng(seed))
    for one in order:
        assert (run[one] == run).all()
        assert sorted(one) == list(range(label.size))
        for k in np.unique(run):
            assert (np.diff(label[one][run == k]) != 0).all()


def people(labels, lengths):
    """Four people who met stretches of these lengths, and their design."""
    y = np.concatenate(
        [np.repeat(np.arange(len(n)) % 2 ^ k, n) for k, n in zip(labels, lengths, strict=True)]
    )
    who = np.repeat(range(4), [sum(n) for n in lengths])
    trials = pd.DataFrame({"subject": who, "onset": np.arange(y.size)})
    return y, who, make_design(trials, y, "subject")


def changes(labels, who):
    """Changes of label within people, shape (n_draws,)."""
    return ((np.diff(labels, axis=1) != 0) & (np.diff(who) == 0)).sum(axis=1)


def test_the_exchange_keeps_stretches_apart():
    rng = np.random.default_rng(1)
    y, who, design = people([0, 1, 1, 0], [rng.integers(3, 9, 8) for _ in range(4)])
    drawn = design.arrange(50)
    assert "whole stretches of equal labels" in design.exchange.scheme
    assert (changes(drawn, who) == changes(y[None], who)).all()
    assert len(np.unique(drawn, axis=0)) > 20


def test_labels_may_meet_where_orders_are_few():
    y, who, design = people([0, 1, 1, 0], [[5, 5, 5, 7], [5, 5, 7, 5], [5, 7, 5, 5], [7, 5, 5, 5]])
    drawn = design.arrange(50)
    assert "whole stretches of equal labels" in design.exchange.scheme
    assert (changes(drawn, who) <= changes(y[None], who)).all()
    assert changes(drawn, who).min() < changes(y[None], who)[0]


def test_blocks_of_equal_length_trade_places_as_trials_do():
    rng = np.random.default_rng(1)
    y = np.concatenate([np.repeat(rng.permutation(np.arange(12) % 2), 5) for _ in range(4)])
    trials = pd.DataFrame({"subject": np.repeat(range(4), 60), "onset": np.arange(240)})
    design = make_design(trials, y, "subject")
    drawn = design.arrange(50)
    assert design.exchange.scheme.startswith("labels permuted over blocks of 5")
    assert (drawn.reshape(50, 48, 5).std(axis=2) == 0).all()
    assert (drawn.reshape(50, 4, 60).sum(axis=2) == 30).all()
