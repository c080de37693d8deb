"""Two quick readers of a label, a linear one and one by neighbours, and how much they read.

What is read is a skill: 0 for guessing, 1 for all. For classes it is balanced accuracy above
chance, ``(b - 1/k) / (1 - 1/k)``; for ratings the squared correlation of estimate and rating, with
its sign. Each trial adds to sums a group: a bootstrap over groups is one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from affectome.evidence.labels import strata
from affectome.evidence.splits import deal
from affectome.kernels.ridge import cross_validated_predictions

Folds = Sequence[tuple[np.ndarray, np.ndarray]]
Reader = Callable[[np.ndarray, np.ndarray, int, Folds], np.ndarray]
MOST_ROWS = 1500
N_SPLITS = 5
N_NEIGHBOURS = 5


def random_folds(y: np.ndarray, rng: np.random.Generator, n_splits: int = N_SPLITS) -> Folds:
    """Random folds, stratified by class (by rank for ratings)."""
    order = rng.permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]
    fold = np.empty(len(y), dtype=int)
    offset = rng.permutation(n_splits)
    fold[order] = offset[np.arange(len(y)) % n_splits]
    return _as_folds(fold)


def group_folds(groups: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Folds:
    """Up to five folds of whole groups, each with its share of every class (or range of ratings).

    Without those shares a fold's training set has most of the classes that its test lacks, and a
    reader that knows nothing falls below chance.

    Parameters
    ----------
    groups
        Group numbers from 0 on, shape (n,).
    y
        Class numbers or ratings, shape (n,).
    rng
        Breaks ties.
    """
    n_splits = min(N_SPLITS, int(groups.max()) + 1)
    return _as_folds(deal(groups, "group", strata(y), n_splits, rng))


def _as_folds(fold: np.ndarray) -> Folds:
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in np.unique(fold)]


def fold_numbers(folds: Folds, n: int) -> np.ndarray:
    """Number of the fold that tests each trial, shape (n,)."""
    numbers = np.zeros(n, dtype=int)
    for k, (_, test) in enumerate(folds):
        numbers[test] = k
    return numbers


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


def group_sums(
    y: np.ndarray, estimates: np.ndarray, n_classes: int, groups: np.ndarray
) -> np.ndarray:
    """Sums a group from which `skill` is made, shape (n_groups, s); they add up over groups."""
    if n_classes:
        hit = estimates == y
        parts = [(y == c).astype(float) for c in range(n_classes)]
        parts += [hit * part for part in parts]
    else:
        e = estimates - estimates.mean()
        r = y - y.mean()
        parts = [np.ones(len(y)), r, e, r * r, e * e, r * e]
    return np.stack([np.bincount(groups, part) for part in parts], axis=1)


def skill(sums: np.ndarray, n_classes: int) -> np.ndarray:
    """Skill from sums (..., s); classes that are not there count as guessed."""
    if n_classes:
        size, hits = sums[..., :n_classes], sums[..., n_classes:]
        rate = np.divide(hits, size, out=np.full(size.shape, np.nan), where=size > 0)
        chance = 1.0 / n_classes
        return (np.nan_to_num(np.nanmean(rate, axis=-1), nan=chance) - chance) / (1.0 - chance)
    n, sy, se, syy, see, sye = np.moveaxis(sums, -1, 0)
    cov = n * sye - sy * se
    spread = np.maximum((n * syy - sy**2) * (n * see - se**2), 0.0)
    r = np.divide(cov, np.sqrt(spread), out=np.zeros_like(cov), where=spread > 1e-12 * n**4)
    return r * np.abs(r)


def bootstrap_weights(n_groups: int, rng: np.random.Generator, n: int = 1000) -> np.ndarray:
    """How often each group is drawn, shape (n, n_groups)."""
    return rng.multinomial(n_groups, np.full(n_groups, 1.0 / n_groups), size=n).astype(float)


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
