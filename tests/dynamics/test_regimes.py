"""Switching against linear dynamics: exact where that can be known, and no gain where none is."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from affectome.dynamics.linear_system import smooth_states
from affectome.dynamics.regimes import (
    compare_switching,
    linear_as_one_regime,
    predictive_density,
)
from affectome.dynamics.switching import Regime
from affectome.errors import InputError
from affectome.simulations import simulate_attractor
from dynamic_systems import planted, small_system


def test_one_regime_is_the_exact_likelihood_of_a_linear_system():
    system = small_system(n_units=4)
    Y = np.random.default_rng(0).normal(size=(5, 7, 4))
    found = predictive_density(linear_as_one_regime(system), Y)
    assert found.sum() == pytest.approx(smooth_states(system, Y).log_likelihood)


def test_two_samples_are_the_mixture_over_regimes():
    base = small_system()
    regimes = (Regime(base.A, base.b, base.Q), Regime(-base.A, base.b + 1, 2 * base.Q))
    switching = replace(
        linear_as_one_regime(base),
        regimes=regimes,
        transitions=np.array([[0.9, 0.1], [0.3, 0.7]]),
        probability=np.array([[[0.6, 0.4]]]),
    )
    Y = np.random.default_rng(1).normal(size=(4, 2, 3))
    expected = np.zeros(4)
    for share, regime in zip([0.6, 0.4], regimes, strict=True):
        mean = np.concatenate([base.start, regime.A @ base.start + regime.b])
        across = base.start_cov @ regime.A.T
        ahead = regime.A @ base.start_cov @ regime.A.T + regime.Q
        state = np.block([[base.start_cov, across], [across.T, ahead]])
        loads = np.kron(np.eye(2), base.C)
        seen = loads @ state @ loads.T + np.diag(np.tile(base.r, 2))
        level = loads @ mean + np.tile(base.d, 2)
        expected += share * multivariate_normal(level, seen).pdf(Y.reshape(4, -1))
    np.testing.assert_allclose(predictive_density(switching, Y), np.log(expected))


def test_planted_regimes_predict_better_and_one_regime_is_not_split():
    recording, _ = planted()
    found = compare_switching(recording, 2, max_iter=20)
    assert found.better
    assert found.to_dict()["gain"]["value"] > 0
    low, high = found.gain.interval
    assert low < found.switching - found.linear < high
    assert found.to_dict()["gain"]["over"] == "4 held-out trials"
    one, _ = simulate_attractor(tau=5, fast=(1.0,), n_trials=16, n_units=8, duration=15)
    assert not compare_switching(one, 2, max_iter=20).better


def test_says_how_many_trials_it_needs():
    recording, _ = planted(6, 20)
    with pytest.raises(InputError, match="held-out trials needs 8 or more; got 6"):
        compare_switching(recording, 2)
