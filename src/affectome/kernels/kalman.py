r"""Moments of hidden chains: the Kalman smoother as a block-tridiagonal system; Markov states.

The posterior of states :math:`x_1 \dots x_T` of a linear (or switching) dynamical system is normal
with a precision that is block-tridiagonal: diagonal blocks :math:`D_t`, blocks :math:`-O_t` between
t and t + 1, and the linear term :math:`h_t`. Eliminating forwards,

.. math:: S_1 = D_1, \quad S_{t+1} = D_{t+1} - O_t^\top S_t^{-1} O_t, \quad
          g_{t+1} = h_{t+1} + O_t^\top S_t^{-1} g_t ,

and going back gives the smoothed means, covariances and the covariances of neighbours,

.. math:: m_t = S_t^{-1}(g_t + O_t m_{t+1}), \quad
          V_t = S_t^{-1} + G_t V_{t+1} G_t^\top, \quad
          V_{t,t+1} = G_t V_{t+1}, \quad G_t = S_t^{-1} O_t .

The same numbers come from the filter and the Rauch–Tung–Striebel smoother; this order needs no
predicted covariance, so it also serves where dynamics differ from one step to the next. Trials are
smoothed side by side.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Smoothed(NamedTuple):
    """Posterior of the states; m is 1 where trials share their precision, else n_trials.

    ``mean`` (n_times, n_trials, k), ``covariance`` (n_times, m, k, k), ``neighbour``
    (n_times - 1, m, k, k) of t with t + 1, and the sum over trials of
    ``h' J^-1 h / 2 - log|J| / 2``.
    """

    mean: Array
    covariance: Array
    neighbour: Array
    log_normaliser: float


def smooth(diagonal: Array, off: Array, linear: Array) -> Smoothed:
    """Smooth trials side by side.

    Parameters
    ----------
    diagonal
        Blocks ``D``, shape (n_times, m, k, k); m is 1 where trials share them, else n_trials.
    off
        Blocks ``O`` (the precision holds their negatives), shape (n_times - 1, m, k, k).
    linear
        Terms ``h``, shape (n_times, n_trials, k).
    """
    n_trials = linear.shape[1]
    inverse, gain, log_det = _eliminate(diagonal, off)
    mean = np.empty_like(linear)
    total = _substitute(inverse, gain, off, linear, mean)
    covariance, neighbour = _spread(inverse, gain)
    total -= 0.5 * log_det * n_trials / diagonal.shape[1]
    return Smoothed(mean, covariance, neighbour, total)


@njit(cache=True, nogil=True)
def _invert(block, inverse):  # type: ignore[no-untyped-def]
    """Invert a positive definite block, which is used up; give its log determinant."""
    k = len(block)
    log_det = 0.0
    for i in range(k):
        for j in range(k):
            inverse[i, j] = 1.0 if i == j else 0.0
    for p in range(k):
        pivot = block[p, p]
        log_det += np.log(pivot)
        for j in range(k):
            block[p, j] /= pivot
            inverse[p, j] /= pivot
        for i in range(k):
            share = block[i, p]
            if i != p:
                for j in range(k):
                    block[i, j] -= share * block[p, j]
                    inverse[i, j] -= share * inverse[p, j]
    return log_det


@njit(cache=True, nogil=True)
def _multiply(a, b, out):  # type: ignore[no-untyped-def]
    k = len(a)
    for i in range(k):
        for j in range(k):
            total = 0.0
            for p in range(k):
                total += a[i, p] * b[p, j]
            out[i, j] = total


@njit(cache=True, nogil=True)
def _eliminate(diagonal, off):  # type: ignore[no-untyped-def]
    n_times, m, k, _ = diagonal.shape
    inverse = np.empty_like(diagonal)
    gain = np.empty_like(off)
    taken = np.empty((k, k))
    log_det = 0.0
    for r in range(m):
        block = diagonal[0, r].copy()
        for t in range(n_times):
            log_det += _invert(block, inverse[t, r])
            if t < n_times - 1:
                _multiply(inverse[t, r], off[t, r], gain[t, r])
                _multiply(off[t, r].T, gain[t, r], taken)
                block = diagonal[t + 1, r] - taken
    return inverse, gain, log_det


@njit(cache=True, nogil=True)
def _substitute(inverse, gain, off, linear, mean):  # type: ignore[no-untyped-def]
    n_times, n_trials, k = linear.shape
    m = inverse.shape[1]
    total = 0.0
    for i in range(n_trials):
        r = i % m
        rest = linear[0, i].copy()
        for t in range(n_times):
            for a in range(k):
                mean[t, i, a] = 0.0
                for b in range(k):
                    mean[t, i, a] += inverse[t, r, a, b] * rest[b]
                total += 0.5 * mean[t, i, a] * rest[a]
            if t < n_times - 1:
                for a in range(k):
                    rest[a] = linear[t + 1, i, a]
                    for b in range(k):
                        rest[a] += off[t, r, b, a] * mean[t, i, b]
        for t in range(n_times - 2, -1, -1):
            for a in range(k):
                for b in range(k):
                    mean[t, i, a] += gain[t, r, a, b] * mean[t + 1, i, b]
    return total


@njit(cache=True, nogil=True)
def _spread(inverse, gain):  # type: ignore[no-untyped-def]
    n_times, m, k, _ = inverse.shape
    covariance = inverse.copy()
    neighbour = np.empty_like(gain)
    added = np.empty((k, k))
    for r in range(m):
        for t in range(n_times - 2, -1, -1):
            _multiply(gain[t, r], covariance[t + 1, r], neighbour[t, r])
            _multiply(neighbour[t, r], gain[t, r].T, added)
            covariance[t, r] += added
    return covariance, neighbour


class Levelled(NamedTuple):
    """States of trials that have free levels: means, and second moments summed over trials.

    ``mean`` (n_times, n_trials, k); ``first`` of the first state, ``before`` of states 1 … T - 1,
    ``after`` of 2 … T, ``cross`` of E[x_{t+1} x_t'], ``spread`` about the trials' means of the
    states, all (k, k); ``seen`` of the measurements with the states, both about the trials' means,
    (n_units, k); ``log_likelihood`` of the measurements about their levels, without its constants.
    """

    mean: Array
    first: Array
    before: Array
    after: Array
    cross: Array
    spread: Array
    seen: Array
    log_likelihood: float


def smooth_about_levels(A: Array, Q: Array, start: Array, C: Array, centred: Array) -> Levelled:
    r"""Smooth states of trials whose measurements have a free level each.

    Measurements have noise of unit variance about :math:`C x_t` and a level of their trial with a
    flat prior. With the levels integrated out the precision of the states is block-tridiagonal
    but for :math:`-C^\top C / T` between all pairs of times: a change of rank k, which is added to
    the smoother by Woodbury's identity.

    Parameters
    ----------
    A, Q, start
        Dynamics, covariance of the noise of a step, and of the first state, whose mean is 0; each
        (k, k).
    C
        Loadings, shape (n_units, k).
    centred
        Measurements less the mean of their trial, shape (n_times, n_trials, n_units).
    """
    found = _about_levels(*(np.ascontiguousarray(part) for part in (A, Q, start, C, centred)))
    return Levelled(*found)


@njit(cache=True, nogil=True)
def _about_levels(A, Q, start, C, centred):  # type: ignore[no-untyped-def]
    n_times, n_trials, n_units = centred.shape
    k = len(A)
    noise, starting = np.empty((k, k)), np.empty((k, k))
    log_noise, log_start = _invert(Q.copy(), noise), _invert(start.copy(), starting)
    load, push = _product(C.T, C), _product(A.T, noise)
    pull = _product(push, A)
    diagonal, off = np.empty((n_times, 1, k, k)), np.empty((n_times - 1, 1, k, k))
    diagonal[:, 0] = load + noise + pull
    diagonal[0, 0] = load + starting + pull
    diagonal[-1, 0] = load + noise
    off[:, 0] = push
    inverse, gain, log_det = _eliminate(diagonal, off)
    rows = centred.reshape(n_times * n_trials, n_units)
    linear = np.dot(rows, C).reshape(n_times, n_trials, k)
    mean, everywhere = np.empty((n_times, n_trials, k)), np.empty((n_times, k, k))
    fit = _substitute(inverse, gain, off, linear, mean)
    always = np.zeros((n_times, k, k))
    for a in range(k):
        always[:, a, a] = 1.0
    _substitute(inverse, gain, off, always, everywhere)
    covariance, neighbour = _spread(inverse, gain)
    # everywhere[t, j] is the answer of state t to a push at all times along axis j.
    added = np.zeros((k, k))
    total = np.zeros((n_trials, k))
    for t in range(n_times):
        added += everywhere[t].T
        total += mean[t]
    free = n_times * np.eye(n_units) - _product(_product(C, added), C.T)
    held = np.empty((n_units, n_units))
    log_free = _invert(free, held) - n_units * np.log(n_times)
    back = _product(_product(C.T, held), C)
    shift = _product(total, back)
    fit += 0.5 * (total * shift).sum()
    average = np.zeros((n_trials, k))
    whole, before, after, across = _move(
        mean, average, everywhere, shift, back, covariance, neighbour
    )
    states = mean.reshape(n_times * n_trials, k)
    everything = np.dot(states.T, states) + n_trials * whole
    first = _product(mean[0].T, mean[0]) + n_trials * before
    last = _product(mean[-1].T, mean[-1]) + n_trials * after
    cross = np.dot(states[n_trials:].T, states[: n_times * n_trials - n_trials])
    cross += n_trials * across
    spread = everything - n_times * _product(average.T, average)
    spread -= n_trials * (added + _product(_product(added, back), added)) / n_times
    fit -= 0.5 * n_trials * (log_det + log_free + (n_times - 1) * log_noise + log_start)
    fit -= 0.5 * (rows * rows).sum()
    seen = np.dot(rows.T, states)
    return mean, first, everything - last, everything - first, cross, spread, seen, fit


def slopes(
    A: Array, Q: Array, start: Array, found: Levelled, shape: tuple[int, int]
) -> tuple[Array, Array, Array]:
    """Gradient of the log likelihood by A, Q and the covariance of the first state.

    That of the expected log likelihood of states and measurements (Fisher's identity).

    Parameters
    ----------
    A, Q, start, found
        What :func:`smooth_about_levels` was given, and gave.
    shape
        Number of times and of trials.

    Returns
    -------
    by_A, by_Q, by_start
        Each (k, k), those of the covariances for twice their change.
    """
    moments = found.first, found.before, found.after, found.cross
    by_A, by_Q, by_start = _slopes(A, Q, start, *moments, *shape)
    return by_A, by_Q, by_start


@njit(cache=True, nogil=True)
def _slopes(A, Q, start, first, before, after, cross, n_times, n_trials):  # type: ignore[no-untyped-def]
    noise, starting = np.empty_like(Q), np.empty_like(Q)
    _invert(Q.copy(), noise)
    _invert(start.copy(), starting)
    moved = _product(A, before)
    by_A = _product(noise, cross - moved)
    across = _product(cross, A.T)
    around = after - across - across.T + _product(moved, A.T)
    by_Q = _product(_product(noise, around), noise) - n_trials * (n_times - 1) * noise
    by_start = _product(_product(starting, first), starting) - n_trials * starting
    return by_A, by_Q, by_start


@njit(cache=True, nogil=True)
def _move(mean, average, everywhere, shift, back, covariance, neighbour):  # type: ignore[no-untyped-def]
    """Move the means by what the levels take, and give one trial's covariances, summed over time.

    Those of all states, of the first, of the last, and of neighbours.
    """
    n_times, n_trials, k = mean.shape
    whole, across = np.zeros((k, k)), np.zeros((k, k))
    first, last = np.zeros((k, k)), np.zeros((k, k))
    moved, own = np.empty((k, k)), np.empty((k, k))
    for t in range(n_times):
        for i in range(n_trials):
            for a in range(k):
                for b in range(k):
                    mean[t, i, a] += shift[i, b] * everywhere[t, b, a]
                average[i, a] += mean[t, i, a] / n_times
        _multiply(everywhere[t].T, back, moved)
        _multiply(moved, everywhere[t], own)
        own += covariance[t, 0]
        whole += own
        if t == 0:
            first[:] = own
        if t == n_times - 1:
            last[:] = own
        else:
            _multiply(moved, everywhere[t + 1], own)
            across += (own + neighbour[t, 0]).T
    return whole, first, last, across


@njit(cache=True, nogil=True)
def _product(a, b):  # type: ignore[no-untyped-def]
    out = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for p in range(a.shape[1]):
            for j in range(b.shape[1]):
                out[i, j] += a[i, p] * b[p, j]
    return out


class Chain(NamedTuple):
    """Posterior of hidden discrete states of several trials.

    ``state`` (n_times, n_trials, k) probabilities, ``pair`` (k, k) the expected number of steps
    from i to j, and the log likelihood.
    """

    state: Array
    pair: Array
    log_likelihood: float


def forward_backward(start: Array, step: Array, log_emit: Array) -> Chain:
    """Posterior of a hidden Markov chain, trials side by side.

    Parameters
    ----------
    start
        Probability of each first state, shape (k,).
    step
        Probability of going from i to j, shape (k, k).
    log_emit
        Log density of what was seen in each state, shape (n_times, n_trials, k).
    """
    top = log_emit.max(2, keepdims=True)
    emit = np.exp(log_emit - top)
    forward, scale = np.empty_like(emit), np.empty((*emit.shape[:2], 1))
    for t in range(len(emit)):
        forward[t] = emit[t] * (start if t == 0 else forward[t - 1] @ step)
        scale[t] = forward[t].sum(1, keepdims=True)
        forward[t] /= scale[t]
    state, pair = forward.copy(), np.zeros_like(step)
    backward = np.ones_like(emit[0])
    for t in range(len(emit) - 2, -1, -1):
        ahead = emit[t + 1] * backward / scale[t + 1]
        pair += step * (forward[t].T @ ahead)
        backward = ahead @ step.T
        state[t] *= backward
    return Chain(state, pair, float(np.log(scale).sum() + top.sum()))
