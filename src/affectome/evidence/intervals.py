"""Group weights for the bootstrap, and the standard error that they give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from affectome.errors import InputError

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
CHUNK = 4_000_000
"""Weights held at once while drawing, 32 MB."""
SMALLEST = 1e-6
"""Least weight of a group before scaling, so that sums don't cancel to nothing."""


def group_codes(groups: ArrayLike | None, n_trials: int) -> list[Codes]:
    """Codes 0 … G - 1 of every grouping; by default every trial is a group.

    Raises
    ------
    InputError
        If there is not one group a trial.
    """
    if groups is None:
        return [np.arange(n_trials)]
    given = np.asarray(groups)
    if given.ndim not in (1, 2) or len(given) != n_trials:
        raise InputError(
            f"groups have the shape {given.shape} but there are {n_trials} trials; give one group "
            "a trial"
        )
    columns = given[:, None] if given.ndim == 1 else given
    return [pd.factorize(column)[0] for column in columns.T]


def strata_of(groups: Codes, classes: Codes | None) -> Codes:
    """Class of every group where no group holds two classes, otherwise all alike."""
    n_groups = int(groups.max()) + 1
    alike = np.zeros(n_groups, dtype=np.intp)
    if classes is None:
        return alike
    first = np.empty(n_groups, dtype=np.intp)
    first[groups] = classes
    return first if np.array_equal(first[groups], classes) else alike


def group_weights(strata: Codes, n_draws: int, rng: np.random.Generator) -> Array:
    """Draw weights of groups, shape (n_draws, n_groups), Dirichlet within each stratum, mean 1."""
    weights = np.empty((n_draws, strata.size))
    for stratum in np.unique(strata):
        inside = np.flatnonzero(strata == stratum)
        alpha = max((inside.size - 2) / inside.size, 0.05)
        gamma = rng.standard_gamma(alpha, (n_draws, inside.size)) + SMALLEST
        weights[:, inside] = inside.size * gamma / gamma.sum(axis=1, keepdims=True)
    return weights


class Spread(NamedTuple):
    """Standard error of a score over groups, and the degrees of freedom that it rests on."""

    error: float
    freedom: float


def spread_over_groups(
    statistics: Sequence[Callable[[Array], Array]],
    groupings: Sequence[Codes],
    classes: Codes | None,
    n_draws: int,
    random_state: int,
) -> list[Spread]:
    """Spread of weighted statistics over draws of groups, which are the same for all.

    Parameters
    ----------
    statistics
        Each from weights (n_draws, n_trials) to values (n_draws,).
    groupings
        Codes of one grouping, or of two that cross.
    classes
        Class of each trial, to draw within classes where groups have one class each.
    n_draws
        Draws a grouping.
    random_state
        Seed.
    """
    strata = [strata_of(codes, classes) for codes in groupings]
    freedoms = np.array([one.size - np.unique(one).size for one in strata], dtype=float)
    variances = np.array(
        [
            _variances(statistics, codes, one, n_draws, random_state)
            for codes, one in zip(groupings, strata, strict=True)
        ]
    )
    if len(groupings) == 1:
        return [Spread(float(np.sqrt(one)), float(freedoms[0])) for one in variances[0]]
    first, second = groupings
    cells = pd.factorize(first * (int(second.max()) + 1) + second)[0]
    shared = _variances(statistics, cells, strata_of(cells, classes), n_draws, random_state)
    return [_crossed(own, both, freedoms) for own, both in zip(variances.T, shared, strict=True)]


def fitted_spread(
    fit: Callable[[Array], Array], n_groups: int, n_draws: int = 200, random_state: int = 0
) -> Array:
    """Standard error over groups of whatever a fit to weighted groups gives, number by number.

    It tells how far numbers would differ in other groups of the same kind; it is no test.

    Parameters
    ----------
    fit
        From weights of the groups, shape (n_groups,), mean 1, to an array.
    n_groups
        What is drawn: people.
    n_draws, random_state
        Draws and their seed.

    Returns
    -------
    ndarray
        Shape of what ``fit`` gives; NaN with fewer than three groups.
    """
    drawn = group_weights(np.zeros(n_groups, np.intp), n_draws, np.random.default_rng(random_state))
    mean = square = np.zeros(1)
    for k, weights in enumerate(drawn, 1):
        found = fit(weights)
        off = found - mean
        mean = mean + off / k
        square = square + off * (found - mean)
    if n_groups < 3:
        return np.full_like(square, np.nan)
    return np.asarray(np.sqrt(square / max(1, n_draws - 1)))


def _crossed(variances: Array, shared: float, freedoms: Array) -> Spread:
    """Spread over two groupings that cross, less that over their cells."""
    total = max(float(variances.sum() - shared), float(variances.max()))
    if total == 0:
        return Spread(0.0, float(freedoms.min()))
    # Satterthwaite: the grouping with the larger variance decides.
    freedom = total**2 / (variances**2 / np.maximum(freedoms, 1)).sum()
    return Spread(float(np.sqrt(total)), float(freedom.clip(freedoms.min(), freedoms.sum())))


def _variances(
    statistics: Sequence[Callable[[Array], Array]],
    codes: Codes,
    strata: Codes,
    n_draws: int,
    random_state: int,
) -> Array:
    rng = np.random.default_rng(random_state)
    step = max(1, CHUNK // codes.size)
    values: list[list[Array]] = []
    for start in range(0, n_draws, step):
        weights = group_weights(strata, min(step, n_draws - start), rng)[:, codes]
        values.append([statistic(weights) for statistic in statistics])
    return np.array([np.var(np.concatenate(of_one)) for of_one in zip(*values, strict=True)])
