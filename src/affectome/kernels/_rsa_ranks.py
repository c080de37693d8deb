"""Rank correlations of RDMs in bootstrap draws of the conditions.

A pair that a draw holds w times takes w places in the ranking: with the pairs sorted once, the mean
rank of a pair is the weight below it plus half of its ties' weight and one half, and Spearman's
correlation over the sampled pairs is the weighted correlation of these ranks.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from affectome.kernels.folds import Array


def comparisons(models: Array, data: Array, weights: Array) -> Array:
    """Spearman correlations (n_models, n_subjects) with pairs weighted (n_pairs,)."""
    return _correlations(ranks(models, weights), ranks(data, weights), weights)


def noise_ceiling(data: Array, weights: Array) -> tuple[float, float]:
    """Lower and upper bound: each subject against the mean ranks of the others, and of all."""
    own = ranks(data, weights)
    total = own.sum(axis=0)
    upper = _correlations(ranks(total[None], weights), own, weights).mean()
    lower = _correlations(ranks(total - own, weights), own, weights).diagonal().mean()
    return float(lower), float(upper)


def ranks(rdms: Array, weights: Array) -> Array:
    """Mean rank of every pair, shape of the RDMs (n, n_pairs), given weights (n_pairs,)."""
    found = np.empty_like(rdms)
    _rank(rdms, np.argsort(rdms, axis=1), weights, found)
    return found


def _correlations(a: Array, b: Array, weights: Array) -> Array:
    a, b = (x - (x @ weights / weights.sum())[:, None] for x in (a, b))
    lengths = (np.sqrt((x * x) @ weights) for x in (a, b))
    below = np.multiply.outer(*lengths)
    return np.divide((a * weights) @ b.T, below, out=np.full_like(below, np.nan), where=below > 0)


@njit(cache=True, nogil=True)
def _rank(
    rdms: Array, order: NDArray[np.intp], weights: Array, out: Array
) -> None:  # pragma: no cover
    n = rdms.shape[1]
    for r in range(len(rdms)):
        below, first = 0.0, 0
        while first < n:
            last, tied = first, 0.0
            while last < n and rdms[r, order[r, last]] == rdms[r, order[r, first]]:
                tied += weights[order[r, last]]
                last += 1
            for k in range(first, last):
                out[r, order[r, k]] = below + (tied + 1.0) / 2.0
            below += tied
            first = last
