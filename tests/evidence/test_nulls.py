import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from affectome.errors import InputError
from affectome.evidence import (
    circular_shifts,
    p_value,
    permute_crossed,
    permute_whole,
    permute_within,
    shuffle_inputs,
)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(4, 12))
def test_permuting_within_blocks_keeps_the_labels_of_every_block(seed, n_blocks, size):
    rng = np.random.default_rng(seed)
    blocks = rng.permutation(np.repeat(np.arange(n_blocks), size))
    y = np.arange(blocks.size)
    drawn = permute_within(y, blocks, 50, seed)
    assert drawn.shape == (50, y.size)
    assert np.array_equal(blocks[drawn], np.tile(blocks, (50, 1)))
    assert np.array_equal(np.sort(drawn, axis=1), np.tile(y, (50, 1)))


def test_every_arrangement_is_equally_likely():
    drawn = permute_within(np.arange(4), None, 24_000, 0)
    _, counts = np.unique(drawn, axis=0, return_counts=True)
    assert counts.size == 24
    assert stats.chisquare(counts).pvalue > 0.001


def test_permuting_nothing_is_refused():
    subject = np.repeat(np.arange(10), 4)
    patients = (subject < 5).astype(int)
    with pytest.raises(InputError, match="these 10 blocks changes nothing: every block has one"):
        permute_within(patients, subject)
    assert permute_whole(patients, subject, n_permutations=9).shape == (9, 40)


def test_too_few_arrangements_are_refused_with_their_number():
    with pytest.raises(InputError, match="only 6 distinct arrangements of the labels in 1 blocks"):
        permute_within([0, 0, 1, 1])
    assert permute_within([0, 0, 0, 1, 1, 1]).shape == (1000, 6)  # 20 arrangements
    with pytest.raises(InputError, match="only 10 distinct"):
        permute_whole(np.repeat([0, 0, 1, 1, 1], 7), np.repeat(np.arange(5), 7))
    with pytest.raises(InputError, match="only 19 distinct"):
        circular_shifts(np.arange(20))


def test_whole_units_keep_one_label_each():
    unit = np.random.default_rng(0).permutation(np.repeat(np.arange(12), [3, 1] * 6))
    y = np.array(["a", "b", "c"])[unit % 3]
    for row in permute_whole(y, unit, None, 20):
        assert all(len(set(row[unit == u])) == 1 for u in range(12))
        assert sorted(row[unit == u][0] for u in range(12)) == sorted("abc" * 4)


def test_units_trade_places_within_their_block_only():
    block = np.repeat([0, 1], 30)
    unit = np.arange(60) // 3
    y = unit % 5 + 10 * block
    for row in permute_whole(y, unit, block, 20):
        assert np.array_equal(row // 10, block)
    with pytest.raises(InputError, match="a unit lies in two blocks"):
        permute_whole(y, unit, np.arange(60) % 2)


def test_swapped_parts_reach_every_arrangement_of_leave_one_out():
    y = np.repeat(list("aaabbb"), 2)
    unit = np.repeat(np.arange(6), 2)
    drawn = permute_whole(y, unit, None, 4000, 0, parts=unit)
    _, counts = np.unique(drawn, axis=0, return_counts=True)
    assert counts.size == 20
    assert stats.chisquare(counts).pvalue > 0.001


def test_parts_are_left_aside_where_they_leave_too_few_arrangements():
    y = np.repeat(list("ababab"), 2)
    unit = np.repeat(np.arange(6), 2)
    parts = np.repeat([0, 0, 1, 1, 2, 2], 2)  # eight arrangements
    drawn = permute_whole(y, unit, None, 500, 0, parts=parts)
    assert len(np.unique(drawn, axis=0)) == 20


def test_sequences_of_units_stay_together():
    unit = np.repeat(np.arange(6), 5)
    y = np.arange(30.0)
    for row in permute_whole(y, unit, None, 20):
        parts = row.reshape(6, 5)
        assert np.array_equal(np.diff(parts, axis=1), np.ones((6, 4)))
        assert np.array_equal(np.sort(row), y)


def test_crossed_stimuli_move_alike_for_all_subjects():
    subject, stimulus = np.indices((5, 7)).reshape(2, -1)
    order = np.random.default_rng(0).permutation(35)
    subject, stimulus = subject[order], stimulus[order]
    y = 100.0 * subject + stimulus
    for row in permute_crossed(y, subject, stimulus, 20):
        assert np.array_equal(row // 100, subject)
        moved = {(s, int(v % 100)) for s, v in zip(stimulus, row, strict=True)}
        assert len(moved) == 7
    with pytest.raises(InputError, match="34 trials don't cross 5 subjects with 7 stimuli"):
        permute_crossed(y[:34], subject[:34], stimulus[:34])


def test_shifts_go_round_each_run_and_keep_the_distance():
    run = np.repeat([0, 1], [40, 30])
    y = np.arange(70)
    drawn = circular_shifts(y, run, 5, 200)
    for name, size in ((0, 40), (1, 30)):
        rows = drawn[:, run == name]
        assert np.array_equal(np.sort(rows, axis=1), np.tile(y[run == name], (200, 1)))
        steps = (rows[:, 1:] - rows[:, :-1]) % size
        assert np.array_equal(steps, np.ones_like(steps))
        shift = (y[run == name][0] - rows[:, 0]) % size
        assert shift.min() >= 5
        assert shift.max() <= size - 5
    with pytest.raises(InputError, match="smallest shift is 1 trial; got 0"):
        circular_shifts(y, run, 0)


def test_shuffled_inputs_keep_each_unit_and_lose_the_trial():
    X = np.random.default_rng(0).normal(size=(40, 3, 5)).astype(np.float32)
    blocks = np.arange(40) // 10
    shuffled = shuffle_inputs(X, blocks)
    assert shuffled.dtype == X.dtype
    for b in range(4):
        assert np.array_equal(np.sort(shuffled[blocks == b], 0), np.sort(X[blocks == b], 0))
    assert not np.array_equal(np.argsort(shuffled[:, 0, 0]), np.argsort(shuffled[:, 0, 1]))


def test_p_counts_the_real_arrangement():
    assert p_value(1.0, np.zeros(99)) == 0.01
    assert p_value(0.0, np.zeros(99)) == 1.0
    assert p_value(0.3, [0.1 + 0.2, 0.0, 0.0]) == 0.5  # equal but for rounding
    assert p_value(-1.0, np.zeros(99), higher_is_better=False) == 0.01


@pytest.mark.parametrize("function", [permute_within, circular_shifts, shuffle_inputs])
def test_blocks_of_another_length_are_refused(function):
    with pytest.raises(InputError, match=r"shape \(2,\) but there are 30 trials"):
        function(np.arange(30), [0, 1])
