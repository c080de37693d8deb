"""Metrics of weighted trials, for many weightings or many arrangements of labels at once.

Each metric takes labels and predictions, (n,) or (n_draws, n), and weights, (n_draws, n) or (1, n),
and gives one value a draw. A bootstrap over groups is a matrix of weights, a permutation test a
matrix of labels, and the score itself one row of either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtr, ndtri

from affectome.kernels.ranks import auc, weighted_auc

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
    """Mean over classes of the share that is found."""
    return _mean_by_level(y, y == found, w)


def f1_macro(y: NDArray[Any], found: NDArray[Any], w: Array, fold: Any = None) -> Array:
    """Mean over classes of 2 tp / (true + said); a class never said scores 0."""
    levels = np.union1d(y, found)
    return np.mean([_f1(y == k, found == k, w) for k in levels], axis=0)


def multilabel_f1(y: NDArray[Any], found: NDArray[Any], w: Array, fold: Any = None) -> Array:
    """Mean over labels of F1; y and found are 0 or 1, shape (..., n, n_labels)."""
    labels = range(y.shape[-1])
    return np.mean([_f1(y[..., k] > 0, found[..., k] > 0, w) for k in labels], axis=0)


def macro_auc(y: NDArray[Any], scores: NDArray[Any], w: Array, fold: NDArray[np.intp]) -> Array:
    """Mean over classes of the AUC of that class against the rest, pairs within a fold only.

    ``scores`` is (..., n, n_classes); the two columns of two classes mirror each other.
    """
    n_classes = scores.shape[-1]
    one = _auc if y.ndim == 1 else _auc_of_rows
    levels = range(1, 2) if n_classes == 2 else range(n_classes)
    return np.mean([one(y == k, scores[..., k], w, fold) for k in levels], axis=0)


def d_from_auc(y: NDArray[Any], scores: NDArray[Any], w: Array, fold: NDArray[np.intp]) -> Array:
    """D = √2·Φ⁻¹(AUC), with the AUC kept 1/(2n²) away from 0 and 1."""
    half = 0.5 / y.shape[-1] ** 2
    return np.sqrt(2) * ndtri(macro_auc(y, scores, w, fold).clip(half, 1 - half))


def d_of_auc(auc: float, n_trials: int) -> float:
    """The same of one AUC."""
    half = 0.5 / n_trials**2
    return float(np.sqrt(2) * ndtri(np.clip(auc, half, 1 - half)))


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
    residual = _sum(w, (y - found) ** 2) / w.sum(axis=-1)
    return 1 - np.divide(residual, var_y, out=np.ones_like(residual), where=var_y > 0)


def ordinal_error(y: NDArray[Any], found: NDArray[Any], w: Array, fold: Any = None) -> Array:
    """Mean over levels of the mean absolute error in steps (Baccianella 2009)."""
    return _mean_by_level(y, np.abs(found - y), w)


def _sum(w: Array, values: NDArray[Any]) -> Array:
    """Weighted sum over trials: w (n_draws, n) with values (n,) or (n_draws, n)."""
    return w @ values if values.ndim == 1 else (w * values).sum(axis=-1)


def _mean_by_level(y: NDArray[Any], values: NDArray[Any], w: Array) -> Array:
    """Mean over the levels of y that have weight of the weighted mean of values."""
    levels = np.unique(y)
    inside = [(y == k).astype(float) for k in levels]
    total = np.array([_sum(w, mask) for mask in inside])
    part = np.array([_sum(w, mask * values) for mask in inside])
    share = np.divide(part, total, out=np.zeros_like(part), where=total > 0)
    return share.sum(axis=0) / (total > 0).sum(axis=0)


def _f1(true: NDArray[np.bool_], said: NDArray[np.bool_], w: Array) -> Array:
    hits = _sum(w, (true & said).astype(float))
    total = _sum(w, true.astype(float)) + _sum(w, said.astype(float))
    return np.divide(2 * hits, total, out=np.zeros_like(hits), where=total > 0)


def _moments(y: NDArray[Any], found: NDArray[Any], w: Array) -> tuple[Array, ...]:
    w = w / w.sum(axis=-1, keepdims=True)
    shift_y, shift_p = y.mean(), found.mean()
    y, p = y - shift_y, found - shift_p
    mean_y, mean_p = _sum(w, y), _sum(w, p)
    var_y = (_sum(w, y**2) - mean_y**2).clip(0)
    var_p = (_sum(w, p**2) - mean_p**2).clip(0)
    return mean_y + shift_y, mean_p + shift_p, var_y, var_p, _sum(w, y * p) - mean_y * mean_p


def _auc(positive: NDArray[np.bool_], score: Array, w: Array, fold: NDArray[np.intp]) -> Array:
    return weighted_auc(score, positive, w, fold)


def _auc_of_rows(
    positive: NDArray[np.bool_], score: Array, w: Array, fold: NDArray[np.intp]
) -> Array:
    """AUC within folds of each arrangement, (n_draws, n), all weights alike."""
    right, pairs, total = (np.zeros((len(positive), int(fold.max()) + 1)) for _ in range(3))
    for k in range(int(fold.max()) + 1):
        inside = fold == k
        high = positive[:, inside].sum(axis=1)
        total[:, k] = inside.sum()
        pairs[:, k] = high * (total[:, k] - high)
        right[:, k] = np.nan_to_num(auc(score[:, inside], positive[:, inside])) * pairs[:, k]
    return _mean_over_folds(right, pairs, total)


def _mean_over_folds(right: Array, pairs: Array, total: Array) -> Array:
    share = np.divide(right, pairs, out=np.zeros_like(right), where=pairs > 0)
    whole = np.where(pairs > 0, total, 0).sum(axis=1)
    chance = np.full(len(right), 0.5)
    return np.divide((total * share).sum(axis=1), whole, out=chance, where=whole > 0)


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
