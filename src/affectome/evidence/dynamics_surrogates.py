"""Nulls and intervals for dynamics, whose samples can't trade places.

Neighbours in time are alike, so no permutation of samples is valid. Three things are: trials drawn
from a fitted system that lacks what is claimed (a parametric bootstrap), trials run backwards
(slow noise, drift and baselines look the same from both ends, a decay does not), and the profile of
a likelihood.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from affectome.errors import InputError
from affectome.evidence.claims import Null, tested

Array = NDArray[np.float64]
HALF_QUANTILE = 1.920729410347062  # of chi-squared with one degree of freedom, 95 %


def linear_trials(
    A: Array, Q: Array, start: Array, C: Array, shape: tuple[int, int], rng: np.random.Generator
) -> Array:
    """Draw trials from a linear system with measurement noise of unit variance.

    Parameters
    ----------
    A, Q, start
        Dynamics, covariances of the noise of a step and of the first state, each (k, k).
    C
        Loadings, shape (n_units, k).
    shape
        Number of trials and of times.
    rng
        Source of the draws.

    Returns
    -------
    numpy.ndarray
        Shape (n_trials, n_times, n_units).
    """
    n_trials, n_times = shape
    k = len(A)
    drive = rng.standard_normal((n_times, n_trials, k))
    drive[1:] @= _half(Q).T
    states = np.empty_like(drive)
    states[0] = drive[0] @ _half(start).T
    for t in range(1, n_times):
        states[t] = states[t - 1] @ A.T + drive[t]
    noise = rng.standard_normal((n_trials, n_times, len(C)))
    return (states @ C.T).swapaxes(0, 1) + noise


def _half(covariance: Array) -> Array:
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return vectors * np.sqrt(np.maximum(values, 0))


def surrogate_test(
    observed: float,
    draw: Callable[[np.random.Generator], float],
    n_surrogates: int,
    scheme: str,
    n_groups: int,
    *,
    enough: int = 10,
    random_state: int = 0,
) -> tuple[float, Null]:
    """Give the share of surrogates whose statistic is as large, and how they were drawn.

    It stops once ``enough`` are as large: their number over that of the draws is then a valid p
    (Besag & Clifford 1991), and what is far from significant costs little.

    Parameters
    ----------
    observed
        Statistic of the data.
    draw
        Makes a surrogate and gives its statistic.
    n_surrogates
        Most surrogates.
    scheme, n_groups
        For the :class:`Null`.
    enough
        Surrogates as large after which it stops.
    random_state
        Seed.

    Raises
    ------
    InputError
        If no surrogate is asked for, or the statistic is not a number.
    """
    if n_surrogates < 1:
        raise InputError(f"a test by surrogates needs one or more; got {n_surrogates}")
    if not np.isfinite(observed):
        raise InputError("a statistic that is not a number has no p")
    rng = np.random.default_rng(random_state)
    values: list[float] = []
    larger = 0
    while larger < enough and len(values) < n_surrogates:
        values.append(draw(rng))
        larger += values[-1] >= observed
    if larger < enough:
        return tested(observed, values, scheme, n_groups)
    return larger / len(values), Null(scheme, n_groups, len(values))


def reversal_test(
    contributions: ArrayLike, *, n_reversals: int = 1999, random_state: int = 0
) -> tuple[float, Null]:
    """Test that trials look different from their two ends.

    Parameters
    ----------
    contributions
        What each trial adds to a statistic that changes its sign when the trial is run backwards,
        shape (n_trials,).
    n_reversals
        Draws of which trials run backwards.
    random_state
        Seed.
    """
    values = np.asarray(contributions, dtype=float)
    signs = np.random.default_rng(random_state).choice([-1.0, 1.0], (n_reversals, values.size))
    scheme = "trials run backwards, each with an even chance"
    return tested(float(values.sum()), signs @ values, scheme, values.size)


def likelihood_interval(
    profile: Callable[[float], float], best: float, at: float, ends: tuple[float, float]
) -> tuple[float, float]:
    """Give the 95 % interval of a parameter by its profile likelihood (Wilks 1938).

    Parameters
    ----------
    profile
        Log likelihood, all else fitted, with the parameter held.
    best
        Log likelihood with nothing held.
    at
        Value of the parameter there.
    ends
        Least and largest value that is tried. Where the likelihood has not fallen there, the
        interval ends at ``-inf`` or ``inf``: the data can't tell.
    """
    known = {at: -float(np.sqrt(HALF_QUANTILE))}

    def above(value: float) -> float:
        if value not in known:
            drop = max(best - profile(value), 0.0)
            known[value] = float(np.sqrt(drop) - np.sqrt(HALF_QUANTILE))
        return known[value]

    found = []
    for end, open_end in zip(ends, (-np.inf, np.inf), strict=True):
        reach, near = 0.1, at
        while True:
            far = at + np.sign(open_end) * reach
            stop = far >= end if open_end > 0 else far <= end
            far = end if stop else far
            if above(far) > 0:
                found.append(float(brentq(above, near, far, xtol=0.01)) if far != near else far)
                break
            if stop:
                found.append(float(open_end))
                break
            near, reach = far, 2 * reach
    return found[0], found[1]
