"""Two quick readers of a label: a linear one, and one by neighbours."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from affectome.evidence.quick import Folds, fold_numbers
from affectome.kernels.ridge import cross_validated_predictions

Reader = Callable[[np.ndarray, np.ndarray, int, Folds], np.ndarray]
MOST_ROWS = 1500
N_NEIGHBOURS = 5


def indicator(y: np.ndarray, n_classes: int) -> np.ndarray:
    """Targets (n, n_classes) of +1 and -1, weighted later; (n, 1) for ratings."""
    return (
        y[:, None].astype(float)
        if not n_classes
        else 2.0 * (y[:, None] == np.arange(n_classes)) - 1
    )


def read_linear(X: np.ndarray, y: np.ndarray, n_classes: int, folds: Folds) -> np.ndarray:
    """Estimates (n,) by ridge; its penalty is the number of features, unchosen."""
    Y = indicator(y, n_classes)
    scores = cross_validated_predictions(X, Y, folds, alpha=float(X.shape[1]), standardize=True)
    if not n_classes:
        return scores[:, 0]
    return (scores - scores.mean(axis=0)).argmax(axis=1).astype(float)


def read_neighbours(X: np.ndarray, y: np.ndarray, n_classes: int, folds: Folds) -> np.ndarray:
    """Estimates (n,) from the five nearest trials of the other folds, near ones counting more."""
    Z = scaled(X)
    square = np.einsum("ij,ij->i", Z, Z)
    distance = np.maximum(square[:, None] + square - 2.0 * Z @ Z.T, 0.0)
    fold = fold_numbers(folds, len(y))
    distance[fold[:, None] == fold] = np.inf
    k = min(N_NEIGHBOURS, *(len(train) for train, _ in folds))
    near = np.argpartition(distance, k - 1, axis=1)[:, :k]
    close = np.take_along_axis(distance, near, axis=1)
    weight = 1.0 / (close + 1e-3 * np.median(square) + 1e-12)
    Y = indicator(y, n_classes)
    if n_classes:
        Y = (Y > 0) / np.maximum((Y > 0).sum(axis=0), 1)
    votes = np.einsum("ij,ijk->ik", weight, Y[near])
    return votes.argmax(axis=1).astype(float) if n_classes else votes[:, 0] / weight.sum(axis=1)


READERS: dict[str, Reader] = {"linear": read_linear, "neighbours": read_neighbours}


def scaled(X: np.ndarray) -> np.ndarray:
    """Columns with mean 0 and variance 1, float32; constant ones become 0."""
    centred = X - X.mean(axis=0)
    spread = centred.std(axis=0)
    return (centred / np.where(spread > 1e-12 * np.abs(X).max(initial=1.0), spread, np.inf)).astype(
        np.float32
    )


def filled(X: np.ndarray) -> np.ndarray:
    """Missing values as the median of their column, columns without any value as 0, float64."""
    X = np.asarray(X, dtype=float)
    holes = np.isnan(X)
    if not holes.any():
        return X
    X = X.copy()
    empty = holes.all(axis=0)
    X[:, empty] = 0.0
    X[np.where(holes & ~empty)] = np.nanmedian(X[:, ~empty], axis=0)[
        np.cumsum(~empty)[np.where(holes & ~empty)[1]] - 1
    ]
    return X
