"""Exact AUC and rank correlation, a row at a time over any number of rows.

The area under the ROC curve is the chance that a positive trial scores above a negative one, ties
counting half::

    AUC = (#{s_i > s_j} + #{s_i = s_j} / 2) / (n_pos n_neg),   i positive, j negative

The count is an integer (twice over), so the answer is exact. Short rows are counted pair by pair,
which needs no sort; long rows are sorted once and walked in groups of ties (mid-ranks).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from affectome.errors import InputError

LONGEST_PAIRWISE_ROW = 160
BLOCK_VALUES = 1 << 18


def auc(scores: ArrayLike, positive: ArrayLike) -> NDArray[np.float64]:
    """Area under the ROC curve of each row.

    Parameters
    ----------
    scores
        Scores of the trials, shape (..., n); higher means more likely positive.
    positive
        Which trials are positive, bool, shape (n,) or (..., n).

    Returns
    -------
    ndarray
        AUC, float64, shape (...). NaN where a row has one class only or a score is NaN.

    Raises
    ------
    InputError
        If the shapes do not meet.
    """
    values = np.asarray(scores, dtype=np.float64)
    labels = np.asarray(positive, dtype=bool)
    n = values.shape[-1] if values.ndim else 0
    if n == 0 or labels.shape not in {(n,), values.shape}:
        raise InputError(
            f"auc: positive has shape {labels.shape}, scores {values.shape}; "
            f"give one label a trial, shape ({n},) or {values.shape}"
        )
    rows = values.reshape(-1, n)
    marks = labels.reshape(-1, n)
    out = np.empty(len(rows))
    if n <= LONGEST_PAIRWISE_ROW:
        _auc_by_pairs(rows, marks, out)
        return out.reshape(values.shape[:-1])
    step = max(1, BLOCK_VALUES // n)
    for start in range(0, len(rows), step):
        block = slice(start, start + step)
        order = np.argsort(rows[block], axis=-1)
        _auc_by_ranks(rows[block], order, marks[block] if len(marks) > 1 else marks, out[block])
    return out.reshape(values.shape[:-1])


def weighted_auc(
    scores: ArrayLike, positive: ArrayLike, weights: ArrayLike, folds: ArrayLike
) -> NDArray[np.float64]:
    """Area under the ROC curve of weighted trials, pairs within a fold only.

    The mean over folds with both classes, each counted by the weight of its trials.

    Parameters
    ----------
    scores, positive, folds
        Scores, marks (bool) and codes of folds of the trials, shape (n,).
    weights
        One row a draw, shape (n_draws, n), none below zero.

    Returns
    -------
    ndarray
        Shape (n_draws,); .5 where no fold has both classes.
    """
    values, fold = np.asarray(scores, dtype=np.float64), np.asarray(folds)
    order = np.lexsort((values, fold))
    drawn = np.ascontiguousarray(weights, dtype=np.float64)
    out = np.empty(len(drawn))
    marks = np.asarray(positive, dtype=bool)[order]
    _weighted_auc(values[order], marks, order, fold[order], drawn, out)
    return out


def spearman(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Rank correlation with mid-ranks along the last axis.

    Parameters
    ----------
    a, b
        Values, shapes (..., n) that broadcast against each other.

    Returns
    -------
    ndarray
        Pearson correlation of the mid-ranks, shape (...); NaN where a row is constant or holds NaN.
    """
    return pearson(rankdata(np.asarray(a), axis=-1), rankdata(np.asarray(b), axis=-1))


def pearson(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Pearson correlation along the last axis.

    Parameters
    ----------
    a, b
        Values, shapes (..., n) that broadcast against each other.

    Returns
    -------
    ndarray
        Correlation in [-1, 1], shape (...); NaN where a row is constant or holds NaN.
    """
    x, y = unit_rows(a), unit_rows(b)
    return np.clip(np.einsum("...i,...i->...", x, y), -1.0, 1.0)


def unit_rows(values: ArrayLike) -> NDArray[np.float64]:
    """Rows (..., n) with mean zero and length one; NaN where a row is constant."""
    rows = np.asarray(values, dtype=np.float64)
    means = rows.mean(axis=-1)
    rows = rows - means[..., None]
    squares = np.einsum("...i,...i->...", rows, rows)
    rows /= length_or_nan(squares, means, rows.shape[-1])[..., None]
    return rows


def length_or_nan(
    squares: NDArray[np.float64], means: NDArray[np.float64], n: int
) -> NDArray[np.float64]:
    """Lengths (...) of rows of n values from the squares about their means; NaN where constant.

    A row is constant where its length is of the size of the rounding errors of its mean.
    """
    length = np.sqrt(squares)
    return np.where(length > 1e-13 * np.abs(means) * np.sqrt(n), length, np.nan)


@njit(cache=True, nogil=True)
def _auc_by_pairs(scores, positive, out):  # type: ignore[no-untyped-def]
    n_rows, n = scores.shape
    high, low = np.empty(n), np.empty(n)
    for i in range(n_rows):
        n_high = n_low = 0
        missing = np.False_
        for j in range(n):
            missing |= np.isnan(scores[i, j])
            if positive[i % len(positive), j]:
                high[n_high] = scores[i, j]
                n_high += 1
            else:
                low[n_low] = scores[i, j]
                n_low += 1
        if missing or n_high == 0 or n_low == 0:
            out[i] = np.nan
            continue
        twice = np.int64(0)
        for j in range(n_high):
            for k in range(n_low):
                twice += np.int64(high[j] > low[k]) + np.int64(high[j] >= low[k])
        out[i] = twice / (2 * n_high * n_low)


@njit(cache=True, nogil=True)
def _auc_by_ranks(scores, order, positive, out):  # type: ignore[no-untyped-def]
    n_rows, n = scores.shape
    for i in range(n_rows):
        if np.isnan(scores[i, order[i, n - 1]]):
            out[i] = np.nan
            continue
        marks = positive[i % len(positive)]
        twice = n_low = n_high = j = 0
        while j < n:
            tied_high = tied_low = 0
            value = scores[i, order[i, j]]
            while j < n and scores[i, order[i, j]] == value:
                if marks[order[i, j]]:
                    tied_high += 1
                else:
                    tied_low += 1
                j += 1
            twice += tied_high * (2 * n_low + tied_low)
            n_low += tied_low
            n_high += tied_high
        out[i] = twice / (2 * n_high * n_low) if n_high and n_low else np.nan


@njit(cache=True, nogil=True)
def _weighted_auc(scores, positive, order, fold, weights, out):  # type: ignore[no-untyped-def]
    n = len(scores)
    for i in range(len(weights)):
        right = whole = 0.0
        j = 0
        while j < n:
            this = fold[j]
            own = high = low = 0.0
            while j < n and fold[j] == this:
                tied_high = tied_low = 0.0
                value = scores[j]
                while j < n and fold[j] == this and scores[j] == value:
                    if positive[j]:
                        tied_high += weights[i, order[j]]
                    else:
                        tied_low += weights[i, order[j]]
                    j += 1
                own += tied_high * (low + tied_low / 2)
                high += tied_high
                low += tied_low
            if high * low > 0:
                right += (high + low) * own / (high * low)
                whole += high + low
        out[i] = right / whole if whole > 0 else 0.5
