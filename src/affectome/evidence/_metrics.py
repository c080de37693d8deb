"""Metrics of weighted trials, for many weightings at once.

Each metric takes labels, predictions and weights of shape (n_draws, n_trials) and gives one value a
draw. A bootstrap over groups is then a matrix of weights, and the score itself a row of ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtr, ndtri

Array = NDArray[np.float64]
Weighted = Callable[[NDArray[Any], NDArray[Any], Array, NDArray[np.intp]], Array]


@dataclass(frozen=True)
class Link:
    """A scale on which the distribution of a score is close to normal."""

    forward: Callable[[Any], Any]
    back: Callable[[Any], Any]
    slope: Callable[[Any], Any]


@dataclass(frozen=True)
class Metric:
    """A weighted metric, what it wants as a prediction, its bounds and its link."""

    weighted: Weighted
    wants: str
    bounds: tuple[float, float]
    link: Link
    higher_is_better: bool = True


def balanced_accuracy(y: NDArray[Any], found: NDArray[Any], w: Array, fold: Any = None) -> Array:
    """Mean over classes of the share that is found; y and found are codes, shape (n,)."""
    true = _one_hot(y, y)
    total = w @ true
    with np.errstate(invalid="ignore"):
        return np.nanmean((w * (y == found)) @ true / total, axis=1)


def f1_macro(y: NDArray[Any], found: NDArray[Any], w: Array, fold: Any = None) -> Array:
    """Mean over classes of 2 tp / (true + said); a class never said scores 0."""
    levels = np.concatenate([y, found])
    hits = (w * (y == found)) @ _one_hot(y, levels)
    return _f1(hits, w @ _one_hot(y, levels), w @ _one_hot(found, levels)).mean(axis=1)


def multilabel_f1(y: NDArray[Any], found: NDArray[Any], w: Array, fold: Any = None) -> Array:
    """Mean over labels of F1; y and found are 0 or 1, shape (n, n_labels)."""
    true, said = y.astype(float), found.astype(float)
    return _f1(w @ (true * said), w @ true, w @ said).mean(axis=1)


def macro_auc(y: NDArray[Any], scores: NDArray[Any], w: Array, fold: NDArray[np.intp]) -> Array:
    """Mean over classes of the AUC of that class against the rest, pairs within a fold only."""
    columns = np.column_stack([-scores, scores]) if scores.ndim == 1 else scores
    levels = range(1, 2) if columns.shape[1] == 2 else range(columns.shape[1])
    return np.mean([_auc(y == k, columns[:, k], w, fold) for k in levels], axis=0)


def d_from_auc(y: NDArray[Any], scores: NDArray[Any], w: Array, fold: NDArray[np.intp]) -> Array:
    """D = √2·Φ⁻¹(AUC), with the AUC kept half a pair away from 0 and 1."""
    half = 0.5 / max((y == y[0]).sum() * (y != y[0]).sum(), 1)
    return np.sqrt(2) * ndtri(macro_auc(y, scores, w, fold).clip(half, 1 - half))


def pearson_r(y: NDArray[Any], found: NDArray[Any], w: Array, fold: Any = None) -> Array:
    """Correlation of ratings and estimates; 0 where one of them does not vary."""
    _, _, var_y, var_p, cov = _moments(y, found, w)
    spread = np.sqrt(var_y * var_p)
    return np.divide(cov, spread, out=np.zeros_like(cov), where=spread > 0)


def ccc(y: NDArray[Any], found: NDArray[Any], w: Array, fold: Any = None) -> Array:
    """Concordance 2 cov / (var_y + var_p + (mean_y - mean_p)²) (Lin 1989)."""
    mean_y, mean_p, var_y, var_p, cov = _moments(y, found, w)
    spread = var_y + var_p + (mean_y - mean_p) ** 2
    return np.divide(2 * cov, spread, out=np.zeros_like(cov), where=spread > 0)


def r2(y: NDArray[Any], found: NDArray[Any], w: Array, fold: Any = None) -> Array:
    """1 - residual variance / variance about the mean of the tested trials."""
    _, _, var_y, _, _ = _moments(y, found, w)
    total = w.sum(axis=1)
    residual = w @ (y - found) ** 2 / total
    return 1 - np.divide(residual, var_y, out=np.ones_like(residual), where=var_y > 0)


def ordinal_error(y: NDArray[Any], found: NDArray[Any], w: Array, fold: Any = None) -> Array:
    """Mean over levels of the mean absolute error in steps (Baccianella 2009)."""
    true = _one_hot(y, y)
    with np.errstate(invalid="ignore"):
        return np.nanmean((w * np.abs(found - y)) @ true / (w @ true), axis=1)


def _one_hot(values: NDArray[Any], levels: NDArray[Any]) -> Array:
    return (values[:, None] == np.unique(levels)).astype(float)


def _f1(hits: Array, true: Array, said: Array) -> Array:
    total = true + said
    return np.divide(2 * hits, total, out=np.zeros_like(hits), where=total > 0)


def _moments(y: NDArray[Any], found: NDArray[Any], w: Array) -> tuple[Array, ...]:
    w = w / w.sum(axis=1, keepdims=True)
    shift_y, shift_p = y.mean(), found.mean()
    y, p = y - shift_y, found - shift_p
    mean_y, mean_p = w @ y, w @ p
    var_y = (w @ y**2 - mean_y**2).clip(0)
    var_p = (w @ p**2 - mean_p**2).clip(0)
    return mean_y + shift_y, mean_p + shift_p, var_y, var_p, w @ (y * p) - mean_y * mean_p


def _auc(positive: NDArray[np.bool_], score: Array, w: Array, fold: NDArray[np.intp]) -> Array:
    """Weighted share of pairs (positive, negative) of one fold in the right order; ties count half.

    With trials sorted by fold and score, the negatives below a trial are a difference of
    cumulative sums of weights.
    """
    order = np.lexsort((score, fold))
    score, fold, positive = score[order], fold[order], positive[order]
    new_fold = np.r_[True, fold[1:] != fold[:-1]]
    new_tie = new_fold | np.r_[True, score[1:] != score[:-1]]
    tie_from, tie_to = _runs(new_tie)
    fold_from, fold_to = _runs(new_fold)
    weights = w[:, order]
    below = np.zeros((len(w), score.size + 1))
    np.cumsum(weights * ~positive, axis=1, out=below[:, 1:])
    up = weights[:, positive]
    tie_from, tie_to = tie_from[positive], tie_to[positive]
    start, end = below[:, fold_from[positive]], below[:, fold_to[positive]]
    wins = (up * ((below[:, tie_from] + below[:, tie_to]) / 2 - start)).sum(axis=1)
    pairs = (up * (end - start)).sum(axis=1)
    return np.divide(wins, pairs, out=np.full(len(w), 0.5), where=pairs > 0)


def _runs(new: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First and one past the last position of the run that each element is in."""
    starts = np.flatnonzero(new)
    lengths = np.diff(np.r_[starts, new.size])
    return np.repeat(starts, lengths), np.repeat(starts + lengths, lengths)


