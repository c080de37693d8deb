import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectome.errors import InputError
from affectome.evidence.drift import BETS, JUMP, binned, drift


def capital_of(values, lots):
    """The same from all values so far, without counts; the sides written out."""
    sides, found = [1 / 3, 1 / 3, 1 / 3], []
    for n in range(len(lots)):
        so_far = values[: len(values) - len(lots) + n + 1]
        new = so_far[-1]
        above = sum(x > new for x in so_far)
        equal = sum(x == new for x in so_far)
        p = (above + lots[n] * equal) / len(so_far)
        whole = sum(sides)
        sides = [
            ((1 - JUMP) * side + JUMP * whole / 3) * (1 + bet * (p - 0.5))
            for side, bet in zip(sides, BETS, strict=True)
        ]
        found.append(sum(sides))
    return found


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20), st.lists(st.integers(0, 3)))
def test_capital_is_that_of_bets_on_the_rank_of_the_newest_value(before, after):
    lots = np.random.default_rng(5).random(len(after))
    found = drift(np.bincount(before, minlength=4), after, random_state=5)
    np.testing.assert_allclose(found.capital, capital_of(before + after, lots))


@pytest.mark.parametrize("shifted", [0, 3])
def test_a_change_either_way_rings_and_none_does_not(shifted):
    rng = np.random.default_rng(0)
    counts = np.full(4, 100)
    same = drift(counts, rng.integers(0, 4, 400))
    assert same.first is None
    assert same.p > 0.05
    changed = drift(counts, np.full(100, shifted))
    assert changed.first is not None
    assert changed.first < 40
    assert changed.p == pytest.approx(1 / changed.capital.max())
    assert drift(counts, np.full(100, shifted), tests=100).first > changed.first


@pytest.mark.slow
def test_the_alarm_rings_falsely_no_more_often_than_it_says():
    """400 streams of 1,000 values, ten times as long as the reference: looked at after each."""
    rng = np.random.default_rng(1)
    for share in ([0.5, 0.5], [0.9, 0.1], [0.25] * 4):
        rang = 0
        for seed in range(400):
            values = rng.choice(len(share), 1100, p=share)
            counts = np.bincount(values[:100], minlength=len(share))
            rang += drift(counts, values[100:], rate=0.1, random_state=seed).first is not None
        assert rang / 400 <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / 400)


def test_values_fall_between_edges():
    assert binned([-1, 0.5, 0.4, 3], [0.0, 0.5]).tolist() == [0, 2, 1, 2]


def test_what_can_not_be_watched():
    with pytest.raises(InputError, match=r"some above 0; got \[0.0, 0.0\]"):
        drift([0, 0], [0])
    with pytest.raises(InputError, match="the stream has bins 0 to 2 of 2"):
        drift([1, 1], [0, 2])
