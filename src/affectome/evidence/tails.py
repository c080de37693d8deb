"""Small p from few rearrangements: the tail of a null that its first three moments describe.

A p that is counted over ``n`` rearrangements is at least ``1 / (n + 1)``, and a hundred thousand
units need smaller ones. Where fewer than ten rearrangements reach a statistic, the null of that
unit is taken for a gamma distribution (Pearson's type III) with the mean, variance and skewness of
its own rearrangements (Winkler et al. 2016, NeuroImage), which a sum of squares under
rearrangement is close to. Where ten or more reach it, p is counted.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
FEWEST_REACHED = 10
FEWEST_DRAWS = 500
LEAST_SKEWNESS = 1e-3


def tail_p(observed: Floats, null: Floats, n_distinct: int | None = None) -> Floats:
    """Share of the null at or above each statistic, by counting or, far out, by a gamma tail.

    Parameters
    ----------
    observed
        Statistics, shape (n_units,).
    null
        The same under rearranged labels, shape (n_draws, n_units).
    n_distinct
        How many of the rearrangements differ. Where some came twice there are few in all, and
        every p is counted.

    Returns
    -------
    ndarray
        p, shape (n_units,). It is never below ``2 / n_draws ** 2``: that no two of ``n`` draws
        were alike vouches for about ``n ** 2 / 2`` arrangements and no more.
    """
    n = len(null)
    reached = (null >= observed - 1e-10 * np.abs(observed)).sum(axis=0)
    p = np.asarray((1 + reached) / (1 + n), dtype=np.float64)
    far = np.flatnonzero(reached < FEWEST_REACHED)
    if n < FEWEST_DRAWS or not far.size or (n_distinct is not None and n_distinct < n):
        return p
    drawn = null[:, far].astype(np.float64)
    spread = drawn.std(axis=0, ddof=1)
    certain = spread > 0
    far, drawn, spread = far[certain], drawn[:, certain], spread[certain]
    skewness = np.maximum(stats.skew(drawn, axis=0), LEAST_SKEWNESS)
    tail = stats.pearson3.sf((observed[far] - drawn.mean(axis=0)) / spread, skewness)
    p[far] = np.clip(tail, 2 / n**2, FEWEST_REACHED / (1 + n))
    return p
