r"""Switching linear dynamics: regimes in which the same hidden dimensions move differently.

.. math:: x_{t+1} = A_{s_t} x_t + b_{s_t} + w_t, \; w_t \sim N(0, Q_{s_t}), \quad
          y_t = C x_t + d + v_t, \quad s_t \text{ a Markov chain.}

Exact inference grows with the number of paths, so states and regimes are taken as independent in
the posterior and found in turns (Ghahramani & Hinton 2000): states by the smoother with dynamics
averaged over regimes, regimes by the forward–backward recursion with what the states expect; then
all parameters in closed form. The start is a single linear system whose states are cut into
regimes by clustering how they move.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from sklearn.cluster import KMeans

from affectome.dynamics.linear_system import (
    FLOOR,
    LARGEST,
    LinearSystem,
    affine,
    fit_linear_system,
    read_out,
    smooth_states,
    trials_in_time,
)
from affectome.errors import InputError
from affectome.kernels.kalman import Array, forward_backward, smooth
from affectome.progress import Progress, silent


class Regime(NamedTuple):
    """Dynamics in one regime: A (k, k), b (k,) and Q (k, k)."""

    A: Array
    b: Array
    Q: Array


@dataclass(frozen=True)
class SwitchingSystem:
    """A switching linear dynamical system and what it says of the trials.

    Attributes
    ----------
    regimes
        Dynamics of each regime, the most frequent first.
    transitions
        Chance of going from regime i to j in one step, shape (n_regimes, n_regimes).
    probability
        Of each regime at each step, shape (n_trials, n_times - 1, n_regimes).
    state
        Smoothed hidden states, shape (n_trials, n_times, n_states).
    base
        How states are read out, where they start and the seconds of a step; its A, b and Q are
        those of the single system that the fit started from.
    """

    regimes: tuple[Regime, ...]
    transitions: Array
    probability: Array
    state: Array
    base: LinearSystem

    @property
    def time_constants(self) -> Array:
        """Seconds in each regime, slowest first, shape (n_regimes, n_states)."""
        sizes = np.array([np.abs(np.linalg.eigvals(regime.A)) for regime in self.regimes])
        return np.sort(-self.base.step / np.log(np.clip(sizes, 1e-12, LARGEST)), axis=1)[:, ::-1]

    def to_dict(self) -> dict[str, Any]:
        """Give time constants, transitions and the share of time in each regime."""
        return {
            "time_constants_s": self.time_constants.tolist(),
            "transitions": self.transitions.tolist(),
            "share": self.probability.mean((0, 1)).tolist(),
        }


class _Belief(NamedTuple):
    """Posterior: regimes' weights (n_times - 1, n, K), states' means and second moments."""

    weights: Array
    pair: Array
    mean: Array
    here: Array
    across: Array


def fit_switching_system(
    recording: xr.DataArray,
    n_states: int,
    n_regimes: int = 2,
    *,
    max_iter: int = 50,
    random_state: int = 0,
    progress: Progress = silent,
) -> SwitchingSystem:
    """Fit a switching linear dynamical system to trials of equal length.

    Parameters
    ----------
    recording
        Dims (trial, time, unit), equally spaced times.
    n_states
        Hidden dimensions.
    n_regimes
        Regimes, two or more.
    max_iter
        Rounds of posterior and parameters.
    random_state
        Seed of the clusters that the fit starts from.
    progress
        Called when a round is done.

    Raises
    ------
    InputError
        If there is one regime, or as for ``fit_linear_system``.
    """
    if n_regimes < 2:
        raise InputError(
            f"a switching system has two regimes or more; got {n_regimes}; for one use "
            "fit_linear_system"
        )
    Y, _ = trials_in_time(recording)
    base = fit_linear_system(recording, n_states, max_iter=30)
    weights = _first_regimes(smooth_states(base, Y).mean, n_regimes, random_state)
    transitions = np.full((n_regimes, n_regimes), 0.1 / (n_regimes - 1))
    np.fill_diagonal(transitions, 0.9)
    regimes = [Regime(base.A, base.b, base.Q)] * n_regimes
    belief = _smooth(base, regimes, Y, weights, np.zeros_like(transitions))
    regimes = _maximise(belief)
    for number in range(max_iter):
        found = forward_backward(
            weights[0].mean(0) + FLOOR, transitions, _expected(regimes, belief)
        )
        weights = found.state
        belief = _smooth(base, regimes, Y, weights, found.pair)
        regimes, base = _maximise(belief), _refit(base, Y, belief)
        transitions = found.pair + 0.1
        transitions /= transitions.sum(1, keepdims=True)
        progress("switching dynamics", number + 1, max_iter)
    order = np.argsort(-weights.sum((0, 1)), kind="stable")
    return SwitchingSystem(
        tuple(regimes[i] for i in order),
        transitions[np.ix_(order, order)],
        weights.swapaxes(0, 1)[..., order],
        belief.mean.swapaxes(0, 1),
        base,
    )


def _first_regimes(states: Array, n_regimes: int, seed: int) -> Array:
    """Weights (n_times - 1, n_trials, K) from clusters of where states are and how they move."""
    n, n_times, k = states.shape
    scaled = (states - states.mean((0, 1))) / (states.std((0, 1)) + FLOOR)
    moves = np.diff(scaled, axis=1)
    moves = moves / (moves.std((0, 1)) + FLOOR)
    parts = np.concatenate([moves, np.abs(moves), scaled[:, :-1]], axis=2)
    labels = KMeans(n_regimes, n_init=10, random_state=seed).fit_predict(parts.reshape(-1, 3 * k))
    weights = np.full((n * (n_times - 1), n_regimes), 0.1 / n_regimes)
    weights[np.arange(len(labels)), labels] += 0.9
    return np.ascontiguousarray(weights.reshape(n, n_times - 1, -1).swapaxes(0, 1))


def _smooth(
    base: LinearSystem, regimes: list[Regime], Y: Array, weights: Array, pair: Array
) -> _Belief:
    """Smooth states under dynamics averaged over the regimes' weights."""
    loaded = base.C / base.r[:, None]
    starting = np.linalg.inv(base.start_cov)
    noise = np.array([np.linalg.inv(regime.Q) for regime in regimes])
    push = np.array([r.A.T @ q for r, q in zip(regimes, noise, strict=True)])
    pull = np.array([p @ r.A for r, p in zip(regimes, push, strict=True)])
    drift = np.array([q @ r.b for r, q in zip(regimes, noise, strict=True)])
    back = np.array([p @ r.b for r, p in zip(regimes, push, strict=True)])
    diagonal = np.zeros((Y.shape[1], len(Y), *base.A.shape)) + base.C.T @ loaded
    diagonal[0] += starting
    diagonal[1:] += np.einsum("tnk,kij->tnij", weights, noise)
    diagonal[:-1] += np.einsum("tnk,kij->tnij", weights, pull)
    linear = np.ascontiguousarray(((Y - base.d) @ loaded).swapaxes(0, 1))
    linear[0] += starting @ base.start
    linear[1:] += weights @ drift
    linear[:-1] -= weights @ back
    mean, covariance, neighbour, _ = smooth(
        diagonal, np.einsum("tnk,kij->tnij", weights, push), linear
    )
    here = covariance + mean[..., :, None] * mean[..., None, :]
    across = neighbour.swapaxes(2, 3) + mean[1:, :, :, None] * mean[:-1, :, None, :]
    return _Belief(weights, pair, mean, here, across)


