"""Representational similarity analysis: models against data, bootstrap over conditions, ceilings.

A bootstrap draw of conditions is a vector of counts ``c``; pairs of a condition with itself are
left out, so pair (i, j) has the weight ``w_ij = c_i c_j`` and every sum over the sampled pairs is a
weighted sum over all pairs (Nili et al. 2014; Schütt et al. 2023). All draws of all comparisons are
then one product of weights and pairwise products of RDMs::

    sum_w(ab) / sqrt(sum_w(aa) sum_w(bb)),   with weighted means taken out for "correlation"

Ranks are another matter: they change with the draw, which then has to be taken one by one.

RDMs are vectors of the upper triangle (see `rdm`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata
from threadpoolctl import ThreadpoolController

from affectome.errors import InputError
from affectome.kernels import _rsa_ranks
from affectome.kernels.folds import Array

METHODS = ("correlation", "cosine", "spearman")
PAIRS = 384


def compare(models: ArrayLike, data: ArrayLike, method: str = "correlation") -> Array:
    """Similarity of every model RDM with every RDM of the data.

    Parameters
    ----------
    models, data
        RDMs, shapes (n_models, n_pairs) and (n_subjects, n_pairs).
    method
        "correlation", "cosine" or "spearman".

    Returns
    -------
    ndarray
        Shape (n_models, n_subjects); NaN for an RDM without spread.
    """
    a, b = _checked(models, data, method)
    return _unit(a, method) @ _unit(b, method).T


def noise_ceiling(data: ArrayLike, method: str = "correlation") -> tuple[float, float]:
    """Bounds on the mean similarity that the true model could reach (Nili et al. 2014).

    Parameters
    ----------
    data
        RDMs of two subjects or more, shape (n_subjects, n_pairs).
    method
        "correlation", "cosine" or "spearman".

    Returns
    -------
    tuple of float
        Lower: each subject against the mean of the others. Upper: against the mean of all.
    """
    rdms, _ = _checked(data, data, method)
    _check_subjects(rdms)
    units = _unit(rdms, method)
    pooled = rankdata(rdms, axis=1) if method == "spearman" else units
    total = pooled.sum(axis=0)
    upper = np.mean(_unit(total[None], method) @ units.T)
    lower = np.mean(np.einsum("sp,sp->s", _unit(total - pooled, method), units))
    return float(lower), float(upper)


def bootstrap_counts(
    n_conditions: int, n_draws: int, random_state: int | np.random.Generator | None = None
) -> NDArray[np.intp]:
    """How often each condition is drawn in each draw, shape (n_draws, n_conditions)."""
    rng = np.random.default_rng(random_state)
    return rng.multinomial(n_conditions, np.full(n_conditions, 1 / n_conditions), size=n_draws)


def bootstrap_comparisons(
    models: ArrayLike, data: ArrayLike, counts: ArrayLike, method: str = "correlation"
) -> Array:
    """Similarity of models and data in every bootstrap draw of the conditions.

    Parameters
    ----------
    models, data
        RDMs, shapes (n_models, n_pairs) and (n_subjects, n_pairs).
    counts
        How often each condition is drawn, shape (n_draws, n_conditions); see `bootstrap_counts`.
    method
        "correlation", "cosine" or "spearman".

    Returns
    -------
    ndarray
        Shape (n_draws, n_models, n_subjects); NaN for a draw with fewer than three conditions.
    """
    a, b = _checked(models, data, method)
    if method == "spearman":
        found = np.full((len(np.asarray(counts)), len(a), len(b)), np.nan)
        for draw, weights in _pair_weights(counts, a.shape[1]):
            found[draw] = _rsa_ranks.comparisons(a, b, weights)
        return found
    m, s = len(a), len(b)
    crossed = _drawn(np.concatenate([a, b]), [slice(m, m + s)] * m, counts, method)
    return crossed.reshape(-1, m, s)


def bootstrap_noise_ceiling(
    data: ArrayLike, counts: ArrayLike, method: str = "correlation"
) -> Array:
    """Lower and upper noise ceiling in every bootstrap draw, shape (n_draws, 2).

    Parameters as in `bootstrap_comparisons`. Means of RDMs of unit length have lengths that follow
    from the similarities ``R`` of the subjects alone: ``|sum_s u_s|^2 = sum R``.
    """
    rdms, _ = _checked(data, data, method)
    _check_subjects(rdms)
    if method == "spearman":
        bounds = np.full((len(np.asarray(counts)), 2), np.nan)
        for draw, weights in _pair_weights(counts, rdms.shape[1]):
            bounds[draw] = _rsa_ranks.noise_ceiling(rdms, weights)
        return bounds
    n = len(rdms)
    crossed = _drawn(rdms, [slice(i + 1, n) for i in range(n - 1)], counts, method)
    above = np.zeros((len(crossed), n, n))
    above[:, *np.triu_indices(n, 1)] = crossed
    with_all = 1.0 + above.sum(axis=1) + above.sum(axis=2)
    total = with_all.sum(axis=1, keepdims=True)
    upper = _ratio(with_all, np.sqrt(np.maximum(total, 0.0))).mean(axis=1)
    others = np.sqrt(np.maximum(total - 2 * with_all + 1.0, 0.0))
    lower = _ratio(with_all - 1.0, others).mean(axis=1)
    return np.stack([lower, upper], axis=1)


def _drawn(rdms: Array, others: list[slice], counts: ArrayLike, method: str) -> Array:
    """Similarity, draw by draw, of the first RDMs with the rows of RDMs named for each.

    Parameters
    ----------
    rdms
        Shape (n_rdms, n_pairs).
    others
        Rows with which the first, second, … RDM is compared; ``n_compared`` in all.

    Returns
    -------
    ndarray
        Shape (n_draws, n_compared).
    """
    n = len(rdms)
    rows = [np.arange(n)[one] for one in others]
    first, second = np.repeat(range(len(rows)), [len(r) for r in rows]), np.concatenate(rows)
    shifted = rdms - _shift(rdms, method)
    starts = np.searchsorted(first, range(len(others) + 1))

    def fill(columns: Array, pairs: slice) -> None:
        x = shifted[:, pairs]
        for i, one in enumerate(others):
            np.multiply(x[i], x[one], out=columns[starts[i] : starts[i + 1]])
        np.square(x, out=columns[-2 * n - 1 : -n - 1])
        columns[-n - 1 : -1], columns[-1] = x, 1.0

    sums = _weighted_sums(fill, len(first) + 2 * n + 1, rdms.shape[1], counts)
    crossed, squares, means, weight = np.split(sums, [len(first), -n - 1, -1], axis=1)
    if method == "correlation":
        means = means / weight
        squares = squares - weight * means**2
        crossed = crossed - weight * means[:, first] * means[:, second]
    norms = np.sqrt(np.maximum(squares, 0.0))
    return _ratio(crossed, norms[:, first] * norms[:, second])


def _weighted_sums(
    fill: Callable[[Array, slice], None], n_columns: int, n_pairs: int, counts: ArrayLike
) -> Array:
    """Sums over pairs weighted by draw, shape (n_draws, n_columns).

    ``fill`` writes what is summed for a block of pairs, shape (n_columns, pairs).
    """
    drawn = _checked_counts(counts, n_pairs)
    rows, others = np.triu_indices(drawn.shape[1], 1)
    by_condition = np.ascontiguousarray(drawn.T)
    buffer = np.empty((n_columns, min(PAIRS, n_pairs)))
    sums = np.zeros((n_columns, len(drawn)))
    # Blocks fit the cache of one core; handing each to threads costs more than it saves.
    with _libraries().limit(limits=1, user_api="blas"):
        for start in range(0, n_pairs, PAIRS):
            pairs = slice(start, min(start + PAIRS, n_pairs))
            columns = buffer[:, : pairs.stop - start]
            fill(columns, pairs)
            sums += columns @ (by_condition[rows[pairs]] * by_condition[others[pairs]])
    sums[:, (drawn > 0).sum(axis=1) < 3] = np.nan
    return sums.T


@cache
def _libraries() -> ThreadpoolController:
    """Libraries with threads, looked for once: it takes longer than a small bootstrap."""
    return ThreadpoolController()


def _pair_weights(counts: ArrayLike, n_pairs: int) -> Iterator[tuple[int, Array]]:
    """Number and weights of the pairs (n_pairs,) of every draw of three conditions or more."""
    drawn = _checked_counts(counts, n_pairs)
    rows, others = np.triu_indices(drawn.shape[1], 1)
    for draw in np.flatnonzero((drawn > 0).sum(axis=1) >= 3):
        yield int(draw), drawn[draw, rows] * drawn[draw, others]


def _checked_counts(counts: ArrayLike, n_pairs: int) -> Array:
    drawn = np.asarray(counts, dtype=np.float64)
    if drawn.ndim != 2 or drawn.shape[1] * (drawn.shape[1] - 1) // 2 != n_pairs:
        raise InputError(
            f"counts have shape {drawn.shape}, which does not fit RDMs of {n_pairs} pairs; "
            "wanted (n_draws, n_conditions)"
        )
    return drawn


def _checked(models: ArrayLike, data: ArrayLike, method: str) -> tuple[Array, Array]:
    if method not in METHODS:
        raise InputError(f"method must be one of {', '.join(METHODS)}; got {method!r}")
    a, b = (np.asarray(rdms, dtype=np.float64) for rdms in (models, data))
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise InputError(
            f"models have shape {a.shape} and data {b.shape}; wanted (n_models, n_pairs) and "
            "(n_subjects, n_pairs)"
        )
    for name, rdms in (("models", a), ("data", b)):
        if not np.isfinite(rdms).all():
            row, pair = np.argwhere(~np.isfinite(rdms))[0]
            raise InputError(f"{name} hold NaN or infinity, first in RDM {row}, pair {pair}")
    return a, b


def _shift(rdms: Array, method: str) -> Array:
    """What may be taken off each RDM without a change of its similarities, to lose fewer digits."""
    return np.zeros((len(rdms), 1)) if method == "cosine" else rdms.mean(axis=1, keepdims=True)


def _check_subjects(data: Array) -> None:
    if len(data) < 2:
        raise InputError("a noise ceiling needs the RDMs of two subjects or more; got 1")


def _unit(rdms: Array, method: str) -> Array:
    """Rows of length one, after ranks and means are taken as the method says."""
    if method == "spearman":
        rdms = rankdata(rdms, axis=1)
    if method != "cosine":
        rdms = rdms - rdms.mean(axis=1, keepdims=True)
    return _ratio(rdms, np.linalg.norm(rdms, axis=1, keepdims=True))


def _ratio(above: Array, below: Array) -> Array:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
