"""Stacks of small ridges, one a time point or a sphere, with every fold from one product each.

With the features ``Z`` of a problem centred over all trials, the matrix of a fold's training trials
is what is left when the other trials are taken out; codes ``c`` that are centred over the training
trials and zero elsewhere need no centring of the features (``m`` is their training mean)::

    Z_f'Z_f = Z'Z - Z_rest'Z_rest - n_train m m',    Z_f'Y = Z'c

Where taking out would cost digits (a feature varies far more outside the training trials than
within), and where there are more features than training trials, the fold is computed directly.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numba import njit
from numpy.typing import NDArray

from affectome.errors import InputError
from affectome.kernels.folds import Array

LANES = 8
KEPT = 1e-5


def fold_weights(
    Z: Array,
    Y: Array,
    trains: list[NDArray[np.intp]],
    alpha: float,
    *,
    standardize: bool,
) -> Iterator[tuple[Array, Array]]:
    """Weights (b, p, q) and training means (b, p) of a stack of ridges, fold by fold.

    Parameters
    ----------
    Z
        Features, shape (b, n, p). They are centred here, in place; weights and means are those of
        the centred features. A constant feature becomes zero and so has no weight.
    Y
        Targets, shape (n, q), the same for the whole stack.
    trains
        For each fold the indices of the training trials.
    alpha
        Penalty.
    standardize
        Divide each feature by its standard deviation over the training trials.
    """
    n, p = Z.shape[1:]
    mean = Z.mean(axis=1, keepdims=True)
    Z -= mean
    turned = Z.transpose(0, 2, 1)
    whole = turned @ Z if any(p < len(train) for train in trains) else Z[:0]
    for train in trains:
        codes = np.zeros((n, Y.shape[1]))
        codes[train] = Y[train] - Y[train].mean(axis=0)
        level = Z[:, train].mean(axis=1)
        if p < len(train):
            square = _training_square(Z, whole, train, level)
            variance = np.einsum("bpp->bp", square) / len(train)
            factor = _factor(variance, level + mean[:, 0], standardize)
            square *= factor[:, :, None] * factor[:, None, :]
            weights = _solve(square, turned @ codes * factor[..., None], alpha)
        else:
            inside = Z[:, train] - level[:, None]
            factor = _factor(inside.var(axis=1), level + mean[:, 0], standardize)
            inside *= factor[:, None]
            right = np.tile(codes[train], (len(Z), 1, 1))
            dual = _solve(inside @ inside.transpose(0, 2, 1), right, alpha)
            weights = inside.transpose(0, 2, 1) @ dual
        yield weights * factor[..., None], level


def _training_square(Z: Array, whole: Array, train: NDArray[np.intp], level: Array) -> Array:
    """``Z_f'Z_f`` about the training mean, shape (b, p, p)."""
    left = np.delete(Z, train, axis=1)
    square = whole - left.transpose(0, 2, 1) @ left
    square -= len(train) * level[:, :, None] * level[:, None, :]
    kept, total = (np.einsum("bpp->bp", matrix) for matrix in (square, whole))
    if (kept < KEPT * total).any():
        inside = Z[:, train] - level[:, None]
        return inside.transpose(0, 2, 1) @ inside
    return square


def _factor(variance: Array, mean: Array, standardize: bool) -> Array:
    """One over the deviation, or one, shape (b, p); zero for a feature that is constant."""
    varies = variance > (32 * np.finfo(np.float64).eps * mean) ** 2
    if not standardize:
        return varies.astype(np.float64)
    return np.divide(1.0, np.sqrt(np.maximum(variance, 0.0)), out=np.zeros_like(mean), where=varies)


def _solve(square: Array, right: Array, alpha: float) -> Array:
    """Solve a stack of (square + alpha I) x = right, overwriting both; shapes (b, p, p), (b, p, q).

    Cholesky, ``LANES`` problems side by side so that every operation is one vector instruction.
    """
    diagonal = np.arange(square.shape[1])
    square[:, diagonal, diagonal] += alpha
    if not _solve_lanes(square, right):
        raise InputError(f"alpha = {alpha:g} is too small for features of this size; raise it")
    return right


@njit(cache=True, nogil=True, fastmath={"contract"})
def _solve_lanes(square, right):  # type: ignore[no-untyped-def]
    b, p, q = right.shape
    A, B = np.zeros((p, p, LANES)), np.zeros((p, q, LANES))
    for start in range(0, b, LANES):
        for lane in range(LANES):
            problem = min(start + lane, b - 1)
            for i in range(p):
                A[i, : i + 1, lane] = square[problem, i, : i + 1]
                B[i, :, lane] = right[problem, i]
        if not _factorise(A):
            return False
        _substitute(A, B)
        for lane in range(min(LANES, b - start)):
            right[start + lane] = B[:, :, lane]
    return True


@njit(cache=True, nogil=True, fastmath={"contract"})
def _factorise(A):  # type: ignore[no-untyped-def]
    """Lower Cholesky factor in place, with the reciprocal of its diagonal."""
    for j in range(A.shape[0]):
        for i in range(j, A.shape[0]):
            for k in range(j):
                for lane in range(LANES):
                    A[i, j, lane] -= A[i, k, lane] * A[j, k, lane]
        for lane in range(LANES):
            if not A[j, j, lane] > 0:
                return False
            A[j, j, lane] = 1 / np.sqrt(A[j, j, lane])
        for i in range(j + 1, A.shape[0]):
            for lane in range(LANES):
                A[i, j, lane] *= A[j, j, lane]
    return True


@njit(cache=True, nogil=True, fastmath={"contract"})
def _substitute(A, B):  # type: ignore[no-untyped-def]
    """Solve ``L L' x = b`` in place."""
    p, q, _ = B.shape
    for j in range(p):
        for k in range(q):
            for i in range(j):
                for lane in range(LANES):
                    B[j, k, lane] -= A[j, i, lane] * B[i, k, lane]
            for lane in range(LANES):
                B[j, k, lane] *= A[j, j, lane]
    for j in range(p - 1, -1, -1):
        for k in range(q):
            for lane in range(LANES):
                B[j, k, lane] *= A[j, j, lane]
            for i in range(j):
                for lane in range(LANES):
                    B[i, k, lane] -= A[j, i, lane] * B[j, k, lane]
