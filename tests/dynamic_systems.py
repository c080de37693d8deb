"""Small dynamical systems that tests share."""

import numpy as np
import pandas as pd

from affectome.data import make_recording
from affectome.dynamics.linear_system import LinearSystem


def small_system(seed=0, k=2, n_units=3):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(k, k))
    return LinearSystem(
        A=np.diag([0.9, 0.4]) + 0.1 * rng.normal(size=(k, k)),
        b=rng.normal(size=k),
        Q=root @ root.T + np.eye(k),
        C=rng.normal(size=(n_units, k)),
        d=rng.normal(size=n_units),
        r=rng.uniform(0.5, 2, n_units),
        start=rng.normal(size=k),
        start_cov=np.eye(k) * 2,
        step=0.5,
    )


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