def _expected(regimes: list[Regime], belief: _Belief) -> Array:
    """Log density that each regime expects of each step, (n_times - 1, n_trials, K)."""
    given = _with_one(belief.here[:-1], belief.mean[:-1])
    across = np.concatenate([belief.across, belief.mean[1:, ..., None]], axis=3)
    out = np.empty(belief.weights.shape)
    for number, regime in enumerate(regimes):
        noise = np.linalg.inv(regime.Q)
        map_ = np.column_stack([regime.A, regime.b])
        square = np.einsum("ij,tnij->tn", noise, belief.here[1:])
        square -= 2 * np.einsum("ij,tnij->tn", noise @ map_, across)
        square += np.einsum("ij,tnij->tn", map_.T @ noise @ map_, given)
        out[..., number] = -0.5 * (square + np.linalg.slogdet(regime.Q)[1])
    return out


def _with_one(square: Array, mean: Array) -> Array:
    """Second moments of the states with a constant appended, (..., k + 1, k + 1)."""
    k = mean.shape[-1]
    out = np.ones((*mean.shape[:-1], k + 1, k + 1))
    out[..., :k, :k] = square
    out[..., :k, k] = out[..., k, :k] = mean
    return out


def _maximise(belief: _Belief) -> list[Regime]:
    regimes = []
    k = belief.mean.shape[2]
    for number in range(belief.weights.shape[2]):
        w = belief.weights[..., number]
        before, after = _sum(w, belief.mean[:-1]), _sum(w, belief.mean[1:])
        cross, total = _sum(w, belief.across), float(w.sum()) + FLOOR
        square = _sum(w, belief.here[:-1]) + FLOOR * np.eye(k)
        map_ = affine(cross, after, square, before, total)
        Q = (_sum(w, belief.here[1:]) - map_ @ np.column_stack([cross, after]).T) / total
        Q = (Q + Q.T) / 2 + 1e-6 * np.eye(k)
        regimes.append(Regime(map_[:, :k], map_[:, k], Q))
    return regimes


def _sum(weights: Array, values: Array) -> Array:
    return np.tensordot(weights, values, axes=2)


def _refit(base: LinearSystem, Y: Array, belief: _Belief) -> LinearSystem:
    C, d, r = read_out(Y, belief.mean.swapaxes(0, 1), belief.here.sum((0, 1)))
    start = belief.mean[0].mean(0)
    start_cov = belief.here[0].mean(0) - np.outer(start, start) + FLOOR * np.eye(len(start))
    return replace(base, C=C, d=d, r=r, start=start, start_cov=start_cov)
