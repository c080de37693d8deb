"""Representational dissimilarity matrices: how far apart are the patterns of two conditions.

An RDM is kept as the vector of its upper triangle, row by row: (0, 1), (0, 2), ... (n-2, n-1), the
order of scipy and rsatoolbox. Each measure is one product of the patterns with themselves.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike
from scipy.linalg.blas import dsyrk
from scipy.spatial.distance import squareform

from affectome.errors import InputError
from affectome.kernels.folds import Array
from affectome.kernels.ranks import length_or_nan

UNITS = 128


def correlation(patterns: ArrayLike) -> Array:
    """One minus the Pearson correlation of every two patterns.

    Parameters
    ----------
    patterns
        One row a condition, shape (n_conditions, n_units).

    Returns
    -------
    ndarray
        Upper triangle, float64, shape (n_conditions (n_conditions - 1) / 2,), in [0, 2]; NaN for
        pairs with a constant pattern.
    """
    X = _shaped(patterns, 2, "(n_conditions, n_units)")
    with np.errstate(invalid="ignore"):
        means = X.mean(axis=1)
    if not np.isfinite(means).all():
        _check_finite(X)
    products = np.zeros((len(X), len(X)), order="F")
    room = np.empty((len(X), UNITS))
    for start in range(0, X.shape[1], UNITS):
        units = X[:, start : start + UNITS]
        centred = np.subtract(units, means[:, None], out=room[:, : units.shape[1]])
        products = dsyrk(1.0, centred.T, 1.0, products, trans=1, lower=1, overwrite_c=1)
    lengths = length_or_nan(np.diag(products), means, X.shape[1])
    return np.asarray(_one_minus_cosine(products.T, 1.0 / lengths))


@njit(cache=True, nogil=True)
def _one_minus_cosine(products, factors):  # type: ignore[no-untyped-def]
    n, first = len(products), 0
    distances = np.empty(n * (n - 1) // 2)
    for i in range(n - 1):
        row, others = products[i, i + 1 :], factors[i + 1 :]
        out = distances[first : first + n - 1 - i]
        for j in range(n - 1 - i):
            distance = 1.0 - row[j] * (factors[i] * others[j])
            # Selections, unlike min and max, run in vectors and let NaN pass.
            distance = 0.0 if distance < 0.0 else distance
            out[j] = 2.0 if distance > 2.0 else distance
        first += n - 1 - i
    return distances


def squared_euclidean(patterns: ArrayLike) -> Array:
    """Squared distance of every two patterns, over the number of units.

    Parameters
    ----------
    patterns
        One row a condition, shape (n_conditions, n_units).

    Returns
    -------
    ndarray
        Upper triangle, float64, shape (n_conditions (n_conditions - 1) / 2,).
    """
    X = _checked(patterns, 2, "(n_conditions, n_units)")
    X = X - X.mean(axis=0)
    return np.maximum(_distances(X @ X.T) / X.shape[1], 0.0)


def crossnobis(patterns: ArrayLike, precision: ArrayLike | None = None) -> Array:
    """Cross-validated Mahalanobis distance, zero on average where two conditions do not differ.

    With patterns ``x`` of the F parts of the data and the noise precision ``P`` (Walther et al.
    2016)::

        d_ij = mean over parts f of (x_i - x_j)_f' P (x_i - x_j)_others / n_units

    Parameters
    ----------
    patterns
        Mean patterns in independent parts of the data, shape (n_parts, n_conditions, n_units).
    precision
        Inverse of the noise covariance, shape (n_units, n_units); the identity where none is given.

    Returns
    -------
    ndarray
        Upper triangle, float64, shape (n_conditions (n_conditions - 1) / 2,); may be negative.
    """
    X = _checked(patterns, 3, "(n_parts, n_conditions, n_units)")
    if len(X) < 2:
        raise InputError("crossnobis needs two independent parts of the data or more; got 1")
    total = X.sum(axis=0)
    inner = _product(total, precision)
    for part in X:
        inner -= _product(part, precision)
    return _distances(inner) / (len(X) * (len(X) - 1) * X.shape[2])


def _product(X: Array, precision: ArrayLike | None) -> Array:
    return X @ X.T if precision is None else X @ np.asarray(precision, dtype=np.float64) @ X.T


def _distances(inner: Array) -> Array:
    """``K_ii + K_jj - 2 K_ij`` of the symmetric part of K, upper triangle."""
    diagonal = np.diag(inner)
    full = diagonal + diagonal[:, None]
    full -= inner
    full -= inner.T
    return squareform(full, checks=False)


def _checked(patterns: ArrayLike, n_axes: int, wanted: str) -> Array:
    X = _shaped(patterns, n_axes, wanted)
    _check_finite(X)
    return X


def _shaped(patterns: ArrayLike, n_axes: int, wanted: str) -> Array:
    X = np.asarray(patterns, dtype=np.float64)
    if X.ndim != n_axes or X.shape[-2] < 2:
        raise InputError(
            f"patterns have shape {X.shape}; wanted {wanted} with two conditions or more"
        )
    return X


def _check_finite(X: Array) -> None:
    if not np.isfinite(X).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(X))[0])
        raise InputError(f"patterns hold NaN or infinity, first at {where}")
