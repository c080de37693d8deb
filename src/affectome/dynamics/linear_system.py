r"""Latent dynamics: linear dynamical systems fitted by expectation maximisation.

A few hidden dimensions drive the units,

.. math:: x_{t+1} = A x_t + b + w_t, \quad y_t = C x_t + d + v_t, \quad
          w \sim N(0, Q), \; v \sim N(0, \mathrm{diag}(r)), \; x_1 \sim N(\mu_1, V_1).

The eigenvalues λ of A are time constants, :math:`\tau = -\Delta / \log|\lambda|`. States are
smoothed exactly (:mod:`affectome.kernels.kalman`); parameters have closed forms (Shumway &
Stoffer 1982). The start is a subspace estimate: units' principal axes, and A from covariances one
and two steps apart, which observation noise does not bias.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from affectome.data import check_recording
from affectome.errors import InputError
from affectome.kernels.kalman import Array, smooth

LARGEST = 0.99999
FLOOR = 1e-8
LONGEST_LEAP = 100.0


@dataclass(frozen=True)
class LinearSystem:
    """Parameters of a linear dynamical system with k states and n units.

    Attributes
    ----------
    A, b, Q
        Dynamics (k, k), drift (k,) and covariance of the noise of a step (k, k).
    C, d, r
        Loadings (n_units, k), levels (n_units,) and noise variances of the units (n_units,).
    start, start_cov
        Mean (k,) and covariance (k, k) of the first state.
    step
        Seconds between samples.
    log_likelihood
        Of the data it was fitted to, at the start and after each round of the fit.
    converged
        Whether the fit came to rest before its rounds were used up.
    """

    A: Array
    b: Array
    Q: Array
    C: Array
    d: Array
    r: Array
    start: Array
    start_cov: Array
    step: float
    log_likelihood: tuple[float, ...] = ()
    converged: bool = False

    @property
    def time_constants(self) -> Array:
        """Seconds, slowest first, shape (k,)."""
        size = np.clip(np.abs(np.linalg.eigvals(self.A)), 1e-12, LARGEST)
        return np.sort(-self.step / np.log(size))[::-1]


@dataclass(frozen=True)
class Moments:
    """Smoothed states of all trials.

    Attributes
    ----------
    mean
        Shape (n_trials, n_times, k).
    first, before, after, everything
        Sums over trials of second moments of the first state, of states 1 … T - 1, of states 2 … T
        and of all, shape (k, k).
    cross
        Sum over trials and steps of E[x_{t+1} x_t'], shape (k, k).
    log_likelihood
        Log density of the data.
    """

    mean: Array
    first: Array
    before: Array
    after: Array
    cross: Array
    everything: Array
    log_likelihood: float


def fit_linear_system(
    recording: xr.DataArray,
    n_states: int,
    *,
    max_iter: int = 300,
    tol: float = 0.01,
    start: LinearSystem | None = None,
) -> LinearSystem:
    """Fit a linear dynamical system to trials of equal length by EM.

    Parameters
    ----------
    recording
        Dims (trial, time, unit), equally spaced times.
    n_states
        Hidden dimensions, at most the number of units.
    max_iter
        Most rounds, each of two steps of EM and a leap along them (Varadhan & Roland 2008).
    tol
        Converged when a round gains less than this many nats.
    start
        System to start from; a subspace estimate when not given.

    Raises
    ------
    InputError
        If times are not equally spaced or too few, or there are more states than units.
    """
    Y, step = trials_in_time(recording)
    if not 1 <= n_states <= Y.shape[2]:
        raise InputError(f"n_states lies in 1–{Y.shape[2]}, the number of units; got {n_states}")
    return climb(start or subspace_start(Y, n_states, step), Y, max_iter=max_iter, tol=tol)


def climb(system: LinearSystem, Y: Array, *, max_iter: int, tol: float) -> LinearSystem:
    """Climb by EM from a system until a round gains less than ``tol`` nats.

    A round takes two steps of EM, leaps ahead along them, and takes the leap back where it is less
    likely than they are.
    """
    moments = smooth_states(system, Y)
    gained = [moments.log_likelihood]
    converged = False
    for _ in range(max_iter):
        first = maximise(system, Y, moments)
        between = smooth_states(first, Y)
        second = maximise(first, Y, between)
        system = _leap(system, first, second)
        moments = smooth_states(system, Y)
        if not moments.log_likelihood >= between.log_likelihood:
            system = second
            moments = smooth_states(system, Y)
        gained.append(moments.log_likelihood)
        if gained[-1] - gained[-2] < tol:
            converged = True
            break
    return replace(system, log_likelihood=tuple(gained), converged=converged)


def _leap(zero: LinearSystem, one: LinearSystem, two: LinearSystem) -> LinearSystem:
    """Extrapolate three steps of EM; covariances by their roots, so that they stay covariances."""
    at = [_as_vector(system) for system in (zero, one, two)]
    move = at[1] - at[0]
    bend = at[2] - at[1] - move
    length = float(np.linalg.norm(move)) / max(float(np.linalg.norm(bend)), 1e-300)
    length = min(max(length, 1.0), LONGEST_LEAP)
    return _from_vector(at[0] + 2 * length * move + length**2 * bend, two)


def _as_vector(system: LinearSystem) -> Array:
    parts = [system.A, system.b, system.C, system.d, system.start, np.log(system.r)]
    roots = [np.linalg.cholesky(cov) for cov in (system.Q, system.start_cov)]
    return np.concatenate([np.ravel(part) for part in (*parts, *roots)])


def _from_vector(values: Array, like: LinearSystem) -> LinearSystem:
    shapes = [like.A, like.b, like.C, like.d, like.start, like.r, like.Q, like.start_cov]
    ends = np.cumsum([part.size for part in shapes])[:-1]
    A, b, C, d, start, r, Q, start_cov = (
        part.reshape(shape.shape)
        for part, shape in zip(np.split(values, ends), shapes, strict=True)
    )
    ridge = FLOOR * np.eye(len(A))
    return replace(
        like,
        A=A,
        b=b,
        C=C,
        d=d,
        start=start,
        r=np.exp(np.clip(r, -50, 50)),
        Q=Q @ Q.T + ridge,
        start_cov=start_cov @ start_cov.T + ridge,
    )


def trials_in_time(recording: xr.DataArray) -> tuple[Array, float]:
    """Give the values (n_trials, n_times, n_units) and the seconds between samples."""
    if "time" not in recording.dims:
        raise InputError(f"dynamics need the dims (trial, time, unit); got {recording.dims}")
    time = check_recording(recording)["time"].values
    if len(time) < 5:
        raise InputError(f"dynamics need five times or more in a trial; got {len(time)}")
    steps = np.diff(time)
    if not np.allclose(steps, steps[0], rtol=1e-3):
        raise InputError(
            f"times are not equally spaced: steps run from {steps.min():g} to {steps.max():g} s; "
            "resample, or cut the trials at the gaps"
        )
    return recording.values.astype(float), float(np.mean(steps))


def subspace_start(Y: Array, n_states: int, step: float) -> LinearSystem:
    """Estimate a system from covariances of samples one and two steps apart."""
    d = Y.mean((0, 1))
    centred = Y - d
    _, _, axes = np.linalg.svd(centred.reshape(-1, Y.shape[2]), full_matrices=False)
    C = axes[:n_states].T
    z = centred @ C
    one = _products(z[:, 1:-1], z[:, :-2])
    two = _products(z[:, 2:], z[:, :-2])
    A = two @ np.linalg.pinv(one, rcond=1e-6)
    values, vectors = np.linalg.eig(A)
    size = np.abs(values)
    values = np.where(size > 0.999, values / np.maximum(size, FLOOR) * 0.999, values)
    A = np.real(vectors @ np.diag(values) @ np.linalg.pinv(vectors))
    scale = np.cov(z.reshape(-1, n_states).T).reshape(n_states, n_states)
    residual = (centred - z @ C.T).var((0, 1))
    return LinearSystem(
        A=A,
        b=np.zeros(n_states),
        Q=0.3 * scale + FLOOR * np.eye(n_states),
        C=C,
        d=d,
        r=np.maximum(residual, 0.1 * centred.var((0, 1)) + FLOOR),
        start=z[:, 0].mean(0),
        start_cov=scale + FLOOR * np.eye(n_states),
        step=step,
    )


def smooth_states(system: LinearSystem, Y: Array) -> Moments:
    """Smooth the states of all trials (n_trials, n_times, n_units); they share covariances."""
    n, n_times, n_units = Y.shape
    noise, starting = np.linalg.inv(system.Q), np.linalg.inv(system.start_cov)
    loaded = system.C / system.r[:, None]
    seen = system.C.T @ loaded
    push = system.A.T @ noise
    diagonal = np.repeat((seen + noise + push @ system.A)[None, None], n_times, axis=0)
    diagonal[0] = seen + starting + push @ system.A
    diagonal[-1] = seen + noise
    off = np.repeat(push[None, None], n_times - 1, axis=0)
    centred = Y - system.d
    linear = np.ascontiguousarray((centred @ loaded).swapaxes(0, 1))
    linear[1:] += noise @ system.b
    linear[:-1] -= push @ system.b
    linear[0] += starting @ system.start
    mean, covariance, neighbour, total = smooth(diagonal, off, linear)
    constant = (
        n_units * n_times * np.log(2 * np.pi)
        + n_times * np.log(system.r).sum()
        + (n_times - 1) * (np.linalg.slogdet(system.Q)[1] + system.b @ noise @ system.b)
        + np.linalg.slogdet(system.start_cov)[1]
        + system.start @ starting @ system.start
    )
    square = np.einsum("ntu->u", centred**2)
    fit = -0.5 * (square / system.r).sum() - 0.5 * n * constant + total
    everything = _products(mean, mean) + n * covariance.sum((0, 1))
    first = mean[0].T @ mean[0] + n * covariance[0, 0]
    last = mean[-1].T @ mean[-1] + n * covariance[-1, 0]
    cross = _products(mean[1:], mean[:-1]) + n * neighbour.sum((0, 1)).T
    return Moments(
        mean.swapaxes(0, 1),
        first,
        everything - last,
        everything - first,
        cross,
        everything,
        float(fit),
    )


def _products(a: Array, b: Array) -> Array:
    """Sum over all but the last axis of the outer products, (..., k) and (..., l) -> (k, l)."""
    return a.reshape(-1, a.shape[-1]).T @ b.reshape(-1, b.shape[-1])


def maximise(system: LinearSystem, Y: Array, moments: Moments) -> LinearSystem:
    """Give the system under which the smoothed states are most likely, all in closed form."""
    n, n_times, _ = Y.shape
    k = len(system.A)
    steps = n * (n_times - 1)
    total = moments.mean.sum((0, 1))
    before, after = total - moments.mean[:, -1].sum(0), total - moments.mean[:, 0].sum(0)
    dynamics = affine(moments.cross, after, moments.before, before, steps)
    A, b = dynamics[:, :k], dynamics[:, k]
    Q = (moments.after - dynamics @ np.column_stack([moments.cross, after]).T) / steps
    Q = (Q + Q.T) / 2
    C, d, r = read_out(Y, moments.mean, moments.everything)
    start = moments.mean[:, 0].mean(0)
    start_cov = moments.first / n - np.outer(start, start)
    ridge = FLOOR * np.eye(k)
    return replace(
        system,
        A=A,
        b=b,
        Q=Q + ridge,
        C=C,
        d=d,
        r=r,
        start=start,
        start_cov=start_cov + ridge,
    )


def read_out(Y: Array, mean: Array, everything: Array) -> tuple[Array, Array, Array]:
    """Loadings, levels and noise variances of the units, from smoothed states (n, n_times, k)."""
    samples, levels = Y.shape[0] * Y.shape[1], Y.sum((0, 1))
    seen = _products(Y, mean)
    found = affine(seen, levels, everything, mean.sum((0, 1)), samples)
    explained = (found * np.column_stack([seen, levels])).sum(1)
    r = (np.einsum("ntu,ntu->u", Y, Y) - explained) / samples
    return found[:, :-1], found[:, -1], np.maximum(r, FLOOR)


def affine(cross: Array, sums: Array, square: Array, inputs: Array, count: float) -> Array:
    """Least squares of outputs on inputs and a constant from sums, (n_outputs, k + 1)."""
    left = np.block([[square, inputs[:, None]], [inputs[None], np.array([[count]], dtype=float)]])
    right = np.column_stack([cross, sums])
    return np.linalg.solve(left, right.T).T
