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
