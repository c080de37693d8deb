r"""Does the population switch between regimes? Switching against linear dynamics, held out.

Both predict each sample from those before it, and are scored by the log density of what came. For
the linear system that is the Kalman filter. For the switching one a filter runs in each regime, and
at every step what the regimes believe is mixed by their chances to go from one to the other, and
each mixture taken for a normal one (interacting multiple models; Blom & Bar-Shalom 1988),

.. math:: c_j = \sum_i T_{ij} \mu_i, \quad m^0_j = \sum_i T_{ij} \mu_i m_i / c_j .
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from scipy.special import logsumexp

from affectome.dynamics.linear_system import LinearSystem, fit_linear_system, trials_in_time
from affectome.dynamics.switching import Regime, SwitchingSystem, fit_switching_system
from affectome.errors import InputError
from affectome.evidence import Score, group_mean
from affectome.kernels.kalman import Array

FEWEST_TRIALS = 8


@dataclass(frozen=True)
class SwitchingComparison:
    """What regimes add to linear dynamics.

    Attributes
    ----------
    system
        The switching system of the training trials.
    linear, switching
        Log density of a held-out sample given those before it, mean over trials.
    gain
        ``switching - linear`` with its interval over held-out trials.
    """

    system: SwitchingSystem
    linear: float
    switching: float
    gain: Score

    @property
    def better(self) -> bool:
        """Whether regimes predict held-out trials better than one linear system."""
        return self.gain.interval is not None and self.gain.interval[0] > 0

    def to_dict(self) -> dict[str, Any]:
        """Give the gain of switching with its interval, and the regimes."""
        return {
            "gain": {"value": self.gain.value, **self.gain.to_dict()},
            "better": self.better,
            **self.system.to_dict(),
        }


def compare_switching(
    recording: xr.DataArray,
    n_states: int,
    n_regimes: int = 2,
    *,
    max_iter: int = 50,
    random_state: int = 0,
) -> SwitchingComparison:
    """Fit both systems to three trials of four and score them on the fourth.

    Parameters
    ----------
    recording
        Dims (trial, time, unit), equally spaced times.
    n_states, n_regimes, max_iter
        As for ``fit_switching_system``.
    random_state
        Seed.

    Raises
    ------
    InputError
        If there are fewer than eight trials, or as for ``fit_switching_system``.
    """
    Y, _ = trials_in_time(recording)
    if len(Y) < FEWEST_TRIALS:
        raise InputError(
            f"a comparison on held-out trials needs {FEWEST_TRIALS} or more; got {len(Y)}"
        )
    test = np.arange(len(Y)) % 4 == 3
    train = recording.isel(trial=~test)
    single = fit_linear_system(train, n_states, max_iter=max_iter)
    system = fit_switching_system(
        train, n_states, n_regimes, max_iter=max_iter, random_state=random_state
    )
    size = Y[test][0].size
    linear = predictive_density(linear_as_one_regime(single), Y[test]) / size
    switching = predictive_density(system, Y[test]) / size
    gain = switching - linear
    mean = replace(
        group_mean(gain, "held-out trials", metric="log density"),
        why="no p, because the interval compares two models, not a model with chance",
    )
    return SwitchingComparison(system, float(linear.mean()), float(switching.mean()), mean)


def linear_as_one_regime(system: LinearSystem) -> SwitchingSystem:
    """Write a linear system as a switching one that never switches."""
    one = np.ones((1, 1, 1))
    regime = Regime(system.A, system.b, system.Q)
    return SwitchingSystem((regime,), one[0], one, np.empty((0, 0, len(system.A))), system)


def predictive_density(system: SwitchingSystem, Y: Array) -> Array:
    """Give each trial's log density, sample after sample.

    Parameters
    ----------
    system
        Regimes, their transitions and the read-out of the states.
    Y
        Trials, shape (n_trials, n_times, n_units).

    Returns
    -------
    numpy.ndarray
        Shape (n_trials,); exact for one regime.
    """
    base, count = system.base, len(system.regimes)
    mean = np.repeat(base.start[None, None], count, axis=0).repeat(len(Y), axis=1)
    covariance = np.broadcast_to(base.start_cov, (count, len(Y), *base.start_cov.shape))
    weight = np.tile(system.probability[:, 0].mean(0)[:, None], (1, len(Y)))
    move = np.eye(count)
    total = np.zeros(len(Y))
    for t in range(Y.shape[1]):
        if t:
            weight, mean, covariance = _mixed(move, weight, mean, covariance)
            mean, covariance = _pushed(system.regimes, mean, covariance)
            move = system.transitions
        density, mean, covariance = _seen(base, Y[:, t], mean, covariance)
        joint = np.log(np.maximum(weight, 1e-300)) + density
        step = logsumexp(joint, axis=0)
        weight = np.exp(joint - step)
        total += step
    return total


def _mixed(
    move: Array, weight: Array, mean: Array, covariance: Array
) -> tuple[Array, Array, Array]:
    """Chances of the regimes (K, n) of the next step, and what is believed before it in each."""
    chance = move.T @ weight
    share = move[:, :, None] * weight[:, None] / np.maximum(chance, 1e-300)
    centre = np.einsum("ijn,ink->jnk", share, mean)
    away = mean[:, None] - centre[None]
    spread = covariance[:, None] + away[..., :, None] * away[..., None, :]
    return chance, centre, np.einsum("ijn,ijnkl->jnkl", share, spread)


def _pushed(regimes: tuple[Regime, ...], mean: Array, covariance: Array) -> tuple[Array, Array]:
    A, b, Q = (np.stack([regime[part] for regime in regimes]) for part in range(3))
    ahead = np.einsum("jab,jnb->jna", A, mean) + b[:, None]
    return ahead, np.einsum("jab,jnbc,jdc->jnad", A, covariance, A) + Q[:, None]


def _seen(
    base: LinearSystem, y: Array, mean: Array, covariance: Array
) -> tuple[Array, Array, Array]:
    """Log density (K, n) of samples (n, n_units), and states after they were seen."""
    loaded = base.C / base.r[:, None]
    error = y - base.d - mean @ base.C.T
    pull = error @ loaded
    inner = np.eye(len(base.A)) + covariance @ (base.C.T @ loaded)
    left = np.linalg.solve(inner, covariance).astype(np.float64)
    log_det = np.linalg.slogdet(inner)[1] + np.log(base.r).sum()
    square = (error**2 / base.r).sum(-1) - np.einsum("jna,jnab,jnb->jn", pull, left, pull)
    density = -0.5 * (square + log_det + y.shape[1] * np.log(2 * np.pi))
    return density, mean + np.einsum("jnab,jnb->jna", left, pull), left
