"""Switching dynamics: planted regimes are found, with their time constants."""

import numpy as np
import pandas as pd
import pytest

from affectome.data import make_recording
from affectome.dynamics.switching import fit_switching_system
from affectome.errors import InputError


def planted(n_trials=16, n_times=150, seed=0):
    """A fast turning regime and a slow decaying one, each lasting twenty steps or so."""
    rng = np.random.default_rng(seed)
    turn = 0.9 * np.array([[np.cos(0.9), -np.sin(0.9)], [np.sin(0.9), np.cos(0.9)]])
    maps = np.array([turn, np.diag([0.99, 0.97])])
    spread = np.array([0.5, 0.1])
    path = np.empty((n_trials, n_times - 1), dtype=int)
    state = np.empty((n_trials, n_times, 2))
    state[:, 0] = 2 * rng.normal(size=(n_trials, 2))
    for i in range(n_trials):
        for t in range(n_times - 1):
            stay = t > 0 and rng.uniform() < 0.95
            path[i, t] = path[i, t - 1] if stay else rng.integers(2)
            noise = spread[path[i, t]] * rng.normal(size=2)
            state[i, t + 1] = maps[path[i, t]] @ state[i, t] + noise
    values = state @ rng.normal(size=(2, 12)) + 0.3 * rng.normal(size=(n_trials, n_times, 12))
    recording = make_recording(
        values,
        pd.DataFrame({"emotion": np.full(n_trials, "fear")}),
        pd.DataFrame({"neuron": [f"n{i}" for i in range(12)]}),
        np.arange(n_times) * 0.1,
    )
    return recording, path


def test_finds_regimes_and_their_time_constants():
    recording, path = planted()
    found = fit_switching_system(recording, 2, 2)
    named = found.probability.argmax(2)
    agreement = (named == path).mean()
    assert max(agreement, 1 - agreement) > 0.9
    slow = int(found.time_constants[:, 1].argmax())
    assert (slow == 1) == (agreement > 0.5)
    np.testing.assert_allclose(found.time_constants[1 - slow], 0.1 / -np.log(0.9), rtol=0.2)
    assert found.time_constants[slow].min() > 2
    np.testing.assert_allclose(found.transitions.sum(1), 1)
    assert np.diag(found.transitions).min() > 0.85
    assert found.state.shape == (16, 150, 2)
    np.testing.assert_allclose(found.probability.sum(2), 1)
    assert sum(found.to_dict()["share"]) == pytest.approx(1)


def test_says_what_is_wrong():
    recording, _ = planted(4, 20)
    with pytest.raises(InputError, match="two regimes or more; got 1"):
        fit_switching_system(recording, 2, 1)
