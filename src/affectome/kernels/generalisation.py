"""Temporal generalisation: train at every time, test at every other (King & Dehaene 2014).

At each time ``t`` a ridge ``w_t`` is fitted to the labels of a fold's training trials; the score of
test trial ``i`` at time ``s`` is ``w_t' x_i(s)``, and the matrix holds the AUC of these scores over
the test trials. What is the same for all test trials (intercept, means) can't change an AUC and is
left out. So the matrix of a fold is one product of weights and test trials, ranked.

For two classes LDA with shrinkage ``g`` of standardised units has the direction of a ridge with
``alpha = n_train g / (1 - g)`` (see `lda`), so its matrix is found here too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from affectome.errors import InputError
from affectome.kernels.folds import Array, Folds, check_folds
from affectome.kernels.ranks import auc
from affectome.kernels.ridge import check_alphas
from affectome.kernels.stacked import fold_weights

TIMES = 16
AT_ONCE = 50
"""Arrangements of the labels whose weights are held at once."""


def generalisation_matrix(
    X: ArrayLike,
    y: ArrayLike,
    folds: Folds,
    alpha: float = 1.0,
    *,
    standardize: bool = True,
) -> Array:
    """AUC of every training time at every test time, in every fold.

    Parameters
    ----------
    X
        Trials, shape (n, n_units, n_times).
    y
        Labels, shape (n,), of two classes or more.
    folds
        Pairs (train, test) of index arrays.
    alpha
        Penalty of the ridge.
    standardize
        Divide each unit by its standard deviation over the training trials, time by time.

    Returns
    -------
    ndarray
        Shape (n_folds, n_times, n_times): training time by test time. For more than two classes the
        mean AUC of each against the rest; NaN where the test trials of a fold lack a class.

    Raises
    ------
    InputError
        If shapes do not meet, X is not finite, there is one class only, or a fold is bad.
    """
    trials, labels = np.asarray(X, dtype=np.float64), np.asarray(y)
    if trials.ndim != 3 or labels.shape != trials.shape[:1]:
        raise InputError(
            f"X has shape {trials.shape} and y {labels.shape}; "
            "wanted (n_trials, n_units, n_times) and (n_trials,)"
        )
    if not np.isfinite(trials).all():
        raise InputError("X holds NaN or infinity; drop those trials or units first")
    (alpha,) = check_alphas(alpha)
    classes = np.unique(labels)
    if len(classes) < 2:
        raise InputError(f"y holds one class only ({classes[0]!r}); give two or more")
    marked = classes[1:] if len(classes) == 2 else classes
    positive = labels[:, None] == marked
    checked = check_folds(folds, len(trials))
    trains = [train for train, _ in checked]
    stack = np.ascontiguousarray(trials.transpose(2, 0, 1))
    n_times, _, n_units = stack.shape
    weights = np.empty((len(checked), n_times, n_units, len(marked)))
    for start in range(0, n_times, TIMES):
        times = slice(start, start + TIMES)
        solved = fold_weights(
            stack[times].copy(), positive.astype(np.float64), trains, alpha, standardize=standardize
        )
        for f, (found, _) in enumerate(solved):
            weights[f, times] = found
    matrix = np.empty((len(checked), n_times, n_times))
    for f, (_, test) in enumerate(checked):
        tested = stack[:, test].reshape(-1, n_units)
        for start in range(0, n_times, TIMES):
            times = slice(start, start + TIMES)
            scores = weights[f, times].transpose(2, 0, 1) @ tested.T
            scores = scores.reshape(*scores.shape[:2], n_times, -1)
            by_class = [auc(s, positive[test, k]) for k, s in enumerate(scores)]
            matrix[f, times] = np.mean(by_class, axis=0)
    return matrix


def arranged_matrices(
    X: ArrayLike,
    Y: ArrayLike,
    folds: Folds,
    cells: ArrayLike,
    alpha: float = 1.0,
) -> Array:
    """Generalisation matrices of many arrangements of the labels, from one factorisation a fold.

    The AUC of a group of trials (a person) is that of its pairs of trials within a fold, over all
    folds: wins over pairs. Units are standardised in the training trials, time by time.

    Parameters
    ----------
    X
        Trials, shape (n, n_units, n_times).
    Y
        Arrangements of the labels, shape (n_arrangements, n), all of the same classes.
    folds
        Pairs (train, test) of index arrays.
    cells
        Group of each trial, codes 0 … G - 1, shape (n,): only its own trials are compared.
    alpha
        Penalty of the ridge.

    Returns
    -------
    ndarray
        Shape (n_arrangements, G, n_times, n_times): training time by test time. For more than two
        classes the mean AUC of each against the rest. NaN where a group has no pair of trials of
        different classes within a fold.
    """
    trials, labels = np.asarray(X, dtype=np.float64), np.asarray(Y)
    group = np.asarray(cells)
    (alpha,) = check_alphas(alpha)
    classes = np.unique(labels)
    marked = classes[1:] if len(classes) == 2 else classes
    checked = check_folds(folds, len(trials))
    stack = np.ascontiguousarray(trials.transpose(2, 0, 1))
    n_times, n_groups = len(stack), int(group.max()) + 1
    found = np.empty((len(labels), n_groups, n_times, n_times))
    for start in range(0, len(labels), AT_ONCE):
        part = labels[start : start + AT_ONCE]
        wins = np.zeros((len(marked), len(part), n_groups, n_times, n_times))
        pairs = np.zeros((len(marked), len(part), n_groups))
        for k, mark in enumerate(marked):
            positive = np.ascontiguousarray((part == mark).T)
            for first in range(0, n_times, TIMES):
                times = slice(first, first + TIMES)
                solved = fold_weights(
                    stack[times].copy(),
                    positive.astype(np.float64),
                    [train for train, _ in checked],
                    alpha,
                    standardize=True,
                )
                for (weights, _), (_, test) in zip(solved, checked, strict=True):
                    for g in np.unique(group[test]):
                        rows = test[group[test] == g]
                        marks = np.ascontiguousarray(positive[rows].T)
                        count = marks.sum(1) * (len(rows) - marks.sum(1))
                        if not count.any():
                            continue
                        if first == 0:
                            pairs[k, :, g] += count
                        for t, w in enumerate(weights, first):
                            scores = np.ascontiguousarray((stack[:, rows] @ w).transpose(0, 2, 1))
                            right = auc(scores, np.broadcast_to(marks, scores.shape))
                            wins[k, :, g, t] += (np.where(count > 0, right, 0.0) * count).T
        with np.errstate(invalid="ignore"):
            share = wins / pairs[..., None, None]
        found[start : start + AT_ONCE] = share.mean(axis=0)
    return found
