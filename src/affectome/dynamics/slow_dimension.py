r"""One slow dimension among faster ones, by exact likelihood, whatever the levels of the trials.

Scores z of a few axes follow

.. math:: x_{t+1} = \begin{pmatrix} \lambda & 0 \\ 0 & F \end{pmatrix} x_t + w_t, \quad
          z_t = \ell + C x_t + v_t, \quad \lambda = e^{-\Delta / \tau}, \; \rho(F) < \lambda,

with :math:`w \sim N(0, Q)`, :math:`v \sim N(0, I)`, :math:`x_1 \sim N(0, V)`. The level ℓ of each
trial is free, with a flat prior, and integrated out: what is constant in a trial, a baseline or a
stimulus that is held, says nothing of τ. :math:`F = \lambda B (I + B^\top B)^{-1/2}` takes every
spectrum within λ. The likelihood climbs by L-BFGS; its gradient is that of the expected
log likelihood of states and scores (Fisher's identity).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_discrete_lyapunov
from scipy.optimize import minimize

from affectome.kernels.kalman import Array, slopes, smooth_about_levels

MOST_ROUNDS = 400
LEAST_GAIN = 1e-6  # nats: a climb has arrived when a step gains less
DEVIATIONS = (-10.0, 8.0)  # logs of the least and largest standard deviation that is tried
WIDEST = 1e4  # largest of the other parameters
NEVER = 1e12  # nats lost where rounding leaves no likelihood


@dataclass(frozen=True)
class SlowDimension:
    """A fitted slow dimension and what goes with it.

    Attributes
    ----------
    tau
        Time constant of the slow dimension in steps.
    F
        Dynamics of the other dimensions, (k - 1, k - 1).
    C
        Loadings of the scores on the states, the slow one first, (k, k).
    Q, V
        Covariances of the noise of a step and of the first state, (k, k).
    log_likelihood
        Of the scores about their levels, without constants.
    converged
        Whether the climb arrived.
    parameters
        The same as one vector, to start again from.
    """

    tau: float
    F: Array
    C: Array
    Q: Array
    V: Array
    log_likelihood: float
    converged: bool
    parameters: Array

    @property
    def A(self) -> Array:  # noqa: N802
        """Dynamics of all dimensions, (k, k)."""
        return _dynamics(np.log(self.tau), self.F)

    @property
    def time_constants(self) -> Array:
        """Steps, slowest first, shape (k,)."""
        size = np.clip(np.abs(np.linalg.eigvals(self.A)), 1e-12, 1 - 1e-12)
        return np.sort(-1 / np.log(size))[::-1]


def fit_slow_dimension(
    scores: Array, start: Array, longest: float, tau: float | None = None
) -> SlowDimension:
    """Climb from a start to the most likely system.

    Parameters
    ----------
    scores
        Scores whose measurement noise has unit covariance, shape (n_trials, n_times, k).
    start
        Vector of parameters, as :func:`start_from` or an earlier fit gives it.
    longest
        Longest time constant that is tried, in steps.
    tau
        Steps of the slow dimension where it is given; the others stay faster.
    """
    k = scores.shape[2]
    centred = np.ascontiguousarray((scores - scores.mean(1, keepdims=True)).swapaxes(0, 1))
    bounds = [(-WIDEST, WIDEST)] * len(start)
    ends = (np.log(0.05), np.log(longest)) if tau is None else (np.log(tau), np.log(tau))
    bounds[0] = ends
    for at in _log_deviations(k):
        bounds[at] = DEVIATIONS
    begin = np.clip(start, *np.array(bounds).T)
    free = np.ones(len(start))
    free[0] = tau is None

    def cost(parameters: Array) -> tuple[float, Array]:
        try:
            value, gradient = _likelihood(parameters, centred)
        except (np.linalg.LinAlgError, ZeroDivisionError):
            return NEVER, np.zeros(len(parameters))
        return (-value, -gradient * free) if np.isfinite(value) else (NEVER, 0 * parameters)

    gain = LEAST_GAIN / max(abs(cost(begin)[0]), 1.0)
    found = minimize(
        cost,
        begin,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": MOST_ROUNDS, "maxcor": 30, "ftol": gain, "gtol": 1e-5},
    )
    eta, B, C, root, spread = unpack(found.x, k)
    return SlowDimension(
        float(np.exp(eta)),
        _contraction(B) * np.exp(-np.exp(-eta)),
        C,
        root @ root.T,
        spread @ spread.T,
        float(-found.fun),
        bool(found.success),
        found.x,
    )


def start_from(A: Array, Q: Array, V: Array, longest: float) -> Array:
    """Give parameters near a system whose states are the scores themselves.

    The slow dimension is the slowest real one; where all turn, their slowest modulus.
    """
    k = len(A)
    values, vectors = np.linalg.eig(A)
    real = np.abs(values.imag) < 1e-9
    slow = int(np.argmax(np.where(real, values.real, -np.inf))) if real.any() else 0
    size = float(np.clip(np.abs(values[slow]), np.exp(-1 / 0.05), np.exp(-1 / longest)))
    first = np.real(vectors[:, slow])
    if k == 1:
        basis = np.ones((1, 1))
    else:
        left = np.real(np.linalg.inv(vectors)[slow])
        rest = np.linalg.svd(left[None])[2][1:].T
        basis = np.column_stack([first, rest])
    inside = np.linalg.solve(basis, A @ basis)[1:, 1:] / size
    basis[:, 1:], B = _faster(inside.astype(np.float64), basis[:, 1:])
    back = np.linalg.inv(basis)
    noise, spread = back @ Q @ back.T, back @ V @ back.T
    scale = np.sqrt(np.diag(noise))
    scale[1:] = scale[1:].mean() if k > 1 else 1.0  # one for all keeps their dynamics as they are
    unit = basis * scale
    return pack(
        np.log(-1 / np.log(size)),
        B,
        unit,
        _root(noise / np.outer(scale, scale)),
        _root(spread / np.outer(scale, scale)),
    )


def pack(eta: float, B: Array, C: Array, root: Array, spread: Array) -> Array:
    """Parameters as one vector: log τ, B, C, roots of Q and of V with logs on their diagonals."""
    rows, columns = _below(len(C))
    return np.concatenate(
        [
            [eta],
            B.ravel(),
            C.ravel(),
            *(
                np.concatenate([np.log(np.maximum(np.diag(half), 1e-6)), half[rows, columns]])
                for half in (root, spread)
            ),
        ]
    )


def unpack(parameters: Array, k: int) -> tuple[float, Array, Array, Array, Array]:
    """Give back what :func:`pack` took."""
    rows, columns = _below(k)
    ends = np.cumsum([1, (k - 1) ** 2, k * k, k, len(rows), k]).tolist()
    B, C, *halves = (parameters[a:b] for a, b in pairwise([*ends, len(parameters)]))
    roots = []
    for diagonal, below in (halves[:2], halves[2:]):
        half = np.diag(np.exp(diagonal))
        half[rows, columns] = below
        roots.append(half)
    return float(parameters[0]), B.reshape(k - 1, k - 1), C.reshape(k, k), roots[0], roots[1]


@cache
def _below(k: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns below the diagonal."""
    rows, columns = np.tril_indices(k, -1)
    return rows, columns


