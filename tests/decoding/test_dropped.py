import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from affectome.decoding.dropped import DroppedModalities, scaled_up, subsets
from affectome.errors import InputError


def two_blocks(n, strong=2.0, weak=1.0, seed=0):
    """Three features a block; the first of each tells two classes apart."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    x = rng.normal(size=(n, 6))
    x[:, 0] += strong * y
    x[:, 3] += weak * y
    return x, y


def test_one_block_is_a_logistic_regression():
    x, y = two_blocks(80)
    z = StandardScaler().fit_transform(x)
    wanted = LogisticRegression(C=0.1, class_weight="balanced").fit(z, y).decision_function(z)
    table = np.hstack([np.ones((80, 1)), x])
    found = DroppedModalities([0] * 6, 0.1).fit(table, y)
    np.testing.assert_allclose(found.decision_function(table), wanted, atol=1e-3)
    assert set(found.predict(table)) == {0, 1}


def test_it_does_better_without_a_block_than_one_that_always_saw_it():
    """Two blocks hold the same: whoever saw both leans on both, and loses half without one."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 60)
    shared = np.eye(3)[y] + rng.normal(0, 0.6, (180, 3))
    x = np.hstack([shared, shared + rng.normal(0, 0.01, (180, 3))])
    blocks = [0, 0, 0, 1, 1, 1]
    both, first = np.ones((180, 2)), np.tile([1.0, 0.0], (180, 1))
    dropped = DroppedModalities(blocks, 1.0).fit(np.hstack([both, x]), y)
    alone = DroppedModalities([0] * 3, 1.0).fit(np.hstack([np.ones((180, 1)), x[:, :3]]), y)
    right = (dropped.predict(np.hstack([first, x])) == y).mean()
    assert right >= (alone.predict(np.hstack([np.ones((180, 1)), x[:, :3]])) == y).mean() - 0.02


def test_what_is_missing_is_not_looked_at():
    x, y = two_blocks(60)
    there = np.random.default_rng(1).random((60, 2)) < 0.7
    there[~there.any(1)] = True
    blocks = [0, 0, 0, 1, 1, 1]
    spoilt = np.where(there[:, blocks], x, 1e6)
    one = DroppedModalities(blocks).fit(np.hstack([there, x]), y)
    other = DroppedModalities(blocks).fit(np.hstack([there, spoilt]), y)
    np.testing.assert_allclose(
        one.decision_function(np.hstack([there, x])),
        other.decision_function(np.hstack([there, spoilt])),
    )


def test_the_rest_is_scaled_up():
    z = np.ones((1, 3))
    found = scaled_up(z, np.array([[True, False, False]]), [0, 1, 2])
    np.testing.assert_allclose(found, [[np.sqrt(3), 0, 0]])
    assert list(subsets(2)) == [(0,), (1,), (0, 1)]


def test_other_shapes_are_refused():
    with pytest.raises(InputError, match="2 flags and 3 features are wanted; got 4 columns"):
        DroppedModalities([0, 1, 1]).fit(np.ones((4, 4)), [0, 1, 0, 1])
