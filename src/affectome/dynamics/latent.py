r"""Time constants of latent dynamics, and the line attractor where there is one.

The eigenvalues of a fitted linear system are time constants. A slow one that stands alone is a line
attractor, a dimension that integrates and holds intensity (Nair et al. 2023). It is reported only
where the interval of its time constant says that it is slow, never for the mere largest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from affectome.dynamics.linear_system import (
    LinearSystem,
    fit_linear_system,
    smooth_states,
    trials_in_time,
)
from affectome.errors import InputError
from affectome.evidence import Score, p_value, permute_within, score
from affectome.kernels.kalman import Array
from affectome.kernels.ranks import pearson
from affectome.progress import Progress, silent


@dataclass(frozen=True)
class TimeConstants:
    """Time constants of latent dynamics, and whether one of them is a line attractor.

    Attributes
    ----------
    system
        The fitted system.
    tau
        Seconds, slowest first, shape (n_states,).
    interval
        95 % intervals, a bootstrap over trials, shape (n_states, 2).
    held_out
        Log likelihood per sample of left-out trials for 1, 2, … states.
    attractor
        τ of the integration dimension, or None: it is reported only where the lower bound of the
        slowest τ is ``slow`` seconds or more and the gap to the next, log2(τ₁/τ₂), is at least 1.
    state
        Position along the integration dimension, shape (n_trials, n_times); None without one.
    """

    system: LinearSystem
    tau: Array
    interval: Array
    held_out: tuple[float, ...]
    attractor: float | None
    state: Array | None

    def to_dict(self) -> dict[str, Any]:
        """Give time constants and the attractor as plain values."""
        return {
            "time_constants_s": self.tau.tolist(),
            "intervals_s": self.interval.tolist(),
            "n_states": len(self.tau),
            "held_out_log_likelihood": list(self.held_out),
            "attractor_s": self.attractor,
        }


def time_constants(
    recording: xr.DataArray,
    *,
    n_states: int | None = None,
    most_states: int = 6,
    slow: float = 10.0,
    n_bootstrap: int = 100,
    max_iter: int = 100,
    random_state: int = 0,
    progress: Progress = silent,
) -> TimeConstants:
    """Estimate the spectrum of time constants, with intervals, and look for a line attractor.

    Parameters
    ----------
    recording
        Dims (trial, time, unit), equally spaced times.
    n_states
        Hidden dimensions; chosen by the likelihood of left-out trials when not given.
    most_states
        Most dimensions that are tried.
    slow
        Seconds from which a time constant may count as that of an integrator.
    n_bootstrap
        Draws of trials, each refitted from the full fit.
    max_iter
        Most EM iterations of a full fit; a draw takes a tenth.
    random_state
        Seed.
    progress
        Called when a number of states, or a draw, is done.

    Raises
    ------
    InputError
        If there are fewer than four trials, or as for :func:`fit_linear_system`.
    """
    n_trials = recording.sizes["trial"]
    trials_in_time(recording)
    if n_trials < 4:
        raise InputError(f"a bootstrap over trials needs four or more; got {n_trials}")
    held_out: tuple[float, ...] = ()
    if n_states is None:
        held_out = _held_out(recording, most_states, max_iter, progress)
        n_states = 1 + int(np.argmax(held_out))
    system = fit_linear_system(recording, n_states, max_iter=max_iter, tol=1e-7)
    rng = np.random.default_rng(random_state)
    draws = np.empty((n_bootstrap, n_states))
    for number in range(n_bootstrap):
        chosen = recording.isel(trial=rng.integers(0, n_trials, n_trials))
        again = fit_linear_system(chosen, n_states, start=system, max_iter=max(max_iter // 10, 5))
        draws[number] = again.time_constants
        progress("bootstrap over trials", number + 1, n_bootstrap)
    tau = system.time_constants
    interval = np.quantile(draws, [0.025, 0.975], axis=0).T
    ahead = np.log2(tau[0] / tau[1]) if n_states > 1 else np.inf
    found = bool(interval[0, 0] >= slow and ahead >= 1)
    state = integration_state(system, recording) if found else None
    return TimeConstants(system, tau, interval, held_out, float(tau[0]) if found else None, state)


def integration_state(system: LinearSystem, recording: xr.DataArray) -> Array:
    """Project smoothed states on the slowest dimension, shape (n_trials, n_times).

    The projection is the left eigenvector of A with the largest eigenvalue, scaled to unit variance
    of its steps' noise; its sign is arbitrary.
    """
    values, left = np.linalg.eig(system.A.T)
    slowest = int(np.argmax(np.abs(values)))
    direction = np.real(left[:, slowest])
    direction = direction / np.sqrt(direction @ system.Q @ direction)
    return smooth_states(system, trials_in_time(recording)[0]).mean @ direction


def relation_to_intensity(
    state: Array,
    intensity: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    n_permutations: int = 1000,
    random_state: int = 0,
) -> Score:
    """Correlate intensity with what the integration dimension predicts of left-out trials.

    In each class a line from the trial's mean position to intensity is fitted without the trial;
    the null permutes intensity within classes.

    Parameters
    ----------
    state
        Position along the integration dimension, shape (n_trials, n_times).
    intensity
        Of each trial, shape (n_trials,).
    labels
        Class of each trial: two emotions may lie on opposite sides of the dimension.
    n_permutations, random_state
        Of the null.

    Raises
    ------
    InputError
        If a class has fewer than four trials.
    """
    strength = np.asarray(intensity, dtype=float)
    names = np.zeros(len(strength)) if labels is None else np.asarray(labels)
    codes = np.unique(names, return_inverse=True)[1]
    if np.bincount(codes).min() < 4:
        raise InputError(
            f"a line from state to intensity needs four trials of a class; the rarest of "
            f"{len(np.bincount(codes))} has {np.bincount(codes).min()}"
        )
    hat = np.zeros((len(strength), len(strength)))
    for code in range(codes.max() + 1):
        mine = np.flatnonzero(codes == code)
        design = np.column_stack([np.ones(len(mine)), state[mine].mean(1)])
        hat[np.ix_(mine, mine)] = design @ np.linalg.pinv(design)
    drawn = permute_within(strength, codes, n_permutations, random_state)
    given = np.concatenate([strength[None], drawn])
    free = np.maximum(1 - np.diag(hat), 1e-9)
    left_out = given - (given - given @ hat.T) / free
    r = pearson(left_out, given)
    return score("pearson_r", strength, left_out[0], random_state=random_state).with_p(
        float(p_value(r[0], r[1:]))
    )


def _held_out(
    recording: xr.DataArray, most: int, max_iter: int, progress: Progress
) -> tuple[float, ...]:
    Y, _ = trials_in_time(recording)
    most = min(most, Y.shape[2])
    test = np.arange(len(Y)) % 4 == 3
    found = []
    for k in range(1, most + 1):
        system = fit_linear_system(recording.isel(trial=~test), k, max_iter=max_iter)
        found.append(smooth_states(system, Y[test]).log_likelihood / Y[test].size)
        progress("number of latent dimensions", k, most)
    return tuple(found)
