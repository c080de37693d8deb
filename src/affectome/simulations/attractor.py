"""A simulated population on a line attractor that holds the intensity of an emotion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from scipy.signal import lfilter

from affectome.data.recording import make_recording
from affectome.errors import InputError
from affectome.simulations.planted import Truth


def simulate_attractor(
    *,
    tau: float = 50.0,
    fast: Sequence[float] = (2.0, 1.0),
    n_trials: int = 20,
    n_units: int = 30,
    duration: float = 150.0,
    sfreq: float = 2.0,
    intensity: tuple[float, float] = (0.5, 2.0),
    process_noise: float = 0.05,
    noise: float = 0.5,
    random_state: int | None = 0,
) -> tuple[xr.DataArray, Truth]:
    r"""Simulate a population on a line attractor that holds the intensity of an emotion.

    A linear dynamical system in discrete time, :math:`\Delta = 1/\mathrm{sfreq}`:

    .. math:: x_{t+1} = A x_t + w_t, \quad y_t = C x_t + v_t, \quad
              A = \mathrm{diag}(e^{-\Delta/\tau_1}, e^{-\Delta/\tau_2}, \dots)

    The event just before time 0 sets the slow dimension to the trial's intensity (with a sign by
    emotion) and the fast ones to random values; then the states decay on their own.

    Parameters
    ----------
    tau
        Time constant of the slow dimension in seconds; a small value gives a control without an
        attractor.
    fast
        Time constants of the other dimensions in seconds.
    n_trials, n_units
        Sizes.
    duration
        Seconds that each trial lasts.
    sfreq
        Samples a second.
    intensity
        Bounds of the uniform intensity of a trial.
    process_noise
        Stationary standard deviation that noise alone gives each latent dimension.
    noise
        Standard deviation of the observation noise of a unit; the loadings *C* are orthogonal
        with root-mean-square 1 in each column.
    random_state
        Seed.

    Returns
    -------
    recording : xarray.DataArray
        Dims (trial, time, unit); trial coordinates ``subject``, ``emotion`` ("approach" or
        "threat"), ``intensity``, ``trial_number``; unit coordinate ``neuron``.
    truth : Truth
        ``time_constants`` sorted from the slowest; ``patterns`` holds the loadings of the slow
        dimension, positive for the first emotion.

    Raises
    ------
    InputError
        If a time constant, a duration or a rate is not positive, or there are fewer units than
        latent dimensions.
    """
    taus = np.array([tau, *fast], dtype=float)
    if (taus <= 0).any() or duration <= 0 or sfreq <= 0:
        raise InputError("time constants, duration and sfreq are positive seconds and hertz")
    if n_units < taus.size:
        raise InputError(f"{taus.size} latent dimensions need as many units; got {n_units}")
    rng = np.random.default_rng(random_state)
    decay = np.exp(-1 / (sfreq * taus))
    loadings = np.linalg.qr(rng.standard_normal((n_units, taus.size)))[0] * np.sqrt(n_units)
    strength = rng.uniform(*intensity, n_trials)
    kind = rng.permutation(np.arange(n_trials) % 2)
    n_times = round(duration * sfreq)
    drive = rng.standard_normal((n_trials, n_times, taus.size))
    drive *= process_noise * np.sqrt(1 - decay**2)
    drive[:, 0] = rng.standard_normal((n_trials, taus.size))
    drive[:, 0, 0] = strength * np.where(kind == 0, 1.0, -1.0)
    states = np.stack(
        [lfilter([1.0], [1.0, -a], drive[..., d], axis=1) for d, a in enumerate(decay)], axis=-1
    )
    values = states @ loadings.T + noise * rng.standard_normal((n_trials, n_times, n_units))
    emotions = ("approach", "threat")
    trials = pd.DataFrame(
        {
            "subject": "sub-01",
            "emotion": np.array(emotions, dtype=object)[kind],
            "intensity": strength,
            "trial_number": np.arange(n_trials),
        }
    )
    units = pd.DataFrame({"neuron": [f"n{u:04d}" for u in range(n_units)]})
    patterns = np.stack([loadings[:, 0], -loadings[:, 0]])
    truth = Truth(
        emotions,
        np.ones((n_units, 2), dtype=bool),
        patterns,
        np.eye(2)[kind],
        strength,
        time_constants=tuple(sorted(map(float, taus), reverse=True)),
    )
    return make_recording(values, trials, units, np.arange(n_times) / sfreq), truth
