"""Scores within animals: Spearman's own, partial ones, and intervals that hold."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from affectome.errors import InputError
from affectome.evidence.within import balanced_within, spearman_within


def test_rho_is_spearmans_within_groups() -> None:
    rng = np.random.default_rng(0)
    y, p, who = rng.normal(size=60), rng.normal(size=60), np.repeat(list("abc"), 20)
    found = spearman_within(y, p, who)
    for name, rho in found.by_group.items():
        assert rho == pytest.approx(spearmanr(y[who == name], p[who == name]).statistic)
    offset = 100.0 * np.repeat(np.arange(3), 20)
    assert spearman_within(y, p + offset, who).by_group == pytest.approx(found.by_group)


def test_arrangements_are_scored_as_the_real_labels_are() -> None:
    rng = np.random.default_rng(0)
    y, p, who = rng.normal(size=(5, 30)), rng.normal(size=(5, 30)), np.repeat(list("abc"), 10)
    together = spearman_within(y, p, who)
    for row in range(4):
        alone = spearman_within(y[row + 1], p[row + 1], who)
        np.testing.assert_allclose(together.null[row], alone.real)


def test_what_is_held_fixed_explains_nothing_more() -> None:
    rng = np.random.default_rng(0)
    y, who = np.tile(np.arange(20.0), 3), np.repeat(list("abc"), 20)
    given = rng.normal(size=(60, 1))
    assert np.abs(spearman_within(y, given[:, 0], who, given).real).max() < 1e-6


def test_error_of_what_is_held_fixed_is_allowed_for() -> None:
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(10), 200)
    moved = rng.normal(size=2000)
    y, p, seen = moved + 0.3 * rng.normal(size=(3, 2000)) * [[1], [1], [2]]
    plain = spearman_within(y, p, who, seen[:, None]).score("animals")
    reliable = float(np.mean(spearman_within(seen, moved, who).real ** 2))
    right = spearman_within(y, p, who, seen[:, None], reliable).score("animals")
    assert plain.interval[0] > 0.3
    assert right.interval[0] < 0 < right.interval[1]


def test_balanced_accuracy_within_groups() -> None:
    y = np.array(list("aaab" * 2))
    p = np.array(list("aabb" + "aaaa"))
    found = balanced_within(y, p, np.repeat([0, 1], 4))
    assert list(found.real) == pytest.approx([(2 / 3 + 1) / 2, 0.5])


def test_two_groups_have_no_interval_and_one_value_no_rho() -> None:
    y = np.tile(np.arange(6.0), 2)
    found = spearman_within(y, y, np.repeat(["a", "b"], 6)).score("animals")
    assert found.interval is None
    assert found.why.startswith("no p, because")
    with pytest.raises(InputError, match="no animal has four trials"):
        spearman_within(np.ones(12), y, np.repeat(["a", "b"], 6))


@pytest.mark.slow
def test_scores_that_share_training_sets_have_wider_intervals() -> None:
    # Every animal's score comes from what the others taught it: without effect they go together.
    held = {"alone": 0, "calibrated": 0}
    for seed in range(300):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(5, 30, 20)), rng.normal(size=(40, 5, 30))
        taught = np.einsum("atu,dat->dau", X, y)
        others = taught.sum(axis=1, keepdims=True) - taught
        found = np.einsum("atu,dau->dat", X, others)
        who = np.repeat(np.arange(5), 30)
        scores = spearman_within(y.reshape(40, -1), found.reshape(40, -1), who)
        alone = spearman_within(y[0].ravel(), found[0].ravel(), who)
        for name, one in (("alone", alone), ("calibrated", scores)):
            low, high = one.score("animals").interval
            held[name] += low <= 0 <= high
    assert held["alone"] < 0.91 * 300
    assert 0.92 * 300 <= held["calibrated"] <= 0.985 * 300
