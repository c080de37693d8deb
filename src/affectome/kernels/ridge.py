"""Ridge regression for thousands of targets at once (Hoerl & Kennard 1970).

With centred features ``X`` and targets ``Y`` of a fold's training trials::

    W = (X'X + alpha I)^-1 X'Y = X' (XX' + alpha I)^-1 Y

so the predictions ``X_test W = H Y`` are linear in the targets: permuted labels are only more
columns of ``Y``, and one factorisation a fold serves them all. The primal form is used where there
are fewer features than training trials, the dual one (through one shared Gram matrix) elsewhere.

Where several penalties are given, each column of ``Y`` picks its own in every fold by exact
leave-one-out, ``e_i = (y_i - f_i) / (1 - G_ii)`` with ``G`` the hat matrix of the training trials,
intercept included. The choice looks at the labels, but it too is batched over the columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve, eigh

from affectome.errors import InputError
from affectome.kernels.folds import (
    Array,
    Folds,
    centre_gram,
    check_arrays,
    check_folds,
    gram,
    moments,
)


class Fold(NamedTuple):
    """Centred features of one fold, or their Gram matrices.

    ``inner`` is (n_train, p) or (n_train, n_train); ``outer`` is (n_test, p) or (n_test, n_train).
    """

    train: NDArray[np.intp]
    test: NDArray[np.intp]
    inner: Array
    outer: Array
    dual: bool


def cross_validated_predictions(
    X: ArrayLike,
    Y: ArrayLike,
    folds: Folds,
    alpha: float | ArrayLike = 1.0,
    *,
    standardize: bool = False,
) -> Array:
    """Predictions of every trial from a ridge fitted on the other folds, for every target.

    Parameters
    ----------
    X
        Features, shape (n, p).
    Y
        Targets, shape (n, q); q may be thousands of permuted labels.
    folds
        Pairs (train, test) of index arrays; no trial may be tested twice.
    alpha
        Penalty, or penalties of which each target picks one in every fold by leave-one-out.
    standardize
        Divide each feature by its standard deviation over the fold's training trials.

    Returns
    -------
    ndarray
        Predictions, float64, shape (n, q); NaN for a trial that no fold tests.

    Raises
    ------
    InputError
        If shapes do not meet, a value is not finite, a fold is bad or a penalty is not positive.
    """
    X, Y = check_arrays(X, Y)
    alphas = check_alphas(alpha)
    predictions = np.full(Y.shape, np.nan)
    for fold in fold_matrices(X, check_folds(folds, len(X)), standardize):
        targets = Y[fold.train]
        mean = targets.mean(axis=0)
        targets -= mean
        if len(alphas) == 1:
            predictions[fold.test] = _predict(fold, targets, alphas[0]) + mean
        else:
            predictions[fold.test] = _predict_with_best(fold, targets, alphas) + mean
    return predictions


class Fit(NamedTuple):
    """A fitted ridge in the units of its features: ``X @ weights + intercept``.

    ``weights`` is (p, q), ``intercept`` and ``alpha`` (the penalty of each target) are (q,).
    """

    weights: Array
    intercept: Array
    alpha: Array


def fit(
    X: ArrayLike, Y: ArrayLike, alpha: float | ArrayLike = 1.0, *, standardize: bool = False
) -> Fit:
    """Fit a ridge with intercept; parameters as in `cross_validated_predictions`."""
    features, targets = check_arrays(X, Y)
    alphas = check_alphas(alpha)
    mean, scale = moments(features, standardize=standardize)
    level = targets.mean(axis=0)
    features, targets = (features - mean) / scale, targets - level
    best = np.zeros(targets.shape[1], dtype=np.intp)
    if len(alphas) > 1:
        best = leave_one_out_errors(features, targets, alphas).argmin(axis=0)
    weights = np.empty((features.shape[1], targets.shape[1]))
    for a in np.unique(best):
        weights[:, best == a] = coefficients(features, targets[:, best == a], alphas[a])
    weights /= scale[:, None]
    return Fit(weights, level - mean @ weights, alphas[best])


def coefficients(X: Array, Y: Array, alpha: float) -> Array:
    """Weights (p, q) of a ridge on centred features (n, p) and centred targets (n, q)."""
    n, p = X.shape
    if p < n:
        return solve_shifted(X.T @ X, X.T @ Y, alpha)
    return X.T @ solve_shifted(X @ X.T, Y, alpha)


def hat_matrix(X: Array, X_test: Array, alpha: float) -> Array:
    """``H`` (n_test, n) with ``X_test W = H Y`` for centred features and any centred targets."""
    n, p = X.shape
    if p < n:
        return X_test @ solve_shifted(X.T @ X, X.T, alpha)
    return solve_shifted(X @ X.T, X @ X_test.T, alpha).T


def leave_one_out_errors(X: Array, Y: Array, alphas: ArrayLike) -> Array:
    """Mean squared leave-one-out error, shape (n_alphas, q), of centred X (n, p) and Y (n, q)."""
    inner = X if X.shape[1] < len(X) else X @ X.T
    return _errors(_spectrum(inner, inner is not X), Y, check_alphas(alphas))


def check_alphas(alpha: float | ArrayLike) -> Array:
    """Penalties as a one-dimensional array, all positive and finite."""
    alphas = np.atleast_1d(np.asarray(alpha, dtype=np.float64))
    if alphas.ndim != 1 or not len(alphas) or not (np.isfinite(alphas) & (alphas > 0)).all():
        raise InputError(f"alpha must be a positive number or a list of them; got {alpha!r}")
    return alphas


class _Spectrum(NamedTuple):
    """Eigenvectors of one fold's training matrix: fits for any penalty are products with them.

    Fitted values are ``left diag(1 / (values + alpha)) right' Y``.
    """

    values: Array
    vectors: Array
    left: Array
    right: Array


def _spectrum(inner: Array, dual: bool) -> _Spectrum:
    values, vectors = eigh(inner if dual else inner.T @ inner)
    values = np.maximum(values, 0.0)
    if dual:
        return _Spectrum(values, vectors, vectors * values, vectors)
    projected = inner @ vectors
    return _Spectrum(values, vectors, projected, projected)


def _errors(spectrum: _Spectrum, Y: Array, alphas: Array) -> Array:
    """Mean squared leave-one-out error, shape (n_alphas, q)."""
    projected = spectrum.right.T @ Y
    errors = np.empty((len(alphas), Y.shape[1]))
    for a, alpha in enumerate(alphas):
        left = spectrum.left / (spectrum.values + alpha)
        free = 1.0 - 1.0 / len(Y) - np.einsum("ij,ij->i", left, spectrum.right)
        residuals = (Y - left @ projected) / np.maximum(free, np.finfo(float).eps)[:, None]
        errors[a] = np.einsum("ij,ij->j", residuals, residuals) / len(Y)
    return errors


def _predict(fold: Fold, targets: Array, alpha: float) -> Array:
    if fold.dual:
        return solve_shifted(fold.inner, fold.outer.T, alpha).T @ targets
    return fold.outer @ solve_shifted(fold.inner.T @ fold.inner, fold.inner.T @ targets, alpha)


def _predict_with_best(fold: Fold, targets: Array, alphas: Array) -> Array:
    spectrum = _spectrum(fold.inner, fold.dual)
    best = _errors(spectrum, targets, alphas).argmin(axis=0)
    outer = fold.outer @ spectrum.vectors
    projected = spectrum.right.T @ targets
    return outer @ (projected / (spectrum.values[:, None] + alphas[best]))


def solve_shifted(square: Array, right: Array, alpha: float) -> Array:
    """Solve (square + alpha I) x = right for a symmetric positive matrix (n, n)."""
    square = square + alpha * np.eye(len(square))
    return cho_solve(cho_factor(square, overwrite_a=True, check_finite=False), right)


def fold_matrices(
    X: Array, folds: list[tuple[NDArray[np.intp], NDArray[np.intp]]], standardize: bool
) -> Iterator[Fold]:
    """Each fold's centred features where they are fewer than its training trials, else Gram."""
    shared = None
    for train, test in folds:
        if X.shape[1] < len(train):
            mean, scale = moments(X[train], standardize=standardize)
            yield Fold(train, test, (X[train] - mean) / scale, (X[test] - mean) / scale, False)
        elif standardize:
            K = gram(X, *moments(X[train], standardize=True))
            yield Fold(train, test, *centre_gram(K, train, test), True)
        else:
            if shared is None:
                shared = gram(X, *moments(X, standardize=False))
            yield Fold(train, test, *centre_gram(shared, train, test), True)