def _log_deviations(k: int) -> list[int]:
    first = 1 + (k - 1) ** 2 + k * k
    second = first + k + k * (k - 1) // 2
    return [*range(first, first + k), *range(second, second + k)]


def _dynamics(eta: float, F: Array) -> Array:
    A = np.zeros((len(F) + 1, len(F) + 1))
    A[0, 0] = np.exp(-np.exp(-eta))
    A[1:, 1:] = F
    return A


def _contraction(B: Array) -> Array:
    left, size, right = np.linalg.svd(B)
    return (left * (size / np.sqrt(1 + size**2))) @ right


def _faster(inside: Array, axes: Array) -> tuple[Array, Array]:
    """Give a basis of the faster dimensions in which their dynamics shorten every vector, and B."""
    if not len(inside):
        return axes, np.empty((0, 0))
    radius = np.abs(np.linalg.eigvals(inside)).max()
    inside = inside * min(1.0, 0.98 / max(radius, 1e-12))
    half = np.linalg.cholesky(solve_discrete_lyapunov(inside, np.eye(len(inside))))
    left, size, right = np.linalg.svd(np.linalg.solve(half, inside @ half))
    size = np.minimum(size, 0.995)
    return axes @ half, (left * (size / np.sqrt(1 - size**2))) @ right


def _root(covariance: Array) -> Array:
    k = len(covariance)
    even = (covariance + covariance.T) / 2
    return np.linalg.cholesky(even + 1e-9 * np.trace(even) / k * np.eye(k))


def _likelihood(parameters: Array, centred: Array) -> tuple[float, Array]:
    """Log likelihood and its gradient."""
    n_times, n_trials, k = centred.shape
    eta, B, C, root, spread = unpack(parameters, k)
    size = np.exp(-np.exp(-eta))
    left, values, right = np.linalg.svd(B)
    shape = (left * (values / np.sqrt(1 + values**2))) @ right
    A = _dynamics(eta, size * shape)
    tiny = 1e-12 * np.eye(k)
    Q, V = root @ root.T + tiny, spread @ spread.T + tiny
    found = smooth_about_levels(A, Q, V, C, centred)
    by_A, by_Q, by_V = slopes(A, Q, V, found, (n_times, n_trials))
    by_eta = (by_A[0, 0] + (by_A[1:, 1:] * shape).sum()) * size * np.exp(-eta)
    return found.log_likelihood, pack_gradient(
        by_eta,
        _through_contraction(left, values, right, size * by_A[1:, 1:]),
        found.seen - C @ found.spread,
        (by_Q @ root, root),
        (by_V @ spread, spread),
    )


def pack_gradient(
    eta: float, B: Array, C: Array, root: tuple[Array, Array], spread: tuple[Array, Array]
) -> Array:
    """Gradient by the parameters of :func:`pack`; roots come with their own values."""
    rows, columns = _below(len(C))
    halves = (
        np.concatenate([np.diag(by) * np.diag(half), by[rows, columns]])
        for by, half in (root, spread)
    )
    return np.concatenate([[eta], B.ravel(), C.ravel(), *halves])


def _through_contraction(left: Array, s: Array, right: Array, by: Array) -> Array:
    r"""Gradient by B of what has the gradient ``by`` by :math:`B (I + B^\top B)^{-1/2}`.

    With B = U s W the map takes s to f(s) = s / √(1 + s²); between singular values i and j it turns
    by the divided differences of f (Daleckii & Krein 1965).
    """
    f = s / np.sqrt(1 + s**2)
    slope = (1 + s**2) ** -1.5
    inner = left.T @ by @ right.T
    even, odd = (inner + inner.T) / 2, (inner - inner.T) / 2
    gap, both = s[:, None] - s, s[:, None] + s
    near = np.abs(gap) < 1e-7
    minus = np.where(near, (slope[:, None] + slope) / 2, (f[:, None] - f) / np.where(near, 1, gap))
    plus = np.where(both < 1e-9, 1.0, (f[:, None] + f) / np.where(both < 1e-9, 1, both))
    return left @ (even * minus + odd * plus) @ right
