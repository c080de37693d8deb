"""The gamma tail of a null against many more draws of it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from affectome.evidence import p_value, tail_p


def sums_of_squares(rng, n, n_units, freedom=2):
    return np.square(rng.standard_normal((n, n_units, freedom))).sum(axis=-1)


def test_where_ten_draws_reach_it_p_is_counted():
    rng = np.random.default_rng(0)
    null, observed = sums_of_squares(rng, 999, 20), np.linspace(0.5, 4, 20)
    counted = [p_value(one, column) for one, column in zip(observed, null.T, strict=True)]
    assert_allclose(tail_p(observed, null), counted)


@pytest.mark.parametrize("freedom", [1, 2, 5])
def test_far_out_p_is_near_that_of_many_more_draws(freedom):
    rng = np.random.default_rng(1)
    many = sums_of_squares(rng, 2_000_000, 1, freedom)[:, 0]
    for share in (1e-3, 1e-4):
        observed = np.full(40, np.quantile(many, 1 - share))
        p = tail_p(observed, sums_of_squares(rng, 1000, 40, freedom))
        assert 0.5 * share < np.median(p) < 3 * share
        assert np.quantile(p, 0.1) > 0.1 * share


def test_p_is_never_below_what_the_draws_vouch_for():
    rng = np.random.default_rng(2)
    null = sums_of_squares(rng, 1000, 3)
    assert_allclose(tail_p(np.full(3, 1e6), null), 2 / 1000**2)
    few = null[:100]
    assert_allclose(tail_p(np.full(3, 1e6), few), 1 / 101)
    assert_allclose(tail_p(np.full(3, 1e6), null, n_distinct=60), 1 / 1001)


def test_a_null_that_never_varies_is_counted():
    assert_allclose(tail_p(np.array([2.0, 1.0]), np.ones((600, 2))), [1 / 601, 1.0])
