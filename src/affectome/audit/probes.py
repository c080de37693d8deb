"""Two quick readers of a label: a linear one, and one by neighbours."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from affectome.evidence.quick import Folds

FoldReader = Callable[[Folds], np.ndarray]
MOST_ROWS = 1500
N_NEIGHBOURS = 5


def indicator(y: np.ndarray, n_classes: int) -> np.ndarray:
    """Targets (n, n_classes) of +1 and -1, weighted later; (n, 1) for ratings."""
    return (
        y[:, None].astype(float)
        if not n_classes
        else 2.0 * (y[:, None] == np.arange(n_classes)) - 1
    )


def linear_reader(X: np.ndarray, y: np.ndarray, n_classes: int) -> FoldReader:
    """Ridge with the number of features as its penalty, unchosen; (n,) estimates for any folds.

    Trials left out are predicted from the residuals of one fit to all of them,
    ``y_T - (I - H_TT)^-1 (y_T - (H y)_T)``, which is what a fit without them predicts: folds are
    read hundreds of times.
    """
    Z = scaled(X).astype(float)
    n, p = Z.shape
    Y = indicator(y, n_classes)
    if p < n:
        inner = Z.T @ Z + max(p, 1) * np.eye(p)
        hat = Z @ np.linalg.solve(inner, Z.T) if p else np.zeros((n, n))
    else:
        gram = Z @ Z.T
        hat = np.linalg.solve(gram + p * np.eye(n), gram)
    hat += 1.0 / n
    left = Y - hat @ Y

    def read(folds: Folds) -> np.ndarray:
        scores = np.zeros(Y.shape)
        for train, test in folds:
            out = np.setdiff1d(np.arange(n), train, assume_unique=True)
            without = Y[out] - np.linalg.solve(np.eye(len(out)) - hat[np.ix_(out, out)], left[out])
            scores[test] = without[np.searchsorted(out, test)]
        if not n_classes:
            return scores[:, 0]
        return (scores - scores.mean(axis=0)).argmax(axis=1).astype(float)

    return read


def neighbour_reader(X: np.ndarray, y: np.ndarray, n_classes: int) -> FoldReader:
    """Five nearest trials of the other folds, near ones counting more; (n,) estimates."""
    Z = scaled(X)
    square = np.einsum("ij,ij->i", Z, Z)
    distance = np.maximum(square[:, None] + square - 2.0 * Z @ Z.T, 0.0)
    order = np.argsort(distance, axis=1)
    close = np.take_along_axis(distance, order, axis=1)
    usual = 1e-3 * float(np.median(square)) + 1e-12
    Y = indicator(y, n_classes)
    if n_classes:
        Y = (Y > 0) / np.maximum((Y > 0).sum(axis=0), 1)

    def read(folds: Folds) -> np.ndarray:
        k = min(N_NEIGHBOURS, *(len(train) for train, _ in folds))
        found = np.zeros(len(y))
        for train, test in folds:
            usable = np.zeros(len(y), dtype=bool)
            usable[train] = True
            reach = len(y) - len(train) + k
            there = usable[order[test, :reach]]
            there &= there.cumsum(axis=1) <= k
            rows, columns = np.nonzero(there)
            near = order[test[rows], columns].reshape(-1, k)
            weight = 1.0 / (close[test[rows], columns].reshape(-1, k) + usual)
            votes = np.einsum("ij,ijk->ik", weight, Y[near])
            found[test] = votes.argmax(axis=1) if n_classes else votes[:, 0] / weight.sum(axis=1)
        return found

    return read


READERS: dict[str, Callable[[np.ndarray, np.ndarray, int], FoldReader]] = {
    "linear": linear_reader,
    "neighbours": neighbour_reader,
}


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
