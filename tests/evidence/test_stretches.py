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


def people(orders):
    """Blocks of five trials in each person's order, and their design."""
    y = np.repeat(np.ravel(orders), 5)
    n = np.size(orders[0]) * 5
    trials = pd.DataFrame({"subject": np.arange(y.size) // n, "onset": np.arange(y.size) % n})
    return y, make_design(trials, y, "subject")


def changes(labels):
    """Changes of label within each of four people, shape (n_draws, 4)."""
    return (np.diff(labels.reshape(len(labels), 4, -1), axis=2) != 0).sum(axis=2)


def test_the_exchange_keeps_stretches_apart():
    rng = np.random.default_rng(1)
    y, design = people([rng.permutation(np.arange(12) % 2) for _ in range(4)])
    drawn = design.arrange(50)
    assert "whole stretches of equal labels" in design.exchange.scheme
    assert (changes(drawn) == changes(y[None])).all()
    assert len(np.unique(drawn, axis=0)) > 20


def test_labels_that_alternate_strictly_may_meet():
    y, design = people([(np.arange(12) + k) % 2 for k in (0, 1, 0, 1)])
    drawn = design.arrange(50)
    assert "whole stretches of equal labels" in design.exchange.scheme
    assert (changes(drawn) <= changes(y[None])).all()
    assert len(np.unique(drawn, axis=0)) > 20