def _same(x: Any) -> Any:
    return x


IDENTITY = Link(_same, _same, np.ones_like)
LOGIT = Link(logit, expit, lambda x: 1 / (x * (1 - x)))
PROBIT = Link(ndtri, ndtr, lambda x: np.sqrt(2 * np.pi) * np.exp(ndtri(x) ** 2 / 2))
FISHER = Link(np.arctanh, np.tanh, lambda x: 1 / (1 - x**2))
LOG = Link(np.log, np.exp, lambda x: 1 / x)

METRICS: dict[str, Metric] = {
    "balanced_accuracy": Metric(balanced_accuracy, "classes", (0, 1), LOGIT),
    "macro_auc": Metric(macro_auc, "scores", (0, 1), PROBIT),
    "d_from_auc": Metric(d_from_auc, "scores", (-np.inf, np.inf), IDENTITY),
    "f1_macro": Metric(f1_macro, "classes", (0, 1), LOGIT),
    "multilabel_f1": Metric(multilabel_f1, "labels", (0, 1), LOGIT),
    "pearson_r": Metric(pearson_r, "ratings", (-1, 1), FISHER),
    "ccc": Metric(ccc, "ratings", (-1, 1), FISHER),
    "r2": Metric(r2, "ratings", (-np.inf, 1), IDENTITY),
    "ordinal_error": Metric(ordinal_error, "ratings", (0, np.inf), LOG, higher_is_better=False),
}
