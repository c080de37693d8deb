import numpy as np
import pytest

from affectome.errors import InputError
from affectome.evidence import p_value, shuffle_inputs


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


def test_blocks_of_another_length_are_refused():
    with pytest.raises(InputError, match=r"shape \(2,\) but there are 30 trials"):
        shuffle_inputs(np.arange(30), [0, 1])
