"""What every cross-validated kernel shares: checked folds, scaling inside the fold, Gram matrices.

A linear model fitted on centred trials needs no more of the features than the Gram matrix
``K = X X'``. It is computed once; each fold then centres it about the mean of its own training
trials, ``K_ij - K_i. - K_.j + K_..``, where the dots are means over the training trials.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affectome.errors import InputError

Array = NDArray[np.float64]
Folds = Sequence[tuple[ArrayLike, ArrayLike]]
"""Pairs of integer index arrays (train, test)."""

COLUMNS = 512


def check_folds(folds: Folds, n: int) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Folds as index arrays, each with trials on both sides and no trial tested twice.

    Raises
    ------
    InputError
        If a fold is empty on one side, points outside the n trials, or shares a trial between
        training and test, or if two folds test the same trial.
    """
    checked = []
    tested = np.zeros(n, dtype=bool)
    for number, (train_index, test_index) in enumerate(folds):
        train, test = (np.asarray(index, dtype=np.intp) for index in (train_index, test_index))
        if not len(train) or not len(test):
            raise InputError(f"fold {number} has {len(train)} training and {len(test)} test trials")
        both = np.concatenate([train, test])
        if both.min() < 0 or both.max() >= n:
            raise InputError(f"fold {number} points outside the {n} trials (0 to {n - 1})")
        if np.isin(test, train).any():
            raise InputError(f"fold {number} has a trial on both sides; make the folds disjoint")
        if tested[test].any():
            raise InputError(
                f"fold {number} tests a trial that another fold tested; run repeats one by one"
            )
        tested[test] = True
        checked.append((train, test))
    if not checked:
        raise InputError("no folds were given")
    return checked


def check_arrays(X: ArrayLike, Y: ArrayLike) -> tuple[Array, Array]:
    """Features (n, p) and targets (n, q) as float64, finite, with as many trials in both."""
    features, targets = (np.asarray(a, dtype=np.float64) for a in (X, Y))
    if features.ndim != 2 or targets.ndim != 2 or len(features) != len(targets):
        raise InputError(
            f"X has shape {features.shape} and Y {targets.shape}; "
            "wanted (n_trials, n_features) and (n_trials, n_targets)"
        )
    for name, values in (("X", features), ("Y", targets)):
        if not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            raise InputError(f"{name} holds NaN or infinity, first at row {row}, column {column}")
    return features, targets


def moments(X: Array, *, standardize: bool) -> tuple[Array, Array]:
    """Mean (p,) and scale (p,) of the features over the trials of X.

    The scale is the standard deviation (ddof 0), and one for a constant column or when
    ``standardize`` is off.
    """
    mean = X.mean(axis=0)
    if not standardize:
        return mean, np.ones_like(mean)
    variance = X.var(axis=0)
    eps = np.finfo(np.float64).eps
    noise = len(X) * eps * variance + (len(X) * mean * eps) ** 2
    return mean, np.sqrt(np.where(variance > noise, variance, 1.0))


def gram(X: Array, mean: Array, scale: Array) -> Array:
    """``K = Z Z'`` of ``Z = (X - mean) / scale``, shape (n, n), without a second copy of X."""
    n, p = X.shape
    total = np.zeros((n, n))
    for start in range(0, p, COLUMNS):
        columns = slice(start, start + COLUMNS)
        block = (X[:, columns] - mean[columns]) / scale[columns]
        total += block @ block.T
    return total


def centre_gram(K: Array, train: NDArray[np.intp], test: NDArray[np.intp]) -> tuple[Array, Array]:
    """Gram matrices (train, train) and (test, train) about the mean of the training trials."""
    columns = K[:, train]
    level = columns.mean(axis=1)
    middle = level[train].mean()
    inner = columns[train] - level[train] - level[train, None] + middle
    outer = columns[test] - level[train] - level[test, None] + middle
    return inner, outer
